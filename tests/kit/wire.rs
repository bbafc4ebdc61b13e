//! The way to a server, as networks are: it can be held up, cut politely or rudely, or lose connections without a word.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{AbortHandle, JoinSet},
};

/// An address that leads to a server on loopback. Ends on drop.
pub struct Wire {
    port: u16,
    way: watch::Sender<Way>,
    carrier: AbortHandle,
}

/// How it stands with the way.
#[derive(Clone, Copy)]
struct Way {
    /// Whether anything gets through.
    flows: bool,
    /// How often all connections ended; those made before the last time are concerned.
    cuts: u32,
    /// How they ended the last time.
    how: Cut,
}

/// How connections end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Both ends are told that nothing more comes.
    Closed,
    /// Both ends are told that the connection is broken (RST).
    Reset,
    /// Nobody is told anything, ever: as behind a router that forgot the connection.
    Forgotten,
}

impl Wire {
    /// A way to the server on this port.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let way = watch::Sender::new(Way {
            flows: true,
            cuts: 0,
            how: Cut::Closed,
        });
        let told = way.subscribe();
        let carrier = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                connections.spawn(carry(near, server, told.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            port,
            way,
            carrier: carrier.abort_handle(),
        }
    }

    /// Where it begins.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Nothing gets through from now on, in neither direction; connections stay, and new ones are taken.
    pub fn hold(&self) {
        self.way.send_modify(|way| way.flows = false);
    }

    /// What was held up goes on.
    pub fn release(&self) {
        self.way.send_modify(|way| way.flows = true);
    }

    /// Ends all connections that there are; new ones can be made.
    pub fn cut(&self, how: Cut) {
        self.way.send_modify(|way| {
            way.cuts += 1;
            way.how = how;
        });
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

async fn carry(near: TcpStream, server: u16, mut way: watch::Receiver<Way>) {
    let born = way.borrow().cuts;
    let ends = way.clone();
    if way
        .wait_for(|way| way.flows || way.cuts > born)
        .await
        .is_err()
    {
        return;
    }
    let Ok(far) = TcpStream::connect(("127.0.0.1", server)).await else {
        return;
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (from_near, to_near) = near.into_split();
    let (from_far, to_far) = far.into_split();
    let mut ways = JoinSet::new();
    ways.spawn(pump(from_near, to_far, ends.clone(), born));
    ways.spawn(pump(from_far, to_near, ends, born));
    // A server ends a connection as a whole, and so does this one.
    let first = ways.join_next().await;
    if let Some(Ok(Some(end))) = first {
        let mut halves = vec![end];
        while let Some(Ok(Some(end))) = ways.join_next().await {
            halves.push(end);
        }
        let how = way.borrow().how;
        match how {
            Cut::Closed => {}
            Cut::Reset => {
                for (reader, _) in &halves {
                    let _ = reader.as_ref().set_zero_linger();
                }
                // Dropped, a writer would say goodbye first.
                for (_, writer) in halves {
                    writer.forget();
                }
            }
            Cut::Forgotten => std::future::pending().await,
        }
    }
}

/// Carries bytes until an end closes (`None`) or the connections are cut.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut way: watch::Receiver<Way>,
    born: u32,
) -> Option<(OwnedReadHalf, OwnedWriteHalf)> {
    let mut cut = way.clone();
    let mut buffer = vec![0; 16 * 1024];
    let carried = async {
        loop {
            let count = from.read(&mut buffer).await.unwrap_or(0);
            if count == 0 || way.wait_for(|way| way.flows).await.is_err() {
                return;
            }
            if to.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        _ = cut.wait_for(|way| way.cuts > born) => {}
        () = carried => return None,
    }
    Some((from, to))
}

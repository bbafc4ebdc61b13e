//! Takes connections in, so that no caller keeps the others from being served: their number is limited, over all and for
//! each address, handshakes run beside one another and have a time limit, and none waits for another one's.

mod connection;
mod places;

pub(super) use connection::Connection;
use connection::Patience;
use places::Places;

use crate::{
    api::auth::Peer,
    config::Limits,
    telemetry::metrics,
    tls::{self, Protocol},
};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;

/// Connections that are ready and not yet taken up; the one who takes them is quick.
const READY: usize = 64;
/// After an error such as "too many open files", which is still there at the next attempt.
const PAUSE: Duration = Duration::from_millis(100);

/// Where connections come in.
pub(super) struct Entrance {
    /// As it is called in figures and logs.
    pub(super) face: &'static str,
    pub(super) protocol: Protocol,
    pub(super) tls: Option<tls::Server>,
    pub(super) limits: Limits,
    /// What a caller must have sent within the time for a handshake, in bytes.
    pub(super) greeting: usize,
}

impl Entrance {
    /// The connections that `listener` takes, ready for use. It is closed when the stream is dropped.
    pub(super) fn open(self, listener: TcpListener) -> ReceiverStream<io::Result<Connection>> {
        let (ready, connections) = mpsc::channel(READY);
        tokio::spawn(async move {
            tokio::select! {
                () = ready.closed() => {}
                () = self.take(&listener, &ready) => {}
            }
        });
        ReceiverStream::new(connections)
    }

    async fn take(self, listener: &TcpListener, ready: &mpsc::Sender<io::Result<Connection>>) {
        let places = Places::new(self.face, &self.limits);
        let this = Arc::new(self);
        loop {
            let (stream, address) = match listener.accept().await {
                Ok(accepted) => accepted,
                // The caller went away meanwhile: nothing is wrong with us.
                Err(error) if is_of_one_caller(&error) => continue,
                Err(error) => {
                    tracing::warn!(face = this.face, %error, "a connection cannot be taken");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            // What is over the limit is closed at once, by being dropped.
            let Some(place) = places.take(address.ip()) else {
                continue;
            };
            // Small answers would otherwise wait for the acknowledgement of the packet before.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY cannot be set");
            }
            let patience = Patience::new(this.limits.handshake, this.greeting, this.limits.stall);
            let (this, ready) = (Arc::clone(&this), ready.clone());
            tokio::spawn(async move {
                if let Some(io) = this.meet(stream).await {
                    let connection = Connection::new(io, Peer(address), patience, place);
                    // Nobody takes it when the process ends.
                    let _ = ready.send(Ok(connection)).await;
                }
            });
        }
    }

    /// The handshake, where there is one; `None` when it failed.
    async fn meet(&self, stream: TcpStream) -> Option<connection::Io> {
        let Some(tls) = &self.tls else {
            return Some(connection::Io::Plain(stream));
        };
        let acceptor = TlsAcceptor::from(tls.config(self.protocol));
        match tokio::time::timeout(self.limits.handshake, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Some(connection::Io::Tls(Box::new(stream))),
            Ok(Err(error)) => {
                metrics::connection_refused(self.face, "handshake");
                tracing::debug!(face = self.face, %error, "a TLS handshake failed");
                None
            }
            Err(_) => {
                metrics::connection_refused(self.face, "slow");
                None
            }
        }
    }
}

fn is_of_one_caller(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

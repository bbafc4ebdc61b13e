//! A provider on a real socket that answers each request as the test wants, and remembers what it got.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use url::Url;

/// What happens to one request, after all of it was read.
#[derive(Clone, Debug)]
pub enum Reaction {
    /// A status, headers (each line ends with CRLF), a body.
    Answer(u16, String, Vec<u8>),
    /// The connection ends without a word.
    Close,
    /// The head of a good answer, half of the body that it promises, and the end.
    Half,
    /// Nothing, for ever.
    Hang,
    /// A good answer, after a while.
    Late(Duration),
}

impl Reaction {
    pub fn ok() -> Self {
        Self::status(200)
    }

    pub fn status(status: u16) -> Self {
        Self::Answer(status, String::new(), b"{\"ok\":true}".to_vec())
    }

    pub fn with_header(self, name: &str, value: &str) -> Self {
        match self {
            Self::Answer(status, headers, body) => {
                Self::Answer(status, format!("{headers}{name}: {value}\r\n"), body)
            }
            other => other,
        }
    }

    pub fn with_body(self, body: impl Into<Vec<u8>>) -> Self {
        match self {
            Self::Answer(status, headers, _) => Self::Answer(status, headers, body.into()),
            other => other,
        }
    }
}

pub struct Provider {
    pub url: Url,
    seen: Arc<Seen>,
    server: tokio::task::JoinHandle<()>,
}

struct Seen {
    requests: Mutex<Vec<(Instant, String)>>,
    script: Mutex<VecDeque<Reaction>>,
    afterwards: Mutex<Reaction>,
}

impl Provider {
    /// Reacts as `script` says, then always as `afterwards`.
    pub async fn new(script: impl IntoIterator<Item = Reaction>, afterwards: Reaction) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/things", listener.local_addr().unwrap());
        let seen = Arc::new(Seen {
            requests: Mutex::default(),
            script: Mutex::new(script.into_iter().collect()),
            afterwards: Mutex::new(afterwards),
        });
        let server = tokio::spawn({
            let seen = seen.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, seen.clone()));
                }
            }
        });
        Self {
            url: url.parse().unwrap(),
            seen,
            server,
        }
    }

    /// From now on, reacts like this.
    pub fn turns(&self, reaction: Reaction) {
        self.seen.script.lock().unwrap().clear();
        *self.seen.afterwards.lock().unwrap() = reaction;
    }

    /// How many requests came.
    pub fn count(&self) -> usize {
        self.seen.requests.lock().unwrap().len()
    }

    /// When each came.
    pub fn times(&self) -> Vec<Instant> {
        let requests = self.seen.requests.lock().unwrap();
        requests.iter().map(|(at, _)| *at).collect()
    }

    /// The latest, head and body.
    pub fn last(&self) -> String {
        let requests = self.seen.requests.lock().unwrap();
        requests.last().expect("a request came").1.clone()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Seen>) {
    while let Some(request) = receive(&mut stream).await {
        seen.requests
            .lock()
            .unwrap()
            .push((Instant::now(), request));
        let scripted = seen.script.lock().unwrap().pop_front();
        let reaction = scripted.unwrap_or_else(|| seen.afterwards.lock().unwrap().clone());
        match reaction {
            Reaction::Answer(status, headers, body) => {
                answer(&mut stream, status, &headers, &body).await
            }
            Reaction::Late(wait) => {
                tokio::time::sleep(wait).await;
                answer(&mut stream, 200, "", b"{}").await;
            }
            Reaction::Half => {
                let head = "HTTP/1.1 201 Created\r\ncontent-length: 20\r\n\r\n{\"id\":\"half";
                let _ = stream.write_all(head.as_bytes()).await;
                return;
            }
            Reaction::Close => return,
            Reaction::Hang => std::future::pending().await,
        }
    }
}

async fn answer(stream: &mut TcpStream, status: u16, headers: &str, body: &[u8]) {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Status\r\n{headers}content-length: {length}\r\n\r\n");
    let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
}

/// One whole request; `None` when the connection ended.
async fn receive(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.trim().parse().unwrap());
            if bytes.len() >= head + 4 + length {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

//! Callers who want too much, or who are too slow, meet a limit; and meanwhile somebody else is served as ever.

mod grpc;
mod http;
mod places;

use crate::{
    cli::{LONG, Stage},
    kit::{Builder, Process, eventually},
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

/// Where those call from who mean well; the others come from 127.0.0.1.
const GOOD: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

struct Server {
    process: Process,
    http: SocketAddr,
    grpc: SocketAddr,
}

impl Server {
    async fn start(command: Builder) -> Self {
        let mut process = command.start();
        let http = process.line("\"http_address\"", LONG).await;
        let grpc = process.line("\"address\"", LONG).await;
        let value = |line: &str| line.split('"').nth(3).unwrap().parse().unwrap();
        let (http, grpc) = (value(&http), value(&grpc));
        let server = Self {
            process,
            http,
            grpc,
        };
        // A server that has just started answers some calls with that.
        eventually(LONG, || async {
            let answer = get(from(GOOD, server.http).await, "/health/ready").await;
            let is_ready = answer.starts_with("HTTP/1.1 200");
            is_ready.then_some(()).ok_or(answer)
        })
        .await;
        server
    }

    /// Somebody who means well is answered.
    async fn serves(&self) {
        let answer = tokio::time::timeout(LONG, get(from(GOOD, self.http).await, "/health/live"));
        let answer = answer.await.expect("an answer in time");
        assert!(
            answer.starts_with("HTTP/1.1 200"),
            "{answer}\n{}",
            self.process.output()
        );
    }
}

fn serve(stage: &Stage) -> Builder {
    stage.command(&["--json", "serve"])
}

async fn from(address: IpAddr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(address, 0)).unwrap();
    socket.connect(to).await.unwrap()
}

/// What a connection answers until it is closed.
async fn get(mut connection: TcpStream, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    rest(connection).await
}

/// Everything that still comes; the end may be rude.
async fn rest(mut connection: TcpStream) -> String {
    let mut text = Vec::new();
    let _ = connection.read_to_end(&mut text).await;
    String::from_utf8_lossy(&text).into_owned()
}

/// Waits for the other side to end a connection.
async fn is_cut(connection: TcpStream) {
    let cut = tokio::time::timeout(LONG, rest(connection)).await;
    cut.expect("the server ends it");
}

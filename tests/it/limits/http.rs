//! The limits of HTTP.

use super::{GOOD, Server, from, get, is_cut, rest, serve};
use crate::{
    cli::{LONG, Stage},
    kit::eventually,
};
use std::{net::Ipv4Addr, time::Duration};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{interval, timeout},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_are_too_large_or_too_many_are_refused() {
    let stage = Stage::new();
    let server = Server::start(serve(&stage)).await;
    let large = format!("x-large: {}\r\n", "a".repeat(64 << 10));
    let many = "x-one: 1\r\n".repeat(150);
    for headers in [large, many] {
        let mut connection = TcpStream::connect(server.http).await.unwrap();
        let request = format!("GET /health/live HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        // It may answer before it has read all of it.
        let _ = connection.write_all(request.as_bytes()).await;
        let answer = rest(connection).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
            "{answer}"
        );
    }
    // A little too large is too large, and says so.
    let mut connection = TcpStream::connect(server.http).await.unwrap();
    let large = "a".repeat((32 << 10) + 1);
    let request = format!(
        "GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-large: {large}\r\n\r\n"
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let answer = rest(connection).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert!(answer.contains("limits.header_bytes"), "{answer}");
    server.serves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_too_large_is_refused_with_the_limit() {
    let stage = Stage::new();
    let server = Server::start(serve(&stage)).await;
    let body = format!("login={}", "a".repeat(100 << 10));
    for page in ["/login", "/sync"] {
        let mut connection = TcpStream::connect(server.http).await.unwrap();
        let request = format!(
            "POST {page} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\naccept: application/json\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let _ = connection.write_all(request.as_bytes()).await;
        let answer = rest(connection).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        assert!(answer.contains("65536 bytes"), "{answer}");
    }
    server.serves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_trickle_in_are_not_waited_for() {
    let stage = Stage::new();
    let server = Server::start(serve(&stage).env("SYNCLINE_HTTP_HEADER_TIME", "1s")).await;
    let attackers: Vec<_> = (0..200)
        .map(|_| {
            tokio::spawn(async move {
                let mut connection = TcpStream::connect(server.http).await.unwrap();
                let mut ticks = interval(Duration::from_millis(100));
                for byte in "GET / HTTP/1.1\r\nx: "
                    .bytes()
                    .chain(std::iter::repeat(b'a'))
                {
                    ticks.tick().await;
                    if connection.write_all(&[byte]).await.is_err() {
                        return;
                    }
                }
            })
        })
        .collect();
    server.serves().await;
    for attacker in attackers {
        timeout(LONG, attacker).await.expect("it is cut").unwrap();
    }
    server.serves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_is_closed() {
    let stage = Stage::new();
    let server = Server::start(serve(&stage).env("SYNCLINE_HTTP_HEADER_TIME", "500ms")).await;
    let silent = TcpStream::connect(server.http).await.unwrap();
    let mut used = TcpStream::connect(server.http).await.unwrap();
    let request = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    used.write_all(request).await.unwrap();
    is_cut(silent).await;
    let answered = timeout(LONG, rest(used)).await.expect("it is closed");
    assert!(answered.starts_with("HTTP/1.1 200"), "{answered}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connections_of_one_keep_nobody_else_out() {
    let stage = Stage::new();
    let command = serve(&stage)
        .env("SYNCLINE_LIMITS_CONNECTIONS", "400")
        .env("SYNCLINE_LIMITS_CONNECTIONS_PER_ADDRESS", "200");
    let server = Server::start(command).await;
    let mut held = Vec::new();
    for _ in 0..1000 {
        held.push(TcpStream::connect(server.http).await.unwrap());
    }
    server.serves().await;
    let refused = || async {
        let figures = get(from(GOOD, server.http).await, "/metrics").await;
        let name = "syncline_connections_refused_total{face=\"http\",why=\"share\"} ";
        let value = figures
            .split(name)
            .nth(1)
            .and_then(|rest| rest.lines().next());
        match value.and_then(|value| value.trim().parse::<usize>().ok()) {
            Some(count) if count >= 800 => Ok(count),
            other => Err(format!("{other:?}")),
        }
    };
    assert_eq!(eventually(LONG, refused).await, 800);

    // The share of each of two is all there is.
    for _ in 0..200 {
        held.push(from(Ipv4Addr::new(127, 0, 0, 3).into(), server.http).await);
    }
    is_cut(from(GOOD, server.http).await).await;
    held.clear();
    eventually(LONG, || async {
        let answer = get(from(GOOD, server.http).await, "/health/live").await;
        let is_served = answer.starts_with("HTTP/1.1 200");
        is_served.then_some(()).ok_or(answer)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_never_ends_ends_the_request() {
    let stage = Stage::new();
    let server = Server::start(serve(&stage).env("SYNCLINE_HTTP_REQUEST_TIME", "1s")).await;
    let mut connection = TcpStream::connect(server.http).await.unwrap();
    let head = "POST /sync HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
    connection.write_all(head.as_bytes()).await.unwrap();
    server.serves().await;
    let answer = timeout(LONG, rest(connection)).await.expect("an answer");
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("DEADLINE_EXCEEDED"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_reads_is_cut() {
    let stage = Stage::new();
    let command = serve(&stage)
        .env("SYNCLINE_LIMITS_STALL", "1s")
        .env("SYNCLINE_HTTP_HEADER_TIME", "1h");
    let server = Server::start(command).await;
    let requests = "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1000);
    let mut deaf = TcpStream::connect(server.http).await.unwrap();
    let talking = async { while deaf.write_all(requests.as_bytes()).await.is_ok() {} };
    timeout(LONG, talking).await.expect("it is cut");
    server.serves().await;
}

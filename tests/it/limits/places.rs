//! Connections of gRPC that are of no use to anybody do not stay, although they answer pings.

use super::{Server, serve};
use crate::cli::{LONG, Stage};
use axum::body::Bytes;
use h2::client::{Connection, ResponseFuture, SendRequest};
use http::Request;
use std::time::{Duration, Instant};
use tokio::{net::TcpStream, time::timeout};

type Wire = Connection<TcpStream>;

async fn connect(server: &Server, window: u32) -> (SendRequest<Bytes>, Wire) {
    let stream = TcpStream::connect(server.grpc).await.unwrap();
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(window);
    builder.handshake(stream).await.unwrap()
}

/// Makes a call with an empty message.
fn call(calls: &mut SendRequest<Bytes>, method: &str) -> ResponseFuture {
    let request = Request::post(format!("http://localhost/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let (answer, mut body) = calls.send_request(request, false).unwrap();
    body.send_data(vec![0; 5].into(), true).unwrap();
    answer
}

const LISTS: &str = "syncline.v1.TokenService/ListTokens";
const WATCHES: &str = "grpc.health.v1.Health/Watch";
/// As much as any answer here.
const WIDE: u32 = 1 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_without_a_call_is_closed_in_time() {
    let stage = Stage::new();
    let server = Server::start(serve(&stage).env("SYNCLINE_HTTP_HEADER_TIME", "1s")).await;
    let (_calls, wire) = connect(&server, WIDE).await;
    // It answers pings for as long as it is polled, and ends without an error where it was told to go.
    timeout(LONG, wire).await.expect("it ends").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_nobody_known_uses_is_closed_in_order() {
    let stage = Stage::new();
    let server = Server::start(serve(&stage).env("SYNCLINE_GRPC_IDLE", "2s")).await;
    let (mut calls, wire) = connect(&server, WIDE).await;
    let answer = call(&mut calls, LISTS);
    let wire = tokio::spawn(wire);
    assert_eq!(answer.await.unwrap().status(), 200);
    // Somebody else goes on meanwhile: their calls are closer to one another than that.
    let (mut busy, other) = connect(&server, WIDE).await;
    let other = tokio::spawn(other);
    let begun = Instant::now();
    let calling = async {
        while !wire.is_finished() || begun.elapsed() < Duration::from_secs(6) {
            let answer = call(&mut busy, LISTS);
            assert_eq!(answer.await.unwrap().status(), 200);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LONG, calling).await.expect("it ends");
    wire.await.unwrap().unwrap();
    assert!(!other.is_finished(), "who calls stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_nobody_known_keeps_no_place() {
    let stage = Stage::new();
    let server = Server::start(serve(&stage).env("SYNCLINE_GRPC_IDLE", "1s")).await;
    let (mut calls, wire) = connect(&server, WIDE).await;
    let answer = call(&mut calls, WATCHES);
    let wire = tokio::spawn(wire);
    let mut body = answer.await.unwrap().into_body();
    let ended = async {
        while let Some(Ok(data)) = body.data().await {
            body.flow_control().release_capacity(data.len()).unwrap();
        }
    };
    timeout(LONG, ended).await.expect("the stream is cut");
    let _ = timeout(LONG, wire).await.expect("and the connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_grants_no_window_is_cut() {
    let stage = Stage::new();
    let command = serve(&stage)
        .env("SYNCLINE_LIMITS_STALL", "1s")
        .env("SYNCLINE_GRPC_IDLE", "1h");
    let server = Server::start(command).await;
    let (mut calls, wire) = connect(&server, 0).await;
    let answer = call(&mut calls, LISTS);
    let wire = tokio::spawn(wire);
    // Whoever dropped it would give the call up.
    let lies = answer.await.unwrap();
    assert_eq!(lies.status(), 200);
    let _ = timeout(LONG, wire).await.expect("the connection is cut");
    drop(lies);
    server.serves().await;
}

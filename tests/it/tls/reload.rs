//! A certificate that changes while the server runs.

use super::{Authority, Secured, replace, with};
use crate::{
    cli::{LONG, Stage},
    kit::eventually,
};
use serde_json::Value;
use std::fs;
use syncline::api::v1::{ListTokensRequest, token_service_client::TokenServiceClient};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_shown_and_connections_go_on() {
    let (stage, first, second) = (Stage::new(), Authority::new(), Authority::new());
    let (used, next) = (
        first.sign("a", &["localhost"]),
        second.sign("a", &["localhost"]),
    );
    let server = Secured::start(with(&stage, &used)).await;
    let channel = first.grpc(&server.grpc, None).connect().await.unwrap();
    let mut tokens = TokenServiceClient::new(channel);
    tokens
        .list_tokens(ListTokensRequest::default())
        .await
        .unwrap();

    replace(&used.cert, &next.cert);
    replace(&used.key, &next.key);
    eventually(LONG, || async {
        let page = second
            .http(None)
            .get(server.url("/health/live"))
            .send()
            .await;
        page.map(drop).map_err(|error| error.to_string())
    })
    .await;
    second.grpc(&server.grpc, None).connect().await.unwrap();
    assert!(first.http(None).get(server.url("/")).send().await.is_err());
    // The connection from before needs no other handshake.
    tokens
        .list_tokens(ListTokensRequest::default())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_file_changes_nothing_but_health() {
    let (stage, authority) = (Stage::new(), Authority::new());
    let pair = authority.sign("a", &["localhost"]);
    let server = Secured::start(with(&stage, &pair)).await;
    // Once it answers, it has read the files.
    authority.grpc(&server.grpc, None).connect().await.unwrap();
    let kept = fs::read(&pair.cert).unwrap();
    fs::write(&pair.cert, "nonsense").unwrap();
    let tls = || async {
        let page = authority.http(None).get(server.url("/health/ready"));
        let document: Value = page.send().await.unwrap().json().await.unwrap();
        document["checks"]["tls"].clone()
    };
    let becomes = async |expected: &str| {
        eventually(LONG, || async {
            let found = tls().await;
            match found["status"] == expected {
                true => Ok(found),
                false => Err(found),
            }
        })
        .await
    };
    assert_eq!(becomes("warning").await["reason"], "TLS_FILE_UNUSABLE");
    authority.grpc(&server.grpc, None).connect().await.unwrap();
    let figures = authority.http(None).get(server.url("/metrics"));
    let figures = figures.send().await.unwrap().text().await.unwrap();
    assert!(figures.contains("syncline_certificate_reads_total{result=\"broken\"} 1"));
    assert!(server.process.output().contains("tls.cert: the file"));

    fs::write(&pair.cert, kept).unwrap();
    becomes("ok").await;
}

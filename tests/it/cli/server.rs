//! The server as its clients and its supervisor meet it.

use super::{LONG, Stage, doctor::make_newer};
use crate::kit::{Process, eventually};
use std::time::Duration;
use tokio_stream::StreamExt as _;
use tonic::transport::Channel;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

pub async fn serve(stage: &Stage) -> (Process, String) {
    let mut server = stage.command(&["serve"]).start();
    let line = server.line("serving gRPC on", LONG).await;
    let address = line
        .split("serving gRPC on ")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap();
    (server, format!("http://{address}"))
}

pub async fn channel(url: &str) -> Channel {
    Channel::from_shared(url.to_owned())
        .unwrap()
        .connect()
        .await
        .unwrap()
}

fn asked(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}

const READY: [&str; 4] = [
    "",
    "readiness",
    "syncline.v1.TokenService",
    "syncline.v1.SyncService",
];

#[tokio::test]
async fn every_service_is_serving_and_an_unknown_one_is_not_known() {
    let stage = Stage::new();
    let (_server, url) = serve(&stage).await;
    let mut health = HealthClient::new(channel(&url).await);
    for service in READY.into_iter().chain(["liveness", "clock"]) {
        let answer = health.check(asked(service)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service:?}");
    }
    assert!(health.check(asked("nope")).await.is_err());
}

#[tokio::test]
async fn readiness_follows_the_database() {
    let stage = Stage::new();
    let (_server, url) = serve(&stage).await;
    make_newer(&stage.folder.path().join("syncline.db")).await;
    let health = HealthClient::new(channel(&url).await);
    for service in READY {
        eventually(Duration::from_secs(20), || {
            let mut health = health.clone();
            async move {
                let status = health
                    .check(asked(service))
                    .await
                    .unwrap()
                    .into_inner()
                    .status();
                (status == ServingStatus::NotServing)
                    .then_some(())
                    .ok_or(format!("{status:?}"))
            }
        })
        .await;
    }
    let mut health = health;
    let alive = health.check(asked("liveness")).await.unwrap().into_inner();
    assert_eq!(
        alive.status(),
        ServingStatus::Serving,
        "a restart would not help"
    );
}

#[tokio::test]
async fn sigterm_says_not_serving_first_and_then_ends_with_0() {
    let stage = Stage::new();
    let (mut server, url) = serve(&stage).await;
    let mut health = HealthClient::new(channel(&url).await);
    let mut watch = health.watch(asked("readiness")).await.unwrap().into_inner();
    let first = watch.next().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    server.terminate();
    let next = tokio::time::timeout(LONG, watch.next())
        .await
        .expect("told in time")
        .unwrap()
        .unwrap();
    assert_eq!(next.status(), ServingStatus::NotServing);
    let status = server.wait_exit(Duration::from_secs(10)).await;
    assert!(status.success(), "{}", server.output());
    assert!(
        !stage.folder.path().join("syncline.db-wal").exists(),
        "the database was closed in order"
    );
}

#[tokio::test]
async fn it_says_where_it_listens_on_what_and_that_nobody_else_may() {
    let stage = Stage::new();
    let (server, _) = serve(&stage).await;
    let output = server.output();
    for part in [
        "127.0.0.1:",
        "SQLite",
        "key.id",
        "for this machine only",
        "no authentication",
    ] {
        assert!(output.contains(part), "{part} is missing in {output}");
    }
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let stage = Stage::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (status, output) = stage
        .command(&["serve"])
        .env("SYNCLINE_GRPC_ADDR", &address)
        .finish(LONG)
        .await;
    assert_eq!(status.code(), Some(1));
    assert!(
        output.contains(&address) && output.contains("SYNCLINE_GRPC_ADDR"),
        "{output}"
    );
}

#[tokio::test]
async fn a_database_that_is_not_migrated_is_refused_when_asked() {
    let stage = Stage::new();
    let (status, output) = stage.command(&["serve", "--no-migrate"]).finish(LONG).await;
    assert_eq!(status.code(), Some(1));
    assert!(output.contains("syncline db migrate"), "{output}");
    assert_eq!(
        std::fs::read_dir(stage.folder.path()).unwrap().count(),
        0,
        "a server that refuses makes nothing"
    );
    assert_eq!(stage.run(&["db", "migrate"]).await.code, 0);
    let mut server = stage.command(&["serve", "--no-migrate"]).start();
    server.line("serving gRPC on", LONG).await;
}

#[tokio::test]
async fn the_server_describes_itself_in_both_versions() {
    let stage = Stage::new();
    let (_server, url) = serve(&stage).await;
    let names = |names: Vec<String>| {
        for expected in [
            "syncline.v1.TokenService",
            "syncline.v1.SyncService",
            "grpc.health.v1.Health",
        ] {
            assert!(
                names.iter().any(|name| name == expected),
                "{expected} is missing in {names:?}"
            );
        }
    };
    {
        use tonic_reflection::pb::v1::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut client = ServerReflectionClient::new(channel(&url).await);
        let mut answers = client
            .server_reflection_info(tokio_stream::once(request))
            .await
            .unwrap()
            .into_inner();
        match answers
            .next()
            .await
            .unwrap()
            .unwrap()
            .message_response
            .unwrap()
        {
            MessageResponse::ListServicesResponse(list) => names(
                list.service
                    .into_iter()
                    .map(|service| service.name)
                    .collect(),
            ),
            other => panic!("{other:?}"),
        }
    }
    {
        use tonic_reflection::pb::v1alpha::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut client = ServerReflectionClient::new(channel(&url).await);
        let mut answers = client
            .server_reflection_info(tokio_stream::once(request))
            .await
            .unwrap()
            .into_inner();
        match answers
            .next()
            .await
            .unwrap()
            .unwrap()
            .message_response
            .unwrap()
        {
            MessageResponse::ListServicesResponse(list) => names(
                list.service
                    .into_iter()
                    .map(|service| service.name)
                    .collect(),
            ),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn commands_do_the_same_through_a_server() {
    let stage = Stage::with_sync(&[]).await;
    let (_server, url) = serve(&stage).await;
    let run = stage
        .run(&["--json", "--server", &url, "sync", "run", "work"])
        .await;
    assert_eq!(run.code, 0, "{}", run.text);
    assert_eq!(run.json()["result"]["created"], "16");
    let again = stage.run(&["--json", "sync", "run", "work"]).await;
    assert_eq!(again.code, 0, "{}", again.text);
    assert_eq!(again.json()["result"]["skipped"], "16");
    assert_eq!(stage.entries(), 16);
}

#[tokio::test]
async fn a_detached_run_is_executed_by_the_server() {
    let stage = Stage::with_sync(&[]).await;
    let (_server, url) = serve(&stage).await;
    let request_id = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
    let command = [
        "--json",
        "--server",
        &url,
        "sync",
        "run",
        "work",
        "--detach",
        "--request-id",
        request_id,
    ];
    let accepted = stage.run(&command).await.json();
    let again = stage.run(&command).await.json();
    assert_eq!(
        accepted["name"], again["name"],
        "the same request starts one run"
    );
    let watched = stage
        .run(&[
            "--json",
            "sync",
            "watch",
            accepted["name"].as_str().unwrap(),
        ])
        .await;
    assert_eq!(watched.code, 0, "{}", watched.text);
    assert_eq!(stage.entries(), 16);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_and_the_server_goes_on() {
    let stage = Stage::new();
    let (_server, url) = serve(&stage).await;
    let file = stage.folder.path().join("sync.json");
    let long = "x".repeat(10 << 20);
    std::fs::write(
        &file,
        serde_json::json!({ "displayName": long }).to_string(),
    )
    .unwrap();
    let command = [
        "--server",
        &url,
        "sync",
        "create",
        "meet-to-clockify",
        "big",
        "--file",
        file.to_str().unwrap(),
    ];
    let ended = stage.run(&command).await;
    assert_eq!(ended.code, 1);
    assert!(ended.text.len() < 1000, "the message is not repeated");
    assert_eq!(stage.run(&["--server", &url, "sync", "list"]).await.code, 0);
}

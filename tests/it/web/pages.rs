//! The pages, one by one.

use super::{Server, reason};
use crate::{cli::Stage, kit::eventually};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

async fn serve(stage: &Stage) -> Server {
    Server::ready(stage.command(&["--json", "serve"])).await
}

#[tokio::test]
async fn the_first_page_says_what_this_is_and_what_is_where() {
    let stage = Stage::new();
    let server = serve(&stage).await;
    let page: Value = server.get("/").await.json().await.unwrap();
    assert_eq!(page["name"], "Syncline");
    assert_eq!(page["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(page["status"], "running");
    assert_eq!(page["authentication"]["google"], "not configured");
    assert_eq!(
        page["grpc"],
        server.grpc_url().trim_start_matches("http://")
    );
    for (endpoint, _) in page["endpoints"].as_object().unwrap() {
        let (method, path) = endpoint.split_once(' ').unwrap();
        let answer = server.request(method.parse().unwrap(), path);
        let status = answer.send().await.unwrap().status();
        // Nobody has given their consent yet.
        let expected = match path {
            "/sync" => StatusCode::UNAUTHORIZED,
            "/auth" => StatusCode::FOUND,
            _ => StatusCode::OK,
        };
        assert_eq!(status, expected, "{endpoint}");
    }
}

#[tokio::test]
async fn providers_with_a_token_that_works_are_configured() {
    let stage = Stage::with_tokens().await;
    let server = serve(&stage).await;
    let page: Value = server.get("/").await.json().await.unwrap();
    let expected = json!({ "google": "configured", "clockify": "configured" });
    assert_eq!(page["authentication"], expected);
}

#[tokio::test]
async fn health_has_the_form_of_the_original_and_says_what_was_looked_at() {
    let stage = Stage::new();
    let server = serve(&stage).await;
    let health: Value = server.get("/health").await.json().await.unwrap();
    assert_eq!(health["status"], "healthy");
    let timestamp = health["timestamp"].as_str().unwrap();
    assert!(timestamp.ends_with('Z'), "{timestamp}");
    chrono::DateTime::parse_from_rfc3339(timestamp).unwrap();
    let ready: Value = server.get("/health/ready").await.json().await.unwrap();
    let ok = json!({ "status": "ok" });
    let checks = ["database", "worker", "scheduler", "clock", "instance"].map(|what| (what, &ok));
    let checks: std::collections::BTreeMap<_, _> = checks.into();
    let expected = json!({ "status": "ready", "checks": checks, "problems": [] });
    assert_eq!(ready, expected);
    let head = server.request(Method::HEAD, "/health");
    assert_eq!(head.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn an_unknown_page_and_a_wrong_method_are_refused_in_one_form() {
    let stage = Stage::new();
    let server = serve(&stage).await;
    let unknown = server.get("/nope").await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    assert_eq!(reason(unknown).await, "NOT_FOUND");
    for (method, path) in [
        (Method::GET, "/sync"),
        (Method::DELETE, "/metrics"),
        (Method::POST, "/health"),
    ] {
        let wrong = server.request(method.clone(), path).send().await.unwrap();
        assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert!(wrong.headers().contains_key("allow"), "{path}");
        assert_eq!(reason(wrong).await, "METHOD_NOT_ALLOWED", "{path}");
    }
}

/// The run's state, as the command line sees it.
async fn state(stage: &Stage, run: &str) -> String {
    let shown = stage.run(&["--json", "sync", "watch", run]).await;
    shown.json()["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn posting_runs_the_usual_sync_once_for_each_request_id() {
    let stage = Stage::with_sync(&[]).await;
    let server = serve(&stage).await;
    let missing = server.post("/sync").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert_eq!(reason(missing).await, "NOT_FOUND");

    let created = stage
        .run(&["sync", "create", "meet-to-clockify", "default"])
        .await;
    assert_eq!(created.code, 0, "{}", created.text);
    let id = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
    let path = format!("/sync?request_id={id}");
    let accepted = server.post(&path).await;
    assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    let accepted: Value = accepted.json().await.unwrap();
    let again: Value = server.post(&path).await.json().await.unwrap();
    assert_eq!(accepted, again);
    assert_eq!(accepted["status"], "success");
    assert!(accepted["message"].is_string());
    let run = accepted["run"].as_str().unwrap();
    let job = accepted["jobId"].as_str().unwrap();
    assert_eq!(run, format!("tenants/default/runs/{job}"));
    assert_eq!(state(&stage, run).await, "RUN_STATE_SUCCEEDED");
    assert_eq!(stage.entries(), 16);
    let queue = accepted["queueUrl"].as_str().unwrap();
    assert_eq!(server.get(queue).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn another_sync_is_named_in_json_or_a_form_and_may_run_dry() {
    let stage = Stage::with_sync(&[]).await;
    let server = serve(&stage).await;
    let name = "tenants/default/syncs/work";
    let wishes = [
        server
            .request(Method::POST, "/sync")
            .json(&json!({ "sync": name, "dry_run": true })),
        server
            .request(Method::POST, "/sync?dry_run=true")
            .form(&[("sync", name)]),
    ];
    for wish in wishes {
        let answer = wish.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        let answer: Value = answer.json().await.unwrap();
        let run = answer["run"].as_str().unwrap();
        assert_eq!(state(&stage, run).await, "RUN_STATE_SUCCEEDED");
    }
    assert_eq!(stage.entries(), 0, "both were dry");
}

#[tokio::test]
async fn everything_wrong_with_a_request_is_named_at_once() {
    let stage = Stage::new();
    let server = serve(&stage).await;
    let wrong = server
        .request(Method::POST, "/sync")
        .json(&json!({ "sync": "work", "request_id": "7" }));
    let wrong = wrong.send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
    let document: Value = wrong.json().await.unwrap();
    let violations = document["error"]["violations"].as_array().unwrap();
    let fields: Vec<_> = violations.iter().map(|one| &one["field"]).collect();
    assert_eq!(fields, ["sync", "request_id"]);
    let slip = server.post("/sync?snyc=x").await;
    assert_eq!(slip.status(), StatusCode::BAD_REQUEST);
    let large = server
        .request(Method::POST, "/sync")
        .body(vec![b' '; 100 << 10]);
    let large = large.send().await.unwrap();
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(reason(large).await, "MESSAGE_TOO_LARGE");
}

#[tokio::test]
async fn a_page_of_another_site_may_not_use_somebody_s_browser() {
    let stage = Stage::with_sync(&[]).await;
    let server = serve(&stage).await;
    let path = "/sync?sync=tenants/default/syncs/work";
    for (header, value) in [
        ("origin", "http://example.org"),
        ("sec-fetch-site", "cross-site"),
        ("host", "example.org"),
    ] {
        let foreign = server.request(Method::POST, path).header(header, value);
        let foreign = foreign.send().await.unwrap();
        assert_eq!(foreign.status(), StatusCode::FORBIDDEN, "{header}");
        assert_eq!(reason(foreign).await, "CROSS_SITE", "{header}");
    }
    // A name of somebody else's that leads to this machine must not read anything either.
    let rebound = server
        .request(Method::GET, "/metrics")
        .header("host", "example.org:3000");
    assert_eq!(
        rebound.send().await.unwrap().status(),
        StatusCode::FORBIDDEN
    );
    let own = server
        .request(Method::POST, path)
        .header("origin", server.http.as_str());
    assert_eq!(own.send().await.unwrap().status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn readiness_is_the_same_truth_in_http_as_in_grpc() {
    let stage = Stage::new();
    let server = serve(&stage).await;
    crate::cli::doctor::make_newer(&stage.folder.path().join("syncline.db")).await;
    let found = server.becomes(StatusCode::SERVICE_UNAVAILABLE, SOON).await;
    assert_eq!(found["status"], "not_ready");
    assert_eq!(found["checks"]["database"]["status"], "failing");
    assert_eq!(found["checks"]["database"]["reason"], "DATABASE_NEWER");
    let health = server.get("/health").await;
    assert_eq!(health.status(), StatusCode::SERVICE_UNAVAILABLE);
    let health: Value = health.json().await.unwrap();
    assert_eq!(health["status"], "unhealthy");
    let channel = server.channel().await;
    eventually(SOON, || {
        let mut grpc = tonic_health::pb::health_client::HealthClient::new(channel.clone());
        async move {
            let request = tonic_health::pb::HealthCheckRequest {
                service: "readiness".to_owned(),
            };
            let status = grpc.check(request).await.unwrap().into_inner().status();
            match status {
                tonic_health::pb::health_check_response::ServingStatus::NotServing => Ok(()),
                other => Err(format!("{other:?}")),
            }
        }
    })
    .await;
}

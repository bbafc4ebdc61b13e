//! One server split over processes.

use super::{Server, reason};
use crate::cli::{LONG, Stage, ended};
use reqwest::StatusCode;
use serde_json::Value;

#[tokio::test]
async fn one_process_accepts_and_another_one_works() {
    let stage = Stage::with_sync(&[]).await;
    let face = stage.command(&["--json", "serve", "--roles", "rpc,web"]);
    let face = Server::ready(face).await;
    let checks: Value = face.get("/health/ready").await.json().await.unwrap();
    assert!(checks["checks"].get("worker").is_none(), "{checks}");
    let accepted = face.post("/sync?sync=tenants/default/syncs/work").await;
    assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    let accepted: Value = accepted.json().await.unwrap();
    let run = accepted["run"].as_str().unwrap();
    let queues: Value = face.get("/admin/queues").await.json().await.unwrap();
    let queue = &queues["queues"][0];
    assert_eq!(
        (&queue["kind"], &queue["state"], &queue["runs"]),
        (&"sync".into(), &"queued".into(), &1.into())
    );
    assert_eq!(stage.entries(), 0, "nobody works yet");

    let worker = stage.command(&["--json", "serve", "--roles", "worker,scheduler"]);
    let mut worker = Server::ready(worker).await;
    assert!(worker.grpc.is_none());
    let watched = stage.run(&["--json", "sync", "watch", run]).await;
    assert_eq!(watched.json()["state"], "RUN_STATE_SUCCEEDED");
    assert_eq!(stage.entries(), 16);
    // Health and figures are asked for in every role, pages only where the role is.
    assert_eq!(worker.get("/metrics").await.status(), StatusCode::OK);
    for path in ["/", "/admin/queues"] {
        let answer = worker.get(path).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(reason(answer).await, "NOT_FOUND", "{path}");
    }
    worker.process.terminate();
    let status = worker.process.wait_exit(LONG).await;
    assert!(status.success(), "{}", worker.process.output());
}

#[tokio::test]
async fn roles_are_a_setting_and_a_wrong_one_is_named() {
    let stage = Stage::new();
    let command = stage
        .command(&["--json", "serve"])
        .env("SYNCLINE_SERVE_ROLES", "web");
    let server = Server::ready(command).await;
    assert!(server.grpc.is_none());
    let page: Value = server.get("/").await.json().await.unwrap();
    assert_eq!(page["roles"], "web");

    let wrong = ended(stage.command(&["serve", "--roles", "rpc,wep"])).await;
    assert_eq!(wrong.code, 64, "{}", wrong.text);
    assert!(
        wrong.text.contains("rpc, web, worker, scheduler") && wrong.text.contains("\"rpc,wep\""),
        "{}",
        wrong.text
    );
}

#[tokio::test]
async fn a_taken_http_port_is_named() {
    let stage = Stage::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let command = stage
        .command(&["serve"])
        .env("SYNCLINE_HTTP_ADDR", &address);
    let refused = ended(command).await;
    assert_eq!(refused.code, 1);
    assert!(
        refused.text.contains(&address) && refused.text.contains("SYNCLINE_HTTP_ADDR"),
        "{}",
        refused.text
    );
}

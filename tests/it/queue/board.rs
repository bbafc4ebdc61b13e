//! Bull Board's HTTP API over our jobs, with both versions of BullMQ behind it.

use super::{
    MINUTE, Stage, job,
    outside::{Outside, VERSIONS},
};
use serde_json::{Value, json};
use syncline::queue::{Finish, JobState, Keep, Put};

async fn ask(node: &mut Outside, method: &str, path: &str) -> (u64, Value) {
    let mut answer = node.run(&format!("return api('{method}', '{path}')")).await;
    (answer["status"].as_u64().unwrap(), answer["body"].take())
}

/// One failed, one completed, one delayed and one waiting job, made by us.
async fn filled(version: &str) -> (Stage, Outside) {
    let stage = Stage::new().await;
    stage
        .queue
        .put(&[
            job("failed-1"),
            job("done-1"),
            Put {
                delay: MINUTE,
                ..job("delayed-1")
            },
            job("waiting-1"),
        ])
        .await
        .unwrap();
    let claims = stage.claim(2).await;
    stage
        .queue
        .log("failed-1", &["one".into(), "two".into()], None)
        .await
        .unwrap();
    stage
        .finish(Finish::failed(&claims[0], "it said no", Keep::All))
        .await;
    stage
        .finish(Finish::completed(
            &claims[1],
            json!({"created": 3}),
            Keep::All,
        ))
        .await;
    let node = Outside::start(version, &stage.redis.url());
    (stage, node)
}

#[tokio::test]
async fn the_board_lists_and_shows_our_jobs() {
    for version in VERSIONS {
        let (_stage, mut node) = filled(version).await;
        let (status, body) = ask(
            &mut node,
            "GET",
            "/queues?activeQueue=sync&status=failed&page=1&jobsPerPage=10",
        )
        .await;
        assert_eq!(status, 200, "{body}");
        let queue = &body["queues"][0];
        let counts = &queue["counts"];
        for state in ["failed", "completed", "delayed", "waiting"] {
            assert_eq!(counts[state], 1, "{version} {state}: {counts}");
        }
        assert_eq!(queue["jobs"][0]["id"], "failed-1");
        let (status, body) = ask(&mut node, "GET", "/queues/sync/failed-1").await;
        assert_eq!(
            (status, &body["job"]["failedReason"], &body["status"]),
            (200, &json!("it said no"), &json!("failed"))
        );
        let (_, body) = ask(&mut node, "GET", "/queues/sync/done-1").await;
        assert_eq!(body["job"]["returnValue"], json!({"created": 3}));
        let (status, body) = ask(&mut node, "GET", "/queues/sync/failed-1/logs").await;
        assert_eq!(status, 200);
        assert!(
            body.to_string().contains("one") && body.to_string().contains("two"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn the_board_steers_our_jobs() {
    for version in VERSIONS {
        let (stage, mut node) = filled(version).await;
        for path in [
            "/queues/sync/failed-1/retry/failed",
            "/queues/sync/failed-1/retry",
        ] {
            // The state is a part of the path in some versions.
            if ask(&mut node, "PUT", path).await.0 < 300 {
                break;
            }
        }
        assert_eq!(
            stage.state("failed-1").await,
            Some(JobState::Waiting),
            "{version}"
        );
        assert!(
            ask(&mut node, "PUT", "/queues/sync/delayed-1/promote")
                .await
                .0
                < 300
        );
        assert_eq!(stage.state("delayed-1").await, Some(JobState::Waiting));
        assert!(
            ask(&mut node, "PUT", "/queues/sync/waiting-1/clean")
                .await
                .0
                < 300
        );
        assert_eq!(stage.queue.get("waiting-1").await.unwrap(), None);
        assert!(
            ask(&mut node, "PUT", "/queues/sync/clean/completed")
                .await
                .0
                < 300
        );
        // The board spares what finished within a grace of its own.
        assert!(stage.counts().await.of(JobState::Completed) <= 1);
        assert_eq!(stage.claim(9).await.len(), 2);
    }
}

#[tokio::test]
async fn the_board_pauses_and_resumes_our_queue() {
    for version in VERSIONS {
        let (stage, mut node) = filled(version).await;
        assert!(ask(&mut node, "PUT", "/queues/sync/pause").await.0 < 300);
        assert!(stage.queue.is_paused().await.unwrap());
        assert!(stage.claim(9).await.is_empty());
        let (_, body) = ask(
            &mut node,
            "GET",
            "/queues?activeQueue=sync&status=latest&page=1&jobsPerPage=10",
        )
        .await;
        assert_eq!(body["queues"][0]["isPaused"], true);
        assert!(ask(&mut node, "PUT", "/queues/sync/resume").await.0 < 300);
        assert_eq!(stage.claim(9).await.len(), 1);
        let (_, body) = ask(&mut node, "PUT", "/queues/sync/retry/failed").await;
        assert_eq!(
            stage.state("failed-1").await,
            Some(JobState::Waiting),
            "{version}: {body}"
        );
        ask(&mut node, "PUT", "/queues/sync/promote").await;
        assert_eq!(stage.counts().await.of(JobState::Delayed), 0);
    }
}

#[tokio::test]
async fn the_board_shows_our_workers() {
    let stage = Stage::new().await;
    let mut node = Outside::start("bullmq", &stage.redis.url());
    let mut waiter = stage.queue.waiter();
    waiter
        .wait(std::time::Duration::from_millis(5))
        .await
        .unwrap();
    let (status, body) = ask(&mut node, "GET", "/queues/sync/workers").await;
    assert_eq!(status, 200);
    assert!(body.to_string().contains("127.0.0.1"), "{body}");
    drop(waiter);
}

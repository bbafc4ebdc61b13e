//! How the queue is, where a Redis hands runs out.

use super::Server;
use crate::{
    cli::{LONG, Stage},
    kit::{self, eventually},
    queue::outside::Outside,
};
use fred::prelude::*;
use serde_json::Value as Json;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

async fn say(url: &str, words: &[&str]) {
    let client = Client::new(Config::from_url(url).unwrap(), None, None, None);
    client.init().await.unwrap();
    let command = fred::types::CustomCommand::new(words[0], None, false);
    let _: Value = client.custom(command, words[1..].to_vec()).await.unwrap();
    client.quit().await.unwrap();
}

/// Waits until health says this of the queue; the server is ready all the while, because runs come from the database.
async fn becomes(server: &Server, expected: Option<&str>) {
    eventually(LONG, || async {
        let answer = server.get("/health/ready").await;
        assert_eq!(answer.status(), 200);
        let document: Json = answer.json().await.unwrap();
        let found = &document["checks"]["queue"];
        match found["reason"].as_str() == expected {
            true => Ok(()),
            false => Err(found.to_string()),
        }
    })
    .await;
    let mut health = HealthClient::new(server.channel().await);
    let asked = HealthCheckRequest {
        service: "queue".to_owned(),
    };
    let status = health.check(asked).await.unwrap().into_inner().status();
    assert_eq!(
        status == ServingStatus::Serving,
        expected.is_none(),
        "{expected:?} {status:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_says_what_is_wrong_with_the_queue_and_figures_count_jobs_of_others() {
    let mut redis = kit::redis();
    say(
        &redis.url(),
        &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"],
    )
    .await;
    let stage = Stage::new();
    let command = stage
        .command(&["--json", "serve"])
        .env("REDIS_URL", redis.url());
    let server = Server::ready(command).await;
    becomes(&server, Some("QUEUE_UNSAFE")).await;
    redis.kill();
    becomes(&server, Some("QUEUE_AWAY")).await;
    redis.restart();
    becomes(&server, None).await;

    let mut node = Outside::start("bullmq", &redis.url());
    node.run(
        "await queue.add('run', {}); await until(async () => (await queue.getFailedCount()) === 1)",
    )
    .await;
    let figures = server.get("/metrics").await.text().await.unwrap();
    for line in [
        r#"syncline_outside_jobs_total{queue="sync",result="refused"} 1"#,
        "syncline_schedule_overdue_seconds 0",
        r#"syncline_check_ok{check="queue"} 1"#,
    ] {
        assert!(figures.contains(line), "{line} is missing in\n{figures}");
    }
    say(
        &redis.url(),
        &["SET", "bull:syncline-epoch", "syncline/other/1"],
    )
    .await;
    becomes(&server, Some("QUEUE_FOREIGN")).await;
}

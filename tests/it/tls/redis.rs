//! Redis by TLS.

use super::{Authority, Secured};
use crate::{
    cli::{LONG, Stage, ended},
    kit::{Builder, eventually, redis_with_tls},
};
use reqwest::Client;
use serde_json::Value;

fn serve(stage: &Stage, url: &str, ca: &Authority) -> Builder {
    stage
        .command(&["--json", "serve"])
        .env("REDIS_URL", url)
        .env("SYNCLINE_REDIS_CA", ca.ca())
}

async fn queue_becomes(server: &Secured, expected: &str) {
    let url = format!("http://{}/health/ready", server.http);
    eventually(LONG, || async {
        let page = Client::new().get(&url).send().await.unwrap();
        let document: Value = page.json().await.unwrap();
        match document["checks"]["queue"]["status"] == expected {
            true => Ok(()),
            false => Err(format!("{document}\n{}", server.process.output())),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_used_by_tls_where_it_is_the_right_one() {
    let authority = Authority::new();
    let pair = authority.sign("redis", &["localhost"]);
    let redis = redis_with_tls(&pair.cert, &pair.key, &authority.ca());
    let me = authority.sign("me", &["client"]);
    let stage = Stage::new();
    let url = format!("rediss://localhost:{}", redis.tls_port());
    let command = serve(&stage, &url, &authority)
        .env("SYNCLINE_REDIS_CERT", &me.cert)
        .env("SYNCLINE_REDIS_KEY", &me.key);
    let server = Secured::start(command).await;
    queue_becomes(&server, "ok").await;
    assert_ne!(redis.say("DBSIZE"), ":0", "it was marked as ours");

    for (host, ca) in [("localhost", &Authority::new()), ("127.0.0.1", &authority)] {
        let stage = Stage::new();
        let url = format!("rediss://{host}:{}", redis.tls_port());
        let command = serve(&stage, &url, ca)
            .env("SYNCLINE_REDIS_CERT", &me.cert)
            .env("SYNCLINE_REDIS_KEY", &me.key);
        let server = Secured::start(command).await;
        queue_becomes(&server, "warning").await;
    }
}

#[tokio::test]
async fn nothing_goes_in_clear_to_another_machine_unless_somebody_says_so() {
    let stage = Stage::new();
    let url = "redis://:canary@redis.example.org:6379";
    let refused = ended(stage.command(&["serve"]).env("REDIS_URL", url)).await;
    assert_eq!(refused.code, 64, "{}", refused.text);
    assert!(refused.text.contains("rediss://") && refused.text.contains("redis.allow_plaintext"));
    assert!(!refused.text.contains("canary"), "{}", refused.text);
    let allowed = stage
        .command(&["settings"])
        .env("REDIS_URL", url)
        .env("SYNCLINE_REDIS_ALLOW_PLAINTEXT", "true");
    assert_eq!(ended(allowed).await.code, 0);
}

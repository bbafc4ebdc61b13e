//! `syncline queue`, with and without a server.

use super::Stage;
use crate::{
    cli::server::serve,
    kit::{Builder, eventually},
};
use serde_json::Value;

/// A sync with one run that nobody executes; its id.
async fn waiting() -> (Stage, String) {
    let stage = Stage::with_sync(&[]).await;
    let run = stage
        .run(&["--json", "sync", "run", "work", "--detach"])
        .await;
    assert_eq!(run.code, 0, "{}", run.text);
    let name = run.json()["name"].as_str().unwrap().to_owned();
    let id = name.rsplit('/').next().unwrap().to_owned();
    (stage, id)
}

/// The state of the one job.
async fn state(stage: &Stage, id: &str) -> String {
    let job = stage.run(&["--json", "queue", "job", id]).await;
    job.json()["state"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_verb_does_what_it_says_and_prints_it() {
    let (stage, id) = waiting().await;
    for (words, expected) in [
        (&["queue", "list"][..], "1 queued"),
        (
            &["queue", "show", "sync"],
            "queues/sync: 1 queued; Redis: not used",
        ),
        (&["queue", "jobs", "sync"], "tenants/default/syncs/work"),
        (&["queue", "jobs", "sync", "--state", "failed"], "no jobs"),
        (
            &["queue", "job", &id],
            "queued of tenants/default/syncs/work, attempt 0 of",
        ),
        (&["queue", "pause", "sync"], "queues/sync, paused: 1 queued"),
        (&["queue", "resume", "sync"], "queues/sync: 1 queued"),
        (&["queue", "promote", "sync", &id], "0 jobs are ready now"),
        (&["queue", "retry", "sync", &id], "0 jobs are queued again"),
        (&["queue", "rm", "sync", &id], "1 jobs are taken out"),
        (&["queue", "show", "sync"], "1 cancelled"),
        (&["queue", "retry", "sync", &id], "1 jobs are queued again"),
        (&["queue", "rm", "sync", &id], "1 jobs are taken out"),
        (
            &[
                "queue",
                "clean",
                "sync",
                "--state",
                "cancelled",
                "--older-than",
                "1d",
            ],
            "0 jobs are forgotten",
        ),
        (
            &["queue", "clean", "sync", "--state", "cancelled"],
            "1 jobs are forgotten",
        ),
        (&["queue", "show", "sync"], "no jobs"),
    ] {
        let done = stage.run(words).await;
        assert_eq!(done.code, 0, "{words:?}: {}", done.text);
        assert!(done.text.contains(expected), "{words:?}: {}", done.text);
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_and_the_exit_code_tells_its_kind() {
    let (stage, id) = waiting().await;
    for (words, code, expected) in [
        (
            &["queue", "show", "nope"][..],
            1,
            "queue \"queues/nope\" does not exist",
        ),
        (
            &["queue", "jobs", "sync", "--state", "tired"],
            64,
            "--state: expected queued",
        ),
        (&["queue", "jobs", "sync", "--limit=-3"], 64, "page_size"),
        (&["queue", "job", "nope"], 64, "expected"),
        (
            &["queue", "job", "01a1ff59-e45d-72c6-8a11-558d27b1bbbf"],
            1,
            "does not exist",
        ),
        (&["queue", "promote", "sync"], 64, "RUNS"),
        (
            &["queue", "clean", "sync", "--state", "running"],
            64,
            "expected SUCCEEDED",
        ),
        (
            &[
                "queue",
                "clean",
                "sync",
                "--state",
                "failed",
                "--older-than",
                "soon",
            ],
            64,
            "--older-than",
        ),
        (&["queue", "add", "sync", "{}"], 1, "RunSync"),
        (&["queue", "add", "thumbnails", "{}"], 1, "does not exist"),
        (
            &["queue", "add", "thumbnails", "{nope"],
            64,
            "DATA: expected JSON",
        ),
    ] {
        let done = stage.run(words).await;
        assert_eq!(done.code, code, "{words:?}: {}", done.text);
        assert!(done.text.contains(expected), "{words:?}: {}", done.text);
    }
    assert_eq!(state(&stage, &id).await, "RUN_STATE_QUEUED");
}

#[tokio::test]
async fn a_server_with_a_password_is_steered_too() {
    let (stage, id) = waiting().await;
    let guarded = |command: Builder| {
        command
            .env("BASIC_AUTH_USERNAME", "ada")
            .env("BASIC_AUTH_PASSWORD", "composed:canary")
    };
    let paused = stage.run(&["queue", "pause", "sync"]).await;
    assert_eq!(paused.code, 0, "{}", paused.text);
    let mut server = guarded(stage.command(&["serve"])).start();
    let line = server.line("serving gRPC on", super::LONG).await;
    let address = line
        .split("serving gRPC on ")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap();
    let url = format!("http://{address}");
    let stranger = stage.run(&["--server", &url, "queue", "list"]).await;
    assert_eq!(stranger.code, 1, "{}", stranger.text);
    let resumed = guarded(stage.command(&["--json", "--server", &url, "queue", "resume", "sync"]));
    let resumed = super::ended(resumed).await;
    assert_eq!(resumed.code, 0, "{}", resumed.text);
    assert_eq!(resumed.json()["name"], "queues/sync");
    eventually(super::LONG, || async {
        let state = state(&stage, &id).await;
        if state == "RUN_STATE_SUCCEEDED" {
            Ok(())
        } else {
            Err(state)
        }
    })
    .await;
}

#[tokio::test]
async fn an_added_job_is_shown_with_its_name_and_waits_for_redis() {
    let stage = Stage::new();
    let command = |words: &[&str]| {
        stage
            .command(words)
            .env("SYNCLINE_QUEUE_EXTERNAL", "thumbnails, reports")
            .env("REDIS_URL", "redis://127.0.0.1:1")
    };
    let words = [
        "--json",
        "queue",
        "add",
        "thumbnails",
        r#"{"n": 1}"#,
        "--name",
        "resize",
        "--delay",
        "1h",
        "--priority",
        "high",
    ];
    let added = super::ended(command(&words)).await;
    assert_eq!(added.code, 0, "{}", added.text);
    let job: Value = added.json();
    assert_eq!(
        (&job["queue"], &job["jobName"]),
        (&"queues/thumbnails".into(), &"resize".into())
    );
    assert_eq!(
        (&job["data"]["n"], &job["priority"]),
        (&1.0.into(), &"RUN_PRIORITY_HIGH".into())
    );
    let id = job["name"]
        .as_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    let shown = super::ended(command(&["queue", "job", &id])).await;
    assert!(
        shown.text.contains("queued of resize in queues/thumbnails"),
        "{}",
        shown.text
    );
    let all = super::ended(command(&["queue", "list"])).await;
    assert!(all.text.contains("reports"), "{}", all.text);
    let wrong = super::ended(
        stage
            .command(&["queue", "list"])
            .env("SYNCLINE_QUEUE_EXTERNAL", "sync,Big"),
    )
    .await;
    assert_eq!(wrong.code, 64, "{}", wrong.text);
    assert!(
        wrong.text.contains("queue.external") && wrong.text.contains("none of sync"),
        "{}",
        wrong.text
    );
}

#[tokio::test]
async fn the_service_describes_itself_like_a_manual() {
    let stage = Stage::new();
    let (_server, url) = serve(&stage).await;
    let address = url.trim_start_matches("http://");
    let grpcurl = crate::kit::tool("grpcurl");
    let words = [
        "-plaintext",
        address,
        "describe",
        "syncline.v1.QueueService",
    ];
    let said = super::ended(crate::kit::Process::of(&grpcurl, &words)).await;
    for part in [
        "AddJob",
        "workers of others execute",
        "Lets nobody begin a job",
        "NOT_FOUND for an unknown one",
    ] {
        assert!(said.text.contains(part), "{part}: {}", said.text);
    }
}

//! What others do to jobs that stand for runs of ours: workers that take them, and people at Bull Board.

use super::{PATIENCE, Seen, done, redis::Stage, worker};
use crate::{
    kit::{Database, eventually},
    queue::outside::{Outside, VERSIONS},
};
use chrono::TimeDelta;
use serde_json::Value;
use std::sync::Arc;
use syncline::{
    db::Engine,
    runs::{Ended, Failure, Run, State},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_of_somebody_else_that_completes_and_removes_our_jobs_changes_nothing() {
    for version in VERSIONS {
        let stage = Stage::open(Database::new(Engine::Sqlite).await).await;
        // Only what is known to have been there can be taken for removed.
        let run = stage.desk.accept("s", |_| {}).await;
        waits_in(&stage, &run, "prioritized").await;
        let mut node = Outside::start(version, &stage.redis.url());
        node.run(
            "globalThis.ran = 0;
             globalThis.theirs = worker(async () => { globalThis.ran += 1; return 'theirs'; }, { removeOnComplete: { count: 0 } });
             await globalThis.theirs.waitUntilReady();",
        )
        .await;
        node.run("await until(() => globalThis.ran > 1, 30000); await globalThis.theirs.close();")
            .await;
        assert_eq!(
            stage.desk.get(&run.name).await.state,
            State::Queued,
            "{version}"
        );
        let seen = Arc::new(Seen::default());
        let worker = worker(&stage.desk.app, &seen, |_, _| async { done() }).await;
        assert_eq!(
            stage.desk.ended(&run).await.state,
            State::Succeeded,
            "{version}"
        );
        assert_eq!(seen.order(), ["s"]);
        worker.shut_down(PATIENCE).await;
        stage.end().await;
    }
}

/// Calls the board, which must take it.
async fn board(node: &mut Outside, method: &str, path: &str) -> Value {
    let mut answer = node
        .run(&format!("return api('{method}', '/queues/sync{path}')"))
        .await;
    assert!(answer["status"].as_u64().unwrap() < 300, "{path}: {answer}");
    answer["body"].take()
}

async fn becomes(stage: &Stage, run: &Run, state: State) {
    eventually(PATIENCE, || async {
        let now = stage.desk.get(&run.name).await;
        if now.state == state {
            Ok(())
        } else {
            Err(format!("{now:?}"))
        }
    })
    .await;
}

/// Waits until the run's job is in this state of Redis, which the table knows of.
async fn waits_in(stage: &Stage, run: &Run, state: &str) {
    eventually(PATIENCE, || async {
        let score = stage.say(&format!("ZSCORE bull:sync:{state} {}", run.name.id)).await;
        let schema = super::schema(stage.desk.database.engine());
        let sql = format!("SELECT put_epoch FROM {schema}runs WHERE state IN ('queued', 'retrying') AND put_epoch = ''");
        let unmarked = stage.desk.database.column(&sql).await.len();
        if score.is_null() || unmarked > 0 { Err(format!("not in {state}, or {unmarked} not marked")) } else { Ok(()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_do_on_the_board_reaches_the_runs() {
    for version in VERSIONS {
        let stage = Stage::open(Database::new(Engine::Postgres).await).await;
        let mut node = Outside::start(version, &stage.redis.url());
        let seen = Arc::new(Seen::default());
        let worker = worker(&stage.desk.app, &seen, |run, _| async move {
            let no = || Failure::new("PROVIDER_REFUSED", "no");
            match (run.sync.id.as_str(), run.cause.as_str(), run.attempt) {
                ("fails", "manual", _) => Ended::Fail(no(), None),
                ("later", _, 1) => {
                    Ended::Retry(no(), Some(run.created_at + TimeDelta::hours(1)), None)
                }
                _ => done(),
            }
        })
        .await;

        let fails = stage.desk.accept("fails", |_| {}).await;
        assert_eq!(stage.desk.ended(&fails).await.state, State::Failed);
        let id = fails.name.id;
        eventually(PATIENCE, || async {
            let score = stage.say(&format!("ZSCORE bull:sync:failed {id}")).await;
            if score.is_null() {
                Err("Redis was not told")
            } else {
                Ok(())
            }
        })
        .await;
        let shown = board(&mut node, "GET", &format!("/{id}")).await;
        assert_eq!(
            shown["job"]["failedReason"], "PROVIDER_REFUSED: no",
            "{version}"
        );
        board(&mut node, "PUT", &format!("/{id}/retry")).await;
        becomes(&stage, &fails, State::Succeeded).await;

        let later = stage.desk.accept("later", |_| {}).await;
        becomes(&stage, &later, State::Retrying).await;
        eventually(PATIENCE, || async {
            let score = stage
                .say(&format!("ZSCORE bull:sync:delayed {}", later.name.id))
                .await;
            if score.is_null() {
                Err("not delayed")
            } else {
                Ok(())
            }
        })
        .await;
        board(&mut node, "PUT", &format!("/{}/promote", later.name.id)).await;
        becomes(&stage, &later, State::Succeeded).await;

        board(&mut node, "PUT", "/pause").await;
        let paused = "SELECT CAST(paused AS TEXT) FROM syncline.queues WHERE queue = 'sync'";
        eventually(PATIENCE, || async {
            let paused = stage.desk.database.column(paused).await;
            if paused == ["true"] {
                Ok(())
            } else {
                Err(format!("{paused:?}"))
            }
        })
        .await;
        board(&mut node, "PUT", "/resume").await;
        let resumed = stage.desk.accept("resumed", |_| {}).await;
        assert_eq!(stage.desk.ended(&resumed).await.state, State::Succeeded);
        worker.shut_down(PATIENCE).await;

        let removed = stage.desk.accept("removed", |_| {}).await;
        let emptied = stage.desk.accept("emptied", |_| {}).await;
        waits_in(&stage, &removed, "prioritized").await;
        waits_in(&stage, &emptied, "prioritized").await;
        board(&mut node, "PUT", &format!("/{}/clean", removed.name.id)).await;
        becomes(&stage, &removed, State::Cancelled).await;
        board(&mut node, "PUT", "/empty").await;
        becomes(&stage, &emptied, State::Cancelled).await;
        stage.end().await;
    }
}

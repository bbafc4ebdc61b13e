//! How runs end: by themselves, by their deadline, because somebody said so, or with their process.

use super::{Desk, PATIENCE, Seen, done, worker};
use crate::kit::{self, Database};
use chrono::TimeDelta;
use std::{sync::Arc, time::Duration};
use syncline::{
    db::Scope,
    runs::{
        Ended, Failure, State, cancel, retry,
        store::{self, Ending, Release},
    },
};

kit::each_engine!(
    many_runs_that_end_together_are_all_written,
    a_result_that_the_database_would_refuse_is_written_all_the_same,
    a_deadline_stops_a_running_run_and_fails_it,
    a_run_that_nobody_took_fails_at_its_deadline,
    waiting_does_not_count_for_the_deadline,
    a_run_that_ignores_its_cancellation_is_ended_after_the_grace,
    a_run_fails_after_its_own_number_of_attempts_and_can_be_retried,
    a_stale_worker_cannot_end_a_run,
);

async fn many_runs_that_end_together_are_all_written(database: Database) {
    let desk = Desk::with(database, |config| config.runs.concurrency = 50).await;
    let mut runs = Vec::new();
    for number in 0..kit::rounds(150, 1500) {
        runs.push(desk.accept(&format!("s{number}"), |_| {}).await);
    }
    let seen = Arc::new(Seen::default());
    let worker = worker(&desk.app, &seen, |run, _| async move {
        Ended::Succeeded(serde_json::json!({"of": run.sync.id.as_str()}))
    })
    .await;
    for run in &runs {
        let ended = desk.ended(run).await;
        assert_eq!(ended.state, State::Succeeded);
        assert_eq!(ended.result.unwrap()["of"], run.sync.id.as_str());
        assert!(ended.finished_at >= ended.started_at && ended.failure.is_none());
    }
    assert_eq!(seen.order().len(), runs.len());
    worker.shut_down(PATIENCE).await;
}

async fn a_result_that_the_database_would_refuse_is_written_all_the_same(database: Database) {
    let desk = Desk::open(database).await;
    let seen = Arc::new(Seen::default());
    let worker = worker(&desk.app, &seen, |_, _| async {
        let failure = Failure::new("PROVIDER_REFUSED", "nul \0 here");
        Ended::Partial(
            serde_json::json!({"title": "a\0b", "list": ["\0"]}),
            failure,
        )
    })
    .await;
    let run = desk.accept("s", |_| {}).await;
    let run = desk.ended(&run).await;
    assert_eq!(run.state, State::Partial);
    assert_eq!(run.result.unwrap()["title"], "a\u{fffd}b");
    worker.shut_down(PATIENCE).await;
}

async fn a_deadline_stops_a_running_run_and_fails_it(database: Database) {
    let desk = Desk::open(database).await;
    let seen = Arc::new(Seen::default());
    let worker = worker(&desk.app, &seen, |_, stop| async move {
        stop.cancelled().await;
        Ended::Stopped(Some(serde_json::json!({"done": 1})))
    })
    .await;
    let deadline = desk.app.db.now() + TimeDelta::milliseconds(400);
    let run = desk
        .accept("s", |request| request.deadline_at = Some(deadline))
        .await;
    let run = desk.ended(&run).await;
    assert_eq!(run.state, State::Failed);
    assert_eq!(run.failure.unwrap().reason, "DEADLINE_EXCEEDED");
    assert_eq!(run.result.unwrap()["done"], 1);
    assert!(run.finished_at.unwrap() >= deadline);
    worker.shut_down(PATIENCE).await;
}

async fn a_run_that_nobody_took_fails_at_its_deadline(database: Database) {
    let desk = Desk::with(database, |config| {
        config.runs.heartbeat = Duration::from_millis(100)
    })
    .await;
    let soon = desk.app.db.now() + TimeDelta::milliseconds(200);
    let never = desk.app.db.now() + TimeDelta::hours(1);
    let run = desk
        .accept("s", |request| {
            request.deadline_at = Some(soon);
            request.due_at = Some(never);
        })
        .await;
    let seen = Arc::new(Seen::default());
    let worker = worker(&desk.app, &seen, |_, _| async { done() }).await;
    let run = desk.ended(&run).await;
    assert_eq!(run.failure.unwrap().reason, "DEADLINE_EXCEEDED");
    assert!(seen.order().is_empty());
    worker.shut_down(PATIENCE).await;
}

async fn waiting_does_not_count_for_the_deadline(database: Database) {
    let desk = Desk::with(database, |config| {
        config.runs.heartbeat = Duration::from_millis(100)
    })
    .await;
    let seen = Arc::new(Seen::default());
    let db = desk.app.db.clone();
    let times = seen.clone();
    let worker = worker(&desk.app, &seen, move |_, _| {
        let (db, waited) = (db.clone(), times.order().len() > 1);
        async move {
            match waited {
                true => done(),
                false => Ended::Wait(
                    db.now() + TimeDelta::milliseconds(900),
                    "a budget".to_owned(),
                    None,
                ),
            }
        }
    })
    .await;
    let deadline = desk.app.db.now() + TimeDelta::milliseconds(600);
    let run = desk
        .accept("s", |request| request.deadline_at = Some(deadline))
        .await;
    let run = desk.ended(&run).await;
    assert_eq!(run.state, State::Succeeded, "{:?}", run.failure);
    assert!(run.finished_at.unwrap() > deadline && run.attempt == 1);
    worker.shut_down(PATIENCE).await;
}

async fn a_run_that_ignores_its_cancellation_is_ended_after_the_grace(database: Database) {
    let desk = Desk::with(database, |config| {
        config.runs.cancel_grace = Duration::from_millis(200)
    })
    .await;
    let seen = Arc::new(Seen::default());
    let worker = worker(&desk.app, &seen, |_, _| std::future::pending()).await;
    let run = desk.accept("s", |_| {}).await;
    kit::eventually(PATIENCE, || async {
        let state = desk.get(&run.name).await.state;
        if state == State::Running {
            Ok(())
        } else {
            Err(state)
        }
    })
    .await;
    cancel::cancel(&desk.app, &run.name).await.unwrap();
    assert_eq!(desk.ended(&run).await.state, State::Cancelled);
    worker.shut_down(PATIENCE).await;
}

async fn a_run_fails_after_its_own_number_of_attempts_and_can_be_retried(database: Database) {
    let desk = Desk::open(database).await;
    let seen = Arc::new(Seen::default());
    let worker = worker(&desk.app, &seen, |_, _| async {
        Ended::Retry(Failure::new("PROVIDER_UNAVAILABLE", "not now"), None, None)
    })
    .await;
    let run = desk
        .accept("s", |request| request.max_attempts = Some(1))
        .await;
    let ended = desk.ended(&run).await;
    assert_eq!((ended.state, ended.attempt), (State::Failed, 1));
    assert_eq!(ended.failure.unwrap().reason, "PROVIDER_UNAVAILABLE");
    let again = retry::retry(&desk.app, &run.name).await.unwrap();
    assert_eq!(again.state, State::Queued);
    assert_eq!(desk.ended(&run).await.state, State::Failed);
    assert_eq!(seen.order().len(), 2);
    worker.shut_down(PATIENCE).await;
}

async fn a_stale_worker_cannot_end_a_run(database: Database) {
    let desk = Desk::open(database).await;
    let seen = Arc::new(Seen::default());
    let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let worker = worker(&desk.app, &seen, move |run, stop| {
        begun.send(run).unwrap();
        async move {
            stop.cancelled().await;
            Ended::Stopped(None)
        }
    })
    .await;
    desk.accept("s", |_| {}).await;
    let run = begins.recv().await.unwrap();
    let ending = |fence| Ending {
        name: run.name.clone(),
        fence,
        release: Release {
            state: State::Succeeded,
            due_at: run.due_at,
            deadline_at: None,
            wait_reason: String::new(),
            result: None,
            failure: None,
        },
        cancellable: false,
    };
    let now = desk.app.db.now();
    let mut tx = desk.app.db.write(Scope::System("test")).await.unwrap();
    let stale = store::release(&mut tx, &[ending(run.fence - 1)], now)
        .await
        .unwrap();
    assert!(stale.is_empty());
    let ours = store::release(&mut tx, &[ending(run.fence), ending(run.fence - 1)], now)
        .await
        .unwrap();
    assert_eq!(ours, [(run.name.id, State::Succeeded)]);
    drop(tx);
    worker.shut_down(PATIENCE).await;
}

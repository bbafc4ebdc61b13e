//! What holds while Redis hands out runs, as it does without: limits, and that nobody else gets what somebody has.

use super::{PATIENCE, Seen, done, redis::Stage, worker};
use crate::kit::{self, Database};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use syncline::{
    queue::Claim,
    runs::{Ended, State, cancel, relay::Redis},
};

kit::each_engine!(
    accounts_and_tenants_run_at_most_so_many_at_a_time_through_redis,
    a_job_stays_locked_as_long_as_its_run_goes_on,
    a_job_that_a_dead_worker_had_is_settled_although_its_run_has_ended,
);

async fn accounts_and_tenants_run_at_most_so_many_at_a_time_through_redis(database: Database) {
    let stage = Stage::with(database, |config| {
        config.runs.tenant_concurrency = 3;
        config.runs.account_concurrency = 2;
    })
    .await;
    let mut runs = Vec::new();
    for number in 0..24 {
        let lane = ["a", "a", "a", "b"][number % 4].to_owned();
        let sync = format!("s{number}");
        runs.push(
            stage
                .desk
                .accept(&sync, |request| request.lane = lane)
                .await,
        );
    }
    let seen = Arc::new(Seen::default());
    let worker = worker(&stage.desk.app, &seen, |_, _| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        done()
    })
    .await;
    for run in &runs {
        assert_eq!(stage.desk.ended(run).await.state, State::Succeeded);
        kit::eventually(PATIENCE, || stage.score("completed", run)).await;
    }
    for (what, most) in [("default", 3), ("lane a", 2), ("lane b", 2)] {
        let seen = seen.most(what);
        assert!(0 < seen && seen <= most, "{what}: {seen}");
    }
    worker.shut_down(PATIENCE).await;
    stage.end().await;
}

async fn a_job_stays_locked_as_long_as_its_run_goes_on(database: Database) {
    let stage = Stage::open(database).await;
    let seen = Arc::new(Seen::default());
    let worker = worker(&stage.desk.app, &seen, |_, stop| async move {
        stop.cancelled().await;
        Ended::Stopped(None)
    })
    .await;
    let run = stage.desk.accept("s", |_| {}).await;
    let key = format!("PTTL bull:sync:{}:lock", run.name.id);
    let last = AtomicI64::new(0);
    kit::eventually(PATIENCE, || async {
        let left = stage.say(&key).await.as_i64().unwrap();
        let before = last.swap(left, Ordering::Relaxed);
        match 0 < before && before < left {
            true => Ok(()),
            false => Err(format!("{left} ms left")),
        }
    })
    .await;
    worker.shut_down(Duration::from_secs(1)).await;
    stage.end().await;
}

/// The table has nothing to do with the run any more, so only whoever looks for jobs without a lock finds this one.
async fn a_job_that_a_dead_worker_had_is_settled_although_its_run_has_ended(database: Database) {
    let stage = Stage::open(database).await;
    let run = stage.desk.accept("s", |_| {}).await;
    kit::eventually(PATIENCE, || stage.score("prioritized", &run)).await;
    let dead = Claim {
        lock: Duration::from_secs(1),
        ..Claim::new("dead")
    };
    let redis = Redis::of(&stage.desk.app).unwrap();
    let claimed = redis.queue("sync").unwrap().claim(&dead, 1).await.unwrap();
    assert_eq!(claimed.jobs.len(), 1);
    cancel::cancel(&stage.desk.app, &run.name).await.unwrap();
    let seen = Arc::new(Seen::default());
    let worker = worker(&stage.desk.app, &seen, |_, _| async { done() }).await;
    kit::eventually(PATIENCE, || stage.score("failed", &run)).await;
    assert!(seen.order().is_empty(), "it is not run");
    worker.shut_down(PATIENCE).await;
    stage.end().await;
}

//! The same on a Redis cluster, where all keys of an installation share a slot.

use super::{PATIENCE, Seen, done, redis::Stage, worker};
use crate::kit::{self, Database};
use std::sync::Arc;
use syncline::runs::State;

kit::each_engine!(runs_go_through_a_cluster);

async fn runs_go_through_a_cluster(database: Database) {
    let redis = kit::redis_cluster();
    let url = redis.cluster_url();
    let stage = Stage::on(redis, &url, database, |_| {}).await;
    let seen = Arc::new(Seen::default());
    let worker = worker(&stage.desk.app, &seen, |_, _| async { done() }).await;
    let mut runs = Vec::new();
    for number in 0..20 {
        runs.push(stage.desk.accept(&format!("s{number}"), |_| {}).await);
    }
    for run in &runs {
        assert_eq!(stage.desk.ended(run).await.state, State::Succeeded);
    }
    kit::eventually(PATIENCE, || async {
        match stage.redis.say("ZCARD {bull}:sync:completed").as_str() {
            ":20" => Ok(()),
            other => Err(format!("{other} were completed in Redis")),
        }
    })
    .await;
    assert_eq!(seen.order().len(), runs.len(), "each was run once");
    worker.shut_down(PATIENCE).await;
    stage.end().await;
}

//! Runs handed out by Redis: quick while it is there, and nothing worse than slower while it is not.

use super::{Desk, PATIENCE, Seen, done, worker};
use crate::kit::{self, Database};
use fred::prelude::*;
use std::{sync::Arc, time::Duration};
use syncline::runs::{
    Ended, Failure, Priority, Run, State,
    relay::{Redis, Relay, Standing},
};

kit::each_engine!(
    runs_come_from_redis_and_end_there,
    nothing_is_lost_when_redis_is_emptied_again_and_again,
    runs_go_on_without_redis_and_come_from_it_again_when_it_is_back,
    a_job_that_an_operator_removed_is_a_cancelled_run,
    a_failed_run_that_an_operator_retries_runs_again,
    pauses_are_carried_both_ways,
    a_redis_of_somebody_else_is_left_alone,
    a_job_of_somebody_else_becomes_a_run_and_ends_with_it,
    a_job_that_asks_for_nothing_fails_and_says_why,
);

/// The program with a Redis, and a look at it from outside.
pub struct Stage {
    pub desk: Desk,
    pub redis: kit::Redis,
    relay: Option<Relay>,
    outside: Client,
}

impl Stage {
    pub async fn open(database: Database) -> Self {
        Self::with(database, |_| {}).await
    }

    pub async fn with(
        database: Database,
        change: impl FnOnce(&mut syncline::config::Config),
    ) -> Self {
        let redis = kit::redis();
        let url = redis.url();
        Self::on(redis, &url, database, change).await
    }

    /// With this Redis, reached in this way.
    pub async fn on(
        redis: kit::Redis,
        url: &str,
        database: Database,
        change: impl FnOnce(&mut syncline::config::Config),
    ) -> Self {
        let desk = Desk::with(database, |config| {
            config.redis.url = Some(url.into());
            change(config);
        })
        .await;
        let outside = client(&redis.url()).await;
        let relay = Relay::start(&desk.app).await.unwrap();
        let stage = Self {
            desk,
            redis,
            relay,
            outside,
        };
        stage.attached().await;
        stage
    }

    async fn attached(&self) {
        kit::eventually(PATIENCE, || async {
            match Redis::of(&self.desk.app).unwrap().standing() {
                Standing::Attached(_) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }

    /// One command as a person would type it.
    pub async fn say(&self, words: &str) -> Value {
        let words: Vec<&str> = words.split(' ').collect();
        let command = fred::types::CustomCommand::new(words[0], None, false);
        self.outside
            .custom(command, words[1..].to_vec())
            .await
            .unwrap()
    }

    pub async fn score(&self, state: &str, run: &Run) -> Result<(), String> {
        let found = self
            .say(&format!("ZSCORE bull:sync:{state} {}", run.name.id))
            .await;
        match found.is_null() {
            false => Ok(()),
            true => Err(format!("not in {state}")),
        }
    }

    pub async fn end(mut self) {
        if let Some(relay) = self.relay.take() {
            relay.stop().await;
        }
    }
}

async fn client(url: &str) -> Client {
    let client = Client::new(Config::from_url(url).unwrap(), None, None, None);
    client.init().await.unwrap();
    client
}

async fn runs_come_from_redis_and_end_there(database: Database) {
    let stage = Stage::open(database).await;
    let seen = Arc::new(Seen::default());
    let worker = worker(&stage.desk.app, &seen, |run, _| async move {
        match run.sync.id.as_str() {
            "good" => Ended::Succeeded(serde_json::json!({"found": 3})),
            "part" => Ended::Partial(
                serde_json::json!({}),
                Failure::new("SOME_ENTRIES_FAILED", "one"),
            ),
            _ => Ended::Fail(Failure::new("PROVIDER_REFUSED", "no"), None),
        }
    })
    .await;
    for (sync, state, set) in [
        ("good", State::Succeeded, "completed"),
        ("part", State::Partial, "completed"),
        ("bad", State::Failed, "failed"),
    ] {
        let run = stage
            .desk
            .accept(sync, |request| request.priority = Priority::High)
            .await;
        assert_eq!(stage.desk.ended(&run).await.state, state);
        kit::eventually(PATIENCE, || stage.score(set, &run)).await;
        let name = stage
            .say(&format!("HGET bull:sync:{} data", run.name.id))
            .await;
        assert!(name.as_string().unwrap().contains(&run.name.to_string()));
    }
    worker.shut_down(PATIENCE).await;
    stage.end().await;
}

async fn nothing_is_lost_when_redis_is_emptied_again_and_again(database: Database) {
    let stage = Stage::open(database).await;
    let seen = Arc::new(Seen::default());
    let worker = worker(&stage.desk.app, &seen, |_, _| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        done()
    })
    .await;
    let mut runs = Vec::new();
    for round in 0..kit::rounds(4, 40) {
        for number in 0..15 {
            runs.push(
                stage
                    .desk
                    .accept(&format!("s{round}-{number}"), |_| {})
                    .await,
            );
        }
        stage.say("FLUSHALL").await;
    }
    for run in &runs {
        let run = stage.desk.ended(run).await;
        assert_eq!((run.state, run.attempt), (State::Succeeded, 1));
    }
    assert_eq!(seen.order().len(), runs.len(), "each was run once");
    worker.shut_down(PATIENCE).await;
    stage.end().await;
}

async fn runs_go_on_without_redis_and_come_from_it_again_when_it_is_back(database: Database) {
    let mut stage = Stage::open(database).await;
    let seen = Arc::new(Seen::default());
    let worker = worker(&stage.desk.app, &seen, |_, _| async { done() }).await;
    let before = stage.desk.accept("before", |_| {}).await;
    stage.desk.ended(&before).await;
    stage.redis.kill();
    let without = stage.desk.accept("without", |_| {}).await;
    assert_eq!(stage.desk.ended(&without).await.state, State::Succeeded);
    stage.redis.restart();
    stage.attached().await;
    stage.outside = client(&stage.redis.url()).await;
    let after = stage.desk.accept("after", |_| {}).await;
    assert_eq!(stage.desk.ended(&after).await.state, State::Succeeded);
    kit::eventually(PATIENCE, || stage.score("completed", &after)).await;
    worker.shut_down(PATIENCE).await;
    stage.end().await;
}

async fn a_job_that_an_operator_removed_is_a_cancelled_run(database: Database) {
    let stage = Stage::open(database).await;
    let run = stage.desk.accept("s", |_| {}).await;
    kit::eventually(PATIENCE, || stage.score("prioritized", &run)).await;
    // Only what is known to have been there can have been removed.
    kit::eventually(PATIENCE, || async {
        let schema = super::schema(stage.desk.database.engine());
        let sql = format!("SELECT put_epoch FROM {schema}runs");
        match stage.desk.database.column(&sql).await[0].is_empty() {
            true => Err("not marked"),
            false => Ok(()),
        }
    })
    .await;
    stage
        .say(&format!("ZREM bull:sync:prioritized {}", run.name.id))
        .await;
    stage.say(&format!("DEL bull:sync:{}", run.name.id)).await;
    assert_eq!(stage.desk.ended(&run).await.state, State::Cancelled);
    stage.end().await;
}

async fn a_failed_run_that_an_operator_retries_runs_again(database: Database) {
    let stage = Stage::open(database).await;
    let seen = Arc::new(Seen::default());
    let times = seen.clone();
    let worker = worker(&stage.desk.app, &seen, move |_, _| {
        let again = times.order().len() > 1;
        async move {
            match again {
                true => done(),
                false => Ended::Fail(Failure::new("PROVIDER_REFUSED", "no"), None),
            }
        }
    })
    .await;
    let run = stage.desk.accept("s", |_| {}).await;
    assert_eq!(stage.desk.ended(&run).await.state, State::Failed);
    kit::eventually(PATIENCE, || stage.score("failed", &run)).await;
    let queue = Redis::of(&stage.desk.app)
        .unwrap()
        .queue("sync")
        .unwrap()
        .clone();
    let which = syncline::queue::Which::Ids(vec![run.name.id.to_string()]);
    queue
        .retry(syncline::queue::JobState::Failed, which, false)
        .await
        .unwrap();
    kit::eventually(PATIENCE, || async {
        let now = stage.desk.get(&run.name).await;
        if now.state == State::Succeeded {
            Ok(())
        } else {
            Err(format!("{now:?}"))
        }
    })
    .await;
    kit::eventually(PATIENCE, || stage.score("completed", &run)).await;
    worker.shut_down(PATIENCE).await;
    stage.end().await;
}

async fn pauses_are_carried_both_ways(database: Database) {
    let stage = Stage::open(database).await;
    let schema = super::schema(stage.desk.database.engine());
    let queue = Redis::of(&stage.desk.app)
        .unwrap()
        .queue("sync")
        .unwrap()
        .clone();
    let ours = async || {
        let sql = format!(
            "SELECT CAST(CAST(paused AS INTEGER) AS TEXT) FROM {schema}queues WHERE queue = 'sync'"
        );
        stage.desk.database.column(&sql).await.concat()
    };
    queue.pause().await.unwrap();
    kit::eventually(PATIENCE, || async {
        let ours = ours().await;
        if ours == "1" { Ok(()) } else { Err(ours) }
    })
    .await;
    // A Redis that lost everything is told again.
    stage.say("FLUSHALL").await;
    kit::eventually(PATIENCE, || async {
        if queue.is_paused().await.unwrap() {
            Ok(())
        } else {
            Err("not paused")
        }
    })
    .await;
    stage
        .desk
        .database
        .execute(&format!("UPDATE {schema}queues SET paused = FALSE"))
        .await;
    kit::eventually(PATIENCE, || async {
        if queue.is_paused().await.unwrap() {
            Err("paused")
        } else {
            Ok(())
        }
    })
    .await;
    stage.end().await;
}

async fn a_redis_of_somebody_else_is_left_alone(database: Database) {
    let mut stage = Stage::open(database).await;
    stage.relay.take().unwrap().stop().await;
    stage.say("FLUSHALL").await;
    let connection = &Redis::of(&stage.desk.app).unwrap().connection;
    connection.attach("syncline/other/1").await.unwrap();
    let relay = Relay::start(&stage.desk.app).await.unwrap();
    kit::eventually(PATIENCE, || async {
        match Redis::of(&stage.desk.app).unwrap().standing() {
            Standing::Foreign(_) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let seen = Arc::new(Seen::default());
    let worker = worker(&stage.desk.app, &seen, |_, _| async { done() }).await;
    let run = stage.desk.accept("s", |_| {}).await;
    assert_eq!(stage.desk.ended(&run).await.state, State::Succeeded);
    assert_eq!(stage.say("DBSIZE").await.as_u64(), Some(1));
    worker.shut_down(PATIENCE).await;
    relay.unwrap().stop().await;
}

async fn a_job_of_somebody_else_becomes_a_run_and_ends_with_it(database: Database) {
    let stage = Stage::open(database).await;
    let seen = Arc::new(Seen::default());
    let times = seen.clone();
    let worker = worker(&stage.desk.app, &seen, move |_, _| {
        let again = times.order().len() > 1;
        async move {
            match again {
                true => Ended::Succeeded(serde_json::json!({"found": 7})),
                false => Ended::Retry(Failure::new("PROVIDER_UNAVAILABLE", "not now"), None, None),
            }
        }
    })
    .await;
    let queue = Redis::of(&stage.desk.app)
        .unwrap()
        .queue("sync")
        .unwrap()
        .clone();
    let data = serde_json::json!({"sync": "tenants/default/syncs/theirs"});
    let put = syncline::queue::Put::new("from-outside", "run", data);
    queue.put(&[put]).await.unwrap();
    kit::eventually(PATIENCE, || async {
        let (job, state) = queue.get("from-outside").await.unwrap().unwrap();
        match (state, job.result) {
            (Some(syncline::queue::JobState::Completed), Some(result)) if result.contains('7') => {
                Ok(())
            }
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let sql = format!(
        "SELECT cause || ' ' || state || ' ' || subject FROM {}runs",
        super::schema(stage.desk.database.engine())
    );
    assert_eq!(
        stage.desk.database.column(&sql).await,
        ["queue succeeded theirs"]
    );
    assert_eq!(seen.order().len(), 2, "one run of two attempts");
    worker.shut_down(PATIENCE).await;
    stage.end().await;
}

async fn a_job_that_asks_for_nothing_fails_and_says_why(database: Database) {
    let stage = Stage::open(database).await;
    let seen = Arc::new(Seen::default());
    let worker = worker(&stage.desk.app, &seen, |_, _| async { done() }).await;
    let queue = Redis::of(&stage.desk.app)
        .unwrap()
        .queue("sync")
        .unwrap()
        .clone();
    let put = syncline::queue::Put::new("from-outside", "run", serde_json::json!({"a": 1}));
    queue.put(&[put]).await.unwrap();
    kit::eventually(PATIENCE, || async {
        let (job, state) = queue.get("from-outside").await.unwrap().unwrap();
        match (state, job.failed_reason) {
            (Some(syncline::queue::JobState::Failed), Some(why)) if why.contains("data.sync") => {
                Ok(())
            }
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert!(seen.order().is_empty());
    worker.shut_down(PATIENCE).await;
    stage.end().await;
}

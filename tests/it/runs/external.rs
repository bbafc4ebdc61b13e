//! Kinds of runs that workers of others execute, in Node and in Python: accepted here, executed there, ended here.

use super::{Desk, PATIENCE, schema};
use crate::{
    kit::{self, Database, eventually},
    queue::outside::{Outside, VERSIONS},
    simulator::clients::python_with_bullmq,
};
use chrono::TimeDelta;
use serde_json::{Value as Json, json};
use syncline::{
    api::{
        v1::{self, queue_service_server::QueueService as _},
        value,
    },
    base::ResourceId,
    db::Engine,
    queue::JobState,
    runs::{
        Priority, Run, State,
        add::{self, Wish},
        cancel,
        queue_rpc::Queues,
        relay::{Redis, Relay, Standing},
        retry, store,
    },
};
use tonic::Request;

/// The program with one external queue, nobody who executes its jobs, and a look at Redis.
pub(super) struct Shop {
    pub desk: Desk,
    pub redis: kit::Redis,
    pub relay: Option<Relay>,
}

impl Shop {
    pub async fn open(engine: Engine) -> Self {
        let redis = kit::redis();
        let desk = Desk::with(Database::new(engine).await, |config| {
            config.redis.url = Some(redis.url().into());
            config.queue.external = vec!["thumbnails".to_owned()];
        })
        .await;
        let relay = Relay::start(&desk.app).await.unwrap();
        eventually(PATIENCE, || async {
            match Redis::of(&desk.app).unwrap().standing() {
                Standing::Attached(_) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        Self { desk, redis, relay }
    }

    pub async fn add(&self, name: &str, data: Json, change: impl FnOnce(&mut Wish)) -> Run {
        let mut wish = Wish {
            tenant: ResourceId::default_tenant(),
            name: name.to_owned(),
            data,
            request_id: None,
            priority: Priority::Normal,
            due_at: None,
            deadline_at: None,
            max_attempts: Some(1),
        };
        change(&mut wish);
        add::add(&self.desk.app, "thumbnails", wish).await.unwrap()
    }

    pub fn queue(&self) -> syncline::queue::Queue {
        let redis = Redis::of(&self.desk.app).unwrap();
        redis.queue("thumbnails").unwrap().clone()
    }

    pub async fn job_is(&self, run: &Run, expected: Option<JobState>) {
        let queue = self.queue();
        let id = [run.name.id.to_string()];
        eventually(PATIENCE, || async {
            // Redis may just have been emptied.
            let state = queue.states(&id).await.map_err(|error| error.to_string())?[0];
            if state == expected {
                Ok(())
            } else {
                Err(format!("{state:?}"))
            }
        })
        .await;
    }

    pub async fn run_is(&self, run: &Run, expected: State) -> Run {
        eventually(PATIENCE, || async {
            let now = self.desk.get(&run.name).await;
            if now.state == expected {
                Ok(now)
            } else {
                Err(format!("{now:?}"))
            }
        })
        .await
    }

    /// What is known of where jobs are; nothing, once all are gone.
    pub async fn places(&self) -> Vec<String> {
        let schema = schema(self.desk.database.engine());
        let sql = format!("SELECT put_epoch FROM {schema}runs WHERE put_epoch <> ''");
        self.desk.database.column(&sql).await
    }

    pub async fn nothing_is_left_in_redis(&self) {
        let queue = self.queue();
        eventually(PATIENCE, || async {
            let (jobs, places) = (queue.counts().await.unwrap().total(), self.places().await);
            if jobs == 0 && places.is_empty() {
                Ok(())
            } else {
                Err(format!("{jobs} jobs, {places:?}"))
            }
        })
        .await;
    }

    pub async fn lines(&self, run: &Run) -> Vec<String> {
        let mut tx = self
            .desk
            .app
            .db
            .read(syncline::db::Scope::Tenant(run.name.tenant.clone()))
            .await
            .unwrap();
        let lines = store::logs(&mut tx, &run.name, 0, 100).await.unwrap();
        lines.into_iter().map(|line| line.message).collect()
    }

    pub fn node(&self, version: &str) -> Outside {
        Outside::start(version, &self.redis.url())
    }

    pub async fn end(mut self) {
        self.relay.take().unwrap().stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_worker_executes_jobs_and_the_runs_have_what_it_says() {
    for (version, engine) in VERSIONS.into_iter().zip([Engine::Postgres, Engine::Sqlite]) {
        let shop = Shop::open(engine).await;
        let mut node = shop.node(version);
        let good = shop
            .add("resize", json!({"n": 21, "list": []}), |_| {})
            .await;
        let bad = shop
            .add("fails", json!({"n": 7}), |wish| wish.max_attempts = Some(2))
            .await;
        let later = shop.add("later", json!({"n": 1}), |wish| {
            wish.due_at = Some(shop.desk.app.db.now() + TimeDelta::milliseconds(1500));
        });
        let later = later.await;
        shop.job_is(&good, Some(JobState::Prioritized)).await;
        assert_eq!(
            shop.queue()
                .states(&[later.name.id.to_string()])
                .await
                .unwrap(),
            [None]
        );
        node.run(
            "globalThis.seen_jobs = [];
             worker_of('thumbnails', async job => {
                globalThis.seen_jobs.push([job.name, job.data, job.attemptsStarted]);
                await job.updateProgress(50); await job.log('node at work');
                if (job.name === 'fails') throw new Error('no ' + job.data.n);
                return { twice: job.data.n * 2 };
             }, { removeOnComplete: { count: 0 }, removeOnFail: { count: 0 } })",
        )
        .await;
        let run = shop.desk.ended(&good).await;
        assert_eq!(
            (run.state, run.attempt),
            (State::Succeeded, 1),
            "{version} {run:?}"
        );
        assert_eq!(run.result, Some(json!({"value": {"twice": 42}})));
        let progress = run.progress.unwrap();
        assert_eq!((progress.done, progress.total), (50, 100));
        assert!(run.finished_at.is_some());
        assert_eq!(shop.lines(&good).await, ["node at work"]);
        let run = shop.desk.ended(&bad).await;
        assert_eq!((run.state, run.attempt), (State::Failed, 2), "{run:?}");
        let (fence, failure) = (run.fence, run.failure.unwrap());
        assert_eq!(
            (failure.reason.as_str(), failure.message.as_str()),
            ("EXTERNAL_JOB_FAILED", "no 7")
        );
        assert_eq!(shop.desk.ended(&later).await.state, State::Succeeded);
        shop.nothing_is_left_in_redis().await;
        let seen = node.run("return globalThis.seen_jobs").await;
        assert_eq!(seen[0], json!(["resize", {"n": 21, "list": []}, 1]));
        assert_eq!(seen.as_array().unwrap().len(), 4, "{seen}");

        retry::retry(&shop.desk.app, &bad.name).await.unwrap();
        eventually(PATIENCE, async || {
            let now = shop.desk.get(&bad.name).await;
            if now.state == State::Failed && now.fence > fence + 1 {
                Ok(())
            } else {
                Err(format!("{now:?}"))
            }
        })
        .await;
        let again = node.run("return globalThis.seen_jobs.length").await;
        assert_eq!(again, 6, "two attempts more");
        shop.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_python_worker_executes_jobs_and_the_runs_have_what_it_says() {
    let shop = Shop::open(Engine::Postgres).await;
    let good = shop.add("resize", json!({"n": 21}), |_| {}).await;
    let bad = shop.add("resize", json!({"n": -1}), |_| {}).await;
    let settings = json!({"url": shop.redis.url(), "queue": "thumbnails", "jobs": 2});
    let worked =
        tokio::task::spawn_blocking(move || python_with_bullmq("bullmq_python.py", &settings))
            .await
            .unwrap();
    assert_eq!(worked["seen"].as_array().unwrap().len(), 2);
    let run = shop.desk.ended(&good).await;
    assert_eq!(
        (run.state, run.result),
        (State::Succeeded, Some(json!({"value": {"twice": 42}})))
    );
    assert_eq!(run.progress.unwrap().phase, "drawing");
    assert_eq!(shop.lines(&good).await, ["python at work"]);
    let name = good.name.to_string();
    let queues = Queues::new(shop.desk.app.clone());
    let job = queues.get_job(Request::new(v1::GetJobRequest { name }));
    let result = job.await.unwrap().into_inner().result.unwrap();
    assert_eq!(
        value::to_json(result),
        json!({"twice": 42}),
        "as its worker returned it"
    );
    let failure = shop.desk.ended(&bad).await.failure.unwrap();
    assert_eq!(failure.message, "n is negative");
    shop.nothing_is_left_in_redis().await;
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_a_cancelled_or_late_run_is_taken_out_also_from_its_worker() {
    let shop = Shop::open(Engine::Postgres).await;
    let waiting = shop.add("waits", json!({}), |_| {}).await;
    shop.job_is(&waiting, Some(JobState::Prioritized)).await;
    let cancelled = cancel::cancel(&shop.desk.app, &waiting.name).await.unwrap();
    assert_eq!(cancelled.state, State::Cancelled);
    shop.nothing_is_left_in_redis().await;

    let mut node = shop.node("bullmq");
    node.run("worker_of('thumbnails', () => new Promise(() => {}), { concurrency: 3 })")
        .await;
    let running = shop.add("runs", json!({}), |_| {}).await;
    let soon =
        |wish: &mut Wish| wish.deadline_at = Some(shop.desk.app.db.now() + TimeDelta::seconds(3));
    let late = shop.add("late", json!({}), soon).await;
    shop.run_is(&running, State::Running).await;
    shop.run_is(&late, State::Running).await;
    cancel::cancel(&shop.desk.app, &running.name).await.unwrap();
    let late = shop.run_is(&late, State::Failed).await;
    assert_eq!(late.failure.unwrap().reason, "DEADLINE_EXCEEDED");
    shop.nothing_is_left_in_redis().await;
    assert_eq!(shop.desk.get(&running.name).await.state, State::Cancelled);

    let removed = shop.add("removed", json!({}), |_| {}).await;
    shop.run_is(&removed, State::Running).await;
    eventually(PATIENCE, async || {
        let places = shop.places().await;
        if places.iter().any(|place| place.starts_with('~')) {
            Err("about to be put")
        } else {
            Ok(())
        }
    })
    .await;
    shop.queue()
        .evict(vec![removed.name.id.to_string()])
        .await
        .unwrap();
    shop.run_is(&removed, State::Cancelled).await;
    assert_eq!(
        shop.lines(&removed).await,
        ["removed from the queue by an operator"]
    );
    shop.end().await;
}

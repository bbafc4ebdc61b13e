//! Promises 6, 7 and 8: real processes are killed and frozen, Redis is emptied, killed and cut off, and every accepted
//! run ends once.

use super::{Desk, PATIENCE, Script, Seen, request};
use crate::kit::{self, Database, Process};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use syncline::{
    db::{Db, Engine, Options},
    runs::{Ended, Run, State, Worker, accept, relay::Relay},
};
use uuid::Uuid;

/// Which database the process of its own works on.
const DATABASE: &str = "SYNCLINE_TEST_DATABASE";
/// Which Redis, if any.
const REDIS: &str = "SYNCLINE_TEST_REDIS";
/// How long a run takes there, in ms.
const WORK: &str = "SYNCLINE_TEST_WORK";
/// A run that ends soon, and one that is still running after whatever is done to its process.
const SHORT: u64 = 120;
const LONG: u64 = 2_000;

/// Not a fact of its own: what the facts below start in processes of their own. Executes runs until it is killed; each
/// says in its result who executed it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker_of_its_own() {
    let Ok(url) = std::env::var(DATABASE) else {
        return;
    };
    let options = match url.strip_prefix("sqlite:") {
        Some(file) => Options::sqlite(file),
        None => Options::postgres(url),
    };
    let folder = kit::temp_dir();
    let mut config = syncline::config::Config::with_defaults(folder.path());
    quick(&mut config);
    config.redis.url = std::env::var(REDIS).ok().map(Into::into);
    config.key = Some(KEY.into());
    let db = Db::connect(options, syncline::base::Clock::system())
        .await
        .unwrap();
    let app = syncline::startup::assemble(config, db).await.unwrap();
    let _relay = Relay::start(&app).await.unwrap();
    let work = std::env::var(WORK).unwrap().parse().unwrap();
    let script = Script {
        act: Box::new(move |_, stop| {
            Box::pin(async move {
                tokio::select! {
                    () = stop.cancelled() => Ended::Stopped(None),
                    () = tokio::time::sleep(Duration::from_millis(work)) => {
                        Ended::Succeeded(serde_json::json!({"by": std::process::id()}))
                    }
                }
            })
        }),
        seen: Arc::new(Seen::default()),
    };
    let _worker = Worker::start(app, vec![Arc::new(script)], None)
        .await
        .unwrap();
    println!("\nat work");
    std::future::pending::<()>().await;
}

/// 32 bytes of nothing: all processes need the same key.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// A short memory for the dead, so that the tests are quick.
fn quick(config: &mut syncline::config::Config) {
    config.runs.heartbeat = Duration::from_millis(300);
    config.runs.dead_after = Duration::from_millis(1500);
    config.runs.poll = Duration::from_millis(50);
    config.runs.concurrency = 4;
    config.runs.max_attempts = 100;
}

struct Scene {
    desk: Desk,
    redis: Option<kit::Redis>,
}

impl Scene {
    async fn open(engine: Engine, with_redis: bool) -> Self {
        let redis = with_redis.then(kit::redis);
        let url = redis.as_ref().map(|redis| redis.url().into());
        let database = Database::new(engine).await;
        let desk = Desk::with(database, |config| {
            quick(config);
            config.redis.url = url;
            config.key = Some(KEY.into());
        })
        .await;
        Self { desk, redis }
    }

    async fn worker(&self, work: u64) -> Process {
        let name = concat!(module_path!(), "::worker_of_its_own");
        let mut builder = Process::this_test(name)
            .env(DATABASE, self.desk.database.url())
            .env(WORK, work.to_string());
        if let Some(redis) = &self.redis {
            builder = builder.env(REDIS, redis.url());
        }
        let mut process = builder.start();
        process.line("at work", PATIENCE).await;
        process
    }

    /// Accepts a run, asking twice as a client does whose first answer got lost.
    async fn accept(&self, number: usize) -> Run {
        let mut asked = request(&format!("s{number}"));
        asked.request_id = Some(Uuid::new_v4());
        let first = accept::accept(&self.desk.app, asked.clone()).await.unwrap();
        let second = accept::accept(&self.desk.app, asked).await.unwrap();
        assert_eq!(first.name, second.name);
        first
    }

    async fn all_end_once(&self, runs: &[Run]) {
        for run in runs {
            let run = self.desk.ended(run).await;
            assert_eq!(run.state, State::Succeeded, "{run:?}");
        }
        let schema = super::schema(self.desk.database.engine());
        let count = self
            .desk
            .database
            .column(&format!("SELECT CAST(count(*) AS TEXT) FROM {schema}runs"))
            .await;
        assert_eq!(count, [runs.len().to_string()], "none lost, none doubled");
    }
}

async fn kills(engine: Engine, with_redis: bool) {
    let scene = Scene::open(engine, with_redis).await;
    let mut workers = [scene.worker(SHORT).await, scene.worker(SHORT).await];
    let mut dice = StdRng::seed_from_u64(11);
    let mut runs = Vec::new();
    for _ in 0..kit::rounds(3, 30) {
        for _ in 0..12 {
            runs.push(scene.accept(runs.len()).await);
        }
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..400))).await;
        let victim = dice.random_range(0..workers.len());
        workers[victim].kill();
        workers[victim] = scene.worker(SHORT).await;
    }
    scene.all_end_once(&runs).await;
    println!("{} runs, none lost, none doubled", runs.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepted_runs_survive_kill_9_on_sqlite() {
    kills(Engine::Sqlite, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepted_runs_survive_kill_9_on_postgres() {
    kills(Engine::Postgres, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepted_runs_survive_kill_9_on_postgres_with_redis() {
    kills(Engine::Postgres, true).await;
}

/// A run that the dead process had restarts elsewhere; the limits here are a tenth of the real ones.
async fn takeover(with_redis: bool) {
    let scene = Scene::open(Engine::Postgres, with_redis).await;
    let mut slowest = Duration::ZERO;
    for round in 0..kit::rounds(2, 20) {
        let mut victim = scene.worker(LONG).await;
        let run = scene.accept(round).await;
        kit::eventually(PATIENCE, || async {
            let state = scene.desk.get(&run.name).await.state;
            if state == State::Running {
                Ok(())
            } else {
                Err(state)
            }
        })
        .await;
        victim.kill();
        let killed = Instant::now();
        let other = scene.worker(LONG).await;
        let ended = scene.desk.ended(&run).await;
        slowest = slowest.max(killed.elapsed());
        assert_eq!((ended.state, ended.crashes), (State::Succeeded, 1));
        assert_eq!(ended.result.unwrap()["by"], other.pid());
    }
    println!(
        "slowest restart after a death: {} ms of 1500 ms until it counts as one",
        slowest.as_millis()
    );
    assert!(slowest < Duration::from_secs(15), "{slowest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_workers_run_restarts_elsewhere() {
    takeover(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_workers_run_restarts_elsewhere_although_redis_thinks_it_lives() {
    takeover(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_worker_that_wakes_up_writes_nothing() {
    let scene = Scene::open(Engine::Postgres, true).await;
    for round in 0..kit::rounds(1, 10) {
        let zombie = scene.worker(LONG).await;
        let mut runs = Vec::new();
        for number in 0..4 {
            runs.push(scene.accept(10 * round + number).await);
        }
        kit::eventually(PATIENCE, || async {
            let mut states = Vec::new();
            for run in &runs {
                states.push(scene.desk.get(&run.name).await.state);
            }
            if states.contains(&State::Running) {
                Ok(())
            } else {
                Err(format!("{states:?}"))
            }
        })
        .await;
        zombie.signal("STOP");
        let mut frozen = Vec::new();
        for run in &runs {
            let run = scene.desk.get(&run.name).await;
            if run.state == State::Running {
                frozen.push(run);
            }
        }
        let other = scene.worker(LONG).await;
        let mut fences = Vec::new();
        for run in &runs {
            let run = scene.desk.ended(run).await;
            assert_eq!(run.state, State::Succeeded);
            fences.push((run.fence, run.updated_at, run.result));
        }
        zombie.signal("CONT");
        // Long enough for it to finish what it had and to try to write it.
        tokio::time::sleep(Duration::from_millis(LONG)).await;
        for (run, before) in runs.iter().zip(&fences) {
            let run = scene.desk.get(&run.name).await;
            assert_eq!(&(run.fence, run.updated_at, run.result), before);
        }
        for run in &frozen {
            let by = scene.desk.get(&run.name).await.result.unwrap()["by"].clone();
            assert_eq!(by, other.pid(), "taken over from the frozen one");
        }
    }
}

/// Redis is emptied, killed and started empty, frozen, and its connections are cut, one after the other, while runs come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_disposable() {
    let mut scene = Scene::open(Engine::Postgres, true).await;
    let _workers = [scene.worker(SHORT).await, scene.worker(SHORT).await];
    let mut runs = Vec::new();
    let mut slowest = Duration::ZERO;
    for _ in 0..kit::rounds(1, 10) {
        for fault in [
            "FLUSHALL",
            "CLIENT KILL TYPE normal",
            "restart",
            "away",
            "CONFIG SET maxmemory 1",
            "CONFIG SET maxmemory 0",
        ] {
            for _ in 0..8 {
                runs.push(scene.accept(runs.len()).await);
            }
            let redis = scene.redis.as_mut().unwrap();
            match fault {
                "restart" => {
                    redis.kill();
                    redis.restart();
                }
                "away" => {
                    redis.kill();
                    for _ in 0..8 {
                        runs.push(scene.accept(runs.len()).await);
                    }
                    scene.all_end_once(&runs).await;
                    scene.redis.as_mut().unwrap().restart();
                }
                command => say(&redis.url(), command).await,
            }
            let began = Instant::now();
            scene.all_end_once(&runs).await;
            slowest = slowest.max(began.elapsed());
        }
    }
    println!(
        "{} runs, none lost, none doubled; all ended {} ms after a fault of Redis",
        runs.len(),
        slowest.as_millis()
    );
    assert!(slowest < Duration::from_secs(30), "{slowest:?}");
}

async fn say(url: &str, command: &str) {
    use fred::prelude::*;
    let client = Client::new(Config::from_url(url).unwrap(), None, None, None);
    client.init().await.unwrap();
    let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
    let first: &'static str = Box::leak(words[0].clone().into_boxed_str());
    let custom = fred::types::CustomCommand::new(first, None, false);
    // The connection itself may be what is killed.
    let _: Result<Value, _> = client.custom(custom, words[1..].to_vec()).await;
    let _ = client.quit().await;
}

//! Replicas are killed (SIGKILL) at random while schedules fire every second: no time is lost, none is kept twice.

use super::*;
use crate::kit::{Process, eventually};
use rand::RngExt as _;
use std::{collections::BTreeMap, env, time::Duration};
use syncline::schedules::{
    Ticker,
    spec::{CatchUp, Overlap},
    ticker::CHORES,
};
use tokio_util::sync::CancellationToken;

const REPLICA: &str = concat!(module_path!(), "::replica");
const URL: &str = "SYNCLINE_TEST_DATABASE";
const SCHEDULES: usize = 20;

/// A process that drives the schedules until it is killed; as a test of its own it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replica() {
    let Ok(url) = env::var(URL) else {
        return;
    };
    let options = match url.strip_prefix("sqlite:") {
        Some(file) => syncline::db::Options::sqlite(file),
        None => syncline::db::Options::postgres(url),
    };
    let db = syncline::db::Db::connect(options, Clock::system())
        .await
        .unwrap();
    let app = syncline::startup::assemble(Config::with_defaults(env::var("HOME").unwrap()), db)
        .await
        .unwrap();
    let ticker = Ticker::start(app, &CHORES, CancellationToken::new())
        .await
        .unwrap();
    println!("ticking");
    ticker.ended().await;
}

fn start(database: &Database) -> Process {
    Process::this_test(REPLICA).env(URL, database.url()).start()
}

async fn replicas_killed_at_random_lose_and_double_no_time(database: Database) {
    let folder = kit::temp_dir();
    let db = database.connect().await;
    let app = syncline::startup::assemble(Config::with_defaults(folder.path()), db)
        .await
        .unwrap();
    let spec = Spec {
        catch_up: CatchUp::All,
        overlap: Overlap::Allow,
        ..every(1)
    };
    let mut schedules = Vec::new();
    for n in 0..SCHEDULES {
        let subject = ResourceId::parse("id", &format!("s{n}")).unwrap();
        let key = Key::new(ResourceId::default_tenant(), "test", &subject);
        let mut tx = app.db.write(scope()).await.unwrap();
        let put = change::put(&app, &mut tx, key, "", json!({}), spec.clone());
        schedules.push(put.await.unwrap());
        tx.commit().await.unwrap();
    }
    let mut replicas = vec![start(&database), start(&database)];
    for replica in &mut replicas {
        replica.line("ticking", Duration::from_secs(60)).await;
    }
    let kills = kit::rounds(4, 100);
    for _ in 0..kills {
        let pause = rand::rng().random_range(200..1_500);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let victim = rand::rng().random_range(0..replicas.len());
        replicas[victim].kill();
        replicas[victim] = start(&database);
        replicas[victim]
            .line("ticking", Duration::from_secs(60))
            .await;
    }
    // Those that are left catch up by themselves.
    let stop = app.db.now();
    eventually(Duration::from_secs(60), || async {
        let mut tx = app.db.read(Scope::System("test")).await.unwrap();
        match store::lag(&mut tx, stop + seconds(1)).await.unwrap() {
            0 => Ok(()),
            lag => Err(format!("{lag} s behind")),
        }
    })
    .await;
    drop(replicas);
    let (mut times, mut outcomes) = (0, BTreeMap::<_, usize>::new());
    for Schedule {
        key, created_at, ..
    } in &schedules
    {
        let mut tx = app.db.read(scope()).await.unwrap();
        let now = app.db.now();
        let lines = list::list(&mut tx, key, *created_at, stop, 1_000_000, now);
        let lines = lines.await.unwrap().unwrap();
        let told: Vec<_> = lines.iter().rev().map(|line| line.at.timestamp()).collect();
        let expected: Vec<_> =
            (created_at.timestamp() + 1..=told.last().unwrap().to_owned()).collect();
        assert_eq!(told, expected, "{key}");
        assert!(*told.last().unwrap() >= stop.timestamp() - 1, "{key}");
        times += told.len();
        for line in lines {
            *outcomes.entry(line.outcome.as_str()).or_default() += 1;
        }
    }
    let table = |name: &str| match database.engine() {
        Engine::Postgres => format!("syncline.{name}"),
        Engine::Sqlite => name.to_owned(),
    };
    let strays = format!(
        "SELECT CAST(r.run_id AS TEXT) FROM {} r LEFT JOIN {} o ON o.run_id = r.run_id \
         GROUP BY r.run_id HAVING count(o.nominal_at) <> 1",
        table("runs"),
        table("occurrences")
    );
    assert_eq!(
        database.column(&strays).await,
        Vec::<String>::new(),
        "runs without exactly one time"
    );
    println!(
        "{kills} kills on {:?}: {times} times of {SCHEDULES} schedules, {outcomes:?}",
        database.engine()
    );
}

kit::each_engine!(replicas_killed_at_random_lose_and_double_no_time);

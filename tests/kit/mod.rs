//! A fresh database for each test.

use chrono::{TimeZone, Utc};
use std::{
    fmt::Display,
    time::{Duration, Instant},
};
use syncline::{
    base::Clock,
    db::{Db, Engine, Options, migrate},
};
use tempfile::TempDir;

pub struct Database(TempDir);

macro_rules! each_engine {
    ($($fact:ident),* $(,)?) => {$(
        mod $fact {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                super::$fact($crate::kit::Database::new(syncline::db::Engine::Sqlite).await).await;
            }
        }
    )*};
}
pub(crate) use each_engine;

impl Database {
    pub async fn new(_engine: Engine) -> Self {
        let database = Self(tempfile::tempdir().expect("a temporary folder can be made"));
        let db = database.connect().await;
        migrate::run(&db)
            .await
            .expect("an empty file can be migrated");
        db.close().await;
        database
    }

    pub async fn connect(&self) -> Db {
        self.connect_at(Clock::system()).await
    }

    pub async fn connect_at(&self, clock: Clock) -> Db {
        Db::connect(Options::sqlite(self.0.path().join("syncline.db")), clock)
            .await
            .expect("the database can be opened")
    }
}

pub async fn eventually<T, E: Display, F: Future<Output = Result<T, E>>>(
    deadline: Duration,
    mut probe: impl FnMut() -> F,
) -> T {
    let started = Instant::now();
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(seen) if started.elapsed() >= deadline => {
                panic!("not within {deadline:?}; last seen: {seen}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

pub fn fixed_clock() -> Clock {
    let start = Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0);
    Clock::fixed(start.single().expect("a valid date"))
}

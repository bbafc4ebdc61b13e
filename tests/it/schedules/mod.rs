//! Schedules: their times, and what becomes of each.

mod changes;
mod copies;
mod kills;
mod listing;
mod oracle;
mod policies;
mod replicas;
mod serving;

use crate::kit::{self, Database};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use syncline::{
    app::App,
    base::{Clock, ResourceId},
    config::Config,
    db::{Engine, Scope},
    schedules::{
        Key, Schedule, Spec, change,
        list::{self, Line},
        spec::Times,
        store,
        tick::{Kept, tick},
    },
};
use tempfile::TempDir;

/// A database with a clock that the test moves, and nobody who executes runs. It begins at 09:00 on a Monday.
struct Office {
    app: App,
    clock: Clock,
    database: Database,
    _folder: TempDir,
}

impl Office {
    async fn new(database: Database) -> Self {
        let clock = kit::fixed_clock();
        let folder = kit::temp_dir();
        let db = database.connect_at(clock.clone()).await;
        let config = Config::with_defaults(folder.path());
        let app = syncline::startup::assemble(config, db).await.unwrap();
        Self {
            app,
            clock,
            database,
            _folder: folder,
        }
    }

    async fn put(&self, spec: Spec) -> Schedule {
        let mut tx = self.app.db.write(scope()).await.unwrap();
        let schedule = change::put(
            &self.app,
            &mut tx,
            key(),
            "c",
            json!({"dry_run": true}),
            spec,
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        schedule
    }

    async fn pause(&self, note: &str) -> Schedule {
        let mut tx = self.app.db.write(scope()).await.unwrap();
        let schedule = change::pause(&self.app, &mut tx, &key(), note)
            .await
            .unwrap()
            .unwrap();
        tx.commit().await.unwrap();
        schedule
    }

    async fn resume(&self) -> Schedule {
        let mut tx = self.app.db.write(scope()).await.unwrap();
        let schedule = change::resume(&self.app, &mut tx, &key())
            .await
            .unwrap()
            .unwrap();
        tx.commit().await.unwrap();
        schedule
    }

    async fn schedule(&self) -> Schedule {
        let mut tx = self.app.db.read(scope()).await.unwrap();
        store::get(&mut tx, &key()).await.unwrap().unwrap()
    }

    /// Moves the clock to a time of the first day, and looks what is due.
    async fn tick_at(&self, time: &str) -> Kept {
        self.clock.advance(at(time) - self.clock.now());
        tick(&self.app).await.unwrap()
    }

    async fn listed(&self, from: DateTime<Utc>, to: DateTime<Utc>, limit: usize) -> Vec<Line> {
        let mut tx = self.app.db.read(scope()).await.unwrap();
        let now = self.app.db.now();
        list::list(&mut tx, &key(), from, to, limit, now)
            .await
            .unwrap()
            .unwrap()
    }

    /// What became of every time so far, oldest first, as in `10:00:00 ran`.
    async fn outcomes(&self) -> Vec<String> {
        let mut lines = self.listed(at("00:00:00"), at("23:59:59"), 10_000).await;
        lines.reverse();
        lines
            .iter()
            .map(|line| format!("{} {}", line.at.format("%H:%M:%S"), line.outcome.as_str()))
            .collect()
    }

    /// The states of all runs, oldest first.
    async fn runs(&self) -> Vec<String> {
        let sql = format!("SELECT state FROM {} ORDER BY run_id", self.table("runs"));
        self.database.column(&sql).await
    }

    /// Ends every open run in that state.
    async fn end_runs(&self, state: &str) {
        let sql = format!(
            "UPDATE {} SET state = '{state}', finished_at = created_at, error_reason = 'TEST', error_message = 'as told' \
             WHERE state = 'queued'",
            self.table("runs")
        );
        self.database.execute(&sql).await;
    }

    fn table(&self, name: &str) -> String {
        match self.database.engine() {
            Engine::Postgres => format!("syncline.{name}"),
            Engine::Sqlite => name.to_owned(),
        }
    }
}

fn scope() -> Scope {
    Scope::Tenant(ResourceId::default_tenant())
}

fn key() -> Key {
    Key::new(
        ResourceId::default_tenant(),
        "test",
        &ResourceId::parse("id", "s").unwrap(),
    )
}

fn at(time: &str) -> DateTime<Utc> {
    format!("2026-03-02T{time}Z").parse().unwrap()
}

fn every(every: i64) -> Spec {
    Spec {
        times: Times::Interval { every, phase: 0 },
        ..Spec::default()
    }
}

fn hourly() -> Spec {
    every(3600)
}

fn seconds(count: i64) -> TimeDelta {
    TimeDelta::seconds(count)
}

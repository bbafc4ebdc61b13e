//! Our runs, with what `serve` runs them with, in this process: accepted in the table, handed out by the relay through
//! Redis, executed by a worker whose job does nothing, and ended in the table.

use crate::redis::Redis;
use anyhow::{Context as _, ensure};
use serde_json::json;
use sqlx::{PgPool, postgres::PgPoolOptions};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use syncline::{
    app::App,
    base::{Clock, Error, ResourceId, RunName},
    config::Config,
    db::Scope,
    runs::{
        Ended, Handle, Job, Worker, accept,
        relay::{Redis as Known, Relay},
        store,
    },
    startup::{self, Migrate},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

/// As many as the peer adds at once.
const ACCEPTED_AT_ONCE: usize = 500;
const TENANTS: usize = 50;
/// Longest that a round may take.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Ours {
    runtime: Runtime,
    app: App,
    relay: Option<Relay>,
    look: PgPool,
    executed: Arc<AtomicUsize>,
    _folder: TempDir,
}

impl Ours {
    /// `admin` is the database's URL for who sees everything.
    pub fn start(
        redis: &Redis,
        database: &str,
        admin: &str,
        concurrency: usize,
    ) -> anyhow::Result<Self> {
        let folder = crate::temp_dir();
        let mut config = Config::with_defaults(folder.path());
        config.database.url = Some(database.to_owned().into());
        config.redis.url = Some(redis.url().into());
        config.runs.concurrency = concurrency;
        let runtime = Runtime::new()?;
        let (app, relay, look) = runtime.block_on(async {
            let app = startup::open(config, Clock::system(), Migrate::Apply).await?;
            let look = PgPoolOptions::new()
                .max_connections(1)
                .connect(admin)
                .await?;
            for tenant in 0..TENANTS {
                sqlx::query("INSERT INTO syncline.tenants (tenant_id, display_name, created_at) VALUES ($1, $1, now()) \
                     ON CONFLICT DO NOTHING")
                    .bind(format!("tenant-{tenant}"))
                    .execute(&look)
                    .await?;
            }
            let relay = Relay::start(&app).await?;
            let known = Known::of(&app).context("it was opened")?;
            until(PATIENCE, || async { Ok(known.is_attached()) }).await?;
            anyhow::Ok((app, relay, look))
        })?;
        Ok(Self {
            runtime,
            app,
            relay,
            look,
            executed: Arc::default(),
            _folder: folder,
        })
    }

    /// Milliseconds from the first accept until the ends of all runs are in the table and Redis was told of them.
    pub fn durable(&mut self, redis: &Redis, jobs: usize) -> anyhow::Result<f64> {
        self.runtime.block_on(async {
            self.executed.store(0, Ordering::Relaxed);
            let job: Arc<dyn Job> = Arc::new(Nothing(self.executed.clone()));
            let worker = Worker::start(self.app.clone(), vec![job], None).await?;
            let began = Instant::now();
            for from in (0..jobs).step_by(ACCEPTED_AT_ONCE) {
                self.accept(from..jobs.min(from + ACCEPTED_AT_ONCE)).await?;
            }
            let executed = &self.executed;
            until(PATIENCE, || async {
                Ok(executed.load(Ordering::Relaxed) >= jobs)
            })
            .await?;
            until(PATIENCE, || async { Ok(self.succeeded().await? == jobs) }).await?;
            until(PATIENCE, || async { redis.is_idle("sync") }).await?;
            let took = began.elapsed().as_secs_f64() * 1e3;
            worker.shut_down(PATIENCE).await;
            ensure!(
                self.executed.load(Ordering::Relaxed) == jobs,
                "some were executed twice"
            );
            sqlx::query("TRUNCATE syncline.runs CASCADE")
                .execute(&self.look)
                .await?;
            Ok(took)
        })
    }

    /// As the scheduler accepts what is due: many in one transaction.
    async fn accept(&self, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
        let run = |number: usize| -> anyhow::Result<_> {
            let tenant: ResourceId = format!("tenant-{}", number % TENANTS).parse()?;
            Ok(store::NewRun {
                name: RunName::new(tenant, Uuid::now_v7()),
                kind: "sync".to_owned(),
                // Of one sync one run at a time: each is of another.
                subject: format!("sync-{number}"),
                cause: "bench",
                lane: String::new(),
                arguments: json!({"id": number}),
                max_attempts: 1,
            })
        };
        let runs: Vec<_> = numbers.map(run).collect::<anyhow::Result<_>>()?;
        let scope = Scope::System("accept the runs of a benchmark");
        let mut tx = self.app.db.write(scope).await?;
        store::insert_all(&mut tx, &runs, self.app.db.now()).await?;
        tx.commit().await?;
        accept::announce(&self.app);
        Ok(())
    }

    async fn succeeded(&self) -> anyhow::Result<usize> {
        const SQL: &str = "SELECT count(*) FROM syncline.runs WHERE state = 'succeeded'";
        let count: i64 = sqlx::query_scalar(SQL).fetch_one(&self.look).await?;
        Ok(usize::try_from(count)?)
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        if let Some(relay) = self.relay.take() {
            self.runtime.block_on(relay.stop());
        }
    }
}

/// The job of the runs.
struct Nothing(Arc<AtomicUsize>);

#[tonic::async_trait]
impl Job for Nothing {
    fn kind(&self) -> &'static str {
        "sync"
    }

    async fn asked(&self, _: &App, _: &serde_json::Value) -> Result<accept::Request, Error> {
        Err(Error::invalid("data", "nobody asks"))
    }

    async fn run(&self, _: &Handle) -> Ended {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ended::Succeeded(json!({"ok": true}))
    }
}

async fn until<F: Future<Output = anyhow::Result<bool>>>(
    patience: Duration,
    mut is_so: impl FnMut() -> F,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + patience;
    while !is_so().await? {
        ensure!(
            Instant::now() < deadline,
            "it takes longer than {patience:?}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

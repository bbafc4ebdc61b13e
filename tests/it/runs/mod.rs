//! Runs: accepted once, taken in turn, ended whatever happens.

mod claims;
mod cluster;
mod deaths;
mod endings;
mod external;
mod external_faults;
mod fairness;
mod foreign;
mod held;
mod outside;
mod queue_rpc;
mod queue_verbs;
mod redis;

use crate::kit::{self, Database};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use syncline::{
    app::App,
    base::{Error, ResourceId, RunName, SyncName},
    config::Config,
    db::{Engine, Scope},
    runs::{Ended, Handle, Job, Run, Worker, accept, store},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Longest that anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program on a database, without a worker of its own.
struct Desk {
    app: App,
    database: Database,
    _folder: TempDir,
}

impl Desk {
    async fn open(database: Database) -> Self {
        Self::with(database, |_| {}).await
    }

    async fn with(database: Database, change: impl FnOnce(&mut Config)) -> Self {
        let folder = kit::temp_dir();
        let mut config = Config::with_defaults(folder.path());
        config.runs.poll = Duration::from_millis(50);
        change(&mut config);
        let db = database.connect().await;
        let app = syncline::startup::assemble(config, db).await.unwrap();
        Self {
            app,
            database,
            _folder: folder,
        }
    }

    /// One more process, as far as the database can tell.
    async fn replica(&self) -> App {
        let db = self.database.connect().await;
        syncline::startup::assemble((*self.app.config).clone(), db)
            .await
            .unwrap()
    }

    async fn tenant(&self, id: &str) {
        let schema = schema(self.database.engine());
        self.database
            .execute(&format!(
                "INSERT INTO {schema}tenants (tenant_id, display_name, created_at) VALUES ('{id}', '{id}', '2026-01-01T00:00:00+00:00')"
            ))
            .await;
    }

    /// Accepts a run as it is told.
    async fn accept(&self, sync: &str, change: impl FnOnce(&mut accept::Request)) -> Run {
        let mut request = request(sync);
        change(&mut request);
        accept::accept(&self.app, request).await.unwrap()
    }

    async fn get(&self, name: &RunName) -> Run {
        let mut tx = self
            .app
            .db
            .read(Scope::Tenant(name.tenant.clone()))
            .await
            .unwrap();
        store::get(&mut tx, name).await.unwrap().unwrap()
    }

    /// The run in its last state.
    async fn ended(&self, run: &Run) -> Run {
        kit::eventually(PATIENCE, || async {
            let now = self.get(&run.name).await;
            match now.state.is_final() {
                true => Ok(now),
                false => Err(format!("{now:?}")),
            }
        })
        .await
    }
}

/// What stands before the names of tables where nobody set a search path.
pub fn schema(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => "syncline.",
        Engine::Sqlite => "",
    }
}

fn request(sync: &str) -> accept::Request {
    let sync = match sync.contains('/') {
        true => SyncName::parse("sync", sync).unwrap(),
        false => SyncName::new(ResourceId::default_tenant(), sync.parse().unwrap()),
    };
    accept::Request::new("sync", sync, "manual", serde_json::json!({}))
}

type Act =
    dyn Fn(Run, CancellationToken) -> futures::future::BoxFuture<'static, Ended> + Send + Sync;

/// A job that does what the test says, and remembers which syncs it ran and how many at a time.
struct Script {
    act: Box<Act>,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen(Mutex<Sightings>);

#[derive(Default)]
struct Sightings {
    order: Vec<String>,
    now: BTreeMap<String, usize>,
    most: BTreeMap<String, usize>,
}

impl Seen {
    /// Syncs in the order in which their runs were begun.
    fn order(&self) -> Vec<String> {
        self.0.lock().unwrap().order.clone()
    }

    /// Most runs at a time of a tenant, a lane ("lane x") or a sync.
    fn most(&self, what: &str) -> usize {
        self.0.lock().unwrap().most.get(what).copied().unwrap_or(0)
    }

    fn change(&self, run: &Run, begins: bool) {
        let mut all = self.0.lock().unwrap();
        if begins {
            all.order.push(run.sync.id.to_string());
        }
        for what in [
            run.sync.tenant.to_string(),
            run.sync.to_string(),
            format!("lane {}", run.lane),
        ] {
            let now = all.now.entry(what.clone()).or_default();
            *now = if begins { *now + 1 } else { *now - 1 };
            let now = *now;
            let most = all.most.entry(what).or_default();
            *most = now.max(*most);
        }
    }
}

#[tonic::async_trait]
impl Job for Script {
    fn kind(&self) -> &'static str {
        "sync"
    }

    async fn asked(&self, _: &App, payload: &serde_json::Value) -> Result<accept::Request, Error> {
        let sync = payload["sync"].as_str();
        let sync = sync.ok_or_else(|| Error::invalid("data.sync", "expected a sync"))?;
        Ok(request(&SyncName::parse("data.sync", sync)?.to_string()))
    }

    async fn run(&self, handle: &Handle) -> Ended {
        self.seen.change(&handle.run, true);
        let ended = (self.act)(handle.run.clone(), handle.stop.clone()).await;
        self.seen.change(&handle.run, false);
        ended
    }
}

/// Starts a worker whose job does `act`.
async fn worker<F>(
    app: &App,
    seen: &Arc<Seen>,
    act: impl Fn(Run, CancellationToken) -> F + Send + Sync + 'static,
) -> Worker
where
    F: Future<Output = Ended> + Send + 'static,
{
    let script = Script {
        act: Box::new(move |run, stop| Box::pin(act(run, stop))),
        seen: seen.clone(),
    };
    Worker::start(app.clone(), vec![Arc::new(script)], None)
        .await
        .unwrap()
}

fn done() -> Ended {
    Ended::Succeeded(serde_json::json!({}))
}

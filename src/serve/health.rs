//! `grpc.health.v1.Health`, telling the truth: the database is really asked, and the worker must have said that it lives.

use crate::{
    app::App,
    base::{Error, Result},
    db::migrate,
    runs::{Pulse, relay::Redis},
    serve::services,
};
use chrono::TimeDelta;
use std::time::Duration;
use tokio::task::JoinHandle;
use tonic_health::{
    ServingStatus,
    pb::health_server,
    server::{HealthReporter, health_reporter},
};

/// How often the state is found out.
const EVERY: Duration = Duration::from_secs(2);
/// A database that needs longer to answer a look at one row is not of use.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Whether the process is there at all; for a supervisor that would restart it.
const LIVENESS: &str = "liveness";
/// Whether calls make sense now; for a load balancer. The empty name and our own services say the same.
const READINESS: &str = "readiness";
/// Whether this machine's clock and the database's agree.
const CLOCK: &str = "clock";
/// Whether Redis, where one is set, hands out runs as it should; without it they come from the database.
const QUEUE: &str = "queue";
/// More than this is not a difference that the work should live with silently.
const LARGEST_SKEW: TimeDelta = TimeDelta::seconds(1);

/// Watches the state and tells the health service.
pub struct Health {
    reporter: HealthReporter,
    watch: JoinHandle<()>,
}

impl Health {
    /// Looks once, and from then on every few seconds.
    pub async fn start(
        app: App,
        pulse: Pulse,
    ) -> (
        Self,
        health_server::HealthServer<impl health_server::Health>,
    ) {
        let (reporter, service) = health_reporter();
        set(&reporter, LIVENESS, true).await;
        let mut watcher = Watcher {
            app,
            pulse,
            reporter: reporter.clone(),
            was_ready: true,
        };
        watcher.look().await;
        let watch = tokio::spawn(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                watcher.look().await;
            }
        });
        (Self { reporter, watch }, service)
    }

    /// From now on nothing new should be sent here.
    pub async fn not_serving(&self) {
        self.watch.abort();
        set_ready(&self.reporter, false).await;
    }

    /// The end of the process.
    pub async fn stop(self) {
        set(&self.reporter, LIVENESS, false).await;
    }
}

struct Watcher {
    app: App,
    pulse: Pulse,
    reporter: HealthReporter,
    was_ready: bool,
}

impl Watcher {
    async fn look(&mut self) {
        let found = self.find_out().await;
        let ready = found.is_ok();
        match (&found, self.was_ready) {
            (Err(error), true) => tracing::warn!(%error, "not ready"),
            (Ok(()), false) => tracing::info!("ready again"),
            _ => {}
        }
        self.was_ready = ready;
        set_ready(&self.reporter, ready).await;
        let skew = self.app.db.skew();
        set(&self.reporter, CLOCK, skew.abs() <= LARGEST_SKEW).await;
        let queue = Redis::of(&self.app).is_none_or(|redis| redis.is_well());
        set(&self.reporter, QUEUE, queue).await;
    }

    async fn find_out(&self) -> Result<()> {
        let database = tokio::time::timeout(ANSWER_WITHIN, migrate::status(&self.app.db));
        database
            .await
            .map_err(|_| {
                Error::unavailable("DATABASE_UNREACHABLE", "the database does not answer")
            })??
            .check()?;
        match self.pulse.is_felt() {
            true => Ok(()),
            false => Err(Error::unavailable(
                "WORKER_LOST",
                "the worker could not say for too long that it lives",
            )),
        }
    }
}

async fn set_ready(reporter: &HealthReporter, ready: bool) {
    for name in services::NAMES.into_iter().chain(["", READINESS]) {
        set(reporter, name, ready).await;
    }
}

async fn set(reporter: &HealthReporter, name: &str, serving: bool) {
    let status = match serving {
        true => ServingStatus::Serving,
        false => ServingStatus::NotServing,
    };
    reporter.set_service_status(name, status).await;
}

//! Whether calls make sense, found out for real: the database is asked, and the worker must have said that it lives. What
//! was found is written on one board, which both HTTP's pages and `grpc.health.v1.Health` tell from.

use crate::{
    app::App,
    base::{Error, Result},
    db::migrate,
    runs::{self, relay::Redis},
    schedules::{identity, ticker},
    serve::services,
    syncs::alarm,
    telemetry::metrics,
    tls, tokens,
    web::health::{Finding, Problem, Report},
};
use chrono::TimeDelta;
use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
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
/// Why the schedules of a database rest that was copied or restored.
const COPY: &str = "INSTANCE_UNCONFIRMED";
/// Whether Redis, where one is set, hands out runs as it should; without it they come from the database.
const QUEUE: &str = "queue";
/// What needs a person stays for days: it is looked for less often.
const BETWEEN_PROBLEMS: Duration = Duration::from_secs(10);
/// More than this is not a difference that the work should live with silently.
const LARGEST_SKEW: TimeDelta = TimeDelta::seconds(1);

/// Where it stands how the process is. Cheap to clone.
#[derive(Clone)]
pub(super) struct Board {
    report: watch::Sender<Report>,
    /// Locked while something is written, so that all readers are told in the same order.
    reporter: Arc<Mutex<HealthReporter>>,
    /// The certificate that is shown, where there is one.
    tls: Option<tls::Server>,
}

impl Board {
    /// A process that lives and is not ready, and the gRPC service that tells of it.
    pub(super) async fn new(
        tls: Option<tls::Server>,
    ) -> (
        Self,
        health_server::HealthServer<impl health_server::Health>,
    ) {
        let (reporter, service) = health_reporter();
        set(&reporter, LIVENESS, true).await;
        let board = Self {
            report: watch::Sender::default(),
            reporter: Arc::new(Mutex::new(reporter)),
            tls,
        };
        board.database_is_missing("DATABASE_UNREACHABLE").await;
        (board, service)
    }

    /// What stands there, now and later.
    pub(super) fn read(&self) -> watch::Receiver<Report> {
        self.report.subscribe()
    }

    /// The database was not opened yet, for this reason.
    pub(super) async fn database_is_missing(&self, reason: &'static str) {
        self.write(vec![Finding::needed("database", Some(reason))])
            .await;
    }

    /// From now on nothing new should be sent here, whatever else is found.
    pub(super) async fn not_serving(&self) {
        let reporter = self.reporter.lock().await;
        self.report.send_modify(|report| report.stopping = true);
        set_ready(&reporter, false).await;
    }

    /// The end of the process.
    pub(super) async fn stop(&self) {
        set(&*self.reporter.lock().await, LIVENESS, false).await;
    }

    /// What needs a person.
    fn note(&self, problems: Vec<Problem>) {
        self.report.send_modify(|report| report.problems = problems);
    }

    async fn write(&self, mut findings: Vec<Finding>) {
        if let Some(tls) = &self.tls {
            let wrong = tls.is_stale().then_some("TLS_FILE_UNUSABLE");
            findings.push(Finding::noted("tls", wrong));
        }
        let reporter = self.reporter.lock().await;
        self.report.send_modify(|report| report.findings = findings);
        let report = self.report.borrow().clone();
        set_ready(&reporter, report.is_ready()).await;
        for what in [CLOCK, QUEUE] {
            let found = report.findings.iter().find(|finding| finding.what == what);
            if let Some(finding) = found {
                set(&reporter, what, finding.wrong.is_none()).await;
            }
        }
    }
}

/// Looks again and again until `stop`, and writes down what it finds.
pub(super) struct Watcher {
    pub(super) app: App,
    /// Of the worker, where this process has one.
    pub(super) worker: Option<runs::Pulse>,
    /// Of what fires schedules, where this process does.
    pub(super) ticker: Option<ticker::Pulse>,
    pub(super) board: Board,
    /// When it was looked last what needs a person.
    pub(super) problems: std::sync::Mutex<Option<Instant>>,
}

impl Watcher {
    /// Goes on looking.
    pub(super) async fn keep_looking(self, stop: CancellationToken) {
        while tokio::time::timeout(EVERY, stop.cancelled()).await.is_err() {
            // A look that waits for a database that is gone would hold the end up.
            stop.run_until_cancelled(self.look()).await;
        }
    }

    /// Looks once.
    pub(super) async fn look(&self) {
        let was_ready = self.board.report.borrow().is_ready();
        let database = self.database().await;
        let worker = lives(
            self.worker.as_ref().is_none_or(runs::Pulse::is_felt),
            "WORKER_LOST",
            "the worker could not say for too long that it lives",
        );
        let scheduler = lives(
            self.ticker.as_ref().is_none_or(ticker::Pulse::is_felt),
            "SCHEDULER_LOST",
            "nobody could look for too long which schedules are due",
        );
        let copy = match &database {
            Ok(()) => identity::standing(&self.app).await.ok(),
            Err(_) => None,
        };
        let copy = (copy == Some(identity::Standing::UnconfirmedCopy)).then_some(COPY);
        let skew = self.app.db.skew();
        let clock = (skew.abs() > LARGEST_SKEW).then_some("CLOCKS_DIFFER");
        let mut findings = vec![Finding::needed("database", reason(&database))];
        if self.worker.is_some() {
            findings.push(Finding::needed("worker", reason(&worker)));
        }
        if self.ticker.is_some() {
            findings.push(Finding::needed("scheduler", reason(&scheduler)));
        }
        // Without Redis runs come from the database: slower, and as safe.
        if let Some(redis) = Redis::of(&self.app) {
            findings.push(Finding::noted(QUEUE, redis.trouble()));
        }
        findings.push(Finding::noted(CLOCK, clock));
        findings.push(Finding::noted("instance", copy));
        if database.is_ok() && self.is_time_for_problems() {
            match problems(&self.app).await {
                Ok(problems) => self.board.note(problems),
                Err(error) => tracing::debug!(%error, "cannot look what needs a person"),
            }
        }
        self.board.write(findings).await;
        match (database.and(worker).and(scheduler), was_ready) {
            (Err(error), true) => tracing::warn!(%error, "not ready"),
            (Ok(()), false) => tracing::info!("ready"),
            _ => {}
        }
    }

    fn is_time_for_problems(&self) -> bool {
        let mut last = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = last.is_none_or(|last| last.elapsed() >= BETWEEN_PROBLEMS);
        if is_time {
            *last = Some(Instant::now());
        }
        is_time
    }

    async fn database(&self) -> Result<()> {
        let database = tokio::time::timeout(ANSWER_WITHIN, migrate::status(&self.app.db));
        let late = |_| Error::unavailable("DATABASE_UNREACHABLE", "the database does not answer");
        database.await.map_err(late)??.check()
    }
}

/// What needs a person, as the database has it.
async fn problems(app: &App) -> Result<Vec<Problem>> {
    let found = [
        (tokens::NEEDS_OWNER, tokens::needing_owner(app).await?),
        (alarm::REASON, alarm::count(app).await?),
    ];
    for (reason, count) in found {
        metrics::problem(reason, count);
    }
    let found = found.into_iter().filter(|(_, count)| *count > 0);
    Ok(found
        .map(|(reason, count)| Problem { reason, count })
        .collect())
}

fn lives(felt: bool, reason: &'static str, what: &str) -> Result<()> {
    match felt {
        true => Ok(()),
        false => Err(Error::unavailable(reason, what)),
    }
}

fn reason(outcome: &Result<()>) -> Option<&'static str> {
    match outcome {
        Ok(()) => None,
        Err(Error::Unavailable { reason, .. } | Error::Precondition { reason, .. }) => Some(reason),
        Err(_) => Some("INTERNAL"),
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

//! `/metrics`: the figures, in Prometheus' text. What is counted is counted where it happens; what has to be looked up
//! is looked up here, at most every few seconds.

use crate::{
    app::App,
    base::Result,
    db::Scope,
    runs::{State as RunState, depth},
    schedules,
    syncs::job::KIND,
    telemetry::metrics::{self, Queue},
    web::Site,
};
use axum::{extract::State, response::IntoResponse};
use http::header::CONTENT_TYPE;
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// Counting reads every run that is not finished; who scrapes more often gets the counts of before.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// A scrape waits no longer for the database.
const COUNT_WITHIN: Duration = Duration::from_secs(2);
/// Prometheus' text format.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The states that runs wait and run in.
const OPEN: [RunState; 4] = [
    RunState::Queued,
    RunState::Running,
    RunState::Retrying,
    RunState::Waiting,
];

/// The page. Answers while the database does not: then the counts from it are not numbers (`NaN`).
pub async fn show(State(site): State<Site>) -> impl IntoResponse {
    tell_health(&site);
    tell_queue(&site).await;
    ([(CONTENT_TYPE, FORMAT)], metrics::render())
}

fn tell_health(site: &Site) {
    let report = site.health.borrow();
    metrics::ready(report.is_ready());
    for finding in &report.findings {
        metrics::check(finding.what, finding.wrong.is_none());
    }
}

/// What was counted last.
#[derive(Default)]
struct Counted(Mutex<Last>);

#[derive(Default)]
struct Last {
    at: Option<Instant>,
    /// A kind that has no open run any more is still told about: its counts are zero.
    kinds: BTreeSet<String>,
}

async fn tell_queue(site: &Site) {
    let Ok(app) = site.door.now() else {
        return;
    };
    let counted = app.memory.of::<Counted>();
    let is_due = {
        let mut last = counted.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.at.is_none_or(|at| at.elapsed() >= COUNT_EVERY);
        if is_due {
            last.at = Some(Instant::now());
        }
        is_due
    };
    if !is_due {
        return;
    }
    let overdue: Option<Result<_>> = timeout(COUNT_WITHIN, overdue(&app)).await.ok();
    metrics::schedules_overdue(overdue.and_then(Result::ok));
    let looked: Option<Result<_>> = timeout(COUNT_WITHIN, depth::look(&app)).await.ok();
    let depths = looked.and_then(Result::ok);
    let mut last = counted.0.lock().unwrap_or_else(PoisonError::into_inner);
    // There from the start, so that whoever watches it sees zero and not nothing.
    last.kinds.insert(KIND.to_owned());
    last.kinds.extend(app.config.queue.external.iter().cloned());
    if let Some(depths) = &depths {
        last.kinds
            .extend(depths.iter().map(|depth| depth.kind.clone()));
    }
    for kind in &last.kinds {
        for state in OPEN {
            metrics::queue(
                kind,
                state.as_str(),
                figures(&app, depths.as_deref(), kind, state),
            );
        }
    }
}

async fn overdue(app: &App) -> Result<Duration> {
    let scope = Scope::System("the schedules of all tenants");
    let mut tx = app.db.read(scope).await?;
    let seconds = schedules::store::lag(&mut tx, app.db.now()).await?;
    Ok(Duration::from_secs(seconds.unsigned_abs()))
}

/// `None` where nobody could count.
fn figures(
    app: &App,
    depths: Option<&[depth::Depth]>,
    kind: &str,
    state: RunState,
) -> Option<Queue> {
    let of = |depth: &&depth::Depth| depth.kind == kind && depth.state == state;
    let found = depths?.iter().find(of);
    Some(found.map_or(Queue::default(), |depth| Queue {
        runs: depth.runs,
        age: depth.age(app.db.now()),
    }))
}

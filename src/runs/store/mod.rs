//! The SQL of runs; of their log lines, workers and request ids in the files beside.

mod adoptions;
mod bulk;
mod claim;
mod depths;
mod external;
mod logs;
mod queues;
mod release;
mod requests;
mod standings;
mod window;
mod workers;

pub use adoptions::{Identity, adopt, adopted};
pub use bulk::{NewRun, Open, insert_all, open_of};
pub use claim::{Patience, Stop, Wanted, claim, claim_these, hold_tenants, tenants_with_runs};
pub use depths::depths;
pub use external::{Sight, cancel_outside, has_tenant, in_redis, mark, see};
pub use logs::{log, logs};
pub use queues::{clean, counts, forget, list_kind, promote};
pub use release::{Ending, Release, release, without_nul};
pub use requests::{forget_requests, remember_request};
pub use standings::{Standing, standings};
pub use window::{InFront, Pause, get_these, mark_put, pauses, set_pause, window};
pub use workers::{
    beat, cancel_requests, give_back, hand_back, owned, remove_worker, take_from_dead,
};

use crate::{
    base::{Error, ResourceId, Result, RunName, SyncName, TenantId},
    db::{Tx, execute, fetch_all, fetch_one, fetch_optional},
    runs::{Failure, Priority, Progress, Run, State},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::types::Json;
use uuid::Uuid;

/// All columns of a run, in the order of [`Row`].
macro_rules! columns {
    () => {
        "tenant_id, run_id, kind, subject, cause, state, priority, lane, arguments, attempt, max_attempts, crashes, fence, \
         due_at, deadline_at, wait_reason, cancel_requested_at, progress, result, error_reason, error_message, traceparent, created_at, \
         started_at, finished_at, updated_at"
    };
}

use columns;

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: String,
    run_id: Uuid,
    kind: String,
    subject: String,
    cause: String,
    state: String,
    priority: i64,
    lane: String,
    arguments: Json<Value>,
    attempt: i64,
    max_attempts: i64,
    crashes: i64,
    fence: i64,
    due_at: DateTime<Utc>,
    deadline_at: Option<DateTime<Utc>>,
    wait_reason: String,
    cancel_requested_at: Option<DateTime<Utc>>,
    progress: Option<Json<Progress>>,
    result: Option<Json<Value>>,
    error_reason: Option<String>,
    error_message: Option<String>,
    traceparent: Option<String>,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Run {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let tenant = ResourceId::parse("tenant_id", &row.tenant_id)?;
        let failure = match (row.error_reason, row.error_message) {
            (Some(reason), Some(message)) => Some(Failure { reason, message }),
            _ => None,
        };
        Ok(Self {
            name: RunName::new(tenant.clone(), row.run_id),
            kind: row.kind,
            sync: SyncName::new(tenant, ResourceId::parse("subject", &row.subject)?),
            cause: row.cause,
            state: State::try_from(row.state)?,
            priority: Priority::from_rank(row.priority),
            lane: row.lane,
            arguments: row.arguments.0,
            attempt: row.attempt,
            max_attempts: row.max_attempts,
            crashes: row.crashes,
            fence: row.fence,
            due_at: row.due_at,
            deadline_at: row.deadline_at,
            wait_reason: row.wait_reason,
            cancel_requested: row.cancel_requested_at.is_some(),
            progress: row.progress.map(|json| json.0),
            result: row.result.map(|json| json.0),
            failure,
            traceparent: row.traceparent,
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            updated_at: row.updated_at,
        })
    }
}

/// A run as the statements about many runs name it: tenant and id.
pub fn key(name: &RunName) -> (String, Uuid) {
    (name.tenant.to_string(), name.id)
}

/// Names of runs as a list that a statement can read.
fn names(names: &[(String, Uuid)]) -> String {
    let names: Vec<_> = names
        .iter()
        .map(|(tenant, run)| json!({"tenant": tenant, "run": run.simple().to_string()}))
        .collect();
    json!(names).to_string()
}

fn runs(rows: Vec<Row>) -> Result<Vec<Run>> {
    rows.into_iter().map(Run::try_from).collect()
}

/// Stores a new run.
pub async fn insert(tx: &mut Tx, run: &Run) -> Result<()> {
    const SQL: &str = "INSERT INTO runs (tenant_id, run_id, kind, subject, cause, state, priority, lane, \
         arguments, attempt, max_attempts, crashes, fence, due_at, deadline_at, wait_reason, traceparent, created_at, \
         updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, 0, $12, $13, '', $14, $15, $15)";
    execute!(
        tx,
        SQL,
        run.name.tenant.as_str(),
        run.name.id,
        run.kind.as_str(),
        run.sync.id.as_str(),
        run.cause.as_str(),
        run.state.as_str(),
        run.priority.rank(),
        run.lane.as_str(),
        Json(&run.arguments),
        run.attempt,
        run.max_attempts,
        run.due_at,
        run.deadline_at,
        run.traceparent.as_deref(),
        run.created_at
    )?;
    Ok(())
}

/// The run, or `None`.
pub async fn get(tx: &mut Tx, name: &RunName) -> Result<Option<Run>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM runs WHERE tenant_id = $1 AND run_id = $2"
    );
    fetch_optional!(tx, Row, SQL, name.tenant.as_str(), name.id)?
        .map(Run::try_from)
        .transpose()
}

/// Runs of a tenant, newest first, of one sync and in one state where those are given.
pub async fn list(
    tx: &mut Tx,
    tenant: &TenantId,
    sync: Option<&ResourceId>,
    state: Option<State>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Run>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM runs WHERE tenant_id = $1 AND ($2 = '' OR subject = $2) AND ($3 = '' OR state = $3) \
         AND run_id < $4 ORDER BY run_id DESC LIMIT $5"
    );
    runs(fetch_all!(
        tx,
        Row,
        SQL,
        tenant.as_str(),
        sync.map_or("", ResourceId::as_str),
        state.map_or("", State::as_str),
        before.unwrap_or(Uuid::max()),
        limit
    )?)
}

/// Forgets runs, with their log lines, that finished before `before`.
pub async fn forget_runs(tx: &mut Tx, before: DateTime<Utc>) -> Result<u64> {
    execute!(tx, "DELETE FROM runs WHERE finished_at < $1", before)
}

/// Whether a run of the sync is not finished.
pub async fn any_open(tx: &mut Tx, sync: &SyncName) -> Result<bool> {
    const SQL: &str = "SELECT count(*) FROM runs WHERE tenant_id = $1 AND subject = $2 \
         AND state IN ('queued', 'running', 'retrying', 'waiting')";
    let (open,): (i64,) = fetch_one!(tx, (i64,), SQL, sync.tenant.as_str(), sync.id.as_str())?;
    Ok(open > 0)
}

/// Writes how far a run is; `false` when somebody else owns it by now.
pub async fn progress(
    tx: &mut Tx,
    name: &RunName,
    fence: i64,
    progress: &Progress,
    now: DateTime<Utc>,
) -> Result<bool> {
    const SQL: &str = "UPDATE runs SET progress = $1, updated_at = $2 \
         WHERE tenant_id = $3 AND run_id = $4 AND fence = $5 AND state = 'running'";
    let changed = execute!(
        tx,
        SQL,
        Json(progress),
        now,
        name.tenant.as_str(),
        name.id,
        fence
    )?;
    Ok(changed == 1)
}

/// Whether a worker still owns the run that it claimed with this fence.
pub async fn owns(tx: &mut Tx, name: &RunName, fence: i64) -> Result<bool> {
    const SQL: &str = "SELECT count(*) FROM runs WHERE tenant_id = $1 AND run_id = $2 AND fence = $3 AND state = 'running'";
    let (owned,): (i64,) = fetch_one!(tx, (i64,), SQL, name.tenant.as_str(), name.id, fence)?;
    Ok(owned == 1)
}

/// Puts a finished run, or one that nobody has, into another state; `false` when it is in none of `from`.
pub async fn transition(
    tx: &mut Tx,
    name: &RunName,
    from: &[State],
    to: State,
    now: DateTime<Utc>,
) -> Result<bool> {
    const SQL: &str = "UPDATE runs SET state = $1, due_at = $2, updated_at = $2, wait_reason = '', put_epoch = '', \
         cancel_requested_at = NULL, finished_at = CASE WHEN $3 THEN $2 ELSE NULL END, fence = fence + 1, \
         attempt = CASE WHEN $3 THEN attempt ELSE 0 END, crashes = CASE WHEN $3 THEN crashes ELSE 0 END, \
         cause = CASE WHEN $3 THEN cause ELSE 'retry' END, \
         error_reason = CASE WHEN $3 THEN error_reason ELSE NULL END \
         WHERE tenant_id = $4 AND run_id = $5 AND state = $6";
    for state in from {
        let changed = execute!(
            tx,
            SQL,
            to.as_str(),
            now,
            to.is_final(),
            name.tenant.as_str(),
            name.id,
            state.as_str()
        )?;
        if changed == 1 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Asks the worker of a running run to stop; `false` when no worker has it.
pub async fn request_cancel(tx: &mut Tx, name: &RunName, now: DateTime<Utc>) -> Result<bool> {
    const SQL: &str = "UPDATE runs SET cancel_requested_at = COALESCE(cancel_requested_at, $1), updated_at = $1 \
         WHERE tenant_id = $2 AND run_id = $3 AND state = 'running'";
    Ok(execute!(tx, SQL, now, name.tenant.as_str(), name.id)? == 1)
}

/// Fails the runs that nobody has and whose deadline has passed; gives how many. One that waits has no deadline until it
/// goes on, because the wait moved it.
pub async fn fail_overdue(tx: &mut Tx, now: DateTime<Utc>) -> Result<u64> {
    const SQL: &str = "UPDATE runs SET state = 'failed', fence = fence + 1, finished_at = $1, updated_at = $1, \
         wait_reason = '', error_reason = 'DEADLINE_EXCEEDED', error_message = 'it had not ended by its deadline' \
         WHERE deadline_at <= $1 AND state IN ('queued', 'retrying')";
    execute!(tx, SQL, now)
}

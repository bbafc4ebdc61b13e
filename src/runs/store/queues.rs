//! The SQL of queues as operators see them. Counts and lists of one queue read all of its runs: they are for people.

use super::{Row, columns, runs};
use crate::{
    base::{Result, RunName},
    db::{Tx, execute, fetch_all},
    runs::{Run, State},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Runs of each kind and state: how many, and when the first of them was or is due.
pub async fn counts(tx: &mut Tx) -> Result<Vec<(String, State, i64, DateTime<Utc>)>> {
    const SQL: &str = "SELECT kind, state, count(*), min(due_at) FROM runs GROUP BY kind, state ORDER BY kind, state";
    let rows = fetch_all!(tx, (String, String, i64, DateTime<Utc>), SQL)?;
    rows.into_iter()
        .map(|(kind, state, count, due)| Ok((kind, State::try_from(state)?, count, due)))
        .collect()
}

/// Runs of a kind over all tenants, newest first, in one state where that is given.
pub async fn list_kind(
    tx: &mut Tx,
    kind: &str,
    state: Option<State>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Run>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM runs WHERE kind = $1 AND ($2 = '' OR state = $2) AND run_id < $3 ORDER BY run_id DESC LIMIT $4"
    );
    runs(fetch_all!(
        tx,
        Row,
        SQL,
        kind,
        state.map_or("", State::as_str),
        before.unwrap_or(Uuid::max()),
        limit
    )?)
}

/// Makes a run that waits for a moment ready; `false` when it does not.
pub async fn promote(tx: &mut Tx, name: &RunName, now: DateTime<Utc>) -> Result<bool> {
    const SQL: &str = "UPDATE runs SET due_at = $1, updated_at = $1 WHERE tenant_id = $2 AND run_id = $3 \
         AND state IN ('queued', 'retrying', 'waiting') AND due_at > $1";
    Ok(execute!(tx, SQL, now, name.tenant.as_str(), name.id)? == 1)
}

/// Forgets a finished run with its log; `false` when it is not one, or where that is asked for, still has a job in Redis.
pub async fn forget(tx: &mut Tx, name: &RunName, without_job: bool) -> Result<bool> {
    const SQL: &str = "DELETE FROM runs WHERE tenant_id = $1 AND run_id = $2 \
         AND state IN ('succeeded', 'partial', 'failed', 'cancelled') AND (NOT $3 OR put_epoch = '')";
    Ok(execute!(tx, SQL, name.tenant.as_str(), name.id, without_job)? == 1)
}

/// Forgets up to `limit` runs of a kind in a state that finished before `before`, the oldest first; gives how many. Where
/// that is asked for, those that still have a job in Redis stay.
pub async fn clean(
    tx: &mut Tx,
    kind: &str,
    state: State,
    before: DateTime<Utc>,
    without_job: bool,
    limit: i64,
) -> Result<u64> {
    const SQL: &str = "DELETE FROM runs WHERE (tenant_id, run_id) IN (SELECT tenant_id, run_id FROM runs \
         WHERE kind = $1 AND state = $2 AND finished_at < $3 AND (NOT $4 OR put_epoch = '') \
         ORDER BY finished_at LIMIT $5)";
    execute!(tx, SQL, kind, state.as_str(), before, without_job, limit)
}

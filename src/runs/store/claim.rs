//! The SQL by which a worker gets runs. Tenants take turns, and within a tenant the most urgent and then the oldest run
//! goes first; of one sync one run at a time, of a lane and of a tenant at most so many.
//!
//! No statement reads a tenant's backlog: only as many rows as there could be wanted of each tenant, from the front of an
//! index. So a tenant with a million runs costs what one with a hundred costs.

use super::{Row, columns, runs};
use crate::{
    base::Result,
    db::{Engine, Tx, fetch_all},
    runs::{Priority, Run},
};
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::HashSet;
use uuid::Uuid;

/// What a worker may take.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Who takes it.
    pub worker: Uuid,
    /// Of these kinds.
    pub kinds: &'a [&'static str],
    /// At most so many.
    pub limit: i64,
    /// Runs of one lane at the same time, over all processes; 0 is no limit.
    pub lane_limit: i64,
    /// Runs of one tenant at the same time, over all processes; 0 is no limit.
    pub tenant_limit: i64,
}

impl Wanted<'_> {
    fn classes(&self) -> String {
        classes(self.kinds)
    }
}

/// Kinds times priorities, so that each pair is one place in the index.
pub(super) fn classes(kinds: &[&str]) -> String {
    let of_kind = |kind: &&str| {
        Priority::ALL.map(|priority| json!({"kind": kind, "priority": priority.rank()}))
    };
    json!(kinds.iter().flat_map(of_kind).collect::<Vec<_>>()).to_string()
}

/// A step of the walk over the tenants that have open runs.
#[derive(Debug)]
pub struct Stop {
    /// The tenant.
    pub tenant: String,
    /// Whether one of its runs may be taken now.
    pub is_due: bool,
}

/// Up to `limit` tenants after `after` (in the order of their ids) that have open runs of any kind.
pub async fn tenants_with_runs(
    tx: &mut Tx,
    kinds: &[&str],
    after: &str,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Stop>> {
    // Steps from tenant to tenant by the index, whatever number of runs lies between. One run is asked for where EXISTS
    // would do: PostgreSQL makes a join of that, and reads the whole backlog where it knows no figures of the table yet.
    const SQL: &str = "WITH RECURSIVE walk (tenant_id, step) AS ( \
         SELECT (SELECT r.tenant_id FROM runs r WHERE r.tenant_id > $1 AND r.state IN ('queued', 'retrying', 'waiting') \
             ORDER BY r.tenant_id, r.kind, r.priority, r.due_at, r.run_id LIMIT 1), 1 \
         UNION ALL \
         SELECT (SELECT r.tenant_id FROM runs r WHERE r.tenant_id > w.tenant_id AND r.state IN ('queued', 'retrying', 'waiting') \
             ORDER BY r.tenant_id, r.kind, r.priority, r.due_at, r.run_id LIMIT 1), w.step + 1 \
         FROM walk w WHERE w.tenant_id IS NOT NULL AND w.step < $2) \
         SELECT w.tenant_id, EXISTS (SELECT 1 FROM json_each($3) AS c WHERE (SELECT 1 FROM runs r \
             WHERE r.tenant_id = w.tenant_id AND r.kind = c.value ->> 'kind' \
             AND r.priority = CAST(c.value ->> 'priority' AS BIGINT) AND r.due_at <= $4 \
             AND r.state IN ('queued', 'retrying', 'waiting') ORDER BY r.due_at LIMIT 1) = 1) \
         FROM walk w WHERE w.tenant_id IS NOT NULL ORDER BY w.step";
    let rows = fetch_all!(tx, (String, bool), SQL, after, limit, classes(kinds), now)?;
    let stop = |(tenant, is_due)| Stop { tenant, is_due };
    Ok(rows.into_iter().map(stop).collect())
}

/// What to do about a tenant for whom somebody else is just claiming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Leave it out.
    PassOver,
    /// Wait until they are done.
    Wait,
}

/// Holds these tenants until the end of the transaction, so that nobody else claims for them meanwhile. Gives those that
/// were had.
pub async fn hold_tenants(
    tx: &mut Tx,
    tenants: &[String],
    patience: Patience,
) -> Result<Vec<String>> {
    // Only PostgreSQL has more than one writer. The weak form of the lock lets runs be accepted meanwhile; the order keeps
    // two who wait from waiting for each other.
    const WAIT: &str = "SELECT tenant_id FROM tenants WHERE tenant_id IN (SELECT value ->> 'tenant' FROM json_each($1)) \
         ORDER BY tenant_id FOR NO KEY UPDATE";
    const PASS_OVER: &str = "SELECT tenant_id FROM tenants WHERE tenant_id IN (SELECT value ->> 'tenant' FROM json_each($1)) \
         FOR NO KEY UPDATE SKIP LOCKED";
    if tx.engine() == Engine::Sqlite {
        return Ok(tenants.to_vec());
    }
    let sql = match patience {
        Patience::Wait => WAIT,
        Patience::PassOver => PASS_OVER,
    };
    let rows = fetch_all!(tx, (String,), sql, turns(tenants))?;
    let had: HashSet<_> = rows.into_iter().map(|(id,)| id).collect();
    let held = tenants.iter().filter(|id| had.contains(*id));
    Ok(held.cloned().collect())
}

/// The columns of a run that decide who goes first, and whether Redis has it.
macro_rules! ranked {
    ($table:literal) => {
        concat!(
            $table,
            ".tenant_id, ",
            $table,
            ".run_id, ",
            $table,
            ".kind, ",
            $table,
            ".subject, ",
            $table,
            ".lane, ",
            $table,
            ".priority, ",
            $table,
            ".due_at, ",
            $table,
            ".put_epoch"
        )
    };
}

/// The runs of one tenant and class that are due at $1, oldest first, at most $4.
macro_rules! of_class {
    ($what:expr) => {
        concat!(
            "SELECT ",
            $what,
            " FROM runs r WHERE r.tenant_id = t.value ->> 'tenant' AND r.kind = c.value ->> 'kind' ",
            "AND r.priority = CAST(c.value ->> 'priority' AS BIGINT) AND r.due_at <= $1 ",
            "AND r.state IN ('queued', 'retrying', 'waiting') ORDER BY r.due_at, r.run_id LIMIT $4"
        )
    };
}

/// The first runs of the tenants $2 and the classes $3. Queues that are paused have none.
///
/// Differs by necessity: SQLite has no LATERAL, PostgreSQL no row numbers that a condition could look up.
macro_rules! front {
    (postgres) => {
        concat!(
            "SELECT r.*, CAST(t.value ->> 'turn' AS BIGINT) AS turn FROM json_each($2) AS t CROSS JOIN json_each($3) AS c ",
            "CROSS JOIN LATERAL (",
            of_class!(ranked!("r")),
            ") AS r WHERE NOT EXISTS (SELECT 1 FROM queues q WHERE q.queue = c.value ->> 'kind' AND q.paused)"
        )
    };
    (sqlite) => {
        concat!(
            "SELECT ",
            ranked!("d"),
            ", CAST(t.value ->> 'turn' AS BIGINT) AS turn FROM json_each($2) AS t CROSS JOIN json_each($3) AS c ",
            "CROSS JOIN runs d ON d.rowid IN (",
            of_class!("r.rowid"),
            ") WHERE NOT EXISTS (SELECT 1 FROM queues q WHERE q.queue = c.value ->> 'kind' AND q.paused)"
        )
    };
}

/// Of the runs at the front those that nothing of their own sync keeps from running: `heads`.
macro_rules! heads {
    ($front:expr) => {
        concat!(
            "WITH front AS (",
            $front,
            "), free AS (SELECT f.*, row_number() OVER (PARTITION BY f.tenant_id, f.kind, f.subject ",
            "ORDER BY f.priority DESC, f.due_at, f.run_id) AS subject_rank FROM front f ",
            "WHERE NOT EXISTS (SELECT 1 FROM runs o WHERE o.tenant_id = f.tenant_id AND o.kind = f.kind ",
            "AND o.subject = f.subject AND o.state = 'running')), ",
            "heads AS (SELECT f.*, row_number() OVER (PARTITION BY f.tenant_id, f.lane ",
            "ORDER BY f.priority DESC, f.due_at, f.run_id) AS lane_rank FROM free f WHERE f.subject_rank = 1)"
        )
    };
}

/// Takes of the runs at the front, for the worker $5, no more of a lane than $6 and of a tenant than $7 may run at the
/// same time, and $8 in all; the first of every tenant before the second of any.
macro_rules! take {
    ($front:expr) => {
        concat!(
            heads!($front),
            ", allowed AS (SELECT h.*, row_number() OVER (PARTITION BY h.tenant_id ",
            "ORDER BY h.priority DESC, h.due_at, h.run_id) AS tenant_rank FROM heads h ",
            "WHERE $6 = 0 OR h.lane = '' OR h.lane_rank <= $6 - (SELECT count(*) FROM runs o ",
            "WHERE o.tenant_id = h.tenant_id AND o.lane = h.lane AND o.lane <> '' AND o.state = 'running')), ",
            "taken AS (SELECT a.tenant_id, a.run_id FROM allowed a ",
            "WHERE $7 = 0 OR a.tenant_rank <= $7 - (SELECT count(*) FROM runs o ",
            "WHERE o.tenant_id = a.tenant_id AND o.state = 'running') ",
            "ORDER BY a.tenant_rank, a.turn LIMIT $8) ",
            "UPDATE runs SET state = 'running', fence = fence + 1, worker_id = $5, wait_reason = '', put_epoch = '', ",
            "attempt = attempt + CASE state WHEN 'waiting' THEN 0 ELSE 1 END, ",
            "started_at = COALESCE(started_at, $1), updated_at = $1 ",
            "WHERE (tenant_id, run_id) IN (SELECT t.tenant_id, t.run_id FROM taken t) ",
            "AND state IN ('queued', 'retrying', 'waiting') RETURNING ",
            columns!()
        )
    };
}

pub(super) use {front, heads, of_class, ranked};

/// Takes due runs of these tenants, who have turns in this order. Queues that are paused give nothing.
pub async fn claim(
    tx: &mut Tx,
    wanted: &Wanted<'_>,
    tenants: &[String],
    now: DateTime<Utc>,
) -> Result<Vec<Run>> {
    const POSTGRES: &str = take!(front!(postgres));
    const SQLITE: &str = take!(front!(sqlite));
    let sql = match tx.engine() {
        Engine::Postgres => POSTGRES,
        Engine::Sqlite => SQLITE,
    };
    let window = window(wanted.limit, tenants.len());
    taken(tx, sql, wanted, turns(tenants), window, now).await
}

/// Takes those of these runs (tenant and id) that may be taken, whenever they are due and whether or not their queue is
/// paused: somebody chose them.
pub async fn claim_these(
    tx: &mut Tx,
    wanted: &Wanted<'_>,
    names: &[(String, Uuid)],
    now: DateTime<Utc>,
) -> Result<Vec<Run>> {
    // Differs by necessity: SQLite keeps ids as bytes.
    macro_rules! these {
        ($id:literal) => {
            take!(concat!(
                "SELECT ",
                ranked!("r"),
                ", 0 AS turn FROM json_each($2) AS n JOIN runs r ON r.tenant_id = n.value ->> 'tenant' AND r.run_id = ",
                $id,
                " WHERE r.kind IN (SELECT c.value ->> 'kind' FROM json_each($3) AS c) AND $4 > 0 ",
                "AND r.state IN ('queued', 'retrying', 'waiting')"
            ))
        };
    }
    const POSTGRES: &str = these!("CAST(n.value ->> 'run' AS UUID)");
    const SQLITE: &str = these!("unhex(n.value ->> 'run')");
    let sql = match tx.engine() {
        Engine::Postgres => POSTGRES,
        Engine::Sqlite => SQLITE,
    };
    taken(tx, sql, wanted, super::names(names), wanted.limit, now).await
}

async fn taken(
    tx: &mut Tx,
    sql: &'static str,
    wanted: &Wanted<'_>,
    from: String,
    window: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Run>> {
    runs(fetch_all!(
        tx,
        Row,
        sql,
        now,
        from,
        wanted.classes(),
        window,
        wanted.worker,
        wanted.lane_limit,
        wanted.tenant_limit,
        wanted.limit
    )?)
}

/// How many runs of each tenant and class are looked at: what could be taken, and some more because of those whose sync
/// is running.
fn window(limit: i64, tenants: usize) -> i64 {
    let tenants = i64::try_from(tenants.max(1)).unwrap_or(i64::MAX);
    2 * (limit / tenants + 1) + 16
}

pub(super) fn turns(tenants: &[String]) -> String {
    let turns: Vec<_> = tenants
        .iter()
        .enumerate()
        .map(|(turn, tenant)| json!({"tenant": tenant, "turn": turn}))
        .collect();
    json!(turns).to_string()
}

//! The SQL of workers: who lives, and what becomes of the runs of the dead.

use super::{Row, columns, runs};
use crate::{
    base::Result,
    db::{Engine, Tx, execute, fetch_all},
    runs::Run,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Which of a worker's runs were asked to stop.
pub async fn cancel_requests(tx: &mut Tx, worker: Uuid) -> Result<Vec<Uuid>> {
    const SQL: &str = "SELECT run_id FROM runs WHERE worker_id = $1 AND state = 'running' \
         AND cancel_requested_at IS NOT NULL";
    let rows = fetch_all!(tx, (Uuid,), SQL, worker)?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Says that a worker lives; makes its row at the first beat.
pub async fn beat(tx: &mut Tx, worker: Uuid, label: &str, now: DateTime<Utc>) -> Result<()> {
    const SQL: &str = "INSERT INTO workers (worker_id, label, started_at, heartbeat_at) VALUES ($1, $2, $3, $3) \
         ON CONFLICT (worker_id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at";
    execute!(tx, SQL, worker, label, now)?;
    Ok(())
}

/// Forgets a worker that ended in order.
pub async fn remove_worker(tx: &mut Tx, worker: Uuid) -> Result<()> {
    execute!(tx, "DELETE FROM workers WHERE worker_id = $1", worker)?;
    Ok(())
}

/// The runs that a worker owns by the table, with their tenants.
pub async fn owned(tx: &mut Tx, worker: Uuid) -> Result<Vec<(String, Uuid)>> {
    const SQL: &str =
        "SELECT tenant_id, run_id FROM runs WHERE worker_id = $1 AND state = 'running'";
    fetch_all!(tx, (String, Uuid), SQL, worker)
}

/// Gives one run back.
pub async fn give_back(
    tx: &mut Tx,
    worker: Uuid,
    tenant: &str,
    run: Uuid,
    now: DateTime<Utc>,
) -> Result<()> {
    const SQL: &str = "UPDATE runs SET state = 'queued', fence = fence + 1, worker_id = NULL, due_at = $1, \
         wait_reason = 'handed back', updated_at = $1 \
         WHERE worker_id = $2 AND tenant_id = $3 AND run_id = $4 AND state = 'running'";
    execute!(tx, SQL, now, worker, tenant, run)?;
    Ok(())
}

/// Gives back what a worker still has, so that others need not wait until it counts as dead.
pub async fn hand_back(tx: &mut Tx, worker: Uuid, now: DateTime<Utc>) -> Result<u64> {
    const SQL: &str = "UPDATE runs SET state = 'queued', fence = fence + 1, worker_id = NULL, due_at = $1, \
         wait_reason = 'handed back', updated_at = $1 WHERE worker_id = $2 AND state = 'running'";
    execute!(tx, SQL, now, worker)
}

/// Takes the runs of workers that were last heard of before `dead_before` away from them, and forgets those workers.
/// A run whose workers died `most_crashes` times is parked as failed. What somebody else is taking just now is left to
/// them.
pub async fn take_from_dead(
    tx: &mut Tx,
    dead_before: DateTime<Utc>,
    most_crashes: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Run>> {
    // Two statements, because the second one sees what was committed until the first one had the locks: a run that was
    // taken over and claimed by a new worker meanwhile is not taken from that one.
    const TAKE: &str = concat!(
        "UPDATE runs SET crashes = crashes + 1, fence = fence + 1, worker_id = NULL, due_at = $1, updated_at = $1, ",
        "state = CASE WHEN crashes + 1 >= $2 THEN 'failed' ELSE 'queued' END, ",
        "finished_at = CASE WHEN crashes + 1 >= $2 THEN $1 ELSE NULL END, ",
        "error_reason = CASE WHEN crashes + 1 >= $2 THEN 'WORKER_DIED_REPEATEDLY' ELSE NULL END, ",
        "error_message = CASE WHEN crashes + 1 >= $2 THEN 'the process that ran it died each time' ELSE NULL END ",
        "WHERE tenant_id = $4 AND run_id = $5 AND state = 'running' ",
        "AND worker_id NOT IN (SELECT worker_id FROM workers WHERE heartbeat_at >= $3) RETURNING ",
        columns!()
    );
    let mut taken = Vec::new();
    for (tenant, run) in of_the_dead(tx, dead_before).await? {
        taken.extend(fetch_all!(
            tx,
            Row,
            TAKE,
            now,
            most_crashes,
            dead_before,
            tenant.as_str(),
            run
        )?);
    }
    forget_the_dead(tx, dead_before).await?;
    runs(taken)
}

// These two differ by necessity: on PostgreSQL many look at the same time and pass over each other's rows; on SQLite one
// does, and there is no such clause.

/// The runs of dead workers, locked, with their tenants.
async fn of_the_dead(tx: &mut Tx, dead_before: DateTime<Utc>) -> Result<Vec<(String, Uuid)>> {
    const SQLITE: &str = "SELECT tenant_id, run_id FROM runs WHERE state = 'running' \
         AND worker_id NOT IN (SELECT worker_id FROM workers WHERE heartbeat_at >= $1)";
    const POSTGRES: &str = "SELECT tenant_id, run_id FROM runs WHERE state = 'running' \
         AND worker_id NOT IN (SELECT worker_id FROM workers WHERE heartbeat_at >= $1) FOR UPDATE OF runs SKIP LOCKED";
    let sql = match tx.engine() {
        Engine::Postgres => POSTGRES,
        Engine::Sqlite => SQLITE,
    };
    fetch_all!(tx, (String, Uuid), sql, dead_before)
}

/// Forgets workers; one that is saying just now that it lives is passed over.
async fn forget_the_dead(tx: &mut Tx, dead_before: DateTime<Utc>) -> Result<()> {
    const SQLITE: &str = "DELETE FROM workers WHERE heartbeat_at < $1";
    const POSTGRES: &str = "DELETE FROM workers WHERE worker_id IN \
         (SELECT worker_id FROM workers WHERE heartbeat_at < $1 FOR UPDATE SKIP LOCKED)";
    let sql = match tx.engine() {
        Engine::Postgres => POSTGRES,
        Engine::Sqlite => SQLITE,
    };
    execute!(tx, sql, dead_before)?;
    Ok(())
}

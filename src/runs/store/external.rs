//! The SQL of runs that workers of others execute. No worker of ours owns them: what is written is what their jobs in
//! Redis show, by whoever looks first.
//!
//! `put_epoch` tells where the job is: empty is not in Redis; the life of Redis with a tilde before it is about to be put,
//! and perhaps there; the life alone is put. It outlives the run's end until the job is taken out of Redis.

use super::{Row, columns, names};
use crate::{
    base::{Result, RunName, TenantId},
    db::{Engine, Tx, execute, fetch_all, fetch_one},
    runs::{Failure, Progress, Run, State},
};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

/// Up to `limit` runs of a kind whose jobs are in Redis, or may be, with where they are; in the order of their ids, after
/// `after`.
pub async fn in_redis(
    tx: &mut Tx,
    kind: &str,
    after: Uuid,
    limit: i64,
) -> Result<Vec<(Run, String)>> {
    #[derive(sqlx::FromRow)]
    struct Put {
        #[sqlx(flatten)]
        run: Row,
        put_epoch: String,
    }
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        ", put_epoch FROM runs WHERE kind = $1 AND run_id > $2 AND put_epoch <> '' ORDER BY run_id LIMIT $3"
    );
    let rows = fetch_all!(tx, Put, SQL, kind, after, limit)?;
    rows.into_iter()
        .map(|row| Ok((Run::try_from(row.run)?, row.put_epoch)))
        .collect()
}

/// Remembers where the jobs of these runs (tenant and id) are, where that was `from`; gives those that it was written for.
pub async fn mark(
    tx: &mut Tx,
    of: &[(String, Uuid)],
    from: &str,
    to: &str,
) -> Result<Vec<(String, Uuid)>> {
    // Differs by necessity: SQLite keeps ids as bytes.
    macro_rules! mark {
        ($id:literal) => {
            concat!(
                "UPDATE runs SET put_epoch = $3 FROM json_each($1) AS n WHERE runs.tenant_id = n.value ->> 'tenant' ",
                "AND runs.run_id = ",
                $id,
                " AND runs.put_epoch = $2 RETURNING tenant_id, run_id"
            )
        };
    }
    const POSTGRES: &str = mark!("CAST(n.value ->> 'run' AS UUID)");
    const SQLITE: &str = mark!("unhex(n.value ->> 'run')");
    let sql = match tx.engine() {
        Engine::Postgres => POSTGRES,
        Engine::Sqlite => SQLITE,
    };
    fetch_all!(tx, (String, Uuid), sql, names(of), from, to)
}

/// What a job shows of its run.
#[derive(Clone, Debug)]
pub struct Sight {
    /// Where the run is.
    pub state: State,
    /// Attempts that were begun.
    pub attempt: i64,
    /// When it goes on, or came to its end.
    pub at: DateTime<Utc>,
    /// Why it waits.
    pub wait_reason: String,
    /// How far it is; `None` keeps what is there.
    pub progress: Option<Progress>,
    /// What came of it; `None` keeps what is there.
    pub result: Option<Value>,
    /// Why it failed, or its last attempt did.
    pub failure: Option<Failure>,
    /// Where its job is from now on.
    pub put_epoch: String,
}

/// Writes it; `false` when the run was changed since it was read, has ended, or its job is not where it was (`was`).
pub async fn see(
    tx: &mut Tx,
    run: &Run,
    was: &str,
    sight: &Sight,
    now: DateTime<Utc>,
) -> Result<bool> {
    const SQL: &str = "UPDATE runs SET state = $1, attempt = $2, due_at = $3, wait_reason = $4, \
         progress = COALESCE($5, progress), result = COALESCE($6, result), error_reason = $7, error_message = $8, \
         put_epoch = $9, started_at = CASE WHEN $1 = 'running' THEN COALESCE(started_at, $10) ELSE started_at END, \
         finished_at = CASE WHEN $11 THEN $10 ELSE NULL END, updated_at = $10, fence = fence + 1 \
         WHERE tenant_id = $12 AND run_id = $13 AND fence = $14 AND put_epoch = $15 \
         AND state IN ('queued', 'retrying', 'waiting', 'running')";
    let failure = sight.failure.as_ref();
    let changed = execute!(
        tx,
        SQL,
        sight.state.as_str(),
        sight.attempt,
        sight.at,
        sight.wait_reason.as_str(),
        sight.progress.as_ref().map(Json),
        sight.result.as_ref().map(Json),
        failure.map(|failure| failure.reason.as_str()),
        failure.map(|failure| failure.message.as_str()),
        sight.put_epoch.as_str(),
        now,
        sight.state.is_final(),
        run.name.tenant.as_str(),
        run.name.id,
        run.fence,
        was
    )?;
    Ok(changed == 1)
}

/// Cancels a run that no worker of ours can be told about, wherever it is; `false` when it has ended.
pub async fn cancel_outside(tx: &mut Tx, name: &RunName, now: DateTime<Utc>) -> Result<bool> {
    const SQL: &str = "UPDATE runs SET state = 'cancelled', wait_reason = '', finished_at = $1, updated_at = $1, \
         fence = fence + 1, error_reason = NULL, error_message = NULL WHERE tenant_id = $2 AND run_id = $3 \
         AND state IN ('queued', 'retrying', 'waiting', 'running')";
    Ok(execute!(tx, SQL, now, name.tenant.as_str(), name.id)? == 1)
}

/// Whether there is such a tenant.
pub async fn has_tenant(tx: &mut Tx, tenant: &TenantId) -> Result<bool> {
    const SQL: &str = "SELECT count(*) FROM tenants WHERE tenant_id = $1";
    let (found,): (i64,) = fetch_one!(tx, (i64,), SQL, tenant.as_str())?;
    Ok(found == 1)
}

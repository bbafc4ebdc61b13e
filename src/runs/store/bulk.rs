//! The SQL of many runs at once, for those who start thousands in the same moment.

use crate::{
    base::{ResourceId, Result, RunName, TenantId},
    db::{Engine, Tx, execute, fetch_all},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::HashMap;
use uuid::Uuid;

/// A run that is to be queued.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Its resource name.
    pub name: RunName,
    /// Which job executes it.
    pub kind: String,
    /// What is run.
    pub subject: String,
    /// What started it.
    pub cause: &'static str,
    /// Whose limit of runs at the same time it counts for; empty: nobody's.
    pub lane: String,
    /// The job's arguments.
    pub arguments: Value,
    /// After so many failed attempts it is failed.
    pub max_attempts: i64,
}

/// Stores new runs, due at once.
pub async fn insert_all(tx: &mut Tx, runs: &[NewRun], now: DateTime<Utc>) -> Result<()> {
    // Differs by necessity: SQLite has no types for ids and times, and keeps ids as bytes.
    macro_rules! insert {
        ($id:literal, $id_end:literal) => {
            concat!(
                "INSERT INTO runs (tenant_id, run_id, kind, subject, cause, state, priority, lane, arguments, attempt, ",
                "max_attempts, crashes, fence, due_at, wait_reason, created_at, updated_at) ",
                "SELECT r.value ->> 'tenant', ",
                $id,
                "r.value ->> 'id'",
                $id_end,
                ", r.value ->> 'kind', r.value ->> 'subject', r.value ->> 'cause', 'queued', 0, r.value ->> 'lane', ",
                "r.value -> 'arguments', 0, ",
                "CAST(r.value ->> 'max_attempts' AS BIGINT), 0, 0, $2, '', $2, $2 FROM json_each($1) AS r WHERE true"
            )
        };
    }
    const POSTGRES: &str = insert!("CAST(", " AS UUID)");
    const SQLITE: &str = insert!("unhex(", ")");
    if runs.is_empty() {
        return Ok(());
    }
    let sql = match tx.engine() {
        Engine::Postgres => POSTGRES,
        Engine::Sqlite => SQLITE,
    };
    let list: Vec<_> = runs
        .iter()
        .map(|run| {
            json!({
                "tenant": run.name.tenant,
                "id": run.name.id.simple().to_string(),
                "kind": run.kind,
                "subject": run.subject,
                "cause": run.cause,
                "lane": run.lane,
                "arguments": run.arguments,
                "max_attempts": run.max_attempts,
            })
        })
        .collect();
    execute!(tx, sql, Value::from(list).to_string(), now)?;
    Ok(())
}

/// Runs that are not finished, by tenant, kind and subject; oldest first.
pub type Open = HashMap<(TenantId, String, String), Vec<RunName>>;

/// The runs that are not finished, of each of these. What has none is not in the answer.
pub async fn open_of(tx: &mut Tx, subjects: &[(&TenantId, &str, &str)]) -> Result<Open> {
    const SQL: &str = "SELECT r.tenant_id, r.kind, r.subject, r.run_id FROM json_each($1) AS s \
         JOIN runs r ON r.tenant_id = s.value ->> 'tenant' AND r.subject = s.value ->> 'subject' \
         AND r.kind = s.value ->> 'kind' AND r.state IN ('queued', 'running', 'retrying', 'waiting') ORDER BY r.run_id";
    let list: Vec<_> = subjects
        .iter()
        .map(|(tenant, kind, subject)| json!({"tenant": tenant, "kind": kind, "subject": subject}))
        .collect();
    let list = Value::from(list).to_string();
    let mut open = Open::new();
    for (tenant, kind, subject, id) in fetch_all!(tx, (String, String, String, Uuid), SQL, list)? {
        let tenant = ResourceId::parse("tenant_id", &tenant)?;
        let name = RunName::new(tenant.clone(), id);
        open.entry((tenant, kind, subject)).or_default().push(name);
    }
    Ok(open)
}

//! How the runs of many subjects went last, each found by its index alone.

use crate::{
    base::{Result, TenantId},
    db::{Tx, fetch_all},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// How the runs of one subject went last. Runs that only said what they would do do not count.
#[derive(Debug, sqlx::FromRow)]
pub struct Standing {
    /// What is run.
    pub subject: String,
    /// When a run last did everything.
    pub last_success: Option<DateTime<Utc>>,
    /// How the last run ended that was not cancelled; `None` before the first.
    pub last_state: Option<String>,
    /// Whether one is under way.
    pub is_under_way: bool,
}

/// Of these subjects of a tenant.
pub async fn standings(
    tx: &mut Tx,
    tenant: &TenantId,
    kind: &str,
    subjects: &[&str],
) -> Result<Vec<Standing>> {
    const SQL: &str = "SELECT e.value ->> 'id' AS subject, \
         (SELECT r.finished_at FROM runs r WHERE r.tenant_id = $1 AND r.subject = e.value ->> 'id' AND r.kind = $2 \
              AND r.state = 'succeeded' AND COALESCE(CAST(r.arguments ->> 'dry_run' AS TEXT), '') NOT IN ('true', '1') \
              ORDER BY r.run_id DESC LIMIT 1) AS last_success, \
         (SELECT r.state FROM runs r WHERE r.tenant_id = $1 AND r.subject = e.value ->> 'id' AND r.kind = $2 \
              AND r.state IN ('succeeded', 'partial', 'failed') \
              AND COALESCE(CAST(r.arguments ->> 'dry_run' AS TEXT), '') NOT IN ('true', '1') \
              ORDER BY r.run_id DESC LIMIT 1) AS last_state, \
         EXISTS (SELECT 1 FROM runs r WHERE r.tenant_id = $1 AND r.subject = e.value ->> 'id' AND r.kind = $2 \
              AND r.state IN ('running', 'retrying', 'waiting')) AS is_under_way \
         FROM json_each($3) AS e";
    let list: Vec<_> = subjects.iter().map(|id| json!({ "id": id })).collect();
    let list = Value::from(list).to_string();
    fetch_all!(tx, Standing, SQL, tenant.as_str(), kind, list)
}

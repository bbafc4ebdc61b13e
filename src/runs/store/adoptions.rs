//! The SQL of jobs of others that became runs.

use crate::{
    base::{ResourceId, Result, RunName},
    db::{Tx, execute, fetch_optional},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Which job it is. Ids alone come again when a queue is emptied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Prefix and name of its queue.
    pub queue: String,
    /// Its id there.
    pub job: String,
    /// When it was added, in ms since 1970.
    pub time: i64,
}

/// The run that a job became, or `None`.
pub async fn adopted(tx: &mut Tx, identity: &Identity) -> Result<Option<RunName>> {
    const SQL: &str = "SELECT tenant_id, run_id FROM adoptions WHERE queue = $1 AND job_id = $2 AND job_time = $3";
    let row = fetch_optional!(
        tx,
        (String, Uuid),
        SQL,
        identity.queue.as_str(),
        identity.job.as_str(),
        identity.time
    )?;
    row.map(|(tenant, run)| Ok(RunName::new(ResourceId::parse("tenant_id", &tenant)?, run)))
        .transpose()
}

/// Remembers which run a job became; gives the one that it became before, where somebody was quicker.
pub async fn adopt(
    tx: &mut Tx,
    identity: &Identity,
    run: &RunName,
    now: DateTime<Utc>,
) -> Result<RunName> {
    const SQL: &str = "INSERT INTO adoptions (queue, job_id, job_time, tenant_id, run_id, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (queue, job_id, job_time) DO NOTHING";
    let inserted = execute!(
        tx,
        SQL,
        identity.queue.as_str(),
        identity.job.as_str(),
        identity.time,
        run.tenant.as_str(),
        run.id,
        now
    )?;
    if inserted == 1 {
        return Ok(run.clone());
    }
    Ok(adopted(tx, identity).await?.unwrap_or_else(|| run.clone()))
}

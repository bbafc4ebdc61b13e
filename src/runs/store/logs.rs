//! The SQL of what runs say.

use crate::{
    base::{Result, RunName},
    db::{Tx, execute, fetch_all},
    runs::LogLine,
};
use chrono::{DateTime, Utc};

/// Adds a line to a run's log.
pub async fn log(
    tx: &mut Tx,
    name: &RunName,
    level: &str,
    message: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    const SQL: &str = "INSERT INTO run_logs (tenant_id, run_id, seq, at, level, message) \
         SELECT $1, $2, COALESCE(max(seq), 0) + 1, $3, $4, $5 FROM run_logs WHERE tenant_id = $1 AND run_id = $2";
    execute!(tx, SQL, name.tenant.as_str(), name.id, now, level, message)?;
    Ok(())
}

/// Log lines of a run, oldest first.
pub async fn logs(tx: &mut Tx, name: &RunName, after: i64, limit: i64) -> Result<Vec<LogLine>> {
    const SQL: &str = "SELECT seq, at, level, message FROM run_logs \
         WHERE tenant_id = $1 AND run_id = $2 AND seq > $3 ORDER BY seq LIMIT $4";
    let rows = fetch_all!(
        tx,
        (i64, DateTime<Utc>, String, String),
        SQL,
        name.tenant.as_str(),
        name.id,
        after,
        limit
    )?;
    Ok(rows
        .into_iter()
        .map(|(seq, at, level, message)| LogLine {
            seq,
            at,
            level,
            message,
        })
        .collect())
}

//! The SQL of syncs that read nothing, and of what was told about them.

use crate::{
    base::Result,
    db::{Tx, execute, fetch_all},
};
use chrono::{DateTime, Utc};

/// A sync that should read, and has not for long.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Unread {
    pub tenant_id: String,
    pub sync_id: String,
    pub source_token: String,
    /// Everything before was read once; when it was made, where nothing ever was.
    pub read_to: DateTime<Utc>,
    pub token_works: bool,
}

/// All syncs that have read nothing since before `before`, and should: their source token does not work, or no person paused
/// their schedule.
pub async fn since_before(tx: &mut Tx, before: DateTime<Utc>) -> Result<Vec<Unread>> {
    const SQL: &str = "SELECT s.tenant_id, s.sync_id, s.source_token, COALESCE(s.read_to, s.created_at) AS read_to,
            t.state = 'active' AS token_works
        FROM syncs AS s
        JOIN tokens AS t ON t.tenant_id = s.tenant_id AND t.token_id = s.source_token
        LEFT JOIN schedules AS c ON c.tenant_id = s.tenant_id AND c.kind = 'sync' AND c.subject = s.sync_id
        WHERE COALESCE(s.read_to, s.created_at) <= $1
            AND (t.state <> 'active' OR (c.subject IS NOT NULL AND c.paused_by <> 'user'))
        ORDER BY s.tenant_id, s.sync_id";
    fetch_all!(tx, Unread, SQL, before)
}

/// Marks that somebody is told of it after so many days; `false` when somebody was before.
pub async fn mark(tx: &mut Tx, sync: &Unread, days: i64, at: DateTime<Utc>) -> Result<bool> {
    const SQL: &str = "INSERT INTO sync_alarms (tenant_id, sync_id, read_to, days, at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (tenant_id, sync_id, read_to, days) DO NOTHING";
    let (tenant, id) = (sync.tenant_id.as_str(), sync.sync_id.as_str());
    Ok(execute!(tx, SQL, tenant, id, sync.read_to, days, at)? > 0)
}

//! The SQL of records: what was read from a source, one row per object and account.

use crate::{
    base::{RecordName, Result, TenantId},
    db::{Tx, execute, fetch_all},
    syncs::{SourceAccount, meeting::Meeting},
};
use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

/// A stored record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its resource name.
    pub name: RecordName,
    /// What was read.
    pub meeting: Meeting,
    /// Nothing about it can change any more.
    pub settled: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    record_id: Uuid,
    content: Json<Meeting>,
    settled: bool,
}

fn record(tenant: &TenantId, row: Row) -> Record {
    Record {
        name: RecordName::new(tenant.clone(), row.record_id),
        meeting: row.content.0,
        settled: row.settled,
    }
}

/// Stores a meeting, unless it is stored just like this; whether anything changed.
pub async fn put(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &SourceAccount,
    meeting: &Meeting,
    now: DateTime<Utc>,
) -> Result<bool> {
    const SQL: &str = "INSERT INTO records (tenant_id, record_id, provider, account_id, external_id, content, hash, settled, \
         started_at, ended_at, first_seen_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) \
         ON CONFLICT (tenant_id, provider, account_id, external_id) DO UPDATE SET content = excluded.content, \
         hash = excluded.hash, settled = excluded.settled, started_at = excluded.started_at, ended_at = excluded.ended_at, \
         updated_at = excluded.updated_at WHERE records.hash <> excluded.hash";
    let changed = execute!(
        tx,
        SQL,
        tenant.as_str(),
        Uuid::now_v7(),
        account.provider,
        account.id.as_str(),
        meeting.conference.as_str(),
        Json(meeting),
        meeting.hash(),
        meeting.is_settled(),
        meeting.start,
        meeting.end,
        now
    )?;
    Ok(changed == 1)
}

/// The records of an account that had not ended before `since`, by start.
pub async fn since(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &SourceAccount,
    since: DateTime<Utc>,
) -> Result<Vec<Record>> {
    const SQL: &str = "SELECT record_id, content, settled FROM records \
         WHERE tenant_id = $1 AND provider = $2 AND account_id = $3 AND (ended_at IS NULL OR ended_at >= $4) \
         ORDER BY started_at, external_id";
    let rows = fetch_all!(
        tx,
        Row,
        SQL,
        tenant.as_str(),
        account.provider,
        account.id.as_str(),
        since
    )?;
    Ok(rows.into_iter().map(|row| record(tenant, row)).collect())
}

/// A page of an account's records, newest start first, after `(start, id)`.
pub async fn page(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &SourceAccount,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Record>> {
    const SQL: &str = "SELECT record_id, content, settled FROM records \
         WHERE tenant_id = $1 AND provider = $2 AND account_id = $3 AND (started_at, record_id) < ($4, $5) \
         ORDER BY started_at DESC, record_id DESC LIMIT $6";
    let (start, id) = after.unwrap_or((last_moment(), Uuid::max()));
    let rows = fetch_all!(
        tx,
        Row,
        SQL,
        tenant.as_str(),
        account.provider,
        account.id.as_str(),
        start,
        id,
        limit
    )?;
    Ok(rows.into_iter().map(|row| record(tenant, row)).collect())
}

/// Later than every start; within what both engines and their texts can order.
pub(super) fn last_moment() -> DateTime<Utc> {
    DateTime::from_timestamp(253_402_300_799, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

//! The SQL of records: what was read from a source, one row per object and account.

use crate::{
    base::{RecordName, Result, TenantId},
    db::{Engine, Tx, execute, fetch_all, fetch_optional},
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

/// Stores a meeting, unless it is stored just like this; whether anything changed. What is stored from calendars that
/// `meeting` does not speak of stays, also when another sync stored it a moment ago.
pub async fn put(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &SourceAccount,
    meeting: &Meeting,
    now: DateTime<Utc>,
) -> Result<bool> {
    const INSERT: &str = "INSERT INTO records (tenant_id, record_id, provider, account_id, external_id, content, hash, settled, \
         started_at, ended_at, first_seen_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) \
         ON CONFLICT (tenant_id, provider, account_id, external_id) DO NOTHING";
    const UPDATE: &str = "UPDATE records SET content = $5, hash = $6, settled = $7, started_at = $8, ended_at = $9, \
         updated_at = $10 WHERE tenant_id = $1 AND provider = $2 AND account_id = $3 AND external_id = $4 AND hash <> $6";
    let inserted = execute!(
        tx,
        INSERT,
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
    if inserted == 1 {
        return Ok(true);
    }
    let meeting = match locked(tx, tenant, account, &meeting.conference).await? {
        Some(known) => meeting.clone().remembering(&known),
        None => meeting.clone(),
    };
    let changed = execute!(
        tx,
        UPDATE,
        tenant.as_str(),
        account.provider,
        account.id.as_str(),
        meeting.conference.as_str(),
        Json(&meeting),
        meeting.hash(),
        meeting.is_settled(),
        meeting.start,
        meeting.end,
        now
    )?;
    Ok(changed == 1)
}

/// A stored meeting, which nobody else changes until the transaction ends.
async fn locked(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &SourceAccount,
    conference: &str,
) -> Result<Option<Meeting>> {
    // Differs by necessity: on SQLite the transaction is the only one that writes, and there is no such clause.
    const SQLITE: &str = "SELECT content FROM records \
         WHERE tenant_id = $1 AND provider = $2 AND account_id = $3 AND external_id = $4";
    const POSTGRES: &str = "SELECT content FROM records \
         WHERE tenant_id = $1 AND provider = $2 AND account_id = $3 AND external_id = $4 FOR UPDATE";
    let sql = match tx.engine() {
        Engine::Postgres => POSTGRES,
        Engine::Sqlite => SQLITE,
    };
    let row = fetch_optional!(
        tx,
        (Json<Meeting>,),
        sql,
        tenant.as_str(),
        account.provider,
        account.id.as_str(),
        conference
    )?;
    Ok(row.map(|(content,)| content.0))
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

/// A page of an account's records, newest start first, after `(start, id)`; with the event of any calendar.
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
    let records = rows.into_iter().map(|row| record(tenant, row));
    Ok(records
        .map(|record| Record {
            meeting: record.meeting.seen_anywhere(),
            ..record
        })
        .collect())
}

/// Later than every start; within what both engines and their texts can order.
pub(super) fn last_moment() -> DateTime<Utc> {
    DateTime::from_timestamp(253_402_300_799, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

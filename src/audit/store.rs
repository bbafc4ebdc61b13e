//! The rows of the audit: entries, and counts by the minute. Both are known by their time and an id, which is also their
//! order.

use crate::{
    audit::{Counted, Entry, list::Wanted},
    base::Result,
    db::{Tx, execute, fetch_all},
};
use chrono::{DateTime, Utc};
use std::net::IpAddr;
use uuid::Uuid;

/// An entry or a count, as it is shown.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct Row {
    pub at: DateTime<Utc>,
    pub id: Uuid,
    pub actor: String,
    pub address: String,
    pub action: String,
    pub resource: String,
    pub outcome: String,
    pub detail: String,
    pub count: i64,
}

/// Adds an entry.
pub(super) async fn add(
    tx: &mut Tx,
    id: Uuid,
    entry: &Entry,
    actor: &str,
    address: Option<IpAddr>,
    now: DateTime<Utc>,
) -> Result<()> {
    const SQL: &str = "INSERT INTO audit_entries
            (tenant_id, entry_id, at, actor, address, action, resource, outcome, detail)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let tenant = entry.tenant.as_ref().map_or("", |tenant| tenant.as_str());
    let address = address.map(|address| address.to_string());
    execute!(
        tx,
        SQL,
        tenant,
        id,
        now,
        actor,
        address.as_deref().unwrap_or_default(),
        entry.action,
        entry.resource.as_str(),
        entry.outcome.as_str(),
        entry.detail.as_str()
    )?;
    Ok(())
}

/// Adds `count` to what was counted in that minute.
pub(super) async fn add_count(
    tx: &mut Tx,
    counted: &Counted,
    minute: DateTime<Utc>,
    count: i64,
) -> Result<()> {
    const SQL: &str = "INSERT INTO audit_counts
            (tenant_id, minute, count_id, actor, address, action, resource, outcome, count)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (tenant_id, minute, actor, action, resource, outcome, address)
            DO UPDATE SET count = audit_counts.count + excluded.count";
    let tenant = counted.tenant.as_ref().map_or("", |tenant| tenant.as_str());
    execute!(
        tx,
        SQL,
        tenant,
        minute,
        Uuid::now_v7(),
        counted.actor.as_str(),
        counted.address.as_str(),
        counted.action,
        counted.resource.as_str(),
        counted.outcome.as_str(),
        count
    )?;
    Ok(())
}

/// Up to `limit` rows of both kinds, the newest first.
pub(super) async fn page(tx: &mut Tx, wanted: &Wanted, limit: i64) -> Result<Vec<Row>> {
    const SQL: &str = "SELECT at, id, actor, address, action, resource, outcome, detail, count FROM (
        SELECT at, id, actor, address, action, resource, outcome, detail, count FROM (
            SELECT at, entry_id AS id, actor, address, action, resource, outcome, detail, CAST(1 AS BIGINT) AS count
            FROM audit_entries
            WHERE tenant_id = $1 AND (at, entry_id) < ($2, $3) AND at >= $4
                AND ($5 IS NULL OR actor = $5) AND ($6 IS NULL OR action = $6) AND ($7 IS NULL OR resource = $7)
                AND ($8 IS NULL OR outcome = $8) AND ($9 IS NULL OR address = $9)
            ORDER BY at DESC, entry_id DESC LIMIT $10) AS entries
        UNION ALL
        SELECT at, id, actor, address, action, resource, outcome, detail, count FROM (
            SELECT minute AS at, count_id AS id, actor, address, action, resource, outcome, '' AS detail, count
            FROM audit_counts
            WHERE tenant_id = $1 AND (minute, count_id) < ($2, $3) AND minute >= $4
                AND ($5 IS NULL OR actor = $5) AND ($6 IS NULL OR action = $6) AND ($7 IS NULL OR resource = $7)
                AND ($8 IS NULL OR outcome = $8) AND ($9 IS NULL OR address = $9)
            ORDER BY minute DESC, count_id DESC LIMIT $10) AS counts
        ) AS rows_of_both
        ORDER BY at DESC, id DESC LIMIT $10";
    let tenant = wanted.tenant.as_ref().map_or("", |tenant| tenant.as_str());
    let (at, id) = wanted.before;
    fetch_all!(
        tx,
        Row,
        SQL,
        tenant,
        at,
        id,
        wanted.from,
        wanted.actor.as_deref(),
        wanted.action.as_deref(),
        wanted.resource.as_deref(),
        wanted.outcome.as_deref(),
        wanted.address.as_deref(),
        limit
    )
}

/// Forgets what is older than `before`, of all tenants, up to `limit` rows of each kind; gives how many of each it were.
pub(super) async fn forget(tx: &mut Tx, before: DateTime<Utc>, limit: i64) -> Result<(u64, u64)> {
    const ENTRIES: &str = "DELETE FROM audit_entries WHERE (tenant_id, entry_id) IN
        (SELECT tenant_id, entry_id FROM audit_entries WHERE at < $1 ORDER BY at LIMIT $2)";
    const COUNTS: &str = "DELETE FROM audit_counts WHERE (tenant_id, minute, count_id) IN
        (SELECT tenant_id, minute, count_id FROM audit_counts WHERE minute < $1 ORDER BY minute LIMIT $2)";
    let entries = execute!(tx, ENTRIES, before, limit)?;
    let counts = execute!(tx, COUNTS, before, limit)?;
    Ok((entries, counts))
}

/// Whether nobody swept since `before`: then it is the caller's turn, and nobody else's.
pub(super) async fn take_turn(
    tx: &mut Tx,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool> {
    const SQL: &str =
        "INSERT INTO instance_facts (name, value, updated_at) VALUES ('audit.swept', '', $1)
        ON CONFLICT (name) DO UPDATE SET updated_at = excluded.updated_at
        WHERE instance_facts.updated_at <= $2";
    Ok(execute!(tx, SQL, now, before)? == 1)
}

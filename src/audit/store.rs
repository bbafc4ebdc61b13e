//! The rows of the audit: entries, and counts by the minute. Both are known by their time and an id, which is also their
//! order.

use crate::{
    api::filter::Match,
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

/// Adds `count` to what was counted in that minute. What was counted for a tenant that is gone meanwhile is the
/// installation's, as the rest of its audit is.
pub(super) async fn add_count(
    tx: &mut Tx,
    counted: &Counted<'_>,
    minute: DateTime<Utc>,
    count: i64,
) -> Result<()> {
    const SQL: &str = "INSERT INTO audit_counts
            (tenant_id, minute, count_id, actor, address, action, resource, outcome, count)
        VALUES (COALESCE((SELECT tenant_id FROM tenants WHERE tenant_id = $1), ''),
            $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (tenant_id, minute, actor, action, resource, outcome, address)
            DO UPDATE SET count = audit_counts.count + excluded.count";
    let tenant = counted.tenant.as_ref().map_or("", |tenant| tenant.as_str());
    let address = counted.place.to_string();
    execute!(
        tx,
        SQL,
        tenant,
        minute,
        Uuid::now_v7(),
        &*counted.actor,
        address.as_str(),
        counted.action,
        &*counted.resource,
        &*counted.outcome,
        count
    )?;
    Ok(())
}

/// Up to `limit` rows of both kinds, the newest first.
pub(super) async fn page(tx: &mut Tx, wanted: &Wanted, limit: i64) -> Result<Vec<Row>> {
    // A field is compared, where that is asked for, or its beginning.
    macro_rules! matching {
        ($at:literal, $id:literal, $table:literal) => {
            concat!(
                " FROM ", $table, " WHERE tenant_id = $1 AND (", $at, ", ", $id, ") < ($2, $3) AND ", $at, " >= $4
                AND ($5 IS NULL OR actor = $5) AND ($6 IS NULL OR action = $6) AND ($7 IS NULL OR resource = $7)
                AND ($8 IS NULL OR outcome = $8) AND ($9 IS NULL OR address = $9)
                AND ($11 IS NULL OR substr(actor, 1, length($11)) = $11)
                AND ($12 IS NULL OR substr(action, 1, length($12)) = $12)
                AND ($13 IS NULL OR substr(resource, 1, length($13)) = $13)
                AND ($14 IS NULL OR substr(outcome, 1, length($14)) = $14)
                AND ($15 IS NULL OR substr(address, 1, length($15)) = $15)
                ORDER BY ", $at, " DESC, ", $id, " DESC LIMIT $10"
            )
        };
    }
    const SQL: &str = concat!(
        "SELECT at, id, actor, address, action, resource, outcome, detail, count FROM (
        SELECT at, id, actor, address, action, resource, outcome, detail, count FROM (
            SELECT at, entry_id AS id, actor, address, action, resource, outcome, detail, CAST(1 AS BIGINT) AS count",
        matching!("at", "entry_id", "audit_entries"),
        ") AS entries
        UNION ALL
        SELECT at, id, actor, address, action, resource, outcome, detail, count FROM (
            SELECT minute AS at, count_id AS id, actor, address, action, resource, outcome, '' AS detail, count",
        matching!("minute", "count_id", "audit_counts"),
        ") AS counts
        ) AS rows_of_both
        ORDER BY at DESC, id DESC LIMIT $10"
    );
    let tenant = wanted.tenant.as_ref().map_or("", |tenant| tenant.as_str());
    let (at, id) = wanted.before;
    let fields = [
        &wanted.actor,
        &wanted.action,
        &wanted.resource,
        &wanted.outcome,
        &wanted.address,
    ];
    let [actor, action, resource, outcome, address] =
        fields.map(|field| field.as_ref().and_then(Match::exactly));
    let beginnings = fields.map(|field| field.as_ref().and_then(Match::beginning));
    fetch_all!(
        tx,
        Row,
        SQL,
        tenant,
        at,
        id,
        wanted.from,
        actor,
        action,
        resource,
        outcome,
        address,
        limit,
        beginnings[0],
        beginnings[1],
        beginnings[2],
        beginnings[3],
        beginnings[4]
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

/// Waits until nobody else moves rows from one audit to another, and keeps others from it to the end of the transaction.
pub(super) async fn hold_moves(tx: &mut Tx, now: DateTime<Utc>) -> Result<()> {
    const SQL: &str =
        "INSERT INTO instance_facts (name, value, updated_at) VALUES ('audit.moved', '', $1)
        ON CONFLICT (name) DO UPDATE SET updated_at = excluded.updated_at";
    execute!(tx, SQL, now)?;
    Ok(())
}

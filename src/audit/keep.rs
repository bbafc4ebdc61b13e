//! What was written down about a tenant outlives it.

use crate::{
    audit::BATCH,
    base::{Result, TenantId},
    db::{Db, Scope, Tx, execute, fetch_optional},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Does most of what [`keep_of`] does, in transactions of their own, so that what is left for that is little.
pub async fn keep_most_of(db: &Db, tenant: &TenantId) -> Result<()> {
    const ENTRY: &str = "SELECT entry_id FROM audit_entries WHERE tenant_id = $1
        ORDER BY entry_id LIMIT 1 OFFSET $2";
    const MINUTE: &str = "SELECT minute FROM audit_counts WHERE tenant_id = $1
        ORDER BY minute LIMIT 1 OFFSET $2";
    loop {
        let mut tx = db
            .write(Scope::System("keep the audit of a tenant that goes"))
            .await?;
        let (id, last) = (tenant.as_str(), BATCH - 1);
        let entry = fetch_optional!(tx, (Uuid,), ENTRY, id, last)?;
        let minute = fetch_optional!(tx, (DateTime<Utc>,), MINUTE, id, last)?;
        if let Some((entry,)) = entry {
            keep_entries(&mut tx, tenant, Some(entry)).await?;
        }
        if let Some((minute,)) = minute {
            keep_counts(&mut tx, tenant, Some(minute)).await?;
        }
        tx.commit().await?;
        if entry.is_none() && minute.is_none() {
            return Ok(());
        }
    }
}

/// Hands the audit of a tenant that is removed to the installation, so that who gets the same id later does not read it.
/// Entries are never changed: they are written once more, and the old ones go. Needs a transaction of
/// [`crate::db::Scope::System`].
pub async fn keep_of(tx: &mut Tx, tenant: &TenantId) -> Result<()> {
    keep_entries(tx, tenant, None).await?;
    keep_counts(tx, tenant, None).await
}

async fn keep_entries(tx: &mut Tx, tenant: &TenantId, up_to: Option<Uuid>) -> Result<()> {
    const ENTRIES: &str = "INSERT INTO audit_entries
            (tenant_id, entry_id, at, actor, address, action, resource, outcome, detail)
        SELECT '', entry_id, at, actor, address, action, resource, outcome, detail
        FROM audit_entries WHERE tenant_id = $1 AND ($2 IS NULL OR entry_id <= $2)";
    // One that somebody adds in between is not there twice yet, and stays for the next time.
    const OLD_ENTRIES: &str =
        "DELETE FROM audit_entries WHERE tenant_id = $1 AND ($2 IS NULL OR entry_id <= $2)
        AND EXISTS (SELECT 1 FROM audit_entries AS kept
            WHERE kept.tenant_id = '' AND kept.entry_id = audit_entries.entry_id)";
    for sql in [ENTRIES, OLD_ENTRIES] {
        execute!(tx, sql, tenant.as_str(), up_to)?;
    }
    Ok(())
}

async fn keep_counts(tx: &mut Tx, tenant: &TenantId, up_to: Option<DateTime<Utc>>) -> Result<()> {
    // WHERE tells SQLite that ON belongs to the conflict.
    const COUNTS: &str = "INSERT INTO audit_counts
            (tenant_id, minute, count_id, actor, address, action, resource, outcome, count)
        SELECT '', minute, count_id, actor, address, action, resource, outcome, count
        FROM audit_counts WHERE tenant_id = $1 AND ($2 IS NULL OR minute <= $2)
        ON CONFLICT (tenant_id, minute, actor, action, resource, outcome, address)
            DO UPDATE SET count = audit_counts.count + excluded.count";
    const OLD_COUNTS: &str =
        "DELETE FROM audit_counts WHERE tenant_id = $1 AND ($2 IS NULL OR minute <= $2)";
    for sql in [COUNTS, OLD_COUNTS] {
        execute!(tx, sql, tenant.as_str(), up_to)?;
    }
    Ok(())
}

//! What was written down about a tenant outlives it: it becomes the installation's, so that who gets the same id later does
//! not read it. It begins when the tenant is gone, so that a tenant that stays keeps its audit; whoever comes next goes on with
//! it when it was interrupted.

use crate::{
    audit::{BATCH, store},
    base::{Result, TenantId},
    db::{Db, Scope, Tx, execute, fetch_all, fetch_one, fetch_optional},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

const SCOPE: Scope = Scope::System("keep the audit of tenants that are gone");

/// Hands the audit of a tenant over, in transactions that nobody has to wait long for. Does nothing while there is such a
/// tenant.
pub async fn keep_of(db: &Db, tenant: &TenantId) -> Result<()> {
    const ENTRY: &str = "SELECT entry_id FROM audit_entries WHERE tenant_id = $1
        ORDER BY entry_id LIMIT 1 OFFSET $2";
    const MINUTE: &str = "SELECT minute FROM audit_counts WHERE tenant_id = $1
        ORDER BY minute LIMIT 1 OFFSET $2";
    loop {
        let mut tx = db.write(SCOPE).await?;
        if !is_left(&mut tx, tenant).await? {
            return Ok(());
        }
        store::hold_moves(&mut tx, db.now()).await?;
        if is_there(&mut tx, tenant).await? {
            return Ok(());
        }
        let (id, last) = (tenant.as_str(), BATCH - 1);
        let entry = fetch_optional!(tx, (Uuid,), ENTRY, id, last)?;
        let minute = fetch_optional!(tx, (DateTime<Utc>,), MINUTE, id, last)?;
        keep_entries(&mut tx, tenant, entry.map(|(id,)| id)).await?;
        keep_counts(&mut tx, tenant, minute.map(|(minute,)| minute)).await?;
        tx.commit().await?;
    }
}

/// The same for all tenants that are gone: an earlier process may have ended before it was through.
pub async fn keep_left(db: &Db) -> Result<()> {
    // Leaps from id to id along the key, whatever there is of each.
    macro_rules! gone {
        ($table:literal) => {
            concat!(
                "WITH RECURSIVE ids (id) AS (SELECT MIN(tenant_id) FROM ", $table, " WHERE tenant_id > ''
                    UNION ALL
                    SELECT (SELECT MIN(tenant_id) FROM ", $table, " WHERE tenant_id > ids.id)
                    FROM ids WHERE ids.id IS NOT NULL)
                SELECT id FROM ids WHERE id IS NOT NULL
                    AND NOT EXISTS (SELECT 1 FROM tenants WHERE tenants.tenant_id = ids.id)"
            )
        };
    }
    let mut tx = db.read(SCOPE).await?;
    let mut gone = fetch_all!(tx, (String,), gone!("audit_entries"))?;
    gone.extend(fetch_all!(tx, (String,), gone!("audit_counts"))?);
    drop(tx);
    for (id,) in gone {
        keep_of(db, &id.parse()?).await?;
    }
    Ok(())
}

/// Hands over what is still left of an earlier tenant of this id, in the transaction that makes another one. Needs a
/// transaction of [`Scope::System`], which has not written anything into the audit of the new one.
pub async fn keep_rest(tx: &mut Tx, tenant: &TenantId, now: DateTime<Utc>) -> Result<()> {
    if !is_left(tx, tenant).await? {
        return Ok(());
    }
    store::hold_moves(tx, now).await?;
    keep_entries(tx, tenant, None).await?;
    keep_counts(tx, tenant, None).await
}

async fn is_left(tx: &mut Tx, tenant: &TenantId) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM audit_entries WHERE tenant_id = $1)
        OR EXISTS (SELECT 1 FROM audit_counts WHERE tenant_id = $1)";
    let (is_left,) = fetch_one!(tx, (bool,), SQL, tenant.as_str())?;
    Ok(is_left)
}

async fn is_there(tx: &mut Tx, tenant: &TenantId) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM tenants WHERE tenant_id = $1)";
    let (is_there,) = fetch_one!(tx, (bool,), SQL, tenant.as_str())?;
    Ok(is_there)
}

/// Entries are never changed: they are written once more, and the old ones go.
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
    // Nobody adds to them in between: what is counted for a tenant that is gone is counted for the installation.
    const OLD_COUNTS: &str =
        "DELETE FROM audit_counts WHERE tenant_id = $1 AND ($2 IS NULL OR minute <= $2)";
    for sql in [COUNTS, OLD_COUNTS] {
        execute!(tx, sql, tenant.as_str(), up_to)?;
    }
    Ok(())
}

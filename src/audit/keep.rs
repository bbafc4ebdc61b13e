//! What was written down about a tenant outlives it.

use crate::{
    base::{Result, TenantId},
    db::{Tx, execute},
};

/// Hands the audit of a tenant that is removed to the installation, so that who gets the same id later does not read it.
/// Entries are never changed: they are written once more, and the old ones go. Needs a transaction of
/// [`crate::db::Scope::System`].
pub async fn keep_of(tx: &mut Tx, tenant: &TenantId) -> Result<()> {
    const ENTRIES: &str = "INSERT INTO audit_entries
            (tenant_id, entry_id, at, actor, address, action, resource, outcome, detail)
        SELECT '', entry_id, at, actor, address, action, resource, outcome, detail
        FROM audit_entries WHERE tenant_id = $1";
    // WHERE tells SQLite that ON belongs to the conflict.
    const COUNTS: &str = "INSERT INTO audit_counts
            (tenant_id, minute, count_id, actor, address, action, resource, outcome, count)
        SELECT '', minute, count_id, actor, address, action, resource, outcome, count
        FROM audit_counts WHERE tenant_id = $1
        ON CONFLICT (tenant_id, minute, actor, action, resource, outcome, address)
            DO UPDATE SET count = audit_counts.count + excluded.count";
    const OLD_ENTRIES: &str = "DELETE FROM audit_entries WHERE tenant_id = $1";
    const OLD_COUNTS: &str = "DELETE FROM audit_counts WHERE tenant_id = $1";
    for sql in [ENTRIES, COUNTS, OLD_ENTRIES, OLD_COUNTS] {
        execute!(tx, sql, tenant.as_str())?;
    }
    Ok(())
}

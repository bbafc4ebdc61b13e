//! Removes a tenant that has nothing more to lose.

use crate::{
    app::App,
    audit,
    base::{Error, Result, TenantId, reach},
    db::Scope,
    tenants::{keys, store, tenant::not_found, update::check_etag},
};

/// Removes it, with the memory of what it once did, but not the audit of that. TENANT_NOT_EMPTY while it has tokens, syncs or
/// runs that are not over, TENANT_NEEDED for the one that is there from the start.
pub async fn delete(app: &App, id: &TenantId, etag: &str) -> Result<()> {
    reach::check(id)?;
    let now = app.db.now();
    let mut tx = app.db.write(Scope::System("remove a tenant")).await?;
    let tenant = store::lock(&mut tx, id)
        .await?
        .ok_or_else(|| not_found(id))?;
    check_etag(&tenant, etag)?;
    if *id == TenantId::default_tenant() {
        return Err(Error::precondition(
            "TENANT_NEEDED",
            "tenants/default is what names without a tenant mean: it can be emptied and disabled, not removed",
        ));
    }
    if let Some(what) = store::keeps(&mut tx, id).await? {
        let message = format!("{} still has {what}: remove them first", tenant.name());
        return Err(Error::precondition("TENANT_NOT_EMPTY", message));
    }
    store::remove(&mut tx, id).await?;
    audit::keep_of(&mut tx, id).await?;
    keys::changed(&mut tx).await?;
    let entry = audit::Entry::new(None, "tenant.delete", tenant.name());
    audit::record(&mut tx, entry, now).await?;
    tx.commit().await?;
    tracing::info!(tenant = %id, "a tenant was removed");
    Ok(())
}

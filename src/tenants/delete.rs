//! Removes a tenant that has nothing more to lose.

use crate::{
    app::App,
    audit,
    base::{Error, Result, TenantId, reach},
    db::{Scope, Tx},
    tenants::{Tenant, keys, store, tenant::not_found, update::check_etag},
};

/// Removes it, with the memory of what it once did, but not the audit of that. TENANT_NOT_EMPTY while it has tokens, syncs or
/// runs that are not over, TENANT_NEEDED for the one that is there from the start.
pub async fn delete(app: &App, id: &TenantId, etag: &str) -> Result<()> {
    reach::check(id)?;
    let now = app.db.now();
    let mut tx = app.db.write(Scope::System("remove a tenant")).await?;
    let tenant = removable(&mut tx, id, etag).await?;
    store::remove(&mut tx, id).await?;
    // Its keys are gone, too.
    keys::changed(&mut tx).await?;
    let entry = audit::Entry::new(None, "tenant.delete", tenant.name());
    audit::record(&mut tx, entry, now).await?;
    tx.commit().await?;
    tracing::info!(tenant = %id, "a tenant was removed");
    // It is gone whatever comes of this, which housekeeping does again.
    if let Err(error) = audit::keep_of(&app.db, id).await {
        tracing::warn!(tenant = %id, %error, "the audit of a removed tenant is handed over later");
    }
    Ok(())
}

/// The tenant, locked, when nothing keeps it from being removed.
async fn removable(tx: &mut Tx, id: &TenantId, etag: &str) -> Result<Tenant> {
    let tenant = store::lock(tx, id).await?.ok_or_else(|| not_found(id))?;
    check_etag(&tenant, etag)?;
    if *id == TenantId::default_tenant() {
        return Err(Error::precondition(
            "TENANT_NEEDED",
            "tenants/default is what names without a tenant mean: it can be emptied and disabled, not removed",
        ));
    }
    if let Some(what) = store::keeps(tx, id).await? {
        let message = format!("{} still has {what}: remove them first", tenant.name());
        return Err(Error::precondition("TENANT_NOT_EMPTY", message));
    }
    Ok(tenant)
}

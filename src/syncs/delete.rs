//! Forgets a definition; what it wrote stays, and so does the memory of it.

use crate::{
    app::App,
    audit::{self, Entry},
    base::{Error, Result, SyncName},
    db::Scope,
    runs, schedules,
    syncs::{schedule, store},
};

/// Forgets a sync, unless a run of it is not finished.
pub async fn delete(app: &App, name: &SyncName, etag: &str) -> Result<()> {
    let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
    let sync = store::syncs::get(&mut tx, name)
        .await?
        .ok_or_else(|| name.not_found())?;
    if !etag.is_empty() && etag != sync.etag() {
        return Err(Error::Conflict {
            what: name.to_string(),
        });
    }
    if runs::store::any_open(&mut tx, name).await? {
        return Err(Error::precondition(
            "SYNC_RUNNING",
            "a run of the sync is not finished: cancel it first",
        ));
    }
    schedules::change::remove(&mut tx, &schedule::key(name)).await?;
    store::syncs::delete(&mut tx, name).await?;
    let entry = Entry::new(Some(name.tenant.clone()), "sync.delete", name);
    audit::record(&mut tx, entry, app.db.now()).await?;
    tx.commit().await
}

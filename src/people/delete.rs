//! Removes a person.

use crate::{
    app::App,
    audit,
    base::Result,
    people::{PersonName, memory, standing::standing, store},
};

/// Removes a person with its memberships, and ends all its sessions: within a second on every replica. Only the person
/// itself and admins may. What it owned stays: that belongs to tenants.
pub async fn delete(app: &App, name: PersonName, etag: &str) -> Result<()> {
    standing().may_change(name)?;
    let now = app.db.now();
    let mut tx = app.db.write(store::SCOPE).await?;
    let person = store::get(&mut tx, name.0).await?;
    let person = person.ok_or_else(|| name.not_found())?;
    person.check_etag(etag)?;
    if !store::remove(&mut tx, name.0, person.version).await? {
        return Err(name.changed_meanwhile());
    }
    audit::record(&mut tx, audit::Entry::new(None, "user.delete", name), now).await?;
    tx.commit().await?;
    memory::of(app).forget();
    Ok(())
}

//! Ends a key.

use crate::{
    app::App,
    audit::{self, Entry},
    base::Result,
    tenants::keys::{Key, KeyName, owner, store},
};

/// Revokes a key: every replica refuses it within a second. One that was revoked already stays as it is.
pub async fn revoke(app: &App, name: &KeyName) -> Result<Key> {
    let now = app.db.now();
    let mut tx = app.db.write(owner(name.tenant.as_ref())?).await?;
    let is_news = store::revoke(&mut tx, name, now).await?;
    let key = store::get(&mut tx, name)
        .await?
        .ok_or_else(|| name.not_found())?;
    if is_news {
        store::changed(&mut tx).await?;
        let entry = Entry::new(name.tenant.clone(), "api_key.revoke", name);
        audit::record(&mut tx, entry, now).await?;
        tx.commit().await?;
        tracing::info!(key.name = %name, "a key was revoked");
    }
    Ok(key)
}

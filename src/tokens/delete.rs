//! Forgets a token. It is not revoked at the provider: that is another use case.

use crate::{
    app::App,
    base::{Result, TokenName},
    db::Scope,
    tokens::{
        EventKind, memory, store,
        update::{changed_meanwhile, check_etag},
    },
};

/// Removes the token; what happened to it stays known. TOKEN_IN_USE while a sync uses it.
pub async fn delete(app: &App, name: &TokenName, etag: &str) -> Result<()> {
    let now = app.db.now();
    let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
    let token = store::get(&mut tx, name)
        .await?
        .ok_or_else(|| name.not_found())?;
    check_etag(&token, etag)?;
    if !store::delete(&mut tx, name, token.version).await? {
        return Err(changed_meanwhile(name));
    }
    store::add_event(
        &mut tx,
        name,
        EventKind::Deleted,
        "forgotten; not revoked at the provider",
        now,
    )
    .await?;
    tx.commit().await?;
    memory::of(app).forget(name);
    tracing::info!(token = %name, "a token was deleted");
    Ok(())
}

//! Reads tenants: those that the caller has a role in; no other exists for it.

use crate::{
    api::page::Page,
    app::App,
    base::{Permissions, Result, TenantId, reach},
    db::Scope,
    tenants::{Tenant, store, tenant::not_found},
};

/// One tenant. `NotFound` for one that nobody made and for somebody else's alike.
pub async fn get(app: &App, id: &TenantId) -> Result<Tenant> {
    let mut tx = app.db.read(Scope::Tenant(id.clone())).await?;
    store::get(&mut tx, id).await?.ok_or_else(|| not_found(id))
}

/// A page of the caller's tenants by id, and the token of the next page (empty on the last).
pub async fn list(app: &App, page_size: i32, page_token: &str) -> Result<(Vec<Tenant>, String)> {
    let page = Page::parse(page_size, page_token, &["tenants"])?;
    let among = reach::caller().and_then(|caller| match &caller.permissions {
        Permissions::Instance(_) | Permissions::Both(..) => None,
        Permissions::Tenants(roles) => Some(roles.keys().cloned().collect::<Vec<_>>()),
    });
    let mut tx = app
        .db
        .read(Scope::System("list the tenants of a caller"))
        .await?;
    let after = page.after.as_deref().unwrap_or_default();
    let mut tenants = store::list(&mut tx, among.as_deref(), after, page.limit()).await?;
    let next = page.cut(&mut tenants, |tenant| tenant.id.to_string());
    Ok((tenants, next))
}

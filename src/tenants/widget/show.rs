//! Reads a widget's look: for who administers it, and for the pages that show it.

use crate::{
    app::App,
    base::{Result, TenantId},
    db::Scope,
    tenants::{
        State, store as tenants,
        tenant::not_found,
        widget::{Widget, store},
    },
};

/// What a page needs to know before it may show a tenant's widget.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Whether the tenant is served.
    pub state: State,
    /// Pages that may show it; none: all.
    pub allowed_domains: Vec<String>,
    /// The look.
    pub widget: Widget,
}

/// The look, from the start where nobody gave it one. `NotFound` without such a tenant.
pub async fn get(app: &App, tenant: &TenantId) -> Result<Widget> {
    Ok(show(app, tenant).await?.widget)
}

/// The look, and who may see it.
pub async fn show(app: &App, tenant: &TenantId) -> Result<Shown> {
    let mut tx = app.db.read(Scope::Tenant(tenant.clone())).await?;
    let found = tenants::get(&mut tx, tenant).await?;
    let found = found.ok_or_else(|| not_found(tenant))?;
    Ok(Shown {
        state: found.state,
        allowed_domains: found.allowed_domains.0,
        widget: store::get(&mut tx, tenant).await?.unwrap_or_default(),
    })
}

//! Reads a widget's look: for who administers it, and for the pages that show it.

use crate::{
    app::App,
    base::{Result, TenantId},
    db::Scope,
    tenants::{
        State,
        recent::Recent,
        store as tenants,
        tenant::not_found,
        widget::{Widget, store},
    },
};
use std::sync::Arc;

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

/// The lists of pages of every tenant with a widget, as they were half a second ago at the earliest: for a question that does not
/// say whose widget it is about.
pub async fn allowed_anywhere(app: &App) -> Result<Arc<Vec<Vec<String>>>> {
    let known = app.memory.of::<Recent<Vec<Vec<String>>>>();
    let read = async {
        let scope = Scope::System("which pages show any widget");
        let mut tx = app.db.read(scope).await?;
        tenants::lists_with_widget(&mut tx, app.db.now()).await
    };
    known.get(read).await
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

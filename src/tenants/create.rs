//! Makes a tenant.

use crate::{
    app::App,
    audit,
    base::{Error, ResourceId, Result, Violation, error::all_valid},
    db::{Scope, Tx},
    tenants::{
        State, Tenant, gather, keys, store,
        tenant::{check_display_name, check_domains},
    },
};
use sqlx::types::Json;

/// A tenant to be made.
#[derive(Clone, Debug, Default)]
pub struct Create {
    /// The last part of its name.
    pub id: String,
    /// For people; empty is the id.
    pub display_name: String,
    /// Active where none is said.
    pub state: Option<State>,
    /// Pages that may show its widget; none: all.
    pub allowed_domains: Vec<String>,
    /// What could not be read at all.
    pub unreadable: Vec<Violation>,
}

/// Makes it. All wrong fields are named at once; `Exists` when the id is taken.
pub async fn create(app: &App, create: Create) -> Result<Tenant> {
    let mut wrong = create.unreadable;
    let id = gather(&mut wrong, ResourceId::parse("tenant_id", &create.id));
    check_display_name(&mut wrong, &create.display_name);
    let domains = check_domains(&mut wrong, &create.allowed_domains);
    all_valid(wrong)?;
    let id = id.ok_or_else(|| Error::internal("a valid request lacks its id"))?;
    let display_name = match create.display_name.as_str() {
        "" => id.as_str(),
        text => text,
    };
    let tenant = Tenant {
        state: create.state.unwrap_or(State::Active),
        allowed_domains: Json(domains),
        ..Tenant::new(id.clone(), display_name, app.db.now())
    };
    // Much may be left of an earlier one where a process died: not all of it in one transaction.
    audit::keep_of(&app.db, &tenant.id).await?;
    let mut tx = app.db.write(Scope::System("make a tenant")).await?;
    add(&mut tx, &tenant, audit::actor()).await?;
    tx.commit().await?;
    Ok(tenant)
}

/// Adds it within a transaction; the audit says that `by` did. `Exists` when the id is taken.
pub async fn add(tx: &mut Tx, tenant: &Tenant, by: impl ToString) -> Result<()> {
    if !store::insert(tx, tenant).await? {
        return Err(Error::Exists {
            kind: "tenant",
            name: tenant.name(),
        });
    }
    // What was left of an earlier tenant of this id is not this one's.
    if keys::drop_left(tx, tenant.id.as_str()).await? {
        keys::changed(tx).await?;
    }
    audit::keep_rest(tx, &tenant.id, tenant.created_at).await?;
    let entry = audit::Entry::new(Some(tenant.id.clone()), "tenant.create", tenant.name());
    audit::record(tx, entry.by(by), tenant.created_at).await?;
    tracing::info!(tenant = %tenant.id, "a tenant is made");
    Ok(())
}

//! Links by which somebody may give a consent.

use crate::{
    base::{Error, Result, TenantId},
    db::{Tx, execute, fetch_optional},
};
use chrono::{DateTime, Utc};

/// A link that was made.
#[derive(sqlx::FromRow)]
pub(in crate::tokens) struct Link {
    pub token_id: String,
    pub scopes: String,
    pub login_hint: String,
    pub ask_again: bool,
    pub made_by: String,
    pub expires_at: DateTime<Utc>,
}

/// Keeps a link under its hash. `NotFound` when there is no such tenant.
pub(in crate::tokens) async fn add_link(
    tx: &mut Tx,
    tenant: &TenantId,
    link_hash: &str,
    link: &Link,
) -> Result<()> {
    const SQL: &str = "INSERT INTO token_links (tenant_id, link_hash, token_id, scopes, login_hint, made_by, expires_at, ask_again)
        SELECT tenant_id, $2, $3, $4, $5, $6, $7, $8 FROM tenants WHERE tenant_id = $1";
    let added = execute!(
        tx,
        SQL,
        tenant.as_str(),
        link_hash,
        link.token_id.as_str(),
        link.scopes.as_str(),
        link.login_hint.as_str(),
        link.made_by.as_str(),
        link.expires_at,
        link.ask_again
    )?;
    match added {
        0 => Err(Error::not_found("tenant", format!("tenants/{tenant}"))),
        _ => Ok(()),
    }
}

/// A link, which stays where it is; `None` when it is not there.
pub(in crate::tokens) async fn link(
    tx: &mut Tx,
    tenant: &TenantId,
    link_hash: &str,
) -> Result<Option<Link>> {
    const SQL: &str = "SELECT token_id, scopes, login_hint, made_by, expires_at, ask_again
        FROM token_links WHERE tenant_id = $1 AND link_hash = $2";
    fetch_optional!(tx, Link, SQL, tenant.as_str(), link_hash)
}

/// Takes a link out, so that nobody else can use it; `None` when it is not there.
pub(in crate::tokens) async fn take_link(
    tx: &mut Tx,
    tenant: &TenantId,
    link_hash: &str,
) -> Result<Option<Link>> {
    const SQL: &str = "DELETE FROM token_links WHERE tenant_id = $1 AND link_hash = $2
        RETURNING token_id, scopes, login_hint, made_by, expires_at, ask_again";
    fetch_optional!(tx, Link, SQL, tenant.as_str(), link_hash)
}

/// Removes the links of a tenant that nobody followed in time.
pub(in crate::tokens) async fn drop_old_links(
    tx: &mut Tx,
    tenant: &TenantId,
    now: DateTime<Utc>,
) -> Result<()> {
    const SQL: &str = "DELETE FROM token_links WHERE tenant_id = $1 AND expires_at <= $2";
    execute!(tx, SQL, tenant.as_str(), now)?;
    Ok(())
}

//! Consents that were begun and wait for the browser to come back.

use crate::{
    base::{Error, Result, TenantId, TokenName},
    db::{Tx, execute, fetch_optional},
};
use chrono::{DateTime, Utc};

/// A consent that was begun.
#[derive(sqlx::FromRow)]
pub(in crate::tokens) struct Consent {
    pub redirect_uri: String,
    pub scopes: String,
    pub client_id: String,
    pub verifier_sealed: Vec<u8>,
    pub expires_at: DateTime<Utc>,
    /// The browser that it belongs to, where it was begun by our page.
    pub browser_hash: Option<String>,
    /// Who asked for it; empty where nobody called.
    pub begun_by: String,
}

/// Keeps a consent under the hash of its state. `NotFound` when there is no such tenant.
pub(in crate::tokens) async fn add_consent(
    tx: &mut Tx,
    name: &TokenName,
    state_hash: &str,
    consent: &Consent,
    at: DateTime<Utc>,
) -> Result<()> {
    const SQL: &str =
        "INSERT INTO token_authorizations (tenant_id, state_hash, token_id, redirect_uri, scopes,
            client_id, verifier_sealed, expires_at, created_at, browser_hash, begun_by)
        SELECT tenant_id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM tenants WHERE tenant_id = $1";
    let added = execute!(
        tx,
        SQL,
        name.tenant.as_str(),
        state_hash,
        name.id.as_str(),
        consent.redirect_uri.as_str(),
        consent.scopes.as_str(),
        consent.client_id.as_str(),
        consent.verifier_sealed.as_slice(),
        consent.expires_at,
        at,
        consent.browser_hash.as_deref(),
        consent.begun_by.as_str(),
    )?;
    super::check_sealed(tx, &[Some(consent.verifier_sealed.as_slice())]).await?;
    match added {
        0 => Err(Error::not_found(
            "tenant",
            format!("tenants/{}", name.tenant),
        )),
        _ => Ok(()),
    }
}

/// Takes a consent for the token of that name out, so that nobody else can use it; `None` when it is not there, or belongs
/// to another browser, or to one while none came.
pub(in crate::tokens) async fn take_consent(
    tx: &mut Tx,
    name: &TokenName,
    state_hash: &str,
    browser_hash: Option<&str>,
) -> Result<Option<Consent>> {
    const SQL: &str = "DELETE FROM token_authorizations
        WHERE tenant_id = $1 AND state_hash = $2 AND token_id = $3 AND COALESCE(browser_hash, '') = $4
        RETURNING redirect_uri, scopes, client_id, verifier_sealed, expires_at, browser_hash, begun_by";
    let (tenant, id) = (name.tenant.as_str(), name.id.as_str());
    let browser = browser_hash.unwrap_or_default();
    fetch_optional!(tx, Consent, SQL, tenant, state_hash, id, browser)
}

/// Removes the consents of a tenant that nobody came back from.
pub(in crate::tokens) async fn drop_old_consents(
    tx: &mut Tx,
    tenant: &TenantId,
    now: DateTime<Utc>,
) -> Result<()> {
    const SQL: &str = "DELETE FROM token_authorizations WHERE tenant_id = $1 AND expires_at <= $2";
    execute!(tx, SQL, tenant.as_str(), now)?;
    Ok(())
}

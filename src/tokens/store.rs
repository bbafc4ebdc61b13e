//! The SQL of this room: tokens themselves. Events and consents are in the files below.
//!
//! Two numbers guard a row. `version` counts what people see, and a person's change is applied only to the version it
//! was made for. `grant_version` counts the secrets: a refresher stores an answer only where the grant is still the one
//! it sent, so nothing newer is ever overwritten, however late it wakes.

mod consents;
mod events;
mod lease;
mod links;
mod sealed;

pub(super) use consents::{Consent, add_consent, drop_old_consents, take_consent};
pub use events::Event;
pub(super) use events::{add_event, events, forget_events};
pub(super) use lease::{give_up, put_off, release};
pub(super) use links::{Link, add_link, drop_old_links, link, take_link};
pub(super) use sealed::{
    check_sealed, count_needing_owner, is_retired, key_retired, lock_sealed, not_sealed_with,
    note_sealing, replace_sealed, replace_verifier, retire_key, sealed_by, sealed_key_ids,
    sealed_once, verifiers_not_sealed_with,
};

use crate::{
    base::{Error, ResourceId, Result, TenantId, TokenName},
    db::{self, Inner, Tx, execute, fetch_all, fetch_optional},
    tokens::{Kind, Provider, Scopes, State, Token},
    vault::KeyId,
};
use chrono::{DateTime, Utc};

macro_rules! columns {
    () => {
        "tenant_id, token_id, provider, kind, display_name, state, state_reason, account_id, account_label, \
         client_id, scopes, request_budget, access_expires_at, grant_expires_at, refreshed_at, created_at, updated_at, \
         version, grant_version, grant_sealed, access_sealed, refresh_fence, refresh_lease_until, refresh_sent_at, \
         refresh_failures, refresh_retry_at"
    };
}

/// A token that is not there yet. It has no secret: [`put_secrets`] follows.
pub(super) struct New<'a> {
    pub name: &'a TokenName,
    pub provider: Provider,
    pub kind: Kind,
    pub display_name: &'a str,
    pub request_budget: Option<&'a str>,
    pub state_reason: &'a str,
    pub at: DateTime<Utc>,
}

/// Everything that belongs to one credential, sealed.
pub(super) struct Secrets {
    pub client_id: Option<String>,
    pub scopes: Scopes,
    pub grant_sealed: Vec<u8>,
    pub access_sealed: Option<Vec<u8>>,
    pub access_expires_at: Option<DateTime<Utc>>,
    pub grant_expires_at: Option<DateTime<Utc>>,
}

/// What a provider answered to a refresh, sealed.
pub(super) struct Renewed {
    pub scopes: Option<Scopes>,
    /// Only where the provider rotated the refresh token.
    pub grant_sealed: Option<Vec<u8>>,
    pub access_sealed: Vec<u8>,
    pub access_expires_at: DateTime<Utc>,
    pub grant_expires_at: Option<DateTime<Utc>>,
}

/// Reads a token; `None` when there is none.
pub(super) async fn get(tx: &mut Tx, name: &TokenName) -> Result<Option<Token>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM tokens WHERE tenant_id = $1 AND token_id = $2"
    );
    fetch_optional!(tx, Token, SQL, name.tenant.as_str(), name.id.as_str())
}

/// The version of a token and whether it works; `None` when there is none. Cheap: no secret is read.
pub(super) async fn version(tx: &mut Tx, name: &TokenName) -> Result<Option<i64>> {
    const SQL: &str = "SELECT version FROM tokens WHERE tenant_id = $1 AND token_id = $2";
    let row = fetch_optional!(tx, (i64,), SQL, name.tenant.as_str(), name.id.as_str())?;
    Ok(row.map(|(version,)| version))
}

/// Up to `limit` tokens of a tenant by id, after `after`.
pub(super) async fn list(
    tx: &mut Tx,
    tenant: &TenantId,
    after: &str,
    limit: i64,
) -> Result<Vec<Token>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM tokens WHERE tenant_id = $1 AND token_id > $2 ORDER BY token_id LIMIT $3"
    );
    fetch_all!(tx, Token, SQL, tenant.as_str(), after, limit)
}

/// Adds a token without a secret. `Exists` when the name is taken; `NotFound` when there is no such tenant.
pub(super) async fn insert(tx: &mut Tx, new: &New<'_>) -> Result<Token> {
    const SQL: &str = concat!(
        "INSERT INTO tokens (tenant_id, token_id, provider, kind, display_name, state, state_reason, scopes,
             request_budget, version, grant_version, refresh_fence, refresh_failures, created_at, updated_at)
         SELECT tenant_id, $2, $3, $4, $5, $6, $7, '', $8, 1, 1, 0, 0, $9, $9 FROM tenants WHERE tenant_id = $1
         ON CONFLICT (tenant_id, token_id) DO NOTHING RETURNING ",
        columns!()
    );
    let name = new.name;
    let added = fetch_optional!(
        tx,
        Token,
        SQL,
        name.tenant.as_str(),
        name.id.as_str(),
        new.provider.as_str(),
        new.kind.as_str(),
        new.display_name,
        State::NeedsReauth.as_str(),
        new.state_reason,
        new.request_budget,
        new.at,
    )?;
    if let Some(token) = added {
        return Ok(token);
    }
    Err(match get(tx, name).await? {
        Some(_) => Error::Exists {
            kind: TokenName::KIND,
            name: name.to_string(),
        },
        None => Error::not_found("tenant", format!("tenants/{}", name.tenant)),
    })
}

/// Marks a change that people see, if `version` is still the current one; returns whether it was. It keeps others from
/// changing the row until the transaction ends, so it comes first.
pub(super) async fn touch(
    tx: &mut Tx,
    name: &TokenName,
    version: i64,
    at: DateTime<Utc>,
) -> Result<bool> {
    const SQL: &str = "UPDATE tokens SET version = version + 1, updated_at = $4
        WHERE tenant_id = $1 AND token_id = $2 AND version = $3";
    let (tenant, id) = (name.tenant.as_str(), name.id.as_str());
    Ok(execute!(tx, SQL, tenant, id, version, at)? > 0)
}

/// Changes what a person says about a token; `None` leaves as it is. After [`touch`].
pub(super) async fn describe(
    tx: &mut Tx,
    name: &TokenName,
    display_name: Option<&str>,
    request_budget: Option<&str>,
) -> Result<()> {
    const SQL: &str = "UPDATE tokens
        SET display_name = COALESCE($3, display_name),
            request_budget = CASE WHEN $4 IS NULL THEN request_budget WHEN $4 = '' THEN NULL ELSE $4 END
        WHERE tenant_id = $1 AND token_id = $2";
    let (tenant, id) = (name.tenant.as_str(), name.id.as_str());
    execute!(tx, SQL, tenant, id, display_name, request_budget)?;
    Ok(())
}

/// Gives a token a new credential: it works again, whoever was refreshing the old one is shut out, and the account has
/// to be found again. After [`touch`] or [`insert`].
pub(super) async fn put_secrets(
    tx: &mut Tx,
    name: &TokenName,
    secrets: &Secrets,
    at: DateTime<Utc>,
) -> Result<Token> {
    const SQL: &str = concat!(
        "UPDATE tokens
         SET state = $3, state_reason = '', account_id = NULL, account_label = NULL, client_id = $4, scopes = $5,
             grant_sealed = $6, access_sealed = $7, access_expires_at = $8, grant_expires_at = $9, refreshed_at = $10,
             grant_version = grant_version + 1, refresh_fence = refresh_fence + 1, refresh_lease_until = NULL,
             refresh_sent_at = NULL, refresh_failures = 0, refresh_retry_at = NULL
         WHERE tenant_id = $1 AND token_id = $2 RETURNING ",
        columns!()
    );
    let row = fetch_optional!(
        tx,
        Token,
        SQL,
        name.tenant.as_str(),
        name.id.as_str(),
        State::Active.as_str(),
        secrets.client_id.as_deref(),
        secrets.scopes.to_string(),
        secrets.grant_sealed.as_slice(),
        secrets.access_sealed.as_deref(),
        secrets.access_expires_at,
        secrets.grant_expires_at,
        secrets.access_sealed.is_some().then_some(at),
    )?;
    let sealed = [
        Some(secrets.grant_sealed.as_slice()),
        secrets.access_sealed.as_deref(),
    ];
    check_sealed(tx, &sealed).await?;
    row.ok_or_else(|| name.not_found())
}

/// Takes the lease for a refresh, if nobody has it and the grant is still the one that was read. From here on it counts
/// as sent, and nobody retires `key`, which the answer is to be sealed with. The returned row has the fence, and in `refresh_sent_at` the first attempt whose outcome is unknown.
pub(super) async fn lease(
    tx: &mut Tx,
    token: &Token,
    key: KeyId,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<Token>> {
    const SQL: &str = concat!(
        "UPDATE tokens SET refresh_fence = refresh_fence + 1, refresh_lease_until = $4, refresh_key = $6,
             refresh_sent_at = COALESCE(refresh_sent_at, $3)
         WHERE tenant_id = $1 AND token_id = $2 AND state = 'active' AND grant_version = $5
             AND (refresh_lease_until IS NULL OR refresh_lease_until <= $3)
         RETURNING ",
        columns!()
    );
    let (tenant, id) = (token.tenant_id.as_str(), token.token_id.as_str());
    let (version, key) = (token.grant_version, key.head());
    fetch_optional!(
        tx,
        Token,
        SQL,
        tenant,
        id,
        now,
        until,
        version,
        key.as_slice()
    )
}

/// Stores what the provider answered to the refresh of `leased`, if its grant is still the one that was sent; `None`
/// when it is not. The fence does not matter here: nobody else has stored anything since, and an answer must not be lost
/// because it was slow. It heals a token that another refresher had to give up on.
pub(super) async fn renew(
    tx: &mut Tx,
    leased: &Token,
    renewed: &Renewed,
    at: DateTime<Utc>,
) -> Result<Option<Token>> {
    const SQL: &str = concat!(
        "UPDATE tokens
         SET state = 'active', state_reason = '', scopes = COALESCE($5, scopes),
             grant_sealed = COALESCE($6, grant_sealed), access_sealed = $7, access_expires_at = $8,
             grant_expires_at = COALESCE($9, grant_expires_at), refreshed_at = $10, updated_at = $10,
             version = version + 1, grant_version = grant_version + 1,
             refresh_lease_until = CASE WHEN refresh_fence = $3 THEN NULL ELSE refresh_lease_until END,
             refresh_sent_at = NULL, refresh_failures = 0, refresh_retry_at = NULL
         WHERE tenant_id = $1 AND token_id = $2 AND grant_version = $4 AND state <> 'revoked' RETURNING ",
        columns!()
    );
    let row = fetch_optional!(
        tx,
        Token,
        SQL,
        leased.tenant_id.as_str(),
        leased.token_id.as_str(),
        leased.refresh_fence,
        leased.grant_version,
        renewed.scopes.as_ref().map(ToString::to_string),
        renewed.grant_sealed.as_deref(),
        renewed.access_sealed.as_slice(),
        renewed.access_expires_at,
        renewed.grant_expires_at,
        at,
    )?;
    let sealed = [
        renewed.grant_sealed.as_deref(),
        Some(renewed.access_sealed.as_slice()),
    ];
    check_sealed(tx, &sealed).await?;
    Ok(row)
}

/// Stores whose token it is, if its secrets are still those that were asked with; returns whether they were.
pub(super) async fn put_account(
    tx: &mut Tx,
    seen: &Token,
    id: &str,
    label: Option<&str>,
    at: DateTime<Utc>,
) -> Result<bool> {
    const SQL: &str = "UPDATE tokens
        SET account_id = $4, account_label = $5, version = version + 1, updated_at = $6
        WHERE tenant_id = $1 AND token_id = $2 AND grant_version = $3";
    let (tenant, token) = (seen.tenant_id.as_str(), seen.token_id.as_str());
    let changed = execute!(tx, SQL, tenant, token, seen.grant_version, id, label, at)?;
    Ok(changed > 0)
}

/// Forgets the secrets and shuts out whoever is refreshing. `None` when there is no such token.
pub(super) async fn revoke(
    tx: &mut Tx,
    name: &TokenName,
    reason: &str,
    at: DateTime<Utc>,
) -> Result<Option<Token>> {
    const SQL: &str = concat!(
        "UPDATE tokens
         SET state = 'revoked', state_reason = $3, scopes = '', grant_sealed = NULL, access_sealed = NULL,
             access_expires_at = NULL, grant_expires_at = NULL, version = version + 1, updated_at = $4,
             grant_version = grant_version + 1, refresh_fence = refresh_fence + 1, refresh_lease_until = NULL,
             refresh_sent_at = NULL, refresh_failures = 0, refresh_retry_at = NULL
         WHERE tenant_id = $1 AND token_id = $2 RETURNING ",
        columns!()
    );
    let (tenant, id) = (name.tenant.as_str(), name.id.as_str());
    fetch_optional!(tx, Token, SQL, tenant, id, reason, at)
}

/// Removes a token, if `version` is still the current one; returns whether it was. TOKEN_IN_USE while a sync uses it.
pub(super) async fn delete(tx: &mut Tx, name: &TokenName, version: i64) -> Result<bool> {
    const SQL: &str = "DELETE FROM tokens WHERE tenant_id = $1 AND token_id = $2 AND version = $3";
    let (tenant, id) = (name.tenant.as_str(), name.id.as_str());
    // Not by the macro: the complaint about the foreign key has to be told apart before it becomes an error of ours.
    let done = match &mut tx.0 {
        Inner::Postgres(tx, persistent) => sqlx::query(SQL)
            .persistent(*persistent)
            .bind(tenant)
            .bind(id)
            .bind(version)
            .execute(&mut **tx)
            .await
            .map(|done| done.rows_affected()),
        Inner::Sqlite(tx) => sqlx::query(SQL)
            .bind(tenant)
            .bind(id)
            .bind(version)
            .execute(&mut **tx)
            .await
            .map(|done| done.rows_affected()),
    };
    // PostgreSQL names the constraint, SQLite only its sort; no other table refuses the end of a token.
    let removed = done.map_err(|cause| {
        db::on_constraint(cause, &["syncs_", "FOREIGN KEY"], || {
            Error::precondition(
                "TOKEN_IN_USE",
                format!(
                    "{name} is used by a sync; delete the sync first, or give it another token"
                ),
            )
        })
    })?;
    Ok(removed > 0)
}

/// A token's two names as a row has them.
#[derive(sqlx::FromRow)]
struct NameRow {
    #[sqlx(try_from = "String")]
    tenant_id: TenantId,
    #[sqlx(try_from = "String")]
    token_id: ResourceId,
}

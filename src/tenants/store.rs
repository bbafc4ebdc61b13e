//! The rows of tenants. A tenant's own role may read its row; changes are the system's.

use crate::{
    base::{Result, TenantId},
    db::{Engine, Tx, execute, fetch_all, fetch_one, fetch_optional},
    tenants::{State, Tenant},
};
use chrono::{DateTime, Utc};
use sqlx::types::Json;

macro_rules! columns {
    () => {
        "tenant_id, display_name, state, allowed_domains, version, created_at, \
         COALESCE(updated_at, created_at) AS updated_at"
    };
}

/// Stores a new tenant; `false` when its id is taken.
pub(super) async fn insert(tx: &mut Tx, tenant: &Tenant) -> Result<bool> {
    const SQL: &str = "INSERT INTO tenants (tenant_id, display_name, state, allowed_domains, version, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id) DO NOTHING";
    let inserted = execute!(
        tx,
        SQL,
        tenant.id.as_str(),
        tenant.display_name.as_str(),
        tenant.state.as_str(),
        &tenant.allowed_domains,
        tenant.version,
        tenant.created_at
    )?;
    Ok(inserted == 1)
}

/// The tenant, or `None`.
pub(super) async fn get(tx: &mut Tx, id: &TenantId) -> Result<Option<Tenant>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM tenants WHERE tenant_id = $1");
    fetch_optional!(tx, Tenant, SQL, id.as_str())
}

/// The tenant, or `None`, held so that nobody gives it anything more before the end of the transaction.
pub(super) async fn lock(tx: &mut Tx, id: &TenantId) -> Result<Option<Tenant>> {
    // SQLite has one writer at a time, and no such clause.
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM tenants WHERE tenant_id = $1 FOR UPDATE"
    );
    match tx.engine() {
        Engine::Postgres => fetch_optional!(tx, Tenant, SQL, id.as_str()),
        Engine::Sqlite => get(tx, id).await,
    }
}

/// Tenants by id; of these alone, where some are named.
pub(super) async fn list(
    tx: &mut Tx,
    among: Option<&[TenantId]>,
    after: &str,
    limit: i64,
) -> Result<Vec<Tenant>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM tenants WHERE tenant_id > $1 \
         AND ($2 OR tenant_id IN (SELECT e.value ->> 'id' FROM json_each($3) AS e)) ORDER BY tenant_id LIMIT $4"
    );
    let ids = among.unwrap_or_default().iter();
    let ids: Vec<_> = ids.map(|id| serde_json::json!({ "id": id })).collect();
    fetch_all!(
        tx,
        Tenant,
        SQL,
        after,
        among.is_none(),
        serde_json::Value::from(ids).to_string(),
        limit
    )
}

/// Stores a changed tenant over version `tenant.version - 1`; `false` when that is not the current one.
pub(super) async fn update(tx: &mut Tx, tenant: &Tenant) -> Result<bool> {
    const SQL: &str = "UPDATE tenants SET display_name = $1, state = $2, allowed_domains = $3, version = $4, \
         updated_at = $5 WHERE tenant_id = $6 AND version = $4 - 1";
    let updated = execute!(
        tx,
        SQL,
        tenant.display_name.as_str(),
        tenant.state.as_str(),
        &tenant.allowed_domains,
        tenant.version,
        tenant.updated_at,
        tenant.id.as_str()
    )?;
    Ok(updated == 1)
}

/// Which tenants are disabled.
pub(super) async fn disabled(tx: &mut Tx) -> Result<Vec<TenantId>> {
    const SQL: &str = "SELECT tenant_id FROM tenants WHERE state = $1";
    let rows = fetch_all!(tx, (String,), SQL, State::Disabled.as_str())?;
    rows.into_iter().map(|(id,)| id.parse()).collect()
}

/// The lists of pages of all tenants that have a widget's key which works at `now`.
pub(super) async fn lists_with_widget(tx: &mut Tx, now: DateTime<Utc>) -> Result<Vec<Vec<String>>> {
    const SQL: &str = "SELECT allowed_domains FROM tenants t WHERE EXISTS (SELECT 1 FROM api_keys k \
         WHERE k.tenant_id = t.tenant_id AND k.kind = 'widget' AND k.revoked_at IS NULL \
         AND (k.expires_at IS NULL OR k.expires_at > $1))";
    let lists = fetch_all!(tx, (Json<Vec<String>>,), SQL, now)?;
    Ok(lists.into_iter().map(|(list,)| list.0).collect())
}

/// What keeps a tenant from being removed: the first kind of thing that it still has.
pub(super) async fn keeps(tx: &mut Tx, id: &TenantId) -> Result<Option<&'static str>> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM runs WHERE tenant_id = $1 \
              AND state NOT IN ('succeeded', 'partial', 'failed', 'cancelled')), \
         EXISTS (SELECT 1 FROM syncs WHERE tenant_id = $1), EXISTS (SELECT 1 FROM tokens WHERE tenant_id = $1)";
    let (runs, syncs, tokens) = fetch_one!(tx, (bool, bool, bool), SQL, id.as_str())?;
    Ok(match (runs, syncs, tokens) {
        (true, ..) => Some("runs that are not finished"),
        (_, true, _) => Some("syncs"),
        (.., true) => Some("tokens"),
        _ => None,
    })
}

macro_rules! owned {
    ($($table:literal)*) => {
        /// Tables with rows of tenants, those that refer to others first, and what empties them of a tenant's. Those whose rows end
        /// with others' by themselves (ON DELETE CASCADE) are not among them.
        const OWNED: &[(&str, &str)] = &[$(($table, concat!("DELETE FROM ", $table, " WHERE tenant_id = $1"))),*];
    };
}

owned! {
    "token_links" "token_authorizations" "token_events" "schedules" "effects" "records" "syncs"
    "api_keys" "request_ids" "runs" "tokens" "widgets"
}

/// Names of the tables that [`remove`] empties; a test holds them against the database's own list.
pub fn owned_tables() -> impl Iterator<Item = &'static str> {
    OWNED.iter().map(|(table, _)| *table)
}

/// Removes a tenant with everything that it has.
pub(super) async fn remove(tx: &mut Tx, id: &TenantId) -> Result<()> {
    const TENANT: &str = "DELETE FROM tenants WHERE tenant_id = $1";
    for (_, sql) in OWNED {
        execute!(tx, *sql, id.as_str())?;
    }
    execute!(tx, TENANT, id.as_str())?;
    Ok(())
}

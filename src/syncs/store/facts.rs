//! The SQL of what a provider told us that changes seldom.

use crate::{
    base::{Error, Result, TokenName},
    db::{Tx, execute, fetch_all, fetch_optional},
};
use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sqlx::types::Json;

/// A fact that was read at `since` or later, or `None`; one of another version's form counts as absent.
pub async fn get<T: DeserializeOwned>(
    tx: &mut Tx,
    token: &TokenName,
    name: &str,
    since: DateTime<Utc>,
) -> Result<Option<T>> {
    const SQL: &str = "SELECT value FROM provider_facts \
         WHERE tenant_id = $1 AND token_id = $2 AND name = $3 AND read_at >= $4";
    let row = fetch_optional!(
        tx,
        (Json<Value>,),
        SQL,
        token.tenant.as_str(),
        token.id.as_str(),
        name,
        since
    )?;
    Ok(row.and_then(|(json,)| serde_json::from_value(json.0).ok()))
}

/// All facts whose names begin with `prefix`, as (name, value).
pub async fn with_prefix(
    tx: &mut Tx,
    token: &TokenName,
    prefix: &str,
) -> Result<Vec<(String, Value)>> {
    const SQL: &str = "SELECT name, value FROM provider_facts \
         WHERE tenant_id = $1 AND token_id = $2 AND name >= $3 AND name < $4";
    // No name goes on with the last character there is.
    let end = format!("{prefix}\u{10FFFF}");
    let rows = fetch_all!(
        tx,
        (String, Json<Value>),
        SQL,
        token.tenant.as_str(),
        token.id.as_str(),
        prefix,
        end.as_str()
    )?;
    Ok(rows
        .into_iter()
        .map(|(name, json)| (name, json.0))
        .collect())
}

/// Remembers a fact.
pub async fn put(
    tx: &mut Tx,
    token: &TokenName,
    name: &str,
    value: &impl Serialize,
    now: DateTime<Utc>,
) -> Result<()> {
    const SQL: &str = "INSERT INTO provider_facts (tenant_id, token_id, name, value, read_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (tenant_id, token_id, name) DO UPDATE SET value = excluded.value, read_at = excluded.read_at";
    let value = serde_json::to_value(value).map_err(Error::internal)?;
    execute!(
        tx,
        SQL,
        token.tenant.as_str(),
        token.id.as_str(),
        name,
        Json(value),
        now
    )?;
    Ok(())
}

/// Forgets the facts whose names begin with `prefix`, because the provider showed that they are not true any more.
pub async fn forget(tx: &mut Tx, token: &TokenName, prefix: &str) -> Result<()> {
    const SQL: &str = "DELETE FROM provider_facts WHERE tenant_id = $1 AND token_id = $2 AND name >= $3 AND name < $4";
    let end = format!("{prefix}\u{10FFFF}");
    execute!(
        tx,
        SQL,
        token.tenant.as_str(),
        token.id.as_str(),
        prefix,
        end.as_str()
    )?;
    Ok(())
}

//! The SQL of keys.

use crate::{
    base::{Error, Result, Role, TenantId},
    db::{Tx, execute, fetch_all, fetch_one, fetch_optional},
    tenants::keys::{Key, KeyName, Kind},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

macro_rules! columns {
    () => {
        "tenant_id, key_id, display_name, kind, role, prefix, rate_limit, rotation_reason, created_at, expires_at, \
         revoked_at, rotated_at, last_used_at, last_used_address"
    };
}

/// A key as the table has it.
#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: String,
    key_id: Uuid,
    display_name: String,
    #[sqlx(try_from = "String")]
    kind: Kind,
    role: String,
    prefix: String,
    rate_limit: i64,
    rotation_reason: String,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    rotated_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    last_used_address: Option<String>,
}

impl TryFrom<Row> for Key {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let tenant = match row.tenant_id.is_empty() {
            true => None,
            false => Some(TenantId::try_from(row.tenant_id)?),
        };
        Ok(Self {
            name: KeyName {
                tenant,
                id: row.key_id,
            },
            display_name: row.display_name,
            kind: row.kind,
            role: row.role.parse::<Role>().map_err(Error::internal)?,
            prefix: row.prefix,
            rate_limit: row.rate_limit,
            rotation_reason: row.rotation_reason,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            rotated_at: row.rotated_at,
            last_used_at: row.last_used_at,
            last_used_address: row.last_used_address,
        })
    }
}

/// Adds a key, if its tenant exists and its hash is new; returns whether it did.
pub(super) async fn insert(tx: &mut Tx, key: &Key, hash: &str) -> Result<bool> {
    const SQL: &str = "INSERT INTO api_keys
            (tenant_id, key_id, display_name, kind, role, prefix, hash, rate_limit, rotation_reason, created_at, expires_at,
             revoked_at, last_used_at)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
        WHERE $1 = '' OR EXISTS (SELECT 1 FROM tenants WHERE tenant_id = $1)
        ON CONFLICT (hash) DO NOTHING";
    let added = execute!(
        tx,
        SQL,
        key.name.tenant_id(),
        key.name.id,
        key.display_name.as_str(),
        key.kind.as_str(),
        key.role.as_str(),
        key.prefix.as_str(),
        hash,
        key.rate_limit,
        key.rotation_reason.as_str(),
        key.created_at,
        key.expires_at,
        key.revoked_at,
        key.last_used_at,
    )?;
    Ok(added > 0)
}

/// The key of this name.
pub(super) async fn get(tx: &mut Tx, name: &KeyName) -> Result<Option<Key>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM api_keys WHERE tenant_id = $1 AND key_id = $2"
    );
    let row = fetch_optional!(tx, Row, SQL, name.tenant_id(), name.id)?;
    row.map(Key::try_from).transpose()
}

/// Whether there is a key of this name.
pub(in crate::tenants) async fn exists(tx: &mut Tx, name: &KeyName) -> Result<bool> {
    Ok(get(tx, name).await?.is_some())
}

/// The key with this hash, whoever owns it.
pub(super) async fn by_hash(tx: &mut Tx, hash: &str) -> Result<Option<Key>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM api_keys WHERE hash = $1");
    let row = fetch_optional!(tx, Row, SQL, hash)?;
    row.map(Key::try_from).transpose()
}

/// A key whose hash is slow to check, with that hash.
#[derive(sqlx::FromRow)]
pub(super) struct Slow {
    pub tenant_id: String,
    pub key_id: Uuid,
    pub prefix: String,
    pub hash: String,
}

/// Up to `limit` keys after `after` that work and whose hash is bcrypt's, the oldest first. Such a hash begins with `$2`.
pub(super) async fn slow(
    tx: &mut Tx,
    after: Uuid,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Slow>> {
    const SQL: &str = "SELECT tenant_id, key_id, prefix, hash FROM api_keys WHERE hash LIKE '$2%'
        AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1) AND key_id > $2 ORDER BY key_id LIMIT $3";
    fetch_all!(tx, Slow, SQL, now, after, limit)
}

/// Puts the SHA-256 in the place of a slow hash.
pub(super) async fn quicken(tx: &mut Tx, slow: &Slow, hash: &str) -> Result<()> {
    const SQL: &str =
        "UPDATE api_keys SET hash = $4 WHERE tenant_id = $1 AND key_id = $2 AND hash = $3";
    let (tenant, old) = (slow.tenant_id.as_str(), slow.hash.as_str());
    execute!(tx, SQL, tenant, slow.key_id, old, hash)?;
    Ok(())
}

/// Up to `limit` keys, the newest first, before `before`; `tenant_id` is empty for those of the installation.
pub(super) async fn list(
    tx: &mut Tx,
    tenant_id: &str,
    before: Uuid,
    limit: i64,
) -> Result<Vec<Key>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM api_keys WHERE tenant_id = $1 AND key_id < $2 ORDER BY key_id DESC LIMIT $3"
    );
    let rows = fetch_all!(tx, Row, SQL, tenant_id, before, limit)?;
    rows.into_iter().map(Key::try_from).collect()
}

/// Revokes a key that is not; returns whether it did.
pub(super) async fn revoke(tx: &mut Tx, name: &KeyName, at: DateTime<Utc>) -> Result<bool> {
    const SQL: &str = "UPDATE api_keys SET revoked_at = $3
        WHERE tenant_id = $1 AND key_id = $2 AND revoked_at IS NULL";
    Ok(execute!(tx, SQL, name.tenant_id(), name.id, at)? > 0)
}

/// Lets a key that works and has no successor yet end at `ends`, or at its own end if that comes first; returns whether it
/// was such a one.
pub(super) async fn rotate(
    tx: &mut Tx,
    name: &KeyName,
    ends: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool> {
    const SQL: &str = "UPDATE api_keys
        SET rotated_at = $4, expires_at = CASE WHEN expires_at < $3 THEN expires_at ELSE $3 END
        WHERE tenant_id = $1 AND key_id = $2 AND revoked_at IS NULL AND rotated_at IS NULL
            AND (expires_at IS NULL OR expires_at > $4)";
    Ok(execute!(tx, SQL, name.tenant_id(), name.id, ends, now)? > 0)
}

/// Notes when a key was used last, and from where.
pub(super) async fn put_use(
    tx: &mut Tx,
    name: &KeyName,
    at: DateTime<Utc>,
    address: Option<&str>,
) -> Result<()> {
    const SQL: &str = "UPDATE api_keys SET last_used_at = $3, last_used_address = $4
        WHERE tenant_id = $1 AND key_id = $2 AND (last_used_at IS NULL OR last_used_at < $3)";
    execute!(tx, SQL, name.tenant_id(), name.id, at, address)?;
    Ok(())
}

/// Whether the installation ever had a key of its own for an admin.
pub(super) async fn has_admin(tx: &mut Tx) -> Result<bool> {
    const SQL: &str = "SELECT COUNT(*) FROM api_keys WHERE tenant_id = '' AND role = 'admin'";
    Ok(fetch_one!(tx, (i64,), SQL)?.0 > 0)
}

/// Writes down that this was done, once and for all; returns whether it was us.
pub(super) async fn first(tx: &mut Tx, fact: &str, now: DateTime<Utc>) -> Result<bool> {
    const SQL: &str = "INSERT INTO instance_facts (name, value, updated_at) VALUES ($1, '', $2)
        ON CONFLICT (name) DO NOTHING";
    Ok(execute!(tx, SQL, fact, now)? > 0)
}

/// Counts a change of who may call: every process learns of it within half a second.
pub(in crate::tenants) async fn changed(tx: &mut Tx) -> Result<()> {
    const SQL: &str = "UPDATE access_changes SET version = version + 1 WHERE id = 1";
    execute!(tx, SQL)?;
    Ok(())
}

/// Removes the keys of a tenant that is not there, as one that was made while the tenant was deleted; returns whether there
/// were any.
pub(in crate::tenants) async fn drop_left(tx: &mut Tx, tenant_id: &str) -> Result<bool> {
    const SQL: &str = "DELETE FROM api_keys WHERE tenant_id = $1";
    Ok(execute!(tx, SQL, tenant_id)? > 0)
}

/// How often that changed.
pub(super) async fn version(tx: &mut Tx) -> Result<i64> {
    const SQL: &str = "SELECT version FROM access_changes WHERE id = 1";
    Ok(fetch_one!(tx, (i64,), SQL)?.0)
}

/// Whether any key has a slow hash.
pub(super) async fn has_slow(tx: &mut Tx) -> Result<bool> {
    const SQL: &str = "SELECT COUNT(*) FROM api_keys WHERE hash LIKE '$2%'";
    Ok(fetch_one!(tx, (i64,), SQL)?.0 > 0)
}

/// Whether there is such a tenant.
pub(super) async fn has_tenant(tx: &mut Tx, tenant_id: &str) -> Result<bool> {
    const SQL: &str = "SELECT COUNT(*) FROM tenants WHERE tenant_id = $1";
    Ok(fetch_one!(tx, (i64,), SQL, tenant_id)?.0 > 0)
}

//! The SQL of definitions.

use crate::{
    base::{Error, ResourceId, Result, SyncName, TenantId, TokenName},
    db::{Tx, execute, fetch_all, fetch_optional},
    syncs::{Sync, definition::Definition},
};
use chrono::{DateTime, Utc};
use sqlx::types::Json;

/// The only kind there is.
const KIND: &str = "meet-to-clockify";

macro_rules! columns {
    () => {
        "tenant_id, sync_id, display_name, source_token, destination_token, definition, version, watermark, \
         created_at, updated_at"
    };
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: String,
    sync_id: String,
    display_name: String,
    source_token: String,
    destination_token: String,
    definition: Json<Definition>,
    version: i64,
    watermark: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Sync {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let tenant = ResourceId::parse("tenant_id", &row.tenant_id)?;
        let token = |id: &str| {
            Ok::<_, Error>(TokenName::new(
                tenant.clone(),
                ResourceId::parse("token_id", id)?,
            ))
        };
        Ok(Self {
            source: token(&row.source_token)?,
            destination: token(&row.destination_token)?,
            name: SyncName::new(tenant.clone(), ResourceId::parse("sync_id", &row.sync_id)?),
            display_name: row.display_name,
            definition: row.definition.0,
            version: row.version,
            watermark: row.watermark,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Stores a new sync; `false` when its id is taken.
pub async fn insert(tx: &mut Tx, sync: &Sync) -> Result<bool> {
    const SQL: &str = "INSERT INTO syncs (tenant_id, sync_id, display_name, kind, source_token, destination_token, \
         definition, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) \
         ON CONFLICT (tenant_id, sync_id) DO NOTHING";
    let inserted = execute!(
        tx,
        SQL,
        sync.name.tenant.as_str(),
        sync.name.id.as_str(),
        sync.display_name.as_str(),
        KIND,
        sync.source.id.as_str(),
        sync.destination.id.as_str(),
        Json(&sync.definition),
        sync.version,
        sync.created_at
    )?;
    Ok(inserted == 1)
}

/// Stores a changed sync over version `sync.version - 1`; `false` when that is not the current one.
pub async fn update(tx: &mut Tx, sync: &Sync) -> Result<bool> {
    const SQL: &str = "UPDATE syncs SET display_name = $1, source_token = $2, destination_token = $3, definition = $4, \
         version = $5, updated_at = $6, watermark = $7 WHERE tenant_id = $8 AND sync_id = $9 AND version = $5 - 1";
    let updated = execute!(
        tx,
        SQL,
        sync.display_name.as_str(),
        sync.source.id.as_str(),
        sync.destination.id.as_str(),
        Json(&sync.definition),
        sync.version,
        sync.updated_at,
        sync.watermark,
        sync.name.tenant.as_str(),
        sync.name.id.as_str()
    )?;
    Ok(updated == 1)
}

/// The sync, or `None`.
pub async fn get(tx: &mut Tx, name: &SyncName) -> Result<Option<Sync>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM syncs WHERE tenant_id = $1 AND sync_id = $2"
    );
    fetch_optional!(tx, Row, SQL, name.tenant.as_str(), name.id.as_str())?
        .map(Sync::try_from)
        .transpose()
}

/// Syncs of a tenant by id.
pub async fn list(tx: &mut Tx, tenant: &TenantId, after: &str, limit: i64) -> Result<Vec<Sync>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM syncs WHERE tenant_id = $1 AND sync_id > $2 ORDER BY sync_id LIMIT $3"
    );
    fetch_all!(tx, Row, SQL, tenant.as_str(), after, limit)?
        .into_iter()
        .map(Sync::try_from)
        .collect()
}

/// Forgets a sync; `false` when there is none.
pub async fn delete(tx: &mut Tx, name: &SyncName) -> Result<bool> {
    const SQL: &str = "DELETE FROM syncs WHERE tenant_id = $1 AND sync_id = $2";
    Ok(execute!(tx, SQL, name.tenant.as_str(), name.id.as_str())? == 1)
}

/// Says that everything before `watermark` was read by this very definition; never goes back.
pub async fn advance(tx: &mut Tx, sync: &Sync, watermark: DateTime<Utc>) -> Result<()> {
    const SQL: &str = "UPDATE syncs SET watermark = $1 WHERE tenant_id = $2 AND sync_id = $3 AND version = $4 \
         AND (watermark IS NULL OR watermark < $1)";
    execute!(
        tx,
        SQL,
        watermark,
        sync.name.tenant.as_str(),
        sync.name.id.as_str(),
        sync.version
    )?;
    const READ: &str = "UPDATE syncs SET read_to = $1 WHERE tenant_id = $2 AND sync_id = $3 \
         AND (read_to IS NULL OR read_to < $1)";
    // What was told about it concerns what was unread before.
    const TOLD: &str =
        "DELETE FROM sync_alarms WHERE tenant_id = $1 AND sync_id = $2 AND read_to < $3";
    let (tenant, id) = (sync.name.tenant.as_str(), sync.name.id.as_str());
    execute!(tx, READ, watermark, tenant, id)?;
    execute!(tx, TOLD, tenant, id, watermark)?;
    Ok(())
}

//! The SQL of request ids.

use crate::{
    base::{Result, TenantId},
    db::{Tx, execute, fetch_optional},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Remembers which resource answers a request id, or tells which one already does (with its fingerprint).
pub async fn remember_request(
    tx: &mut Tx,
    tenant: &TenantId,
    method: &str,
    request_id: Uuid,
    fingerprint: &str,
    resource: &str,
    now: DateTime<Utc>,
) -> Result<Option<(String, String)>> {
    const INSERT: &str = "INSERT INTO request_ids (tenant_id, method, request_id, fingerprint, resource, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, method, request_id) DO NOTHING";
    const SELECT: &str = "SELECT fingerprint, resource FROM request_ids \
         WHERE tenant_id = $1 AND method = $2 AND request_id = $3";
    let inserted = execute!(
        tx,
        INSERT,
        tenant.as_str(),
        method,
        request_id,
        fingerprint,
        resource,
        now
    )?;
    if inserted == 1 {
        return Ok(None);
    }
    fetch_optional!(
        tx,
        (String, String),
        SELECT,
        tenant.as_str(),
        method,
        request_id
    )
}

/// Forgets request ids that are older than `before`.
pub async fn forget_requests(tx: &mut Tx, before: DateTime<Utc>) -> Result<u64> {
    execute!(tx, "DELETE FROM request_ids WHERE created_at < $1", before)
}

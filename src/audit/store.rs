//! The rows of the audit.

use crate::{
    audit::Entry,
    base::Result,
    db::{Tx, execute},
};
use chrono::{DateTime, Utc};
use std::net::IpAddr;
use uuid::Uuid;

/// Adds a row.
pub(super) async fn add(
    tx: &mut Tx,
    id: Uuid,
    entry: &Entry,
    actor: &str,
    address: Option<IpAddr>,
    now: DateTime<Utc>,
) -> Result<()> {
    const SQL: &str = "INSERT INTO audit_entries
            (tenant_id, entry_id, at, actor, address, action, resource, outcome, detail)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let tenant = entry.tenant.as_ref().map_or("", |tenant| tenant.as_str());
    let address = address.map(|address| address.to_string());
    execute!(
        tx,
        SQL,
        tenant,
        id,
        now,
        actor,
        address.as_deref(),
        entry.action,
        entry.resource.as_str(),
        entry.outcome.as_str(),
        entry.detail.as_str()
    )?;
    Ok(())
}

//! How often access tokens were handed out: counts per token, caller and minute.

use crate::{
    base::{Result, TokenName},
    db::{Tx, execute},
};
use chrono::{DateTime, Utc};

/// Adds `reads` to what is counted already.
pub(in crate::tokens) async fn add_reads(
    tx: &mut Tx,
    name: &TokenName,
    caller: &str,
    minute: DateTime<Utc>,
    reads: i64,
) -> Result<()> {
    const SQL: &str = "INSERT INTO token_reads (tenant_id, token_id, caller, minute, reads)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (tenant_id, token_id, minute, caller) DO UPDATE SET reads = token_reads.reads + excluded.reads";
    let (tenant, id) = (name.tenant.as_str(), name.id.as_str());
    execute!(tx, SQL, tenant, id, caller, minute, reads)?;
    Ok(())
}

/// Forgets the counts of before `before`, of all tokens.
pub(in crate::tokens) async fn forget_reads(tx: &mut Tx, before: DateTime<Utc>) -> Result<u64> {
    execute!(tx, "DELETE FROM token_reads WHERE minute < $1", before)
}

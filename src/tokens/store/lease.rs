//! How the lease of a refresh ends where it brought nothing.

use crate::{
    base::Result,
    db::{Tx, execute},
    tokens::Token,
};
use chrono::{DateTime, Utc};

/// Ends a refresh that brought nothing and may be tried again from `retry_at` on. `lease_until` stays in the past where
/// an earlier refresher died, so that its outcome goes on counting as unknown. Returns whether the lease was still ours.
pub(in crate::tokens) async fn put_off(
    tx: &mut Tx,
    leased: &Token,
    sent_at: Option<DateTime<Utc>>,
    lease_until: Option<DateTime<Utc>>,
    retry_at: DateTime<Utc>,
) -> Result<bool> {
    const SQL: &str = "UPDATE tokens
        SET refresh_lease_until = $6, refresh_sent_at = $5, refresh_failures = refresh_failures + 1,
            refresh_retry_at = $7
        WHERE tenant_id = $1 AND token_id = $2 AND refresh_fence = $3 AND grant_version = $4";
    let changed = execute!(
        tx,
        SQL,
        leased.tenant_id.as_str(),
        leased.token_id.as_str(),
        leased.refresh_fence,
        leased.grant_version,
        sent_at,
        lease_until,
        retry_at,
    )?;
    Ok(changed > 0)
}

/// Gives the lease of a refresh back without any other change, if it is still ours.
pub(in crate::tokens) async fn release(tx: &mut Tx, leased: &Token) -> Result<()> {
    const SQL: &str = "UPDATE tokens SET refresh_lease_until = NULL
        WHERE tenant_id = $1 AND token_id = $2 AND refresh_fence = $3";
    let (tenant, id) = (leased.tenant_id.as_str(), leased.token_id.as_str());
    execute!(tx, SQL, tenant, id, leased.refresh_fence)?;
    Ok(())
}

/// Says that a person must look after a token, if its secrets and its lease are still those of `seen`; returns whether
/// they were. Only who holds the lease may say so: another refresher may be about to bring a good answer.
pub(in crate::tokens) async fn give_up(
    tx: &mut Tx,
    seen: &Token,
    reason: &str,
    at: DateTime<Utc>,
) -> Result<bool> {
    const SQL: &str = "UPDATE tokens
        SET state = 'needs_reauth', state_reason = $5, version = version + 1, updated_at = $6,
            refresh_lease_until = NULL, refresh_sent_at = NULL
        WHERE tenant_id = $1 AND token_id = $2 AND refresh_fence = $3 AND grant_version = $4 AND state = 'active'";
    let changed = execute!(
        tx,
        SQL,
        seen.tenant_id.as_str(),
        seen.token_id.as_str(),
        seen.refresh_fence,
        seen.grant_version,
        reason,
        at,
    )?;
    Ok(changed > 0)
}

//! What happened to tokens. Ids grow with time, so they are also the order.

use crate::{
    audit::{self, Entry},
    base::{Result, TokenName},
    db::{Tx, execute, fetch_all},
    tokens::EventKind,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// One event as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Event {
    /// Grows with time.
    pub event_id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    #[sqlx(try_from = "String")]
    pub kind: EventKind,
    /// For a person; no secret.
    pub detail: String,
}

/// Notes an event, here and in the audit.
pub(in crate::tokens) async fn add_event(
    tx: &mut Tx,
    name: &TokenName,
    kind: EventKind,
    detail: &str,
    at: DateTime<Utc>,
) -> Result<()> {
    const SQL: &str = "INSERT INTO token_events (tenant_id, event_id, token_id, at, kind, detail)
        VALUES ($1, $2, $3, $4, $5, $6)";
    execute!(
        tx,
        SQL,
        name.tenant.as_str(),
        Uuid::now_v7(),
        name.id.as_str(),
        at,
        kind.as_str(),
        detail,
    )?;
    let (action, was_done) = audited(kind);
    let entry = Entry::new(Some(name.tenant.clone()), action, name).detail(detail);
    let entry = match was_done {
        true => entry,
        false => entry.refused(&kind.as_str().to_uppercase()),
    };
    audit::record(tx, entry, at).await
}

/// What was tried, as the audit calls it, and whether it was done.
fn audited(kind: EventKind) -> (&'static str, bool) {
    match kind {
        EventKind::Created => ("token.create", true),
        EventKind::Updated => ("token.update", true),
        EventKind::Authorized => ("token.authorize", true),
        EventKind::Refreshed => ("token.refresh", true),
        EventKind::RefreshFailed => ("token.refresh", false),
        EventKind::UnknownOutcome => ("token.refresh", false),
        EventKind::NeedsReauth => ("token.refresh", false),
        EventKind::Revoked => ("token.revoke", true),
        EventKind::Rewrapped => ("token.rewrap", true),
        EventKind::Deleted => ("token.delete", true),
    }
}

/// Up to `limit` events of a token, the newest first, before `before`.
pub(in crate::tokens) async fn events(
    tx: &mut Tx,
    name: &TokenName,
    before: Uuid,
    limit: i64,
) -> Result<Vec<Event>> {
    const SQL: &str = "SELECT event_id, at, kind, detail FROM token_events
        WHERE tenant_id = $1 AND token_id = $2 AND event_id < $3 ORDER BY event_id DESC LIMIT $4";
    let (tenant, id) = (name.tenant.as_str(), name.id.as_str());
    fetch_all!(tx, Event, SQL, tenant, id, before, limit)
}

/// Forgets the events of before `before`, of all tokens.
pub(in crate::tokens) async fn forget_events(tx: &mut Tx, before: DateTime<Utc>) -> Result<u64> {
    execute!(tx, "DELETE FROM token_events WHERE at < $1", before)
}

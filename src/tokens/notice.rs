//! Tells people of a token that needs its owner: in the audit with what happened, and by whoever carries notices.

use crate::{
    app::App,
    audit,
    base::{Result, TokenName, notify::Notice},
    db::{Scope, Tx},
    tokens::{EventKind, store},
};
use chrono::{DateTime, Utc};

/// Why people are told.
pub const NEEDS_OWNER: &str = "TOKEN_NEEDS_OWNER";

/// Notes that a token stopped working; in the transaction of who found it out first, so that it is noted once.
pub(super) async fn note(
    tx: &mut Tx,
    name: &TokenName,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    store::add_event(tx, name, EventKind::NeedsReauth, reason, now).await?;
    let entry = audit::Entry::new(Some(name.tenant.clone()), "token.needs_owner", name);
    audit::record(tx, entry.detail(reason), now).await
}

/// Tells of it, once the transaction is done.
pub(super) fn tell(app: &App, name: &TokenName, reason: &str) {
    app.notify.tell(&Notice {
        reason: NEEDS_OWNER,
        tenant: name.tenant.clone(),
        about: name.to_string(),
        message: format!("{name} does not work any more: {reason}"),
    });
}

/// How many tokens of all tenants worked once, and need their owner now.
pub async fn needing_owner(app: &App) -> Result<usize> {
    let scope = Scope::System("count what needs a person, for all tenants");
    let mut tx = app.db.read(scope).await?;
    store::count_needing_owner(&mut tx).await
}

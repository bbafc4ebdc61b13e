//! Who did what, to whom, from where, and what became of it. Rooms write an entry in the transaction of what they do, so
//! that the one is not there without the other; what happens too often for that is counted by the minute. Entries are
//! added, never changed, and forgotten when they are old.

mod books;
mod counted;
mod counts;
mod keep;
mod list;
mod store;

pub use books::{keep_books, sweep};
pub use counted::{By, Counted};
pub use counts::{count, flush};
pub use keep::{keep_left, keep_of, keep_rest};
pub use list::list;

use crate::{
    base::{Caller, Result, TenantId, reach},
    db::Tx,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Who acts where nobody called: schedules, housekeeping, the command line in its own process.
const OURSELVES: &str = "syncline";

/// Rows that one transaction moves or removes at most.
const BATCH: i64 = 10_000;

/// What became of what was done.
const DONE: &str = "done";

/// Something that was done, or refused.
#[derive(Clone, Debug)]
pub struct Entry {
    tenant: Option<TenantId>,
    actor: Option<String>,
    action: &'static str,
    resource: String,
    outcome: String,
    detail: String,
}

impl Entry {
    /// `action` (as in `token.create`) was done to `resource`, a resource name of `tenant`; `None` is the installation.
    pub fn new(tenant: Option<TenantId>, action: &'static str, resource: impl ToString) -> Self {
        Self {
            tenant,
            actor: None,
            action,
            resource: resource.to_string(),
            outcome: DONE.to_owned(),
            detail: String::new(),
        }
    }

    /// It was not done, for this reason (UPPER_SNAKE).
    pub fn refused(self, reason: &str) -> Self {
        Self {
            outcome: reason.to_owned(),
            ..self
        }
    }

    /// Says more, for a person. No secret.
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            ..self
        }
    }

    /// Names who did it, where that is not the caller: somebody who has just logged in.
    pub fn by(self, actor: impl ToString) -> Self {
        Self {
            actor: Some(actor.to_string()),
            ..self
        }
    }
}

/// Who acts: whoever called, or this program by itself.
pub fn actor() -> String {
    by(reach::caller().as_deref()).name.to_owned()
}

/// The same with from where, for what `caller` does; `None` is this program by itself.
pub fn by(caller: Option<&Caller>) -> By<'_> {
    caller.map_or(OURSELVES.into(), By::from)
}

/// Adds an entry: who calls, from where, and by which certificate, is known. What belongs to the installation needs a transaction of
/// [`crate::db::Scope::System`].
pub async fn record(tx: &mut Tx, entry: Entry, now: DateTime<Utc>) -> Result<()> {
    let actor = entry.actor.clone().unwrap_or_else(actor);
    let mut entry = entry;
    if let Some(subject) = reach::certificate() {
        let shown = format!("certificate \"{subject}\"");
        entry.detail = match entry.detail.as_str() {
            "" => shown,
            detail => format!("{detail}; {shown}"),
        };
    }
    let address = reach::caller().and_then(|caller| caller.address);
    store::add(tx, Uuid::now_v7(), &entry, &actor, address, now).await
}

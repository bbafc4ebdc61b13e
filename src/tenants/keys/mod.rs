//! Keys by which programs show who they are: made once, shown once, kept as hashes.
//!
//! Unknown, revoked and ended keys are refused alike, so that nobody learns by asking which keys there are; the audit
//! tells the owner which it was.

mod authenticate;
mod books;
mod bootstrap;
mod ceiling;
mod create;
mod import;
mod list;
mod memory;
mod name;
mod revoke;
mod rotate;
pub(super) mod rpc;
mod secret;
mod slow;
mod spent;
mod store;

pub use authenticate::{Keys, Use, widget_tenant};
pub use books::{flush, keep_books};
pub use bootstrap::bootstrap;
pub use ceiling::check_unbounded;
pub use create::{Create, create};
pub use import::{Import, Imported, Shown, import};
pub use list::list;
pub use name::KeyName;
pub use revoke::revoke;
pub use rotate::{Rotated, rotate};
pub(super) use store::{changed, drop_left, exists};

use crate::{
    app::App,
    base::{Error, Permissions, Result, Role, TenantId, Violation, name::shown, reach, words},
    db::Scope,
};
use chrono::{DateTime, Utc};

/// Longest name for people, in characters.
const LONGEST_DISPLAY_NAME: usize = 100;
/// More calls in a minute than one process answers.
const HIGHEST_RATE_LIMIT: i64 = 100_000_000;

words! {
    /// What a key is for.
    Kind {
        /// For programs that keep it: it calls the API.
        Secret = "secret",
        /// For pages that show it to everybody: it asks for the widget, and for nothing else.
        Widget = "widget",
    }
}

/// A key as it is stored, without its hash.
#[derive(Clone, Debug)]
pub struct Key {
    /// What it is called.
    pub name: KeyName,
    /// For people.
    pub display_name: String,
    /// What it is for.
    pub kind: Kind,
    /// What it allows.
    pub role: Role,
    /// How it begins.
    pub prefix: String,
    /// Calls in a minute; the setting when 0.
    pub rate_limit: i64,
    /// Why it should be replaced; empty when it need not be.
    pub rotation_reason: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When its successor was made.
    pub rotated_at: Option<DateTime<Utc>>,
    /// The last good use, to within a minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Where that came from.
    pub last_used_address: Option<String>,
}

impl Key {
    /// What it allows, and where.
    fn permissions(&self) -> Permissions {
        match &self.name.tenant {
            Some(tenant) => Permissions::tenant(tenant.clone(), self.role),
            None => Permissions::Instance(self.role),
        }
    }

    /// Why it does not work at this moment; `None` when it does.
    fn fault(&self, now: DateTime<Utc>) -> Option<&'static str> {
        if self.revoked_at.is_some() {
            return Some("KEY_REVOKED");
        }
        let is_over = self.expires_at.is_some_and(|end| end <= now);
        is_over.then_some("KEY_EXPIRED")
    }
}

/// What a key allows at this moment, wherever it is shown: nothing where it was revoked, has ended, or is not there.
pub async fn permissions_now(app: &App, name: &KeyName) -> Result<Permissions> {
    let mut tx = app.db.read(Scope::System("what a key allows")).await?;
    let key = store::get(&mut tx, name).await?;
    let good = key.filter(|key| key.fault(app.db.now()).is_none());
    Ok(good.map_or_else(Permissions::none, |key| key.permissions()))
}

/// What everybody reads who shows a key that does not work, whichever way.
fn wrong() -> Error {
    Error::Unauthenticated {
        reason: "CREDENTIALS_WRONG",
        message: "the key is unknown, was revoked, or has ended".to_owned(),
    }
}

/// Whose key is meant: the whole installation's (which the caller must reach), or a tenant's.
fn owner(tenant: Option<&TenantId>) -> Result<Scope> {
    match tenant {
        Some(tenant) => Ok(Scope::Tenant(tenant.clone())),
        None => {
            reach::check_instance()?;
            Ok(Scope::System("keys of the installation"))
        }
    }
}

/// Nobody gives away more than they have.
fn check_role(tenant: Option<&TenantId>, role: Role) -> Result<()> {
    let Some(caller) = reach::caller() else {
        return Ok(());
    };
    let held = match tenant {
        Some(tenant) => caller.permissions.role_in(tenant),
        None => caller.permissions.instance_role(),
    };
    match (held, tenant) {
        (Some(held), _) if held >= role => Ok(()),
        (None, Some(tenant)) => Err(Error::not_found("tenant", format!("tenants/{tenant}"))),
        _ => Err(Error::Denied {
            reason: "ROLE_TOO_LOW",
            message: format!("nobody gives a key a role that they do not have: {role}"),
        }),
    }
}

fn check_display_name(wrong: &mut Vec<Violation>, field: &str, text: &str) {
    let fine = text.chars().count() <= LONGEST_DISPLAY_NAME && !text.chars().any(char::is_control);
    if !fine {
        let got = shown(text);
        wrong.push(Violation::new(
            field,
            format!("expected one line of at most {LONGEST_DISPLAY_NAME} characters, got {got}"),
        ));
    }
}

fn check_rate_limit(wrong: &mut Vec<Violation>, field: &str, limit: i64) {
    if !(0..=HIGHEST_RATE_LIMIT).contains(&limit) {
        wrong.push(Violation::new(
            field,
            format!("expected calls in a minute, 0 (as the setting says) to {HIGHEST_RATE_LIMIT}, got {limit}"),
        ));
    }
}

//! People: users who log in, what they may do where, and their sessions.
//!
//! Users belong to the installation. They log in by a user name or an address, with a password that is kept here as a
//! hash, or by an id token of Google. A session is 256 random bits of which the hash is kept; every replica compares the
//! ones that it remembers with their rows at least every half second.

mod account;
mod attempts;
mod authenticate;
mod authority;
mod certificates;
mod cookie;
mod delete;
mod google;
mod id_token;
mod import;
mod login;
mod logout;
mod memory;
mod password;
mod person;
mod register;
mod rpc;
mod rules;
mod sessions;
mod standing;
mod stats;
mod store;
mod update;

pub use account::{get, list, me};
pub use authenticate::authenticate;
pub use authority::permissions_now;
pub use cookie::Cookies;
pub use delete::delete;
pub use import::{Imported, Imports, import, imported};
pub use login::{Login, login};
pub use logout::logout;
pub use person::{Membership, Person, PersonName, Profile, Provider, SessionName};
pub use register::{Register, Registered, register};
pub use rpc::Accounts;
pub use sessions::{Begun, Origin, Session, list as sessions, revoke, sweep};
pub use stats::{Stats, stats};
pub use update::{Update, update};

use crate::base::{Secret, error::gather};

/// What the id of a session begins with, so that it is told from a key without asking anybody.
const SESSION: &str = "sl_session_";

/// Whether this is the id of a session, right or wrong.
pub fn is_session(text: &Secret) -> bool {
    text.expose().starts_with(SESSION)
}

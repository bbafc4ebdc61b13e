//! Tenants: who owns data, the keys that reach it, and the widget that shows how it is.

pub mod attempts;
pub mod create;
pub mod delete;
mod disabled;
pub mod domains;
pub mod keys;
pub mod list;
mod recent;
mod rpc;
pub mod rules;
mod store;
pub mod tenant;
pub mod update;
mod view;
pub mod widget;

pub use disabled::disabled;
pub use rpc::Tenants;
pub use store::owned_tables;
pub use tenant::{State, Tenant};

use crate::base::{Error, Result, Violation};

/// The value, or else its violations beside those that are known already.
fn gather<T>(wrong: &mut Vec<Violation>, result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Error::Invalid(violations)) => {
            wrong.extend(violations);
            None
        }
        Err(other) => {
            wrong.push(Violation::new("", other.to_string()));
            None
        }
    }
}

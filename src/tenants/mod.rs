//! Tenants: who owns data, the keys that reach it, and the widget that shows how it is.

pub mod attempts;
pub mod keys;
mod rpc;
pub mod rules;

pub use rpc::Tenants;

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

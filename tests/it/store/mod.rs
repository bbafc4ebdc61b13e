//! The database on both engines: what a store may rely on, how it is migrated, who sees what, and what its faults are
//! called.

mod faults;
mod migrations;
mod neighbours;
mod tenants;
mod transactions;
mod values;

use syncline::{base::Error, db::Scope};

/// The scope that sees everything.
const SYSTEM: Scope = Scope::System("test");

/// What a program looks at in an error.
fn reason(error: &Error) -> &str {
    match error {
        Error::Precondition { reason, .. } | Error::Unavailable { reason, .. } => reason,
        other => panic!("an error without a reason: {other:?}"),
    }
}

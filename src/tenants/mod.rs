//! Tenants: who owns data, the keys that reach it, and the widget that shows how it is.

pub mod attempts;
pub mod create;
pub mod delete;
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

pub use rpc::Tenants;
pub use store::owned_tables;
pub use tenant::{State, Tenant};

use crate::base::error::gather;

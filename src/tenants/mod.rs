//! Tenants: who owns data, the keys that reach it, and the widget that shows how it is.

pub mod keys;
mod rpc;

pub use rpc::Tenants;

//! The one integration binary: drives the real thing from outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

#[path = "../kit/mod.rs"]
mod kit;

mod layering;
mod secrets_scan;
mod connectors;
mod layering;
mod outbound;
mod secrets_scan;
mod simulator;
mod store;
mod syncs;
mod testkit;
mod tokens;
mod outbound;

//! The one integration binary: drives the real thing from outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

#[path = "../kit/mod.rs"]
mod kit;

mod connectors;
mod layering;
mod outbound;
mod secrets_scan;
mod simulator;
mod store;
mod testkit;

//! The one integration binary: drives the real thing from outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

#[path = "../kit/mod.rs"]
mod kit;

mod cli;
mod connectors;
mod deployment;
mod errors_page;
mod faults;
mod fuzz;
mod isolation;
mod keys;
mod layering;
mod limits;
mod newcomer;
mod originals;
mod outbound;
mod people;
mod queue;
mod readme;
mod runs;
mod schedules;
mod secrets_scan;
mod serve;
mod simulator;
mod store;
mod syncs;
mod tenants;
mod testkit;
mod tls;
mod tokens;
mod web;

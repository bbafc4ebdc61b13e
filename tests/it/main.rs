mod simulator;
//! The one integration binary: drives the real thing from outside.

#[path = "../kit/mod.rs"]
mod kit;

mod layering;
mod secrets_scan;
mod store;
mod testkit;
mod outbound;

//! The one integration binary: drives the real thing from outside.

#[path = "../kit/mod.rs"]
mod kit;

mod connectors;
mod outbound;
mod simulator;

pub mod api;
pub mod base;
pub mod config;
pub mod db;
pub mod outbound;
pub mod tokens;
pub mod vault;
pub mod telemetry;
//! Syncline copies data between `SaaS` products, exactly once.

pub mod simulator;

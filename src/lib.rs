//! Syncline copies data between `SaaS` products, exactly once.

pub mod api;
pub mod app;
pub mod base;
pub mod config;
pub mod connectors;
pub mod db;
pub mod outbound;
pub mod simulator;
pub mod telemetry;
pub mod tokens;
pub mod vault;

//! Syncline: copies data between SaaS products, exactly once. This page is the map of the house.

pub mod api;
pub mod app;
pub mod base;
pub mod cli;
pub mod config;
pub mod connectors;
pub mod db;
pub mod outbound;
pub mod runs;
pub mod serve;
pub mod simulator;
pub mod syncs;
pub mod telemetry;
pub mod tokens;
pub mod vault;

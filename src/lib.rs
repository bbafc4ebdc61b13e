pub mod api;
//! Syncline: copies data between SaaS products, exactly once. This page is the map of the house.

pub mod base;
pub mod config;
pub mod db;
pub mod outbound;
pub mod tokens;
pub mod vault;
pub mod telemetry;
//! Syncline copies data between `SaaS` products, exactly once.

pub mod simulator;

pub mod api;
pub mod base;
pub mod config;
pub mod db;
pub mod outbound;
pub mod telemetry;

pub mod api;
pub mod app;
pub mod base;
pub mod config;
pub mod db;
pub mod outbound;
pub mod runs;
pub mod vault;

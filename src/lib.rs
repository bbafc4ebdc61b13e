//! Syncline copies data between SaaS products, exactly once. This page is the map.
//!
//! Imports point down only: `main → cli → serve → web → startup → rooms → app → ground floor`.
//!
//! * the roles of a server: [`serve`]; its HTTP pages: [`web`]; opening it all as the settings say: [`startup`]
//! * the rooms, each above those to its right: [`syncs`] → [`schedules`] → [`runs`] → [`tokens`] →
//!   [`people`] → [`tenants`] → [`audit`]
//! * what every room may use, built once: [`app`]; the settings: [`config`]; logs and traces: [`telemetry`]
//! * the ground floor: [`connectors`], [`simulator`], [`vault`], [`queue`], [`tls`], [`outbound`], [`api`], [`db`], [`base`]

pub mod api;
pub mod app;
pub mod audit;
pub mod base;
pub mod cli;
pub mod config;
pub mod connectors;
pub mod db;
pub mod outbound;
pub mod people;
pub mod queue;
pub mod runs;
pub mod schedules;
pub mod serve;
pub mod simulator;
pub mod startup;
pub mod syncs;
pub mod telemetry;
pub mod tenants;
pub mod tls;
pub mod tokens;
pub mod vault;
pub mod web;

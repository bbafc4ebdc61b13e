//! Syncline: copies data between SaaS products, exactly once. This page is the map of the house.

pub mod base;
pub mod db;

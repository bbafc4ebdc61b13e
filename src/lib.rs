//! Syncline copies data between `SaaS` products, exactly once.

pub mod simulator;

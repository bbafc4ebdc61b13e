//! What every room may use, built once and handed around.

use crate::{config::Config, db::Db, outbound::Outbound, tokens, vault::Keyring};
use std::sync::Arc;

/// The parts of a running Syncline, cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// The settings.
    pub config: Arc<Config>,
    /// The database.
    pub db: Db,
    /// The way to the providers.
    pub outbound: Outbound,
    /// What seals secrets.
    pub keys: Keyring,
    /// Access tokens that were used lately, in clear, in memory alone.
    pub tokens: tokens::Memory,
}

impl App {
    /// Puts the parts together.
    pub fn new(config: Arc<Config>, db: Db, outbound: Outbound, keys: Keyring) -> Self {
        Self {
            config,
            db,
            outbound,
            keys,
            tokens: tokens::Memory::default(),
        }
    }
}

//! Syncs: definitions, mapping rules, and the engine that turns what a source says into entries at a destination,
//! exactly once.

pub mod alarm;
mod asked;
pub mod clean_up;
pub mod create;
pub mod definition;
pub mod delete;
pub mod describe;
pub mod destination;
pub mod discover;
pub mod effect;
pub mod engine;
pub mod entry;
pub mod job;
pub mod marker;
pub mod meeting;
pub mod plan;
pub mod preview;
pub mod reconcile;
pub mod rpc;
pub mod rules;
pub mod schedule;
pub mod source;
pub mod standing;
pub mod start;
pub mod store;
pub mod summary;
pub mod update;
pub mod write;

use crate::base::{SyncName, TokenName};
use chrono::{DateTime, Utc};
use definition::Definition;

/// A definition with its name and tokens.
#[derive(Clone, Debug)]
pub struct Sync {
    /// Its resource name.
    pub name: SyncName,
    /// For people.
    pub display_name: String,
    /// The Google token.
    pub source: TokenName,
    /// The Clockify token.
    pub destination: TokenName,
    /// What is done.
    pub definition: Definition,
    /// Raised by every change of the definition.
    pub version: i64,
    /// Records before this moment have been read completely.
    pub watermark: Option<DateTime<Utc>>,
    /// Made.
    pub created_at: DateTime<Utc>,
    /// Last changed.
    pub updated_at: DateTime<Utc>,
}

impl Sync {
    /// Changes with every change of the definition.
    pub fn etag(&self) -> String {
        self.version.to_string()
    }
}

/// The account at the source that records belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceAccount {
    /// `google`.
    pub provider: &'static str,
    /// The provider's id of the account.
    pub id: String,
}

/// The account at the destination that effects belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationAccount {
    /// `clockify`.
    pub provider: &'static str,
    /// The workspace.
    pub workspace: String,
    /// The user in it.
    pub user: String,
}

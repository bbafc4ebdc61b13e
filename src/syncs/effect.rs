//! One thing written, or to be written, to a destination for one record.

use crate::{
    base::{EffectName, ResourceId, words},
    syncs::entry::Wanted,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

words! {
    /// Where an effect is.
    State {
        /// Decided, not sent.
        Planned = "planned",
        /// Sent, or about to be.
        Sending = "sending",
        /// At the destination.
        Done = "done",
        /// Sent, and the answer never came.
        Unknown = "unknown",
        /// Refused.
        Failed = "failed",
        /// Deleted by the user.
        Tombstoned = "tombstoned",
    }
}

/// One thing written, or to be written, to a destination for one record.
#[derive(Clone, Debug)]
pub struct Effect {
    /// Its resource name.
    pub name: EffectName,
    /// The sync that decided it.
    pub sync: ResourceId,
    /// The record it is for.
    pub source_key: String,
    /// Where it is.
    pub state: State,
    /// What was, or is to be, written.
    pub payload: Wanted,
    /// Fingerprint of the decision that led to it.
    pub payload_hash: String,
    /// The entry is not as that decision wants it: an update did not arrive and is still to do.
    pub stale: bool,
    /// The destination's id of the entry.
    pub entry_id: Option<String>,
    /// Fingerprint of the entry as we last wrote or accepted it: another one means that the user edited it.
    pub entry_hash: Option<String>,
    /// The user changed the entry.
    pub edited: bool,
    /// It was found, not written by us.
    pub adopted: bool,
    /// How often it was sent.
    pub sends: i64,
    /// The run that wrote it last.
    pub run: Option<Uuid>,
    /// While it is being sent, or after no answer came: until when only the sender may touch it.
    pub answer_by: Option<DateTime<Utc>>,
    /// Why it is in that state, for a person.
    pub note: String,
    /// Start of the entry.
    pub starts_at: DateTime<Utc>,
    /// Last changed.
    pub updated_at: DateTime<Utc>,
}

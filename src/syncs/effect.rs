//! One thing written, or to be written, to a destination for one record.

use crate::{
    base::{EffectName, Error, ResourceId, Result},
    syncs::entry::Wanted,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Where an effect is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Decided, not sent.
    Planned,
    /// Sent, or about to be.
    Sending,
    /// At the destination.
    Done,
    /// Sent, and the answer never came.
    Unknown,
    /// Refused.
    Failed,
    /// Deleted by the user.
    Tombstoned,
}

impl State {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Planned, "planned"),
        (Self::Sending, "sending"),
        (Self::Done, "done"),
        (Self::Unknown, "unknown"),
        (Self::Failed, "failed"),
        (Self::Tombstoned, "tombstoned"),
    ];

    /// As the database writes it.
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(state, _)| *state == self)
            .map_or("", |(_, text)| text)
    }

    /// Reads what the database, or in any case a person, wrote.
    pub fn parse(text: &str) -> Result<Self> {
        Self::ALL
            .iter()
            .find(|(_, known)| known.eq_ignore_ascii_case(text))
            .map(|(state, _)| *state)
            .ok_or_else(|| {
                let names = Self::ALL.map(|(_, text)| text.to_uppercase()).join(", ");
                Error::invalid("state", format!("expected one of {names}"))
            })
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

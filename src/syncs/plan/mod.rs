//! Decides what to do with one meeting, from what was read, what we remember and what is at the destination. No I/O, so
//! that every case can be tried.

use crate::{
    base::ResourceId,
    connectors::clockify::Entry,
    syncs::{
        effect::{Effect, State},
        entry,
    },
};
use chrono::{DateTime, TimeDelta, Utc};

/// What to do with a meeting whose entry is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Skip(Skip),
    /// Write an entry: none of ours is there, for sure.
    Create,
    /// Bring our entry, which nobody else changed, up to date.
    Update,
    /// Take over the entry that is there.
    Adopt {
        /// Its id.
        entry_id: String,
        /// What we know of it.
        how: Adoption,
    },
    /// We remember an entry that the list does not show: ask for it by its id.
    LookFor {
        /// Its id.
        entry_id: String,
    },
    /// Somebody is writing it, or the answer may still show: look again then.
    Wait(DateTime<Utc>),
}

/// What we know of an entry that is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adoption {
    /// We sent it and got no answer: it is ours.
    Ours,
    /// We sent an update of it and got no answer, and it is as it was before: the update is still to do.
    NotUpdated,
    /// Somebody else wrote it, or the user changed it since: it is left as it is.
    Theirs,
}

/// Why nothing is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Skip {
    /// The entry is there and as it should be.
    Unchanged,
    /// The user edited the entry.
    Edited,
    /// The user deleted the entry.
    Deleted,
    /// A rule leaves it out.
    Rule,
    /// I declined.
    Declined,
    /// Nobody else was there.
    Solo,
    /// Shorter than wanted.
    TooShort,
}

impl Skip {
    /// As results count it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Edited => "edited",
            Self::Deleted => "deleted",
            Self::Rule => "rule",
            Self::Declined => "declined",
            Self::Solo => "solo",
            Self::TooShort => "too_short",
        }
    }
}

/// What a sync wants of a meeting.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Who wants it. An entry that another sync on the account wrote is not changed, or the two would take turns.
    pub sync: &'a ResourceId,
    /// The fingerprint of what the rules want.
    pub hash: &'a str,
}

/// When the destination was looked at, and how long a write may take to show there.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// When the listing began, by the database's clock.
    pub at: DateTime<Utc>,
    /// How long after a write it may still be invisible.
    pub grace: TimeDelta,
}

/// Decides. `wish` is what the rules want; `found` are the entries with the meeting's marker,
/// oldest first.
pub fn decide(wish: Wish<'_>, effect: Option<&Effect>, found: &[&Entry], look: Look) -> Action {
    let Some(effect) = effect else {
        return match found.first() {
            Some(entry) => adopt(entry, Adoption::Theirs),
            None => Action::Create,
        };
    };
    match effect.state {
        State::Planned | State::Failed => match found.first() {
            Some(entry) => adopt(entry, Adoption::Theirs),
            None => Action::Create,
        },
        State::Tombstoned => match found.first() {
            // The user brought it back, or wrote it anew.
            Some(entry) => adopt(entry, Adoption::Theirs),
            None => Action::Skip(Skip::Deleted),
        },
        State::Sending | State::Unknown => resolve(effect, found, look),
        State::Done => follow(wish, effect, found),
    }
}

/// A send whose outcome is not known.
fn resolve(effect: &Effect, found: &[&Entry], look: Look) -> Action {
    if let Some(entry) = known(effect, found) {
        let hash = entry::hash(entry);
        let how = if hash == effect.payload.hash() {
            Adoption::Ours
        } else if effect.entry_hash.as_deref() == Some(hash.as_str()) {
            Adoption::NotUpdated
        } else {
            Adoption::Theirs
        };
        return match how {
            // Before the sender's time is over its update may still arrive.
            Adoption::NotUpdated => match too_early(effect, look) {
                Some(until) => Action::Wait(until),
                None => adopt(entry, how),
            },
            _ => adopt(entry, how),
        };
    }
    if let Some(until) = too_early(effect, look) {
        return Action::Wait(until);
    }
    match &effect.entry_id {
        // An update: the entry was there before.
        Some(entry_id) => Action::LookFor {
            entry_id: entry_id.clone(),
        },
        None => Action::Create,
    }
}

/// When the absence of an entry begins to mean something, where that is after the look.
fn too_early(effect: &Effect, look: Look) -> Option<DateTime<Utc>> {
    let until = effect.answer_by? + look.grace;
    (look.at < until).then_some(until)
}

/// An entry that was written or adopted before.
fn follow(wish: Wish<'_>, effect: &Effect, found: &[&Entry]) -> Action {
    let Some(entry) = known(effect, found) else {
        return match &effect.entry_id {
            Some(entry_id) => Action::LookFor {
                entry_id: entry_id.clone(),
            },
            None => Action::Create,
        };
    };
    if effect.entry_id.as_deref() != Some(entry.id.as_str()) {
        return adopt(entry, Adoption::Theirs);
    }
    let changed_by_user = effect.entry_hash.as_deref() != Some(entry::hash(entry).as_str());
    if effect.edited || changed_by_user {
        Action::Skip(Skip::Edited)
    } else if (effect.payload_hash == wish.hash && !effect.stale)
        || effect.sync != *wish.sync
        || effect.adopted
        || entry.is_locked
    {
        Action::Skip(Skip::Unchanged)
    } else {
        Action::Update
    }
}

/// The entry that an effect remembers, else the oldest with its marker.
fn known<'a>(effect: &Effect, found: &[&'a Entry]) -> Option<&'a Entry> {
    found
        .iter()
        .find(|entry| Some(entry.id.as_str()) == effect.entry_id.as_deref())
        .or_else(|| found.first())
        .copied()
}

fn adopt(entry: &Entry, how: Adoption) -> Action {
    Action::Adopt {
        entry_id: entry.id.clone(),
        how,
    }
}

#[cfg(test)]
mod tests;

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
    } else if effect.payload_hash == wish.hash
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
mod tests {
    use super::*;
    use crate::{
        base::{EffectName, ResourceId},
        syncs::entry::Wanted,
    };
    use uuid::Uuid;

    fn decide_for(hash: &str, effect: Option<&Effect>, found: &[&Entry], look: Look) -> Action {
        let sync: ResourceId = "s".parse().unwrap();
        decide(Wish { sync: &sync, hash }, effect, found, look)
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_760_000_000 + second, 0).unwrap()
    }

    fn look() -> Look {
        Look {
            at: at(1000),
            grace: TimeDelta::seconds(5),
        }
    }

    fn entry(id: &str, description: &str) -> Entry {
        serde_json::from_value(serde_json::json!({
            "id": id, "description": description, "userId": "u", "workspaceId": "w", "billable": false,
            "timeInterval": {"start": "2026-11-19T09:00:00Z", "end": "2026-11-19T09:30:00Z"},
        }))
        .unwrap()
    }

    fn effect(state: State) -> Effect {
        let written = entry("1", "ours");
        Effect {
            name: EffectName::new(ResourceId::default_tenant(), Uuid::nil()),
            sync: "s".parse().unwrap(),
            source_key: "conferenceRecords/a".into(),
            state,
            payload: Wanted::of(&written),
            payload_hash: "wish".into(),
            entry_id: None,
            entry_hash: None,
            edited: false,
            adopted: false,
            sends: 1,
            run: None,
            answer_by: None,
            note: String::new(),
            starts_at: at(0),
            updated_at: at(0),
        }
    }

    fn done() -> Effect {
        Effect {
            entry_id: Some("1".into()),
            entry_hash: Some(entry::hash(&entry("1", "ours"))),
            ..effect(State::Done)
        }
    }

    fn adopted(id: &str, how: Adoption) -> Action {
        Action::Adopt {
            entry_id: id.into(),
            how,
        }
    }

    #[test]
    fn nothing_known_and_nothing_there_is_written() {
        assert_eq!(decide_for("wish", None, &[], look()), Action::Create);
    }

    #[test]
    fn an_entry_that_we_know_nothing_of_is_taken_over_the_oldest_first() {
        let (old, young) = (entry("1", "x"), entry("2", "x"));
        let action = decide_for("wish", None, &[&old, &young], look());
        assert_eq!(action, adopted("1", Adoption::Theirs));
    }

    #[test]
    fn an_unanswered_write_is_never_sent_again_before_its_time_is_over() {
        for state in [State::Sending, State::Unknown] {
            let open = |answer_by| Effect {
                answer_by: Some(answer_by),
                ..effect(state)
            };
            let wait = decide_for("wish", Some(&open(at(999))), &[], look());
            assert_eq!(wait, Action::Wait(at(1004)));
            let over = decide_for("wish", Some(&open(at(995))), &[], look());
            assert_eq!(over, Action::Create);
        }
    }

    #[test]
    fn an_unanswered_write_that_shows_is_ours_at_once() {
        let open = Effect {
            answer_by: Some(at(2000)),
            ..effect(State::Sending)
        };
        let there = entry("7", "ours");
        let action = decide_for("wish", Some(&open), &[&there], look());
        assert_eq!(action, adopted("7", Adoption::Ours));
    }

    #[test]
    fn an_unanswered_update_that_did_not_arrive_is_waited_for_and_then_done_again() {
        let old = entry("1", "before");
        let open = |answer_by| Effect {
            answer_by: Some(answer_by),
            entry_id: Some("1".into()),
            entry_hash: Some(entry::hash(&old)),
            ..effect(State::Unknown)
        };
        let early = decide_for("wish", Some(&open(at(999))), &[&old], look());
        assert_eq!(early, Action::Wait(at(1004)));
        let late = decide_for("wish", Some(&open(at(900))), &[&old], look());
        assert_eq!(late, adopted("1", Adoption::NotUpdated));
    }

    #[test]
    fn what_the_user_did_wins() {
        let edited = entry("1", "mine now");
        let action = decide_for("other wish", Some(&done()), &[&edited], look());
        assert_eq!(action, Action::Skip(Skip::Edited));
        let gone = decide_for("wish", Some(&done()), &[], look());
        assert_eq!(
            gone,
            Action::LookFor {
                entry_id: "1".into()
            }
        );
        let deleted = decide_for("wish", Some(&effect(State::Tombstoned)), &[], look());
        assert_eq!(deleted, Action::Skip(Skip::Deleted));
    }

    #[test]
    fn only_our_own_unlocked_entries_are_brought_up_to_date() {
        let ours = entry("1", "ours");
        assert_eq!(
            decide_for("wish", Some(&done()), &[&ours], look()),
            Action::Skip(Skip::Unchanged)
        );
        assert_eq!(
            decide_for("other wish", Some(&done()), &[&ours], look()),
            Action::Update
        );
        let theirs = Effect {
            adopted: true,
            ..done()
        };
        assert_eq!(
            decide_for("other wish", Some(&theirs), &[&ours], look()),
            Action::Skip(Skip::Unchanged)
        );
        let locked = Entry {
            is_locked: true,
            ..entry("1", "ours")
        };
        assert_eq!(
            decide_for("other wish", Some(&done()), &[&locked], look()),
            Action::Skip(Skip::Unchanged)
        );
    }

    #[test]
    fn the_entry_of_another_sync_is_not_changed() {
        let ours = entry("1", "ours");
        let theirs = Effect {
            sync: "another".parse().unwrap(),
            ..done()
        };
        let action = decide_for("other wish", Some(&theirs), &[&ours], look());
        assert_eq!(action, Action::Skip(Skip::Unchanged));
    }

    #[test]
    fn a_refused_entry_is_tried_again() {
        assert_eq!(
            decide_for("wish", Some(&effect(State::Failed)), &[], look()),
            Action::Create
        );
    }
}

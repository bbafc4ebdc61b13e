//! A schedule as it is kept, and one outcome of its times.

use crate::{
    base::{Error, ResourceId, Result, RunName, TenantId},
    schedules::{Spec, times::Timetable},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::fmt;
use uuid::Uuid;

/// What a schedule runs; there is one schedule for each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Who owns it.
    pub tenant: TenantId,
    /// Which job executes its runs.
    pub kind: String,
    /// What is run, as the room above calls it: a sync's id.
    pub subject: String,
}

impl Key {
    /// Puts a key together.
    pub fn new(tenant: TenantId, kind: &str, subject: &ResourceId) -> Self {
        Self {
            tenant,
            kind: kind.to_owned(),
            subject: subject.to_string(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.kind, self.subject)
    }
}

/// A schedule.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// What it runs.
    pub key: Key,
    /// Whose limit of runs at the same time its runs count for; empty: nobody's.
    pub lane: String,
    /// What its runs are told.
    pub arguments: Value,
    /// When, and what if.
    pub spec: Spec,
    /// Raised by every change of the spec.
    pub version: i64,
    /// The first time that has no outcome yet.
    pub next_nominal: Option<DateTime<Utc>>,
    /// When that is due; `None` while paused.
    pub next_at: Option<DateTime<Utc>>,
    /// A time that runs as soon as no run is open.
    pub buffered_at: Option<DateTime<Utc>>,
    /// The run whose failure pauses the schedule.
    pub watched_run: Option<Uuid>,
    /// Since when, by whom and why it is paused.
    pub pause: Option<Pause>,
    /// Made.
    pub created_at: DateTime<Utc>,
    /// Last changed by somebody.
    pub updated_at: DateTime<Utc>,
}

/// Why a schedule does not fire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Since when.
    pub since: DateTime<Utc>,
    /// Who did it.
    pub by: PausedBy,
    /// Why, for people.
    pub note: String,
}

/// Who paused a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PausedBy {
    /// A person.
    User,
    /// Its own run failed, and the spec says so.
    Failure,
    /// The database turned out to be a copy of another installation's.
    Copy,
    /// This version does not understand its spec.
    Fault,
}

impl PausedBy {
    const ALL: [(Self, &'static str); 4] = [
        (Self::User, "user"),
        (Self::Failure, "failure"),
        (Self::Copy, "copy"),
        (Self::Fault, "fault"),
    ];

    /// As the database writes it.
    pub fn as_str(self) -> &'static str {
        let known = Self::ALL.iter().find(|(by, _)| *by == self);
        known.map_or("", |(_, text)| text)
    }

    /// Reads what the database wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let known = Self::ALL.iter().find(|(_, known)| *known == text);
        known.map(|(by, _)| *by)
    }
}

impl Schedule {
    /// The times of its spec; `None` when this version does not understand it.
    pub fn timetable(&self) -> Option<Timetable> {
        Timetable::new(&self.spec)
    }

    /// Goes on with the first time after `after`.
    pub fn go_on(&mut self, table: &Timetable, after: DateTime<Utc>) {
        self.await_time(table, table.next(after).map(|next| next.at));
    }

    /// Waits for `next`, the first time without an outcome.
    pub fn await_time(&mut self, table: &Timetable, next: Option<DateTime<Utc>>) {
        self.next_nominal = next;
        self.next_at = next
            .filter(|_| self.pause.is_none())
            .map(|next| table.due(&self.key.to_string(), next));
    }

    /// The times up to `until` that have no outcome yet: the first and the last.
    pub fn unaccounted(
        &self,
        table: &Timetable,
        until: DateTime<Utc>,
    ) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let first = self.next_nominal?;
        let last = table.last(first - TimeDelta::seconds(1), until)?;
        Some((first, last))
    }
}

/// What became of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A run was accepted.
    Ran,
    /// A run follows as soon as none is open.
    Buffered,
    /// The overlap policy left it out, or the spec was changed before it was due.
    Skipped,
    /// Nobody was there to keep it, and the catch-up policy does not make up for it.
    Missed,
    /// The schedule was paused.
    Paused,
    /// It has come, and nobody has looked yet. Never stored.
    Pending,
}

impl Outcome {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Ran, "ran"),
        (Self::Buffered, "buffered"),
        (Self::Skipped, "skipped"),
        (Self::Missed, "missed"),
        (Self::Paused, "paused"),
        (Self::Pending, "pending"),
    ];

    /// As the database writes it.
    pub fn as_str(self) -> &'static str {
        let known = Self::ALL.iter().find(|(outcome, _)| *outcome == self);
        known.map_or("", |(_, text)| text)
    }

    /// Reads what the database wrote.
    pub fn parse(text: &str) -> Result<Self> {
        let known = Self::ALL.iter().find(|(_, known)| *known == text);
        known
            .map(|(outcome, _)| *outcome)
            .ok_or_else(|| Error::internal(format!("no outcome is called {text:?}")))
    }
}

/// What became of one time, or of every time of a stretch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// The schedule.
    pub key: Key,
    /// The version of the spec that named the times.
    pub version: i64,
    /// The first time, before jitter.
    pub first: DateTime<Utc>,
    /// The last time; the same for a single one.
    pub last: DateTime<Utc>,
    /// What became of them.
    pub outcome: Outcome,
    /// The run.
    pub run: Option<RunName>,
    /// Why, for people.
    pub note: String,
    /// When that was decided.
    pub decided_at: DateTime<Utc>,
}

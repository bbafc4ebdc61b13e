//! A time entry as we want it, and the fingerprint by which we see that somebody else changed it.

use crate::{
    connectors::clockify::{Entry, NewEntry},
    syncs::{
        definition::Target,
        meeting::{hash_of, whole_seconds},
    },
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What a meeting's entry should be, by names: what the rules decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Desired {
    /// First join, in whole seconds.
    pub start: DateTime<Utc>,
    /// End, in whole seconds.
    pub end: DateTime<Utc>,
    /// With the marker.
    pub description: String,
    /// Where it goes.
    pub target: Target,
}

impl Desired {
    /// Changes when the decision does.
    pub fn hash(&self) -> String {
        hash_of(self)
    }
}

/// An entry as it is written, with the destination's ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// In whole seconds.
    pub start: DateTime<Utc>,
    /// In whole seconds; `None` only for adopted timers that still run.
    pub end: Option<DateTime<Utc>>,
    /// With the marker.
    pub description: String,
    /// The project.
    pub project_id: Option<String>,
    /// The task.
    pub task_id: Option<String>,
    /// The tags, sorted.
    pub tag_ids: Vec<String>,
    /// Whether the time is billable.
    pub billable: bool,
}

impl Wanted {
    /// An entry as it is at the destination, cut to what we compare.
    pub fn of(entry: &Entry) -> Self {
        let mut tag_ids = entry.tag_ids.clone();
        tag_ids.sort_unstable();
        Self {
            start: whole_seconds(entry.start),
            end: entry.end.map(whole_seconds),
            description: entry.description.clone(),
            project_id: entry.project_id.clone(),
            task_id: entry.task_id.clone(),
            tag_ids,
            billable: entry.billable,
        }
    }

    /// The fingerprint by which a later change is seen.
    pub fn hash(&self) -> String {
        hash_of(self)
    }

    /// An entry that is there, brought up to date; what we do not speak of stays as it is.
    pub fn applied_to(&self, entry: &Entry) -> Entry {
        Entry {
            start: self.start,
            end: self.end,
            description: self.description.clone(),
            billable: self.billable,
            project_id: self.project_id.clone(),
            task_id: self.task_id.clone(),
            tag_ids: self.tag_ids.clone(),
            ..entry.clone()
        }
    }

    /// As the connector sends it.
    pub fn to_new_entry(&self) -> NewEntry {
        NewEntry {
            start: self.start,
            end: self.end.unwrap_or(self.start),
            description: self.description.clone(),
            billable: self.billable,
            project_id: self.project_id.clone(),
            task_id: self.task_id.clone(),
            tag_ids: self.tag_ids.clone(),
        }
    }
}

/// The fingerprint of an entry at the destination.
pub fn hash(entry: &Entry) -> String {
    Wanted::of(entry).hash()
}

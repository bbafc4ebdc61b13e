//! What came of a run, as it is stored in the run's result and shown to people. The names are those of
//! `syncline.v1.SyncResult`, so the stored text is that message's JSON.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Failures that are told one by one; the rest are only counted.
const MOST_FAILURES: usize = 20;
/// Notices that are told.
const MOST_NOTICES: usize = 50;

/// What came of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Meetings that I attended, in the window.
    pub meetings_found: u64,
    /// Entries written.
    pub created: u64,
    /// Entries brought up to date.
    pub updated: u64,
    /// Entries taken over.
    pub adopted: u64,
    /// Meetings for which nothing was to do.
    pub skipped: u64,
    /// Meetings whose entry was refused.
    pub failed: u64,
    /// Meetings whose write got no answer that could be found out.
    pub unresolved: u64,
    /// Second copies of ours that were deleted.
    pub duplicates_deleted: u64,
    /// Entries with our marker in the window, after the run.
    pub total_in_destination: u64,
    /// `skipped` by reason.
    pub skips: BTreeMap<String, u64>,
    /// What a person should know.
    pub notices: Vec<String>,
    /// What failed, with the reason.
    pub failures: Vec<String>,
    /// Calls to providers by endpoint.
    pub calls: BTreeMap<String, u64>,
    /// The window that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_start_time: Option<DateTime<Utc>>,
    /// Its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_end_time: Option<DateTime<Utc>>,
}

impl Summary {
    /// Counts a meeting for which nothing was to do.
    pub fn skip(&mut self, reason: &str) {
        self.skipped += 1;
        *self.skips.entry(reason.to_owned()).or_default() += 1;
    }

    /// Counts a meeting whose entry was refused, and why.
    pub fn fail(&mut self, conference: &str, why: &str) {
        self.failed += 1;
        if self.failures.len() < MOST_FAILURES {
            self.failures.push(format!("{conference}: {why}"));
        }
    }

    /// Says something to a person, once.
    pub fn notice(&mut self, text: impl Into<String>) {
        let text = text.into();
        if self.notices.len() < MOST_NOTICES && !self.notices.contains(&text) {
            self.notices.push(text);
        }
    }
}

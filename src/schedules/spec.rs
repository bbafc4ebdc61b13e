//! What a schedule says: when, in which time zone, and what happens when a time cannot be kept.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The window in which a time that was missed is made up for, where the spec names none: seven days, in seconds.
pub const DEFAULT_CATCH_UP_WINDOW: i64 = 7 * 24 * 3600;

/// A schedule as its owner wrote it. All lengths are whole seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spec {
    /// When it fires.
    pub times: Times,
    /// IANA name; empty is UTC.
    pub time_zone: String,
    /// Each time is put off by a part of this, always the same part for the same time.
    pub jitter: i64,
    /// What happens when a run is not finished at the next time.
    pub overlap: Overlap,
    /// What happens with times that went by while nobody could keep them.
    pub catch_up: CatchUp,
    /// How late a time may be made up for; 0 is [`DEFAULT_CATCH_UP_WINDOW`].
    pub catch_up_window: i64,
    /// Pause after a run that failed for good.
    pub pause_on_failure: bool,
    /// What happens with local times that the clock jumps over.
    pub gap: Gap,
    /// What happens with local times that come twice.
    pub fold: Fold,
    /// No time before it.
    pub start: Option<DateTime<Utc>>,
    /// No time at or after it.
    pub end: Option<DateTime<Utc>>,
}

/// When a schedule fires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    /// When the local clock shows a time of the expression.
    Cron(String),
    /// At `phase`, and every `every` after it, counted from 1970-01-01T00:00:00Z whatever the time zone.
    Interval {
        /// Seconds from one to the next.
        every: i64,
        /// Seconds, less than `every`.
        phase: i64,
    },
}

impl Default for Times {
    fn default() -> Self {
        Self::Cron(String::new())
    }
}

/// What happens when a run is not finished at the next time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// The time is left out.
    #[default]
    Skip,
    /// One run follows as soon as nothing is open; further times are left out.
    BufferOne,
    /// The open runs are told to stop, and a new one follows them.
    CancelOther,
    /// A new run is accepted in any case.
    Allow,
}

/// What happens with times that went by while nobody could keep them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// One run for all of them, unless a time is due right now anyway.
    #[default]
    One,
    /// A run for each, oldest first, as the overlap policy lets them.
    All,
    /// Nothing.
    None,
}

/// What happens with local times that the clock jumps over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// They are kept as much later as the clock jumped: 02:30 becomes 03:30.
    #[default]
    Shift,
    /// They are left out.
    Skip,
}

/// What happens with local times that come twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fold {
    /// `Both` where the expression fires in every hour of the day, else `First`.
    #[default]
    Auto,
    /// Only the first counts.
    First,
    /// Only the second counts.
    Second,
    /// Both count.
    Both,
}

impl Spec {
    /// How late a time may be made up for, in seconds.
    pub fn catch_up_window(&self) -> i64 {
        match self.catch_up_window {
            0 => DEFAULT_CATCH_UP_WINDOW,
            window => window,
        }
    }
}

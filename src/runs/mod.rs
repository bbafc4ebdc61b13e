//! Runs: one execution of something, from accepted to its last state. A run exists when its row is committed; whoever
//! holds the row's lease (worker and fence) owns it, and every write of a worker that lost it is refused.

pub mod accept;
pub mod add;
mod backoff;
pub mod cancel;
pub mod depth;
pub mod handle;
mod housekeeping;
pub mod job;
mod measure;
mod mirror;
pub mod operate;
mod outcome;
mod priority;
pub mod queue_rpc;
pub mod relay;
pub mod retry;
pub mod rpc;
pub mod store;
pub mod terms;
pub mod watch;
pub mod worker;

pub use handle::Handle;
pub use job::{Ended, Failure, Job};
pub use priority::Priority;
pub use worker::{Pulse, Worker};

use crate::base::{RunName, SyncName, words};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

words! {
    /// Where a run is.
    State {
        /// Accepted; a worker will take it.
        Queued = "queued",
        /// A worker has it.
        Running = "running",
        /// An attempt failed in a way that may pass.
        Retrying = "retrying",
        /// Waits for a budget or an answer; uses up no attempt.
        Waiting = "waiting",
        /// Everything was done.
        Succeeded = "succeeded",
        /// Something was done and something failed.
        Partial = "partial",
        /// Nothing more will be tried.
        Failed = "failed",
        /// Somebody cancelled it.
        Cancelled = "cancelled",
    }
}

impl State {
    /// Whether nothing happens to the run any more by itself.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Partial | Self::Failed | Self::Cancelled
        )
    }
}

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What it does now, for a person.
    pub phase: String,
    /// Steps done of that phase.
    pub done: u64,
    /// Steps of that phase; 0 when not known yet.
    pub total: u64,
}

/// One execution of something.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its resource name.
    pub name: RunName,
    /// Which job executes it.
    pub kind: String,
    /// The sync that is run.
    pub sync: SyncName,
    /// What started it.
    pub cause: String,
    /// Where it is.
    pub state: State,
    /// Which of a tenant's runs go first.
    pub priority: Priority,
    /// Runs of one lane share a limit of runs at the same time; empty is no lane.
    pub lane: String,
    /// The job's arguments.
    pub arguments: Value,
    /// Which attempt is the current or last one, from 1.
    pub attempt: i64,
    /// After so many failed attempts it is failed.
    pub max_attempts: i64,
    /// How many workers died of it.
    pub crashes: i64,
    /// Raised by every claim; writes of an older fence are refused.
    pub fence: i64,
    /// When a worker may take it.
    pub due_at: DateTime<Utc>,
    /// A run that has not ended by then has failed. Moves on by the time that the run is [`State::Waiting`].
    pub deadline_at: Option<DateTime<Utc>>,
    /// Why it waits, for a person.
    pub wait_reason: String,
    /// Somebody asked for it to stop.
    pub cancel_requested: bool,
    /// How far it is.
    pub progress: Option<Progress>,
    /// What came of it.
    pub result: Option<Value>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// W3C trace context of what accepted it.
    pub traceparent: Option<String>,
    /// Accepted.
    pub created_at: DateTime<Utc>,
    /// First taken.
    pub started_at: Option<DateTime<Utc>>,
    /// Reached its last state.
    pub finished_at: Option<DateTime<Utc>>,
    /// Last changed.
    pub updated_at: DateTime<Utc>,
}

/// One line that a run wrote.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// Counts from 1 within the run.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// `info`, `warn` or `error`.
    pub level: String,
    /// For a person.
    pub message: String,
}

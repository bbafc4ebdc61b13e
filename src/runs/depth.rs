//! How many runs are not finished, and for how long: what `/metrics` and people look at.

use crate::{app::App, base::Result, db::Scope, runs::State, runs::store};
use chrono::{DateTime, Utc};
use std::time::Duration;

/// The runs of one kind that are in one state.
#[derive(Clone, Debug)]
pub struct Depth {
    /// Which job executes them.
    pub kind: String,
    /// Never a final one.
    pub state: State,
    /// How many.
    pub runs: i64,
    /// When the first of them came due; of running ones, when it was first taken.
    pub since: DateTime<Utc>,
}

impl Depth {
    /// For how long the oldest of them is due, or running. Nothing while it only becomes due later.
    pub fn age(&self, now: DateTime<Utc>) -> Duration {
        (now - self.since).to_std().unwrap_or_default()
    }
}

/// Counts over all tenants. Kinds and states without a run are not in the list.
pub async fn look(app: &App) -> Result<Vec<Depth>> {
    let mut tx = app.db.read(Scope::System("counts of all tenants")).await?;
    store::depths(&mut tx).await
}

//! The SQL that counts runs.

use crate::{
    base::Result,
    db::{Tx, fetch_all},
    runs::{State, depth::Depth},
};
use chrono::{DateTime, Utc};

/// Runs that are not finished, by kind and state.
pub async fn depths(tx: &mut Tx) -> Result<Vec<Depth>> {
    const SQL: &str = "SELECT kind, state, count(*), \
         min(CASE state WHEN 'running' THEN started_at ELSE due_at END) FROM runs \
         WHERE state IN ('queued', 'running', 'retrying', 'waiting') GROUP BY kind, state ORDER BY kind, state";
    let rows = fetch_all!(tx, (String, String, i64, DateTime<Utc>), SQL)?;
    rows.into_iter()
        .map(|(kind, state, runs, since)| {
            Ok(Depth {
                kind,
                state: State::parse("state", &state)?,
                runs,
                since,
            })
        })
        .collect()
}

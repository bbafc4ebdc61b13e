//! What this installation remembers of it: that the sync was made, out of which secrets, and when it was last run because
//! a server started.

use crate::{
    base::{Error, Result},
    db::{Tx, execute, fetch_optional},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// That the sync was made. It stays when the sync goes, so that no start brings it back.
const MADE: &str = "original.sync_made";
/// The last run because of a start.
const STARTED: &str = "original.started";

/// Out of which secrets it was made. The fingerprints tell a changed variable, and nothing about the secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Made {
    /// Of the Clockify key.
    pub clockify: String,
    /// Of the token file; empty where the consent came in another way.
    pub google: String,
}

/// What was remembered; `None` before the sync was made.
pub(super) async fn made(tx: &mut Tx) -> Result<Option<Made>> {
    const SQL: &str = "SELECT value FROM instance_facts WHERE name = $1";
    let found = fetch_optional!(tx, (String,), SQL, MADE)?;
    found
        .map(|(value,)| serde_json::from_str(&value).map_err(Error::internal))
        .transpose()
}

/// Remembers that the sync was made; `false` when somebody else was quicker.
pub(super) async fn remember(tx: &mut Tx, made: &Made, now: DateTime<Utc>) -> Result<bool> {
    const SQL: &str = "INSERT INTO instance_facts (name, value, updated_at) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO NOTHING";
    let value = serde_json::to_string(made).map_err(Error::internal)?;
    Ok(execute!(tx, SQL, MADE, value, now)? == 1)
}

/// Remembers other secrets, so that a change is mentioned once.
pub(super) async fn remember_other(tx: &mut Tx, made: &Made, now: DateTime<Utc>) -> Result<()> {
    const SQL: &str = "UPDATE instance_facts SET value = $2, updated_at = $3 WHERE name = $1";
    let value = serde_json::to_string(made).map_err(Error::internal)?;
    execute!(tx, SQL, MADE, value, now)?;
    Ok(())
}

/// Whether this is the start that runs the sync: none other did since `before`.
pub(super) async fn is_first_start(
    tx: &mut Tx,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool> {
    const SQL: &str = "INSERT INTO instance_facts (name, value, updated_at) VALUES ($1, '', $2) \
         ON CONFLICT (name) DO UPDATE SET updated_at = excluded.updated_at \
         WHERE instance_facts.updated_at <= $3";
    Ok(execute!(tx, SQL, STARTED, now, before)? == 1)
}

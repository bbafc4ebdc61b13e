//! The schedule of a sync.

use crate::{
    app::App,
    audit::{self, Entry},
    base::{Error, Result, RunName, SyncName},
    db::{Scope, Tx},
    runs::{self, accept},
    schedules::{Key, Schedule, Spec, backfill, change, store},
    syncs::{
        Sync,
        definition::{Definition, MOST_DAYS},
        job::{Arguments, KIND},
        store as syncs,
    },
};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

/// What the schedule of a sync is kept under.
pub fn key(sync: &SyncName) -> Key {
    Key::new(sync.tenant.clone(), KIND, &sync.id)
}

/// Gives a sync this schedule, which was checked, or takes its schedule away.
pub async fn set(app: &App, tx: &mut Tx, sync: &Sync, spec: Option<Spec>) -> Result<()> {
    match spec {
        Some(spec) => {
            let arguments = serde_json::to_value(Arguments::default()).map_err(Error::internal)?;
            change::put(app, tx, key(&sync.name), lane(sync), arguments, spec).await?;
        }
        None => {
            change::remove(tx, &key(&sync.name)).await?;
        }
    }
    Ok(())
}

/// Runs of a sync count for the limit of its destination's account.
pub fn lane(sync: &Sync) -> &str {
    sync.destination.id.as_str()
}

/// The schedule of a sync that exists, or `None`.
pub async fn get(app: &App, sync: &SyncName) -> Result<Option<Schedule>> {
    let mut tx = app.db.read(Scope::Tenant(sync.tenant.clone())).await?;
    store::get(&mut tx, &key(sync)).await
}

/// Pauses the schedule of a sync.
pub async fn pause(app: &App, sync: &SyncName, note: &str) -> Result<Schedule> {
    let mut tx = app.db.write(Scope::Tenant(sync.tenant.clone())).await?;
    let paused = change::pause(app, &mut tx, &key(sync), note).await?;
    let paused = paused.ok_or_else(none)?;
    let entry = Entry::new(Some(sync.tenant.clone()), "sync.pause", sync).detail(note);
    audit::record(&mut tx, entry, app.db.now()).await?;
    tx.commit().await?;
    accept::announce(app);
    Ok(paused)
}

/// Lets the schedule of a sync fire again.
pub async fn resume(app: &App, sync: &SyncName) -> Result<Schedule> {
    let mut tx = app.db.write(Scope::Tenant(sync.tenant.clone())).await?;
    let resumed = change::resume(app, &mut tx, &key(sync)).await?;
    let resumed = resumed.ok_or_else(none)?;
    let entry = Entry::new(Some(sync.tenant.clone()), "sync.resume", sync);
    audit::record(&mut tx, entry, app.db.now()).await?;
    tx.commit().await?;
    Ok(resumed)
}

/// The times that a backfill is for, each with its run.
pub type Filled = Vec<(DateTime<Utc>, RunName)>;

/// Runs the times of a range that have no run. Asked again with the same request id it answers with the same runs.
pub async fn backfill(
    app: &App,
    sync: &SyncName,
    range: (DateTime<Utc>, DateTime<Utc>),
    request_id: Option<Uuid>,
    validate_only: bool,
) -> Result<Filled> {
    const METHOD: &str = "BackfillSync";
    let now = app.db.now();
    let mut tx = app.db.write(Scope::Tenant(sync.tenant.clone())).await?;
    let definition = syncs::syncs::get(&mut tx, sync)
        .await?
        .ok_or_else(|| sync.not_found())?
        .definition;
    let arguments = |at| arguments(app, &definition, now, at);
    let filled = backfill::backfill(app, &mut tx, &key(sync), range, arguments).await?;
    let filled = filled.ok_or_else(none)?;
    if validate_only {
        return Ok(filled);
    }
    if let Some(request_id) = request_id {
        let fingerprint = format!("{sync} {} {}", range.0, range.1);
        let answer = serde_json::to_string(&filled.iter().map(written).collect::<Vec<_>>())
            .map_err(Error::internal)?;
        let known = runs::store::remember_request(
            &mut tx,
            &sync.tenant,
            METHOD,
            request_id,
            &fingerprint,
            &answer,
            now,
        )
        .await?;
        if let Some((known, answer)) = known {
            if known != fingerprint {
                return Err(Error::invalid(
                    "request_id",
                    "expected an id that was not used for other work before",
                ));
            }
            return read_again(&answer);
        }
    }
    let detail = format!("{} runs, from {} to {}", filled.len(), range.0, range.1);
    let entry = Entry::new(Some(sync.tenant.clone()), "sync.backfill", sync).detail(detail);
    audit::record(&mut tx, entry, now).await?;
    tx.commit().await?;
    accept::announce(app);
    Ok(filled)
}

fn written((at, run): &(DateTime<Utc>, RunName)) -> (DateTime<Utc>, String) {
    (*at, run.to_string())
}

fn read_again(answer: &str) -> Result<Filled> {
    let written: Vec<(DateTime<Utc>, String)> =
        serde_json::from_str(answer).map_err(Error::internal)?;
    written
        .into_iter()
        .map(|(at, run)| Ok((at, RunName::parse("resource", &run)?)))
        .collect()
}

/// What a run for the time `at` is told: to read again all that a run at that time would have read.
fn arguments(app: &App, definition: &Definition, now: DateTime<Utc>, at: DateTime<Utc>) -> Value {
    let usual = match definition.days {
        0 => app.config.syncs.days,
        days => days,
    };
    let days = ((now - at).num_days() + 1 + i64::from(usual)).min(i64::from(MOST_DAYS));
    let arguments = Arguments {
        dry_run: false,
        days: u32::try_from(days).unwrap_or(usual),
        full: true,
    };
    serde_json::to_value(arguments).unwrap_or_default()
}

/// The error for a sync that runs only when asked.
pub fn none() -> Error {
    Error::precondition(
        "NO_SCHEDULE",
        "the sync has no schedule: give it one with UpdateSync",
    )
}

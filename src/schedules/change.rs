//! Changes what schedules say. Each change first accounts for every time up to now, so that none is lost between the old
//! and the new.

use crate::{
    app::App,
    base::{Error, Result},
    db::Tx,
    schedules::{
        Spec,
        book::{Book, NOT_UNDERSTOOD},
        schedule::{Key, Outcome, PausedBy, Schedule},
        store,
    },
};
use serde_json::Value;

/// Longest note of a pause, in characters.
pub const LONGEST_NOTE: usize = 500;

/// Gives `key` this schedule, or changes the one it has. The spec must have been checked. The same spec again changes
/// nothing; another one counts from now on, on every replica. A paused schedule stays paused.
pub async fn put(
    app: &App,
    tx: &mut Tx,
    key: Key,
    lane: &str,
    arguments: Value,
    spec: Spec,
) -> Result<Schedule> {
    let now = app.db.now();
    let mut schedule = match store::lock(tx, &key).await? {
        Some(known) if known.spec == spec && known.arguments == arguments && known.lane == lane => {
            return Ok(known);
        }
        Some(mut known) => {
            settle(app, tx, &mut known).await?;
            // What was not understood is gone.
            known.pause = known.pause.filter(|pause| pause.by != PausedBy::Fault);
            Schedule {
                lane: lane.to_owned(),
                arguments,
                spec,
                version: known.version + 1,
                updated_at: now,
                ..known
            }
        }
        None => Schedule {
            key,
            lane: lane.to_owned(),
            arguments,
            spec,
            version: 1,
            next_nominal: None,
            next_at: None,
            buffered_at: None,
            watched_run: None,
            pause: None,
            created_at: now,
            updated_at: now,
        },
    };
    let table = schedule
        .timetable()
        .ok_or_else(|| Error::internal("a spec was not checked"))?;
    schedule.go_on(&table, now);
    store::put(tx, &schedule).await?;
    Ok(schedule)
}

/// Forgets the schedule of `key` with everything about it; `false` when it has none. Its runs stay.
pub async fn remove(tx: &mut Tx, key: &Key) -> Result<bool> {
    store::remove(tx, key).await
}

/// Pauses a schedule; a paused one gets the new note. A time that waits for a run to finish is paused, too.
pub async fn pause(app: &App, tx: &mut Tx, key: &Key, note: &str) -> Result<Option<Schedule>> {
    let now = app.db.now();
    let Some(mut schedule) = store::lock(tx, key).await? else {
        return Ok(None);
    };
    let mut book = Book::open(app, tx, std::slice::from_ref(&schedule), now).await?;
    book.keep_all_due(&mut schedule);
    let since = schedule.pause.as_ref().map(|pause| pause.since);
    book.pause(&mut schedule, PausedBy::User, note);
    if let (Some(since), Some(pause)) = (since, &mut schedule.pause) {
        pause.since = since;
    }
    book.write(tx, std::slice::from_ref(&schedule)).await?;
    if let Some(at) = schedule.buffered_at.take() {
        store::resolve(tx, key, at, Outcome::Paused, None, now).await?;
        store::save(tx, std::slice::from_ref(&schedule)).await?;
    }
    Ok(Some(schedule))
}

/// Lets a schedule fire again, from now on; one that is not paused, or not understood, stays as it is.
pub async fn resume(app: &App, tx: &mut Tx, key: &Key) -> Result<Option<Schedule>> {
    let Some(mut schedule) = store::lock(tx, key).await? else {
        return Ok(None);
    };
    let table = schedule.timetable();
    match (&mut schedule.pause, table) {
        (None, _) => return Ok(Some(schedule)),
        (Some(_), Some(table)) => {
            settle(app, tx, &mut schedule).await?;
            schedule.pause = None;
            schedule.go_on(&table, app.db.now());
        }
        (Some(pause), None) => {
            pause.by = PausedBy::Fault;
            pause.note = NOT_UNDERSTOOD.to_owned();
        }
    }
    store::save(tx, std::slice::from_ref(&schedule)).await?;
    Ok(Some(schedule))
}

/// Gives every time up to now its outcome. Runs may be accepted: once that is committed, ring for the workers.
pub(super) async fn settle(app: &App, tx: &mut Tx, schedule: &mut Schedule) -> Result<()> {
    let now = app.db.now();
    let mut book = Book::open(app, tx, std::slice::from_ref(schedule), now).await?;
    book.keep_all_due(schedule);
    let Some(table) = schedule.timetable() else {
        return Ok(());
    };
    match &schedule.pause {
        Some(pause) => {
            let note = pause.note.clone();
            book.close(schedule, &table, Outcome::Paused, &note);
        }
        None => book.close(
            schedule,
            &table,
            Outcome::Skipped,
            "the schedule was changed before the jitter of this time was over",
        ),
    }
    schedule.go_on(&table, now);
    book.write(tx, std::slice::from_ref(schedule)).await?;
    Ok(())
}

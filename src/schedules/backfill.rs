//! Makes up for times of the past that have no run: missed, skipped or paused ones, and those before the schedule was
//! made.

use crate::{
    app::App,
    base::{Error, Result, RunName},
    db::Tx,
    schedules::{
        book::Book,
        change::settle,
        schedule::{Key, Occurrence, Outcome, Schedule},
        store,
        times::Timetable,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

/// Most times that one call makes up for.
pub const MOST: usize = 100;
/// Stretches that are looked through for them.
const MOST_STRETCHES: i64 = 10_000;

/// Accepts a run for each time in `[from, to)` up to now that has none, oldest first, and returns the times with their
/// runs. `arguments` says what the run of a time is told. `None` when there is no such schedule.
///
/// # Errors
/// When there are more than [`MOST`] such times: nothing is done then.
pub async fn backfill(
    app: &App,
    tx: &mut Tx,
    key: &Key,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    arguments: impl Fn(DateTime<Utc>) -> Value + Send,
) -> Result<Option<Vec<(DateTime<Utc>, RunName)>>> {
    let now = app.db.now();
    let Some(mut schedule) = store::lock(tx, key).await? else {
        return Ok(None);
    };
    settle(app, tx, &mut schedule).await?;
    let to = to.min(now + TimeDelta::microseconds(1));
    let mut stretches = store::outcomes(tx, key, from, to, MOST_STRETCHES).await?;
    stretches.reverse();
    let mut book = Book::new(app, Default::default(), now);
    let mut runs = Vec::new();
    let mut fill = |at| -> Result<RunName> {
        if runs.len() == MOST {
            return Err(Error::invalid(
                "end_time",
                format!("expected a range with at most {MOST} times that have no run, got more"),
            ));
        }
        let run = book.accept(&schedule, "backfill", arguments(at));
        runs.push((at, run.clone()));
        Ok(run)
    };
    let mut before = Vec::new();
    if let Some(table) = schedule.timetable() {
        let known = |at| {
            stretches
                .iter()
                .any(|stretch| stretch.first <= at && at <= stretch.last)
        };
        // Each of those that were made up for is a row of its own.
        let most = MOST + 1 + stretches.len();
        let before_it_was_made = table.within(from, to.min(schedule.created_at), most);
        for at in before_it_was_made.into_iter().filter(|at| !known(*at)) {
            before.push(filled(&schedule, schedule.version, at, fill(at)?, now));
        }
    }
    for stretch in stretches {
        if matches!(stretch.outcome, Outcome::Ran | Outcome::Buffered) {
            continue;
        }
        let table = match store::spec(tx, key, stretch.version).await? {
            Some(spec) => Timetable::new(&spec),
            None => None,
        };
        let Some(table) = table else {
            continue;
        };
        let second = TimeDelta::seconds(1);
        let within = table.within(
            stretch.first.max(from),
            to.min(stretch.last + second),
            MOST + 1,
        );
        let (Some(first), Some(last)) = (within.first().copied(), within.last().copied()) else {
            continue;
        };
        let mut parts = Vec::new();
        if let Some(before) = table.last(stretch.first - second, first - second) {
            parts.push(Occurrence {
                last: before,
                ..stretch.clone()
            });
        }
        for at in within {
            parts.push(filled(&schedule, stretch.version, at, fill(at)?, now));
        }
        if last < stretch.last {
            parts.extend(table.next(last).map(|next| Occurrence {
                first: next.at,
                ..stretch.clone()
            }));
        }
        store::replace(tx, &stretch, &parts).await?;
    }
    store::insert_occurrences(tx, &before).await?;
    book.write(tx, &[schedule]).await?;
    Ok(Some(runs))
}

fn filled(
    schedule: &Schedule,
    version: i64,
    at: DateTime<Utc>,
    run: RunName,
    now: DateTime<Utc>,
) -> Occurrence {
    Occurrence {
        key: schedule.key.clone(),
        version,
        first: at,
        last: at,
        outcome: Outcome::Ran,
        run: Some(run),
        note: "made up for by a backfill".to_owned(),
        decided_at: now,
    }
}

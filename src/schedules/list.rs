//! Tells what became of every time of a schedule.

use crate::{
    base::{Result, RunName},
    db::Tx,
    schedules::{
        schedule::{Key, Occurrence, Outcome},
        store,
        times::Timetable,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{HashMap, hash_map::Entry};

/// One time and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The time, before jitter.
    pub at: DateTime<Utc>,
    /// What became of it.
    pub outcome: Outcome,
    /// The run.
    pub run: Option<RunName>,
    /// Why, for people.
    pub note: String,
}

/// What became of the times in `[from, to)`, newest first, at most `limit`; times that are still to come are not told.
/// `None` when there is no such schedule.
pub async fn list(
    tx: &mut Tx,
    key: &Key,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    limit: usize,
    now: DateTime<Utc>,
) -> Result<Option<Vec<Line>>> {
    let Some(schedule) = store::get(tx, key).await? else {
        return Ok(None);
    };
    let mut tables: HashMap<i64, Option<Timetable>> = HashMap::new();
    let mut stretches = Vec::new();
    if let Some(table) = schedule.timetable() {
        // Times that have come without an outcome: told, not stored, because reading writes nothing.
        if let Some((first, last)) = schedule.unaccounted(&table, now)
            && last >= from
            && first < to
        {
            let (outcome, note) = match &schedule.pause {
                Some(pause) => (Outcome::Paused, pause.note.clone()),
                None => (Outcome::Pending, String::new()),
            };
            stretches.push(Occurrence {
                key: key.clone(),
                version: schedule.version,
                first,
                last,
                outcome,
                run: None,
                note,
                decided_at: now,
            });
        }
        tables.insert(schedule.version, Some(table));
    }
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    stretches.extend(store::outcomes(tx, key, from, to, most).await?);
    let mut lines = Vec::new();
    for stretch in stretches {
        if lines.len() >= limit {
            break;
        }
        let table = match tables.entry(stretch.version) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let spec = store::spec(tx, key, stretch.version).await?;
                unknown.insert(spec.and_then(|spec| Timetable::new(&spec)))
            }
        };
        let second = TimeDelta::seconds(1);
        let times = match table {
            Some(table) if stretch.first < stretch.last => {
                let (after, until) = (
                    stretch.first.max(from) - second,
                    stretch.last.min(to - second),
                );
                table.latest(after, until, limit - lines.len())
            }
            _ => vec![stretch.first],
        };
        lines.extend(times.into_iter().rev().map(|at| Line {
            at,
            outcome: stretch.outcome,
            run: stretch.run.clone(),
            note: stretch.note.clone(),
        }));
    }
    Ok(Some(lines))
}

//! Schedules and what became of their times, as people read them.

use crate::{
    api::v1::{
        self, CatchUpPolicy, FoldPolicy, GapPolicy, Occurrence, OccurrenceOutcome, OverlapPolicy,
        PauseCause, PreviewedTime, Schedule, schedule::Times,
    },
    cli::{output::table, time},
    config::units,
};
use std::time::Duration;

/// A schedule as rows of names and values; what is as usual is left out.
pub fn rows(schedule: &Schedule) -> Vec<[String; 2]> {
    let overlap = match schedule.overlap_policy() {
        OverlapPolicy::Unspecified | OverlapPolicy::Skip => "",
        OverlapPolicy::BufferOne => "one run follows",
        OverlapPolicy::CancelOther => "the open run is cancelled",
        OverlapPolicy::Allow => "runs queue up",
    };
    let mut late = match schedule.catch_up_policy() {
        CatchUpPolicy::Unspecified | CatchUpPolicy::One => "one run for all",
        CatchUpPolicy::All => "a run for each",
        CatchUpPolicy::None => "left out",
    }
    .to_owned();
    let window = length(schedule.catch_up_window.as_ref());
    if !window.is_empty() && schedule.catch_up_policy() != CatchUpPolicy::None {
        late.push_str(&format!(", up to {window} late"));
    }
    let gap = match schedule.gap_policy() {
        GapPolicy::Skip => "times that the clock jumps over are left out",
        GapPolicy::Unspecified | GapPolicy::Shift => "",
    };
    let fold = match schedule.fold_policy() {
        FoldPolicy::Unspecified => "",
        FoldPolicy::First => "of times that come twice the first counts",
        FoldPolicy::Second => "of times that come twice the second counts",
        FoldPolicy::Both => "times that come twice count twice",
    };
    let clock: Vec<_> = [gap, fold]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect();
    let on_failure = if schedule.pause_on_failure {
        "pause"
    } else {
        ""
    };
    [
        ("runs", when(schedule)),
        ("next run", next(schedule)),
        ("paused", paused(schedule)),
        ("jitter", length(schedule.jitter.as_ref())),
        ("if still running", overlap.to_owned()),
        ("missed times", late),
        ("clock changes", clock.join("; ")),
        ("after a failure", on_failure.to_owned()),
        ("not before", time::second(schedule.start_time.as_ref())),
        ("until", time::second(schedule.end_time.as_ref())),
    ]
    .map(|(name, value)| [name.to_owned(), value])
    .to_vec()
}

fn when(schedule: &Schedule) -> String {
    match &schedule.times {
        Some(Times::Cron(cron)) => {
            let zone = match schedule.time_zone.as_str() {
                "" => "UTC",
                zone => zone,
            };
            format!("at {cron} ({zone})")
        }
        Some(Times::Interval(interval)) => {
            let every = length(interval.every.as_ref());
            match length(interval.phase.as_ref()) {
                none if none.is_empty() => format!("every {every}"),
                phase => format!("every {every}, {phase} after the full one (UTC)"),
            }
        }
        None => String::new(),
    }
}

/// When it runs next, in UTC.
pub fn next(schedule: &Schedule) -> String {
    match schedule.pause {
        Some(_) => String::new(),
        None => time::second(schedule.next_due_time.as_ref()),
    }
}

fn paused(schedule: &Schedule) -> String {
    let Some(pause) = &schedule.pause else {
        return String::new();
    };
    let by = match pause.cause() {
        PauseCause::Unspecified | PauseCause::User => "",
        PauseCause::Failure => ", after a failure",
        PauseCause::Copy => ", because the database is a copy (`syncline db confirm`)",
        PauseCause::Fault => ", because this version does not understand it",
    };
    let note = match pause.note.as_str() {
        "" => String::new(),
        note => format!(": {note}"),
    };
    format!("since {}{by}{note}", time::second(pause.time.as_ref()))
}

/// The next times of a schedule.
pub fn times(response: &v1::PreviewScheduleResponse) -> String {
    if response.times.is_empty() {
        return "no time comes any more".to_owned();
    }
    let row = |at: &PreviewedTime| {
        [
            time::second(at.time.as_ref()),
            at.local_time.clone(),
            match &at.due_time {
                Some(due) => time::second(Some(due)),
                None => "left out".to_owned(),
            },
            at.remark.clone(),
        ]
    };
    table(
        ["TIME (UTC)", "LOCAL TIME", "RUNS (UTC)", "REMARK"],
        response.times.iter().map(row),
    )
}

/// What became of times.
pub fn occurrences(occurrences: &[Occurrence]) -> String {
    table(
        ["TIME (UTC)", "OUTCOME", "RUN", "NOTE"],
        occurrences.iter().map(|occurrence| {
            [
                time::second(occurrence.time.as_ref()),
                outcome(occurrence.outcome()),
                super::super::last(&occurrence.run),
                occurrence.note.clone(),
            ]
        }),
    )
}

fn outcome(outcome: OccurrenceOutcome) -> String {
    let name = outcome.as_str_name();
    name.trim_start_matches("OCCURRENCE_OUTCOME_")
        .to_lowercase()
}

fn length(duration: Option<&pbjson_types::Duration>) -> String {
    let seconds = duration.map_or(0, |duration| duration.seconds);
    match u64::try_from(seconds) {
        Ok(0) | Err(_) => String::new(),
        Ok(seconds) => units::duration_text(Duration::from_secs(seconds)),
    }
}

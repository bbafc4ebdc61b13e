//! Schedules as clients see them. The calls themselves belong to the services of the rooms above.

use crate::{
    api::{Timestamp, v1},
    base::{Result, Violation, error::all_valid},
    schedules::{
        Schedule, Spec, check,
        list::Line,
        preview,
        schedule::{Outcome, Pause, PausedBy},
        spec::{CatchUp, Fold, Gap, Overlap, Times},
    },
};
use chrono::{DateTime, Datelike as _, Utc};
use pbjson_types::Duration;

/// Reads a schedule; `field` is its path in the request.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn read(field: &str, given: v1::Schedule, now: DateTime<Utc>) -> Result<Spec> {
    let mut wrong = Vec::new();
    let mut reader = Reader {
        field,
        wrong: &mut wrong,
    };
    let times = match given.times {
        Some(v1::schedule::Times::Cron(text)) => Times::Cron(text),
        Some(v1::schedule::Times::Interval(interval)) => Times::Interval {
            every: reader.seconds("interval.every", interval.every),
            phase: reader.seconds("interval.phase", interval.phase),
        },
        None => Times::default(),
    };
    let spec = Spec {
        times,
        time_zone: given.time_zone,
        jitter: reader.seconds("jitter", given.jitter),
        overlap: match reader.word::<v1::OverlapPolicy>("overlap_policy", given.overlap_policy) {
            v1::OverlapPolicy::Unspecified | v1::OverlapPolicy::Skip => Overlap::Skip,
            v1::OverlapPolicy::BufferOne => Overlap::BufferOne,
            v1::OverlapPolicy::CancelOther => Overlap::CancelOther,
            v1::OverlapPolicy::Allow => Overlap::Allow,
        },
        catch_up: match reader.word::<v1::CatchUpPolicy>("catch_up_policy", given.catch_up_policy) {
            v1::CatchUpPolicy::Unspecified | v1::CatchUpPolicy::One => CatchUp::One,
            v1::CatchUpPolicy::All => CatchUp::All,
            v1::CatchUpPolicy::None => CatchUp::None,
        },
        catch_up_window: reader.seconds("catch_up_window", given.catch_up_window),
        pause_on_failure: given.pause_on_failure,
        gap: match reader.word::<v1::GapPolicy>("gap_policy", given.gap_policy) {
            v1::GapPolicy::Unspecified | v1::GapPolicy::Shift => Gap::Shift,
            v1::GapPolicy::Skip => Gap::Skip,
        },
        fold: match reader.word::<v1::FoldPolicy>("fold_policy", given.fold_policy) {
            v1::FoldPolicy::Unspecified => Fold::Auto,
            v1::FoldPolicy::First => Fold::First,
            v1::FoldPolicy::Second => Fold::Second,
            v1::FoldPolicy::Both => Fold::Both,
        },
        start: reader.time("start_time", given.start_time),
        end: reader.time("end_time", given.end_time),
    };
    let known: Vec<_> = wrong.iter().map(|wrong| wrong.field.clone()).collect();
    let more = check::faults(field, &spec, now).into_iter();
    wrong.extend(more.filter(|fault| !known.contains(&fault.field)));
    all_valid(wrong)?;
    Ok(spec)
}

/// Reads fields and remembers what is wrong with them.
struct Reader<'a> {
    field: &'a str,
    wrong: &'a mut Vec<Violation>,
}

impl Reader<'_> {
    fn fault(&mut self, name: &str, why: &str) {
        self.wrong
            .push(Violation::new(format!("{}.{name}", self.field), why));
    }

    fn seconds(&mut self, name: &str, duration: Option<Duration>) -> i64 {
        let Some(duration) = duration else {
            return 0;
        };
        if duration.nanos != 0 {
            self.fault(name, "expected whole seconds");
        }
        duration.seconds
    }

    fn time(&mut self, name: &str, time: Option<Timestamp>) -> Option<DateTime<Utc>> {
        let read = DateTime::<Utc>::try_from(time?).ok();
        let read = read.filter(|at| (1970..10_000).contains(&at.year()));
        if read.is_none() {
            self.fault(name, "expected a time between the years 1970 and 9999");
        }
        read
    }

    fn word<T: TryFrom<i32> + Default>(&mut self, name: &str, number: i32) -> T {
        T::try_from(number).unwrap_or_else(|_| {
            self.fault(name, "expected one of the values that this version knows");
            T::default()
        })
    }
}

impl From<Spec> for v1::Schedule {
    fn from(spec: Spec) -> Self {
        let catch_up_window = Some(seconds(spec.catch_up_window()));
        Self {
            times: Some(match spec.times {
                Times::Cron(text) => v1::schedule::Times::Cron(text),
                Times::Interval { every, phase } => v1::schedule::Times::Interval(v1::Interval {
                    every: Some(seconds(every)),
                    phase: (phase > 0).then(|| seconds(phase)),
                }),
            }),
            time_zone: spec.time_zone,
            jitter: (spec.jitter > 0).then(|| seconds(spec.jitter)),
            overlap_policy: match spec.overlap {
                Overlap::Skip => v1::OverlapPolicy::Skip,
                Overlap::BufferOne => v1::OverlapPolicy::BufferOne,
                Overlap::CancelOther => v1::OverlapPolicy::CancelOther,
                Overlap::Allow => v1::OverlapPolicy::Allow,
            }
            .into(),
            catch_up_policy: match spec.catch_up {
                CatchUp::One => v1::CatchUpPolicy::One,
                CatchUp::All => v1::CatchUpPolicy::All,
                CatchUp::None => v1::CatchUpPolicy::None,
            }
            .into(),
            catch_up_window,
            pause_on_failure: spec.pause_on_failure,
            gap_policy: match spec.gap {
                Gap::Shift => v1::GapPolicy::Shift,
                Gap::Skip => v1::GapPolicy::Skip,
            }
            .into(),
            fold_policy: match spec.fold {
                Fold::Auto => v1::FoldPolicy::Unspecified,
                Fold::First => v1::FoldPolicy::First,
                Fold::Second => v1::FoldPolicy::Second,
                Fold::Both => v1::FoldPolicy::Both,
            }
            .into(),
            start_time: spec.start.map(Into::into),
            end_time: spec.end.map(Into::into),
            next_time: None,
            next_due_time: None,
            pause: None,
        }
    }
}

impl From<Schedule> for v1::Schedule {
    fn from(schedule: Schedule) -> Self {
        Self {
            next_time: schedule
                .next_nominal
                .filter(|_| schedule.pause.is_none())
                .map(Into::into),
            next_due_time: schedule.next_at.map(Into::into),
            pause: schedule.pause.map(Into::into),
            ..schedule.spec.into()
        }
    }
}

impl From<Pause> for v1::SchedulePause {
    fn from(pause: Pause) -> Self {
        Self {
            time: Some(pause.since.into()),
            cause: match pause.by {
                PausedBy::User => v1::PauseCause::User,
                PausedBy::Failure => v1::PauseCause::Failure,
                PausedBy::Copy => v1::PauseCause::Copy,
                PausedBy::Fault => v1::PauseCause::Fault,
            }
            .into(),
            note: pause.note,
        }
    }
}

/// What became of a time; `owner` is the resource that the schedule belongs to.
pub fn occurrence(owner: &str, line: Line) -> v1::Occurrence {
    let outcome = match line.outcome {
        Outcome::Ran => v1::OccurrenceOutcome::Ran,
        Outcome::Buffered => v1::OccurrenceOutcome::Buffered,
        Outcome::Skipped => v1::OccurrenceOutcome::Skipped,
        Outcome::Missed => v1::OccurrenceOutcome::Missed,
        Outcome::Paused => v1::OccurrenceOutcome::Paused,
        Outcome::Pending => v1::OccurrenceOutcome::Pending,
    };
    v1::Occurrence {
        name: format!(
            "{owner}/occurrences/{}",
            line.at.format("%Y-%m-%dT%H:%M:%SZ")
        ),
        time: Some(line.at.into()),
        outcome: outcome.into(),
        run: line.run.map(|run| run.to_string()).unwrap_or_default(),
        note: line.note,
    }
}

impl From<preview::Line> for v1::PreviewedTime {
    fn from(line: preview::Line) -> Self {
        Self {
            time: Some(line.at.into()),
            due_time: line.due.map(Into::into),
            local_time: line.local,
            remark: line.remark,
        }
    }
}

fn seconds(seconds: i64) -> Duration {
    Duration { seconds, nanos: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_json(text: &str) -> Result<Spec> {
        let given: v1::Schedule = serde_json::from_str(text).unwrap();
        read(
            "sync.schedule",
            given,
            "2026-03-02T09:00:00Z".parse().unwrap(),
        )
    }

    #[test]
    fn a_schedule_survives_being_shown_and_read() {
        for text in [
            r#"{"cron": "@hourly"}"#,
            r#"{"interval": {"every": "3600s", "phase": "900s"}, "jitter": "60s", "overlapPolicy": "OVERLAP_POLICY_BUFFER_ONE",
                "catchUpPolicy": "CATCH_UP_POLICY_ALL", "catchUpWindow": "3600s", "pauseOnFailure": true}"#,
            r#"{"cron": "30 2 * * *", "timeZone": "Europe/Paris", "gapPolicy": "GAP_POLICY_SKIP",
                "foldPolicy": "FOLD_POLICY_BOTH", "startTime": "2026-04-01T00:00:00Z", "endTime": "2027-01-01T00:00:00Z"}"#,
        ] {
            let spec = read_json(text).unwrap();
            let again = read(
                "s",
                v1::Schedule::from(spec.clone()),
                "2026-03-02T09:00:00Z".parse().unwrap(),
            )
            .unwrap();
            // What was left to the default is shown, and then said.
            let spelled_out = Spec {
                catch_up_window: spec.catch_up_window(),
                ..spec
            };
            assert_eq!(again, spelled_out);
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let wrong = read_json(
            r#"{"interval": {"every": "0.5s"}, "jitter": "-1s", "timeZone": "Nowhere", "endTime": "1969-01-01T00:00:00Z"}"#,
        );
        let told = wrong.unwrap_err().to_string();
        let fields: Vec<_> = told
            .split("; ")
            .map(|wrong| wrong.split(':').next().unwrap())
            .collect();
        let expected = ["interval.every", "end_time", "time_zone", "jitter"]
            .map(|name| format!("sync.schedule.{name}"));
        assert_eq!(fields, expected, "{told}");
        let nothing = read_json("{}").unwrap_err().to_string();
        assert_eq!(
            nothing,
            "sync.schedule.cron: expected a cron expression, or an interval"
        );
    }
}

//! Which times are due, and which of them went by: decided from the times alone, whatever clock or process was away.

use crate::schedules::{
    spec::{CatchUp, Spec},
    times::Timetable,
};
use chrono::{DateTime, TimeDelta, Utc};

/// What is due for less than this counts as on time: somebody had to look.
const ON_TIME: TimeDelta = TimeDelta::seconds(60);
/// Times that are kept in one go; what is left over is kept in the next.
pub const MOST_AT_ONCE: usize = 50;

/// What is to be done about a schedule now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The first and the last of the times that went by.
    pub missed: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The times to keep, in order.
    pub keep: Vec<DateTime<Utc>>,
    /// The first time that is not accounted for by the two above.
    pub next: Option<DateTime<Utc>>,
}

/// Accounts for the times from `first` on that are due by `now`.
pub fn plan(
    spec: &Spec,
    table: &Timetable,
    key: &str,
    first: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Plan {
    let due = |at| table.due(key, at);
    let before = first - TimeDelta::seconds(1);
    // A time is due before the next one is, so the newest that is due is the newest, or the one before.
    let newest_due_by = |moment| {
        let newest = table.last(before, moment)?;
        if due(newest) <= moment {
            return Some(newest);
        }
        table.last(before, newest - TimeDelta::seconds(1))
    };
    let Some(newest) = newest_due_by(now) else {
        return Plan {
            next: Some(first),
            ..Plan::default()
        };
    };
    let on_time = now - ON_TIME;
    let window = now - TimeDelta::seconds(spec.catch_up_window());
    let last_missed = match spec.catch_up {
        CatchUp::All => newest_due_by(window),
        CatchUp::One if due(newest) <= on_time && due(newest) > window => {
            table.last(before, newest - TimeDelta::seconds(1))
        }
        CatchUp::One | CatchUp::None => newest_due_by(on_time),
    };
    let mut plan = Plan {
        missed: last_missed.map(|last| (first, last)),
        ..Plan::default()
    };
    let next = |after| table.next(after).map(|next| next.at);
    plan.next = match last_missed {
        Some(last) => next(last),
        None => Some(first),
    };
    while let Some(at) = plan.next.filter(|at| *at <= newest)
        && plan.keep.len() < MOST_AT_ONCE
    {
        plan.keep.push(at);
        plan.next = next(at);
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedules::spec::Times;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-03-02T{text}Z").parse().unwrap()
    }

    fn hourly(catch_up: CatchUp) -> Spec {
        Spec {
            times: Times::Cron("@hourly".into()),
            catch_up,
            ..Spec::default()
        }
    }

    fn planned(spec: &Spec, first: &str, now: &str) -> Plan {
        plan(
            spec,
            &Timetable::new(spec).unwrap(),
            "k",
            at(first),
            at(now),
        )
    }

    #[test]
    fn nothing_is_done_before_a_time_is_due() {
        let plan = planned(&hourly(CatchUp::One), "10:00:00", "09:59:59");
        assert_eq!(
            (plan.missed, plan.keep.len(), plan.next),
            (None, 0, Some(at("10:00:00")))
        );
    }

    #[test]
    fn a_time_that_is_due_is_kept_whatever_the_mode() {
        for mode in [CatchUp::One, CatchUp::All, CatchUp::None] {
            let plan = planned(&hourly(mode), "10:00:00", "10:00:59");
            assert_eq!(
                (plan.missed, plan.keep),
                (None, vec![at("10:00:00")]),
                "{mode:?}"
            );
            assert_eq!(plan.next, Some(at("11:00:00")));
        }
    }

    #[test]
    fn after_three_hours_away_the_mode_decides() {
        let (nine, ten, eleven) = (at("09:00:00"), at("10:00:00"), at("11:00:00"));
        let one = planned(&hourly(CatchUp::One), "09:00:00", "11:30:00");
        assert_eq!((one.missed, one.keep), (Some((nine, ten)), vec![eleven]));
        let all = planned(&hourly(CatchUp::All), "09:00:00", "11:30:00");
        assert_eq!((all.missed, all.keep), (None, vec![nine, ten, eleven]));
        let none = planned(&hourly(CatchUp::None), "09:00:00", "11:30:00");
        assert_eq!((none.missed, none.keep), (Some((nine, eleven)), vec![]));
    }

    #[test]
    fn nothing_is_made_up_for_when_a_time_is_due_right_now() {
        let plan = planned(&hourly(CatchUp::One), "09:00:00", "11:00:10");
        assert_eq!(plan.missed, Some((at("09:00:00"), at("10:00:00"))));
        assert_eq!(plan.keep, [at("11:00:00")]);
    }

    #[test]
    fn what_is_older_than_the_window_is_missed() {
        for (mode, missed, kept) in [
            (CatchUp::All, Some("09:00:00"), vec!["10:00:00", "11:00:00"]),
            (CatchUp::One, Some("10:00:00"), vec!["11:00:00"]),
        ] {
            let spec = Spec {
                catch_up_window: 2 * 3600,
                ..hourly(mode)
            };
            let plan = planned(&spec, "08:00:00", "11:30:00");
            assert_eq!(
                plan.missed.map(|(_, last)| last),
                missed.map(at),
                "{mode:?}"
            );
            assert_eq!(plan.keep, kept.into_iter().map(at).collect::<Vec<_>>());
        }
        let spec = Spec {
            catch_up_window: 60,
            ..hourly(CatchUp::One)
        };
        assert!(planned(&spec, "08:00:00", "11:30:00").keep.is_empty());
    }

    #[test]
    fn a_year_of_seconds_is_accounted_for_in_one_step() {
        let spec = Spec {
            times: Times::Interval { every: 1, phase: 0 },
            ..Spec::default()
        };
        let table = Timetable::new(&spec).unwrap();
        let now = at("10:00:00");
        let plan = plan(&spec, &table, "k", now - TimeDelta::days(365), now);
        assert_eq!(plan.missed.map(|(_, last)| last), Some(now - ON_TIME));
        assert_eq!(plan.keep.len(), MOST_AT_ONCE);
    }

    proptest! {
        /// Kept again and again until nothing is due, whatever the clock does, every time is accounted for once.
        #[test]
        fn every_time_up_to_the_newest_due_one_has_exactly_one_outcome(
            every in 1i64..5_000, jitter in 0i64..3_000, mode in 0..3, window in 60i64..20_000,
            steps in prop::collection::vec(-4_000i64..20_000, 1..12),
        ) {
            let catch_up = [CatchUp::One, CatchUp::All, CatchUp::None][usize::try_from(mode).unwrap()];
            let spec = Spec {
                times: Times::Interval { every, phase: 0 },
                jitter,
                catch_up,
                catch_up_window: window,
                ..Spec::default()
            };
            let table = Timetable::new(&spec).unwrap();
            let begin = at("00:00:00");
            let first = table.next(begin).unwrap().at;
            let (mut next, mut now, mut accounted) = (first, begin, Vec::new());
            for step in steps {
                now += TimeDelta::seconds(step);
                loop {
                    let plan = plan(&spec, &table, "k", next, now);
                    if let Some((from, to)) = plan.missed {
                        prop_assert!(from <= to && table.due("k", to) <= now);
                        let mut at = from;
                        while at <= to {
                            accounted.push(at);
                            at = table.next(at).unwrap().at;
                        }
                    }
                    prop_assert!(plan.keep.iter().all(|at| table.due("k", *at) <= now));
                    accounted.extend(&plan.keep);
                    next = plan.next.unwrap();
                    if plan.keep.is_empty() {
                        break;
                    }
                }
                prop_assert!(table.due("k", next) > now);
            }
            let mut expected = first;
            for at in accounted {
                prop_assert_eq!(at, expected);
                expected = table.next(at).unwrap().at;
            }
            prop_assert_eq!(next, expected);
        }
    }
}

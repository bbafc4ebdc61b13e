//! Whether a spec makes sense: everything that is wrong with it, at once.

use crate::{
    base::{Violation, name::shown},
    schedules::{
        cron::Cron,
        spec::{Spec, Times},
        times::{Timetable, zone},
    },
};
use chrono::{DateTime, TimeDelta, Utc};

/// Longest expression that is looked at.
const LONGEST_CRON: usize = 400;
const DAY: i64 = 24 * 3600;
/// Longest interval, and longest catch-up window.
const LONGEST: i64 = 366 * DAY;
/// What is due for less than this is not late; so no window can be shorter.
const SHORTEST_WINDOW: i64 = 60;
/// From this likeness on another zone's name is proposed.
const LIKE: f64 = 0.8;

/// What is wrong with `spec`; `field` is its path in the request.
pub fn faults(field: &str, spec: &Spec, now: DateTime<Utc>) -> Vec<Violation> {
    let mut wrong = Vec::new();
    let mut fault =
        |name: &str, why: String| wrong.push(Violation::new(format!("{field}.{name}"), why));
    match &spec.times {
        Times::Cron(text) if text.trim().is_empty() => {
            fault(
                "cron",
                "expected a cron expression, or an interval".to_owned(),
            );
        }
        Times::Cron(text) if text.len() > LONGEST_CRON => {
            fault(
                "cron",
                format!("expected at most {LONGEST_CRON} characters"),
            );
        }
        Times::Cron(text) => {
            for why in Cron::parse(text).err().unwrap_or_default() {
                fault("cron", why);
            }
        }
        Times::Interval { every, phase } => {
            if !(1..=LONGEST).contains(every) {
                fault(
                    "interval.every",
                    format!("expected whole seconds, 1s to {LONGEST}s, got {every}s"),
                );
            }
            if *phase < 0 || (*every > 0 && phase >= every) {
                fault(
                    "interval.phase",
                    format!("expected less than the interval, got {phase}s"),
                );
            }
        }
    }
    if zone(&spec.time_zone).is_none() {
        fault("time_zone", unknown_zone(&spec.time_zone));
    }
    if !(0..=DAY).contains(&spec.jitter) {
        fault(
            "jitter",
            format!("expected 0s to {DAY}s, got {}s", spec.jitter),
        );
    }
    if !(SHORTEST_WINDOW..=LONGEST).contains(&spec.catch_up_window()) {
        let got = spec.catch_up_window;
        fault(
            "catch_up_window",
            format!("expected {SHORTEST_WINDOW}s to {LONGEST}s, got {got}s"),
        );
    }
    if let (Some(start), Some(end)) = (spec.start, spec.end)
        && start >= end
    {
        fault("end_time", "expected a moment after start_time".to_owned());
    }
    if wrong.is_empty()
        && Timetable::new(spec)
            .is_none_or(|table| table.next(now - TimeDelta::seconds(1)).is_none())
    {
        let (name, why) = match (&spec.times, spec.start, spec.end) {
            (_, _, Some(end)) if end <= now => ("end_time", "expected a moment in the future"),
            (_, _, Some(_)) => (
                "end_time",
                "expected a time of the schedule before it: there is none",
            ),
            (_, Some(_), None) => (
                "start_time",
                "expected a time of the schedule within 50 years after it",
            ),
            _ => ("cron", "expected a date that exists: it never fires"),
        };
        wrong.push(Violation::new(format!("{field}.{name}"), why));
    }
    wrong
}

fn unknown_zone(name: &str) -> String {
    let like = chrono_tz::TZ_VARIANTS
        .iter()
        .map(|known| {
            (
                strsim::jaro_winkler(&known.name().to_lowercase(), &name.to_lowercase()),
                known.name(),
            )
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness >= LIKE);
    match like {
        Some((_, known)) => format!(
            "expected an IANA time zone, got {}; did you mean {known}?",
            shown(name)
        ),
        None => format!(
            "expected an IANA time zone, as in Europe/Paris, got {}",
            shown(name)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(spec: Spec) -> Vec<String> {
        let now = "2026-03-02T09:00:00Z".parse().unwrap();
        faults("s", &spec, now)
            .into_iter()
            .map(|wrong| format!("{}: {}", wrong.field, wrong.description))
            .collect()
    }

    fn hourly() -> Spec {
        Spec {
            times: Times::Cron("@hourly".into()),
            ..Spec::default()
        }
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let spec = Spec {
            times: Times::Interval {
                every: 60,
                phase: 60,
            },
            time_zone: "Europe/Pariss".into(),
            jitter: -1,
            catch_up_window: 59,
            start: "2027-01-01T00:00:00Z".parse().ok(),
            end: "2026-12-01T00:00:00Z".parse().ok(),
            ..Spec::default()
        };
        let expected = [
            "s.interval.phase: expected less than the interval, got 60s",
            "s.time_zone: expected an IANA time zone, got \"Europe/Pariss\"; did you mean Europe/Paris?",
            "s.jitter: expected 0s to 86400s, got -1s",
            "s.catch_up_window: expected 60s to 31622400s, got 59s",
            "s.end_time: expected a moment after start_time",
        ];
        assert_eq!(found(spec), expected);
    }

    #[test]
    fn a_schedule_that_never_fires_is_refused() {
        let never = Spec {
            times: Times::Cron("0 0 30 2 *".into()),
            ..Spec::default()
        };
        assert_eq!(
            found(never),
            ["s.cron: expected a date that exists: it never fires"]
        );
        let over = Spec {
            end: "2026-03-02T09:00:00Z".parse().ok(),
            ..hourly()
        };
        assert_eq!(found(over), ["s.end_time: expected a moment in the future"]);
        let too_short = Spec {
            start: "2026-03-02T09:00:01Z".parse().ok(),
            end: "2026-03-02T09:59:00Z".parse().ok(),
            ..hourly()
        };
        assert_eq!(
            found(too_short),
            ["s.end_time: expected a time of the schedule before it: there is none"]
        );
        assert_eq!(found(hourly()), Vec::<String>::new());
    }

    #[test]
    fn an_expression_is_faulted_field_by_field_and_an_empty_one_as_missing() {
        let times = |text: &str| Spec {
            times: Times::Cron(text.into()),
            ..Spec::default()
        };
        assert_eq!(found(times("61 25 * * *")).len(), 2);
        assert_eq!(
            found(times(" ")),
            ["s.cron: expected a cron expression, or an interval"]
        );
        assert_eq!(found(times(&"1,".repeat(1_000))).len(), 1);
        let no_zone = Spec {
            time_zone: "Middle-earth".into(),
            ..hourly()
        };
        assert_eq!(
            found(no_zone),
            ["s.time_zone: expected an IANA time zone, as in Europe/Paris, got \"Middle-earth\""]
        );
    }
}

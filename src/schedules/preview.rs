//! The next times of a spec, with what the clock does to them: before anything is saved.

use crate::schedules::{
    spec::Spec,
    times::{Nominal, Timetable},
    zone::Turn,
};
use chrono::{DateTime, Utc};
use std::collections::VecDeque;

/// Times that are left out and told of at most, for each time that is kept.
const MOST_LEFT_OUT: usize = 20;

/// One line of a preview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The moment, before jitter.
    pub at: DateTime<Utc>,
    /// The moment it is due, with jitter; `None` where the DST policy leaves it out.
    pub due: Option<DateTime<Utc>>,
    /// The moment as the schedule's clock shows it.
    pub local: String,
    /// What the clock does then, for a person; mostly empty.
    pub remark: String,
}

/// The next `count` times of `spec` after `after`, and between them those that its DST policy leaves out. `key` is the
/// schedule's, for its jitter. Empty for a spec that was not checked.
pub fn preview(spec: &Spec, key: &str, after: DateTime<Utc>, count: usize) -> Vec<Line> {
    let Some(table) = Timetable::new(spec) else {
        return Vec::new();
    };
    let all = table.counting_all();
    let mut lines = Vec::new();
    let (mut at, mut possible) = (after, after);
    for _ in 0..count {
        let kept = table.next(at);
        let mut left_out = VecDeque::new();
        while let Some(other) = all
            .next(possible)
            .filter(|other| kept.is_none_or(|kept| other.at <= kept.at))
        {
            possible = other.at;
            if kept.is_some_and(|kept| kept.at == other.at) {
                break;
            }
            left_out.push_back(other);
            if left_out.len() > MOST_LEFT_OUT {
                left_out.pop_front();
            }
            if kept.is_none() && left_out.len() == MOST_LEFT_OUT {
                break;
            }
        }
        lines.extend(
            left_out
                .into_iter()
                .map(|other| line(&table, key, other, false)),
        );
        let Some(kept) = kept else {
            break;
        };
        at = kept.at;
        lines.push(line(&table, key, kept, true));
    }
    lines
}

fn line(table: &Timetable, key: &str, nominal: Nominal, kept: bool) -> Line {
    const TIME: &str = "%H:%M:%S";
    let remark = match (nominal.turn, kept) {
        (Turn::Plain, true) => String::new(),
        (Turn::Plain, false) => "left out".to_owned(),
        (Turn::Shifted(wanted), true) => {
            format!(
                "the clock jumps over {}: it runs as much later",
                wanted.format(TIME)
            )
        }
        (Turn::Shifted(wanted), false) => {
            format!("the clock jumps over {}: left out", wanted.format(TIME))
        }
        (Turn::First, true) => "the clock shows this time twice: this is the first".to_owned(),
        (Turn::Second, true) => "the clock shows this time twice: this is the second".to_owned(),
        (Turn::First, false) => "the clock shows this time twice: the first is left out".to_owned(),
        (Turn::Second, false) => {
            "the clock shows this time twice: the second is left out".to_owned()
        }
    };
    Line {
        at: nominal.at,
        due: kept.then(|| table.due(key, nominal.at)),
        local: table.shown(nominal.at),
        remark,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedules::spec::{Fold, Gap, Times};

    fn told(spec: &Spec, after: &str, count: usize) -> Vec<String> {
        let lines = preview(spec, "k", after.parse().unwrap(), count);
        let told = lines.iter().map(|line| {
            let sign = if line.due.is_some() { "+" } else { "-" };
            format!("{sign} {} {}", line.local, line.remark)
                .trim_end()
                .to_owned()
        });
        told.collect()
    }

    fn nightly(gap: Gap, fold: Fold) -> Spec {
        Spec {
            times: Times::Cron("30 2 * * *".into()),
            time_zone: "Europe/Paris".into(),
            gap,
            fold,
            ..Spec::default()
        }
    }

    #[test]
    fn a_time_that_does_not_exist_is_told() {
        assert_eq!(
            told(&nightly(Gap::Shift, Fold::Auto), "2026-03-27T12:00:00Z", 3),
            [
                "+ 2026-03-28 02:30:00 CET",
                "+ 2026-03-29 03:30:00 CEST the clock jumps over 02:30:00: it runs as much later",
                "+ 2026-03-30 02:30:00 CEST",
            ]
        );
        assert_eq!(
            told(&nightly(Gap::Skip, Fold::Auto), "2026-03-27T12:00:00Z", 2),
            [
                "+ 2026-03-28 02:30:00 CET",
                "- 2026-03-29 03:30:00 CEST the clock jumps over 02:30:00: left out",
                "+ 2026-03-30 02:30:00 CEST",
            ]
        );
    }

    #[test]
    fn a_time_that_comes_twice_is_told() {
        let first = "2026-10-25 02:30:00 CEST the clock shows this time twice:";
        let second = "2026-10-25 02:30:00 CET the clock shows this time twice:";
        for (fold, expected) in [
            (
                Fold::First,
                [
                    format!("+ {first} this is the first"),
                    format!("- {second} the second is left out"),
                ],
            ),
            (
                Fold::Second,
                [
                    format!("- {first} the first is left out"),
                    format!("+ {second} this is the second"),
                ],
            ),
            (
                Fold::Both,
                [
                    format!("+ {first} this is the first"),
                    format!("+ {second} this is the second"),
                ],
            ),
        ] {
            let told = told(&nightly(Gap::Shift, fold), "2026-10-24T12:00:00Z", 3);
            assert_eq!(told[..2], expected, "{fold:?}");
        }
    }

    #[test]
    fn a_schedule_that_ends_has_fewer_times() {
        let spec = Spec {
            end: "2026-03-28T12:00:00Z".parse().ok(),
            ..nightly(Gap::Shift, Fold::Auto)
        };
        assert_eq!(told(&spec, "2026-03-27T12:00:00Z", 5).len(), 1);
    }
}

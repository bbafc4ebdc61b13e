//! The times of a schedule: which moments its spec names, and when each of them is due.

use crate::schedules::{
    cron::Cron,
    spec::{Fold, Spec, Times},
    zone::{Turn, Zone},
};
use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use chrono_tz::Tz;

/// What no time may be further away than; the rarest thing that an expression can name, a fifth Monday in February,
/// comes every 28 or 40 years.
const HORIZON: TimeDelta = TimeDelta::days(50 * 366);

/// A spec, ready to answer.
#[derive(Clone, Debug)]
pub struct Timetable {
    source: Source,
    jitter: TimeDelta,
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug)]
enum Source {
    Cron { cron: Box<Cron>, zone: Zone },
    Interval { every: i64, phase: i64 },
}

/// One time of a schedule, before jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nominal {
    /// The moment.
    pub at: DateTime<Utc>,
    /// What it is to the local clock.
    pub turn: Turn,
}

impl Timetable {
    /// The times of `spec`; `None` when it was not checked and cannot be understood.
    pub fn new(spec: &Spec) -> Option<Self> {
        let source = match &spec.times {
            Times::Cron(text) => {
                let cron = Cron::parse(text).ok()?;
                let fold = match spec.fold {
                    Fold::Auto if cron.is_in_every_hour() => Fold::Both,
                    Fold::Auto => Fold::First,
                    fold => fold,
                };
                Source::Cron {
                    cron: Box::new(cron),
                    zone: Zone::new(zone(&spec.time_zone)?, spec.gap, fold),
                }
            }
            Times::Interval { every, phase } if *every > 0 => Source::Interval {
                every: *every,
                phase: *phase,
            },
            Times::Interval { .. } => return None,
        };
        Some(Self {
            source,
            jitter: TimeDelta::try_seconds(spec.jitter)?,
            start: spec.start,
            end: spec.end,
        })
    }

    /// The same timetable with every time that a policy may leave out.
    pub fn counting_all(&self) -> Self {
        let mut all = self.clone();
        if let Source::Cron { zone, .. } = &mut all.source {
            *zone = zone.counting_all();
        }
        all
    }

    /// The first time after `after`; `None` when there is none within 50 years, or before the end.
    pub fn next(&self, after: DateTime<Utc>) -> Option<Nominal> {
        let from = after.trunc_subsecs(0) + TimeDelta::seconds(1);
        let from = self
            .start
            .map_or(from, |start| from.max(whole_second_from(start)));
        let nominal = match &self.source {
            Source::Cron { cron, zone } => next_of_cron(cron, zone, from)?,
            Source::Interval { every, phase } => {
                let since = from.timestamp() - phase;
                let steps = since.div_euclid(*every) + i64::from(since.rem_euclid(*every) > 0);
                Nominal {
                    at: DateTime::from_timestamp(
                        steps.checked_mul(*every)?.checked_add(*phase)?,
                        0,
                    )?,
                    turn: Turn::Plain,
                }
            }
        };
        let within = nominal.at - from <= HORIZON && self.end.is_none_or(|end| nominal.at < end);
        within.then_some(nominal)
    }

    /// The last time after `after` and not after `until`; `None` when there is none.
    pub fn last(&self, after: DateTime<Utc>, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let next = |after| {
            let next: Option<Nominal> = self.next(after);
            next.map(|next| next.at).filter(|at| *at <= until)
        };
        let mut last = next(after)?;
        // First from the end backwards, in steps that double; then halving what is left.
        let mut back = TimeDelta::seconds(1);
        while until - back > last {
            if let Some(found) = next(until - back) {
                last = found;
                break;
            }
            back = back * 2;
        }
        let mut nothing_after = until;
        while let Some(found) = next(last) {
            last = found;
            let middle = last + (nothing_after - last) / 2;
            match next(middle) {
                Some(found) => last = found,
                None => nothing_after = middle.max(last),
            }
        }
        Some(last)
    }

    /// The times in `[from, to)`, oldest first, at most `most`.
    pub fn within(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        most: usize,
    ) -> Vec<DateTime<Utc>> {
        let mut times = Vec::new();
        let mut after = whole_second_from(from) - TimeDelta::seconds(1);
        while times.len() < most
            && let Some(next) = self.next(after).filter(|next| next.at < to)
        {
            after = next.at;
            times.push(after);
        }
        times
    }

    /// The newest `most` times after `after` and not after `until`, oldest first.
    pub fn latest(
        &self,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
        most: usize,
    ) -> Vec<DateTime<Utc>> {
        let second = TimeDelta::seconds(1);
        let mut back = TimeDelta::minutes(1);
        loop {
            let from = after.max(until - back);
            let mut times = self.within(from + second, until + second, usize::MAX);
            if times.len() >= most || from == after {
                return times.split_off(times.len().saturating_sub(most));
            }
            back = back * 4;
        }
    }

    /// When a time of the schedule `key` is due: put off by a part of the jitter that is the same on every machine, and
    /// never up to the next time.
    pub fn due(&self, key: &str, at: DateTime<Utc>) -> DateTime<Utc> {
        if self.jitter.is_zero() {
            return at;
        }
        let room = match self.next(at) {
            Some(next) => self.jitter.min(next.at - at),
            None => self.jitter,
        };
        let text = format!("{key} {}", at.timestamp());
        let digest = digest(&SHA256, text.as_bytes());
        let part = digest
            .as_ref()
            .iter()
            .take(8)
            .fold(0, |sum, byte| (sum << 8) | u128::from(*byte));
        let millis = (u128::try_from(room.num_milliseconds()).unwrap_or(0) * part) >> 64;
        at + TimeDelta::milliseconds(i64::try_from(millis).unwrap_or(0))
    }

    /// A moment as the schedule's own clock shows it, as in `2026-03-29 03:30:00 CEST`.
    pub fn shown(&self, at: DateTime<Utc>) -> String {
        const FORM: &str = "%Y-%m-%d %H:%M:%S %Z";
        match &self.source {
            Source::Cron { zone, .. } => at.with_timezone(&zone.tz()).format(FORM).to_string(),
            Source::Interval { .. } => at.format(FORM).to_string(),
        }
    }
}

/// The time zone of a name; empty is UTC.
pub fn zone(name: &str) -> Option<Tz> {
    match name {
        "" => Some(Tz::UTC),
        name => name.parse().ok(),
    }
}

fn next_of_cron(cron: &Cron, zone: &Zone, mut from: DateTime<Utc>) -> Option<Nominal> {
    let horizon = from + HORIZON;
    let find = |from: DateTime<Utc>, ahead: TimeDelta| {
        let local = cron.next(from.naive_utc() + ahead)?;
        Some((local.and_utc() - ahead, local))
    };
    while from < horizon {
        // Where nothing changes until then, this is it.
        let (guess, _) = find(from, zone.ahead(from))?;
        let stretch = zone.stretch(from, guess + TimeDelta::seconds(1));
        let plain = stretch.ahead.and_then(|ahead| find(from, ahead));
        let plain = plain.map(|(at, _)| Nominal {
            at,
            turn: stretch.turn,
        });
        let shifted = stretch.before.and_then(|before| find(from, before));
        let shifted = shifted.map(|(at, local)| Nominal {
            at,
            turn: Turn::Shifted(local),
        });
        // Of two at the same moment the plain one counts.
        let first = plain
            .into_iter()
            .chain(shifted)
            .min_by_key(|nominal| nominal.at);
        match first {
            Some(nominal) if nominal.at < stretch.end => return Some(nominal),
            _ => from = stretch.end,
        }
    }
    None
}

fn whole_second_from(at: DateTime<Utc>) -> DateTime<Utc> {
    let whole = at.trunc_subsecs(0);
    if whole < at {
        whole + TimeDelta::seconds(1)
    } else {
        whole
    }
}

#[cfg(test)]
mod tests;

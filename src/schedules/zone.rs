//! What a local time means: a time zone's clock, cut into stretches in which it behaves the same, with the policies for
//! the times that it jumps over and for those that it shows twice.

use crate::schedules::spec::{Fold, Gap};
use chrono::{DateTime, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

/// No clock was ever set by more than this: whole days were left out when zones crossed the date line.
const LARGEST_CHANGE: TimeDelta = TimeDelta::hours(26);
/// Clocks are not changed twice within this time; so two looks this far apart see every change.
const LOOK: TimeDelta = TimeDelta::days(1);

/// A time zone with its policies.
#[derive(Clone, Debug)]
pub struct Zone {
    tz: Tz,
    gap: Gap,
    fold: Fold,
}

/// What a moment is to the local clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing special.
    Plain,
    /// The time that was wanted does not exist: the clock jumped over it, and this is as much later.
    Shifted(NaiveDateTime),
    /// The clock will show this time once more.
    First,
    /// The clock shows this time again.
    Second,
}

/// A stretch of time in which the clock behaves the same.
pub struct Stretch {
    /// Its end, exclusive.
    pub end: DateTime<Utc>,
    /// How far the clock is ahead of UTC; `None` where its times do not count.
    pub ahead: Option<TimeDelta>,
    /// How far it was ahead before the jump, where times that were jumped over are kept in this stretch.
    pub before: Option<TimeDelta>,
    /// What times by `ahead` are.
    pub turn: Turn,
}

impl Zone {
    /// A zone with policies; `fold` must be settled, not [`Fold::Auto`].
    pub fn new(tz: Tz, gap: Gap, fold: Fold) -> Self {
        Self { tz, gap, fold }
    }

    /// The same clock, with every time that could count.
    pub fn counting_all(&self) -> Self {
        Self::new(self.tz, Gap::Shift, Fold::Both)
    }

    /// The zone itself.
    pub fn tz(&self) -> Tz {
        self.tz
    }

    /// How far the clock is ahead of UTC.
    pub fn ahead(&self, at: DateTime<Utc>) -> TimeDelta {
        let offset = self.tz.offset_from_utc_datetime(&at.naive_utc()).fix();
        TimeDelta::seconds(offset.local_minus_utc().into())
    }

    /// The stretch that `from` is in; one whose times count is cut at `until`.
    pub fn stretch(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Stretch {
        let ahead = self.ahead(from);
        let change = self.next_change(from, until + LARGEST_CHANGE);
        let end = change.map_or(until, |change| change.min(until));
        let plain = |end| Stretch {
            end,
            ahead: Some(ahead),
            before: None,
            turn: Turn::Plain,
        };
        if let Some(past) = self.next_change(from - LARGEST_CHANGE, from) {
            let before = self.ahead(past - TimeDelta::seconds(1));
            let touched = past + (ahead - before).abs();
            if from < touched {
                let stretch = plain(end.min(touched));
                return if ahead > before {
                    Stretch {
                        before: (self.gap == Gap::Shift).then_some(before),
                        ..stretch
                    }
                } else if self.fold == Fold::First {
                    Stretch {
                        end: touched,
                        ahead: None,
                        ..stretch
                    }
                } else {
                    Stretch {
                        turn: Turn::Second,
                        ..stretch
                    }
                };
            }
        }
        let Some(change) = change else {
            return plain(end);
        };
        let back = ahead - self.ahead(change);
        if back <= TimeDelta::zero() {
            return plain(end);
        }
        let twice = change - back;
        if from < twice {
            return plain(end.min(twice));
        }
        if self.fold == Fold::Second {
            return Stretch {
                ahead: None,
                ..plain(change)
            };
        }
        Stretch {
            turn: Turn::First,
            ..plain(end)
        }
    }

    /// The first moment after `from` and up to `until` at which the clock is set differently than just before.
    fn next_change(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let ahead = self.ahead(from);
        let mut same = from;
        while same < until {
            let look = until.min(same + LOOK);
            if self.ahead(look) != ahead {
                return Some(self.change_between(same, look));
            }
            same = look;
        }
        None
    }

    fn change_between(&self, mut same: DateTime<Utc>, mut other: DateTime<Utc>) -> DateTime<Utc> {
        let ahead = self.ahead(same);
        while (other - same).num_seconds() > 1 {
            let middle = same + TimeDelta::seconds((other - same).num_seconds() / 2);
            if self.ahead(middle) == ahead {
                same = middle;
            } else {
                other = middle;
            }
        }
        other
    }
}

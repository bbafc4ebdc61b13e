//! The arithmetic of a sliding window in slices, without database or clock.
//!
//! A permit is booked on the slice of time it is taken in, and used before that slice ends. A slice therefore counts from
//! the moment it is booked until a whole period after its end and a little more, and no stretch of a period ever holds more
//! requests than the limit, where they are made and where they arrive.

use crate::outbound::Budget;
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// Slices in a period. The last permit of a slice comes back up to one slice late, so more slices waste less of the
/// budget; but a permit lives no longer than its slice, and a transaction must fit in well: 50 ms of a second.
const SLICES: i32 = 20;

/// Requests are not all on their way for the same time: one may arrive so much later than the next, and the provider counts
/// from when they arrive. Of shorter periods than a second it is a fortieth.
const UNEVEN_WAYS: TimeDelta = TimeDelta::milliseconds(25);

/// The longest period that makes sense, so that adding it to a time stays a time.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Permits that are booked on one slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    /// The permits are used before this.
    pub ends_at: DateTime<Utc>,
    /// How many.
    pub used: u32,
}

impl Budget {
    fn stretch(&self) -> TimeDelta {
        let period = self.period.clamp(Duration::from_millis(20), LONGEST);
        TimeDelta::from_std(period).unwrap_or(TimeDelta::days(1))
    }

    /// How long a slice counts after its end.
    fn held(&self) -> TimeDelta {
        self.stretch() + UNEVEN_WAYS.min(self.stretch() / 40)
    }

    /// When the slice of `now` ends.
    pub(super) fn slice_end(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let length = (self.stretch() / SLICES)
            .num_microseconds()
            .unwrap_or(i64::MAX)
            .max(1);
        let micros = now.timestamp_micros();
        let end = (micros.div_euclid(length) + 1) * length;
        now + TimeDelta::microseconds(end - micros)
    }

    /// Whether `slice` still counts. One that ends in a far future was booked by a clock that was wrong.
    pub(super) fn counts(&self, slice: &Slice, now: DateTime<Utc>) -> bool {
        slice.ends_at > now - self.held() && slice.ends_at <= self.slice_end(now) + self.stretch()
    }

    /// How many permits may be booked now beside those of `slices`, all of which count.
    pub(super) fn free(&self, slices: &[Slice]) -> u32 {
        self.limit.saturating_sub(used(slices))
    }

    /// When `wanted` permits, or all there ever are, can be booked beside those of `slices`, which are in order.
    pub(super) fn free_at(
        &self,
        slices: &[Slice],
        wanted: u32,
        now: DateTime<Utc>,
    ) -> DateTime<Utc> {
        let wanted = wanted.clamp(1, self.limit.max(1));
        let mut used = used(slices);
        if self.limit.saturating_sub(used) >= wanted {
            return now;
        }
        for slice in slices {
            used = used.saturating_sub(slice.used);
            if self.limit.saturating_sub(used) >= wanted {
                return slice.ends_at + self.held();
            }
        }
        // A limit of nothing.
        now + self.stretch()
    }

    /// What is worth coming back for: one request every six minutes is not.
    pub(super) fn useful(&self) -> u32 {
        self.limit.div_ceil(2)
    }

    /// What a process takes at a time even when less is wanted, so that not every call costs a transaction.
    pub(super) fn block(&self) -> u32 {
        (self.limit / 10).max(1)
    }

    /// How long a provider that said "too many" without saying until when is left alone at most, beyond the usual.
    pub(super) fn longest_pause(&self) -> Duration {
        self.period.min(LONGEST) / 10
    }
}

fn used(slices: &[Slice]) -> u32 {
    slices
        .iter()
        .fold(0, |sum, slice| sum.saturating_add(slice.used))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOURLY: Budget = Budget {
        limit: 30,
        period: Duration::from_secs(3600),
    };

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_784_000_000 - 1_784_000_000 % 3600 + seconds, 0).unwrap()
    }

    fn slice(ends_at: i64, used: u32) -> Slice {
        Slice {
            ends_at: at(ends_at),
            used,
        }
    }

    #[test]
    fn a_slice_ends_after_now_and_at_most_a_twentieth_of_the_period_later() {
        assert_eq!(HOURLY.slice_end(at(0)), at(180));
        assert_eq!(HOURLY.slice_end(at(179)), at(180));
        assert_eq!(HOURLY.slice_end(at(180)), at(360));
    }

    #[test]
    fn a_used_up_hour_is_worth_coming_back_to_when_half_of_it_is_free() {
        let slices = [slice(180, 3), slice(360, 10), slice(720, 10), slice(900, 7)];
        assert_eq!(HOURLY.free(&slices), 0);
        let free_at = |wanted| HOURLY.free_at(&slices, wanted, at(900)) - UNEVEN_WAYS;
        assert_eq!(free_at(1), at(3780));
        assert_eq!(free_at(15), at(4320));
        assert_eq!(free_at(1000), at(4500));
    }

    #[test]
    fn a_limit_of_nothing_is_never_free_and_does_not_divide_by_it() {
        let none = Budget { limit: 0, ..HOURLY };
        assert_eq!(none.free(&[]), 0);
        assert_eq!(none.free_at(&[], 1, at(0)), at(3600));
    }

    proptest! {
        #[test]
        fn any_budget_at_any_time_has_a_slice(limit: u32, millis: u64, micros in 0i64..4_102_444_800_000_000) {
            let budget = Budget { limit, period: Duration::from_millis(millis) };
            let now = DateTime::from_timestamp_micros(micros).expect("before 2100");
            let end = budget.slice_end(now);
            prop_assert!(end > now && end - now <= budget.stretch() / SLICES + TimeDelta::microseconds(1));
            let counts = |ends_at| budget.counts(&Slice { ends_at, used: 1 }, now);
            prop_assert!(counts(end));
            prop_assert!(counts(now - budget.stretch()));
            prop_assert!(!counts(now - budget.held()));
            prop_assert!(!counts(end + budget.stretch() + TimeDelta::microseconds(1)));
        }
    }
}

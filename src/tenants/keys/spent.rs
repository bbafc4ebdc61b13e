//! What a key has spent of its calls in the present minute.

use crate::base::{Error, Result};
use chrono::{DateTime, Utc};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// How long calls count.
const MINUTE: u64 = 60;

/// Calls of a minute that begins with the first of them: the second it began in the upper half, the count in the lower, so
/// that callers on all cores agree without waiting for each other.
#[derive(Debug, Default)]
pub(super) struct Spent(AtomicU64);

impl Spent {
    /// Counts one call, if there are fewer than `limit`. [`Error::Limited`] says when the next minute begins.
    pub(super) fn spend(&self, limit: u64, now: DateTime<Utc>) -> Result<()> {
        let second = u64::try_from(now.timestamp()).unwrap_or_default() & HALF;
        let counted = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |seen| {
                let (began, count) = (seen >> 32, seen & HALF);
                match second.saturating_sub(began) < MINUTE && second >= began {
                    true if count >= limit => None,
                    true => Some(seen + 1),
                    false => Some(second << 32 | 1),
                }
            });
        counted.map(drop).map_err(|seen| {
            let left = (seen >> 32) + MINUTE - second;
            Error::Limited {
                reason: "RATE_LIMITED",
                message: format!("this key makes at most {limit} calls in a minute"),
                wait: Duration::from_secs(left),
            }
        })
    }
}

const HALF: u64 = u32::MAX as u64;

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn the_call_after_the_limit_is_refused_until_the_minute_is_over() {
        let spent = Spent::default();
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        (0..60).for_each(|_| spent.spend(60, now).unwrap());
        let later = now + TimeDelta::seconds(59);
        let Err(Error::Limited { wait, reason, .. }) = spent.spend(60, later) else {
            panic!("a 61st call");
        };
        assert_eq!((wait.as_secs(), reason), (1, "RATE_LIMITED"));
        assert!(spent.spend(60, now + TimeDelta::seconds(60)).is_ok());
    }

    #[test]
    fn a_clock_that_goes_back_does_not_keep_a_key_out() {
        let spent = Spent::default();
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        (0..2).for_each(|_| spent.spend(2, now).unwrap());
        assert!(spent.spend(2, now - TimeDelta::days(1)).is_ok());
    }
}

//! Slows down who guesses passwords: each login name may be tried ten times, and then once every six seconds, in each
//! process. Logins that succeed cost nothing.

use crate::base::{Error, Result, sha256};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// After the first ones, one attempt is allowed so often.
const EVERY: TimeDelta = TimeDelta::seconds(6);
/// Attempts at once.
const FIRST: i32 = 10;
/// Names that are remembered; then those are forgotten first that may be tried again anyway.
const MOST: usize = 10_000;

/// For each name, the moment at which all its attempts are allowed again.
#[derive(Default)]
pub(super) struct Attempts(Mutex<HashMap<[u8; 32], DateTime<Utc>>>);

impl Attempts {
    /// Uses up one attempt. [`Error::Limited`], with how long to wait, where there is none.
    pub(super) fn take(&self, name: &str, now: DateTime<Utc>) -> Result<()> {
        let mut all = self.lock();
        if all.len() >= MOST {
            all.retain(|_, free| *free > now);
        }
        if all.len() >= MOST {
            all.clear();
        }
        let free = all.entry(sha256(name)).or_insert(now);
        let next = (*free).max(now) + EVERY;
        let until = next - EVERY * FIRST;
        if until > now {
            return Err(Error::Limited {
                reason: "TOO_MANY_ATTEMPTS",
                message: "too many passwords were tried for this name: wait before trying again"
                    .to_owned(),
                wait: (until - now).to_std().unwrap_or_default(),
            });
        }
        *free = next;
        Ok(())
    }

    /// Gives an attempt back that succeeded.
    pub(super) fn give_back(&self, name: &str) {
        if let Some(free) = self.lock().get_mut(&sha256(name)) {
            *free -= EVERY;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], DateTime<Utc>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_at_once_and_then_one_every_six_seconds() {
        let (attempts, start) = (Attempts::default(), DateTime::UNIX_EPOCH);
        for _ in 0..10 {
            attempts.take("ada", start).unwrap();
        }
        let Err(Error::Limited { wait, .. }) = attempts.take("ada", start) else {
            panic!("the eleventh");
        };
        let until = start + TimeDelta::from_std(wait).unwrap();
        assert_eq!(until, start + EVERY);
        attempts.take("bob", start).unwrap();
        attempts.take("ada", until).unwrap();
        assert!(attempts.take("ada", until).is_err());
    }

    #[test]
    fn who_succeeds_may_go_on() {
        let (attempts, now) = (Attempts::default(), DateTime::UNIX_EPOCH);
        for _ in 0..100 {
            attempts.take("ada", now).unwrap();
            attempts.give_back("ada");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let (attempts, now) = (Attempts::default(), DateTime::UNIX_EPOCH);
        for name in 0..3 * MOST {
            attempts.take(&name.to_string(), now).unwrap();
        }
        assert!(attempts.lock().len() <= MOST);
    }
}

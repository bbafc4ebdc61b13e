//! Slows down who guesses passwords, in each process: a login name may be tried from one address ten times, and then once
//! every six seconds; from all addresses together ten times as often, so that nobody locks somebody else out from one of
//! them. Logins that succeed cost nothing.

use crate::{
    base::{Error, Result, sha256},
    tenants::attempts::Place,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// After the first ones, one attempt from an address is allowed so often.
const EVERY: TimeDelta = TimeDelta::seconds(6);
/// The same from all addresses together.
const EVERY_ANYWHERE: TimeDelta = TimeDelta::milliseconds(600);
/// Attempts at once from an address.
const FIRST: i32 = 10;
/// The same from all addresses together.
const FIRST_ANYWHERE: i32 = 100;
/// Names, each from one address, that are told apart at a time. When more are tried, the others share their attempts.
const MOST: usize = 10_000;

/// Who may be tried how often.
#[derive(Default)]
pub(super) struct Attempts {
    by_place: Bucket<(Name, Place)>,
    anywhere: Bucket<Name>,
}

type Name = [u8; 32];

impl Attempts {
    /// Uses up one attempt. [`Error::Limited`], with how long to wait, where there is none.
    pub(super) fn take(
        &self,
        name: &str,
        address: Option<IpAddr>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let name = sha256(name);
        let place = (name, Place::of(address));
        let taken = self.by_place.take(place, EVERY, FIRST, now);
        taken.map_err(too_many)?;
        let taken = self
            .anywhere
            .take(name, EVERY_ANYWHERE, FIRST_ANYWHERE, now);
        taken.map_err(|until| {
            self.by_place.give_back(place, EVERY);
            too_many(until)
        })
    }

    /// Gives an attempt back that succeeded.
    pub(super) fn give_back(&self, name: &str, address: Option<IpAddr>) {
        let name = sha256(name);
        self.by_place.give_back((name, Place::of(address)), EVERY);
        self.anywhere.give_back(name, EVERY_ANYWHERE);
    }
}

fn too_many(wait: TimeDelta) -> Error {
    Error::Limited {
        reason: "TOO_MANY_ATTEMPTS",
        message: "too many passwords were tried for this name: wait before trying again".to_owned(),
        wait: wait.to_std().unwrap_or_default(),
    }
}

/// For each that is tried, the moment at which all its attempts are allowed again; under `None` for one too many.
struct Bucket<K>(Mutex<HashMap<Option<K>, DateTime<Utc>>>);

impl<K> Default for Bucket<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Bucket<K> {
    /// Uses up one attempt, of which there are `first` and then one `every`; or says how long to wait for one.
    fn take(
        &self,
        key: K,
        every: TimeDelta,
        first: i32,
        now: DateTime<Utc>,
    ) -> Result<(), TimeDelta> {
        let mut all = self.lock();
        let mut key = Some(key);
        if all.len() >= MOST && !all.contains_key(&key) {
            all.retain(|_, free| *free > now);
            if all.len() >= MOST {
                key = None;
            }
        }
        let free = all.entry(key).or_insert(now);
        let next = (*free).max(now) + every;
        let until = next - every * first;
        if until > now {
            return Err(until - now);
        }
        *free = next;
        Ok(())
    }

    fn give_back(&self, key: K, every: TimeDelta) {
        let mut all = self.lock();
        let mut key = Some(key);
        if !all.contains_key(&key) {
            key = None;
        }
        if let Some(free) = all.get_mut(&key) {
            *free -= every;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Option<K>, DateTime<Utc>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Option<IpAddr> {
        Some([203, 0, 113, last].into())
    }

    #[test]
    fn ten_at_once_and_then_one_every_six_seconds() {
        let (attempts, start) = (Attempts::default(), DateTime::UNIX_EPOCH);
        for _ in 0..10 {
            attempts.take("ada", address(1), start).unwrap();
        }
        let Err(Error::Limited { wait, .. }) = attempts.take("ada", address(1), start) else {
            panic!("the eleventh");
        };
        let until = start + TimeDelta::from_std(wait).unwrap();
        assert_eq!(until, start + EVERY);
        attempts.take("bob", address(1), start).unwrap();
        attempts.take("ada", address(1), until).unwrap();
        assert!(attempts.take("ada", address(1), until).is_err());
    }

    #[test]
    fn nobody_locks_a_person_out_from_one_address_and_all_together_end_somewhere() {
        let (attempts, now) = (Attempts::default(), DateTime::UNIX_EPOCH);
        for _ in 0..1000 {
            let _ = attempts.take("ada", address(1), now);
        }
        attempts.take("ada", address(2), now).unwrap();
        let tries = (0..=255).flat_map(|last| [last; 10]);
        let taken = tries.filter(|last| attempts.take("ada", address(*last), now).is_ok());
        assert_eq!(taken.count(), 89, "besides the eleven before");
    }

    #[test]
    fn who_succeeds_may_go_on() {
        let (attempts, now) = (Attempts::default(), DateTime::UNIX_EPOCH);
        for _ in 0..1000 {
            attempts.take("ada", address(1), now).unwrap();
            attempts.give_back("ada", address(1));
        }
    }

    #[test]
    fn memory_is_bounded_and_nobody_is_forgotten_for_that() {
        let (attempts, now) = (Attempts::default(), DateTime::UNIX_EPOCH);
        for _ in 0..10 {
            attempts.take("ada", address(1), now).unwrap();
        }
        for name in 0..3 * MOST {
            let _ = attempts.take(&name.to_string(), address(1), now);
        }
        assert!(attempts.by_place.lock().len() <= MOST + 1);
        assert!(attempts.anywhere.lock().len() <= MOST + 1);
        assert!(attempts.take("ada", address(1), now).is_err());
    }
}

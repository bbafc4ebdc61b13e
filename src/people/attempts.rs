//! Slows down who guesses passwords, in each process: a login name may be tried from one address ten times, and then once
//! every six seconds; from all addresses together ten times as often, so that nobody locks somebody else out from one of
//! them. Logins that succeed cost nothing.

use crate::base::{Allowances, Error, Result, Source, sha256};
use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

/// After the first ones, one attempt from an address is allowed so often.
const EVERY: Duration = Duration::from_secs(6);
/// The same from all addresses together.
const EVERY_ANYWHERE: Duration = Duration::from_millis(600);
/// Attempts at once from an address.
const FIRST: u32 = 10;
/// The same from all addresses together.
const FIRST_ANYWHERE: u32 = 100;

/// Who may be tried how often.
pub(super) struct Attempts {
    by_source: Allowances<(Name, Source)>,
    anywhere: Allowances<Name>,
}

type Name = [u8; 32];

impl Default for Attempts {
    fn default() -> Self {
        Self {
            by_source: Allowances::new(FIRST, EVERY),
            anywhere: Allowances::new(FIRST_ANYWHERE, EVERY_ANYWHERE),
        }
    }
}

impl Attempts {
    /// Uses up one attempt. [`Error::Limited`], with how long to wait, where there is none.
    pub(super) fn take(&self, name: &str, address: Option<IpAddr>) -> Result<()> {
        self.take_at(name, address, Instant::now())
    }

    fn take_at(&self, name: &str, address: Option<IpAddr>, now: Instant) -> Result<()> {
        let name = sha256(name);
        let source = (name, Source::of(address));
        self.by_source.take(source, now).map_err(too_many)?;
        self.anywhere.take(name, now).map_err(|wait| {
            self.by_source.give_back(source);
            too_many(wait)
        })
    }

    /// Gives an attempt back that succeeded.
    pub(super) fn give_back(&self, name: &str, address: Option<IpAddr>) {
        let name = sha256(name);
        self.by_source.give_back((name, Source::of(address)));
        self.anywhere.give_back(name);
    }
}

fn too_many(wait: Duration) -> Error {
    Error::Limited {
        reason: "TOO_MANY_ATTEMPTS",
        message: "too many passwords were tried for this name: wait before trying again".to_owned(),
        wait,
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
        let (attempts, start) = (Attempts::default(), Instant::now());
        for _ in 0..10 {
            attempts.take_at("ada", address(1), start).unwrap();
        }
        let Err(Error::Limited { wait, .. }) = attempts.take_at("ada", address(1), start) else {
            panic!("the eleventh");
        };
        assert_eq!(wait, EVERY);
        attempts.take_at("bob", address(1), start).unwrap();
        attempts.take_at("ada", address(1), start + wait).unwrap();
        assert!(attempts.take_at("ada", address(1), start + wait).is_err());
    }

    #[test]
    fn nobody_locks_a_person_out_from_one_address_and_all_together_end_somewhere() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..1000 {
            let _ = attempts.take_at("ada", address(1), now);
        }
        attempts.take_at("ada", address(2), now).unwrap();
        let tries = (0..=255).flat_map(|last| [last; 10]);
        let taken = tries.filter(|last| attempts.take_at("ada", address(*last), now).is_ok());
        assert_eq!(taken.count(), 89, "besides the eleven before");
    }

    #[test]
    fn who_succeeds_may_go_on() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..1000 {
            attempts.take_at("ada", address(1), now).unwrap();
            attempts.give_back("ada", address(1));
        }
    }
}

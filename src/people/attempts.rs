//! Slows down who guesses passwords, in each process: a login name may be tried from one address ten times, and then once
//! every six seconds; from all addresses together ten times as often. Logins that succeed cost nothing.
//!
//! So many addresses could use up what all have together. From where somebody logged in lately that does not count: there the
//! owner has the address's own ten, whatever others do.

use crate::base::{Allowances, Error, Result, Source, sha256};
use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
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
/// So many places of logins are remembered; then all are forgotten, and found again in the sessions.
const MOST_PLACES: usize = 10_000;

/// Who may be tried how often.
pub(super) struct Attempts {
    by_source: Allowances<(Name, Source)>,
    anywhere: Allowances<Name>,
    /// From where these names logged in.
    places: Mutex<HashSet<(Name, Source)>>,
}

type Name = [u8; 32];

impl Default for Attempts {
    fn default() -> Self {
        Self {
            by_source: Allowances::new(FIRST, EVERY),
            anywhere: Allowances::new(FIRST_ANYWHERE, EVERY_ANYWHERE),
            places: Mutex::default(),
        }
    }
}

impl Attempts {
    /// Uses up one attempt. [`Error::Limited`], with how long to wait, where there is none. `is_usual` is asked where others
    /// have used up all: whether the name logged in from this address lately, as far as the database knows.
    pub(super) async fn take(
        &self,
        name: &str,
        address: Option<IpAddr>,
        is_usual: impl AsyncFnOnce() -> Result<bool>,
    ) -> Result<()> {
        let Err(refused) = self.take_at(name, address, Instant::now())? else {
            return Ok(());
        };
        let source = (sha256(name), Source::of(address));
        match is_usual().await {
            Ok(true) => {
                self.remember(source);
                Ok(())
            }
            outcome => {
                self.by_source.give_back(source);
                outcome.and(Err(refused))
            }
        }
    }

    /// The outer error is for the address, which has none left; the inner one for all together, while that of the address is
    /// used up.
    fn take_at(
        &self,
        name: &str,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Result<Result<(), Error>> {
        let name = sha256(name);
        let source = (name, Source::of(address));
        self.by_source.take(source, now).map_err(too_many)?;
        Ok(match self.places().contains(&source) {
            true => Ok(()),
            false => self.anywhere.take(name, now).map_err(too_many),
        })
    }

    /// Gives an attempt back that succeeded, and remembers where that was.
    pub(super) fn succeeded(&self, name: &str, address: Option<IpAddr>) {
        let name = sha256(name);
        let source = (name, Source::of(address));
        self.by_source.give_back(source);
        if !self.places().contains(&source) {
            self.anywhere.give_back(name);
            self.remember(source);
        }
    }

    fn remember(&self, source: (Name, Source)) {
        let mut places = self.places();
        if places.len() >= MOST_PLACES {
            places.clear();
        }
        places.insert(source);
    }

    fn places(&self) -> MutexGuard<'_, HashSet<(Name, Source)>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn take(attempts: &Attempts, name: &str, last: u8, now: Instant) -> Result<()> {
        let taken = attempts.take_at(name, address(last), now)?;
        if taken.is_err() {
            let source = (sha256(name), Source::of(address(last)));
            attempts.by_source.give_back(source);
        }
        taken
    }

    #[test]
    fn ten_at_once_and_then_one_every_six_seconds() {
        let (attempts, start) = (Attempts::default(), Instant::now());
        for _ in 0..10 {
            take(&attempts, "ada", 1, start).unwrap();
        }
        let Err(Error::Limited { wait, .. }) = take(&attempts, "ada", 1, start) else {
            panic!("the eleventh");
        };
        assert_eq!(wait, EVERY);
        take(&attempts, "bob", 1, start).unwrap();
        take(&attempts, "ada", 1, start + wait).unwrap();
        assert!(take(&attempts, "ada", 1, start + wait).is_err());
    }

    /// So many as others may try together, and more.
    fn guessed(attempts: &Attempts, now: Instant) -> usize {
        let tries = (10..=255).flat_map(|last| [last; 10]);
        tries
            .filter(|last| take(attempts, "ada", *last, now).is_ok())
            .count()
    }

    #[test]
    fn nobody_locks_a_person_out_from_one_address_and_all_together_end_somewhere() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..1000 {
            let _ = take(&attempts, "ada", 1, now);
        }
        take(&attempts, "ada", 2, now).unwrap();
        assert_eq!(guessed(&attempts, now), 89, "besides the eleven before");
    }

    #[test]
    fn who_succeeds_may_go_on() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..1000 {
            take(&attempts, "ada", 1, now).unwrap();
            attempts.succeeded("ada", address(1));
        }
    }

    #[test]
    fn where_somebody_logged_in_they_have_their_own_ten_whatever_others_do() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        take(&attempts, "ada", 1, now).unwrap();
        attempts.succeeded("ada", address(1));
        assert_eq!(guessed(&attempts, now), 100);
        assert!(take(&attempts, "ada", 2, now).is_err());
        for _ in 0..10 {
            take(&attempts, "ada", 1, now).unwrap();
        }
        assert!(
            take(&attempts, "ada", 1, now).is_err(),
            "nobody guesses there"
        );
        assert_eq!(guessed(&attempts, now + EVERY_ANYWHERE), 1);
    }

    #[tokio::test]
    async fn what_the_database_knows_is_asked_where_others_used_up_all() {
        let attempts = Attempts::default();
        guessed(&attempts, Instant::now() + Duration::from_secs(60));
        let unusual = attempts.take("ada", address(1), async || Ok(false)).await;
        assert!(matches!(unusual, Err(Error::Limited { .. })));
        for _ in 0..10 {
            attempts
                .take("ada", address(1), async || Ok(true))
                .await
                .unwrap();
        }
        let eleventh = attempts.take("ada", address(1), async || Ok(true)).await;
        assert!(matches!(eleventh, Err(Error::Limited { .. })));
    }
}

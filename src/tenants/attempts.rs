//! Slows down who guesses: counts wrong credentials by the address that they come from.
//!
//! An address has a number of attempts, and gets them back one by one. What cannot be guessed, as a key of 256 random bits,
//! is looked at all the same, so that good callers who share an address with a bad one go on; what can be guessed, as a
//! password, must ask [`Attempts::check`] first. Each process counts by itself.

use crate::{
    app::App,
    base::{Error, Result},
    outbound::Budget,
};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

/// So many addresses are told apart at a time. When more guess at once, the others share one number of attempts.
const MOST: usize = 10_000;
/// Looking through all of them takes a while.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(1);

/// Who guessed, and when they will have all their attempts back.
#[derive(Debug, Default)]
pub struct Attempts {
    allowed: Option<Budget>,
    spent: Mutex<Spent>,
}

#[derive(Debug, Default)]
struct Spent {
    /// When a place has all its attempts back.
    restored: HashMap<Place, Instant>,
    /// When those who have were forgotten last.
    swept: Option<Instant>,
}

/// Where guesses come from: an IPv4 address, or the /64 that one subscriber has in IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// All of the address.
    V4(u32),
    /// The network.
    V6(u64),
    /// Not known, or one too many.
    Elsewhere,
}

impl Attempts {
    /// So many wrong credentials from one address in such a time; `None` allows any number.
    pub fn new(allowed: Option<Budget>) -> Self {
        Self {
            allowed,
            spent: Mutex::default(),
        }
    }

    /// Guesses at passwords, those of the process of `app`, as the setting `auth.attempts` says.
    pub fn of(app: &App) -> Arc<Self> {
        #[derive(Default)]
        struct Passwords(OnceLock<Arc<Attempts>>);
        Self::kept(app, &app.memory.of::<Passwords>().0)
    }

    /// Guesses at keys and sessions. They are counted apart: a page that shows an address's browsers a wrong widget key must
    /// not use up the attempts at passwords from there.
    pub fn at_keys(app: &App) -> Arc<Self> {
        #[derive(Default)]
        struct OfKeys(OnceLock<Arc<Attempts>>);
        Self::kept(app, &app.memory.of::<OfKeys>().0)
    }

    fn kept(app: &App, place: &OnceLock<Arc<Self>>) -> Arc<Self> {
        let made = place.get_or_init(|| Arc::new(Self::new(app.config.auth.attempts)));
        Arc::clone(made)
    }

    /// Whether `address` may guess once more. [`Error::Limited`] says when.
    pub fn check(&self, address: Option<IpAddr>) -> Result<()> {
        self.check_at(address, Instant::now())
    }

    /// Counts a wrong credential from `address`.
    pub fn failed(&self, address: Option<IpAddr>) {
        self.failed_at(address, Instant::now());
    }

    /// Uses up an attempt of `address`, before it is known whether it is a wrong one: however many are made at once, no
    /// more than allowed are looked at. [`Error::Limited`] where there is none left.
    pub fn reserve(&self, address: Option<IpAddr>) -> Result<()> {
        self.reserve_at(address, Instant::now())
    }

    /// Gives an attempt back that was reserved, and was none.
    pub fn give_back(&self, address: Option<IpAddr>) {
        let Some(allowed) = self.allowed else {
            return;
        };
        let mut spent = self.spent();
        let mut place = Place::of(address);
        if !spent.restored.contains_key(&place) {
            place = Place::Elsewhere;
        }
        if let Some(restored) = spent.restored.get_mut(&place) {
            *restored = restored.checked_sub(each(allowed)).unwrap_or(*restored);
        }
    }

    fn reserve_at(&self, address: Option<IpAddr>, now: Instant) -> Result<()> {
        let mut spent = self.spent();
        self.look(&spent, address, now)?;
        self.count(&mut spent, address, now);
        Ok(())
    }

    fn check_at(&self, address: Option<IpAddr>, now: Instant) -> Result<()> {
        self.look(&self.spent(), address, now)
    }

    fn look(&self, spent: &Spent, address: Option<IpAddr>, now: Instant) -> Result<()> {
        let Some(allowed) = self.allowed else {
            return Ok(());
        };
        let place = Place::of(address);
        let restored = spent.restored.get(&place).or_else(|| {
            let is_full = spent.restored.len() >= MOST;
            is_full
                .then(|| spent.restored.get(&Place::Elsewhere))
                .flatten()
        });
        // One more would make it so long until all are back.
        let debt = restored.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let debt = debt + each(allowed);
        match debt.checked_sub(allowed.period + SLACK) {
            None => Ok(()),
            Some(wait) => Err(Error::Limited {
                reason: "TOO_MANY_ATTEMPTS",
                message:
                    "too many wrong credentials came from this address: wait before trying again"
                        .to_owned(),
                wait: wait + SLACK,
            }),
        }
    }

    fn failed_at(&self, address: Option<IpAddr>, now: Instant) {
        self.count(&mut self.spent(), address, now);
    }

    fn count(&self, spent: &mut Spent, address: Option<IpAddr>, now: Instant) {
        let Some(allowed) = self.allowed else {
            return;
        };
        let mut place = Place::of(address);
        if !spent.restored.contains_key(&place) && !spent.has_room(now) {
            place = Place::Elsewhere;
        }
        let restored = spent.restored.entry(place).or_insert(now);
        // Who goes on guessing does not wait longer for that: the next attempt is never further away than one.
        let latest = now + allowed.period;
        *restored = ((*restored).max(now) + each(allowed)).min(latest);
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spent {
    /// Whether one more place can be told apart; forgets those that have all their attempts back, but not at every call.
    fn has_room(&mut self, now: Instant) -> bool {
        let is_due = |at: Instant| now.saturating_duration_since(at) >= BETWEEN_SWEEPS;
        if self.restored.len() >= MOST && self.swept.is_none_or(is_due) {
            self.restored.retain(|_, restored| *restored > now);
            self.swept = Some(now);
        }
        self.restored.len() < MOST
    }
}

/// Divisions leave a rest.
const SLACK: Duration = Duration::from_micros(1);

/// How long one attempt takes to come back.
fn each(allowed: Budget) -> Duration {
    allowed.period / allowed.limit.max(1)
}

impl Place {
    /// Where this address is.
    pub fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Self::V4(address.to_bits()),
            Some(IpAddr::V6(address)) => Self::V6(network(address)),
            None => Self::Elsewhere,
        }
    }
}

fn network(address: Ipv6Addr) -> u64 {
    u64::try_from(address.to_bits() >> 64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ten_a_minute() -> Attempts {
        Attempts::new(Some(Budget {
            limit: 10,
            period: Duration::from_secs(60),
        }))
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn guesses(attempts: &Attempts, from: Option<IpAddr>, at: Instant) -> usize {
        let may = |_: &usize| attempts.check_at(from, at).is_ok();
        (0..100)
            .take_while(may)
            .inspect(|_| attempts.failed_at(from, at))
            .count()
    }

    #[test]
    fn an_address_has_ten_guesses_and_gets_them_back_one_by_one() {
        let (attempts, now) = (ten_a_minute(), Instant::now());
        let guesser = address("203.0.113.7");
        assert_eq!(guesses(&attempts, guesser, now), 10);
        let Err(Error::Limited { wait, .. }) = attempts.check_at(guesser, now) else {
            panic!("an eleventh guess");
        };
        assert!((5..=7).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(guesses(&attempts, guesser, now + Duration::from_secs(7)), 1);
        assert_eq!(
            guesses(&attempts, guesser, now + Duration::from_secs(200)),
            10
        );
        assert_eq!(guesses(&attempts, address("203.0.113.8"), now), 10);
    }

    #[test]
    fn who_goes_on_guessing_waits_no_longer_for_that() {
        let (attempts, now) = (ten_a_minute(), Instant::now());
        let guesser = address("203.0.113.7");
        (0..1000).for_each(|_| attempts.failed_at(guesser, now));
        assert_eq!(guesses(&attempts, guesser, now + Duration::from_secs(7)), 1);
    }

    #[test]
    fn an_attempt_that_is_given_back_can_be_made_again() {
        let (attempts, now) = (ten_a_minute(), Instant::now());
        let person = address("203.0.113.7");
        for _ in 0..100 {
            attempts.reserve_at(person, now).unwrap();
            attempts.give_back(person);
        }
        for _ in 0..10 {
            attempts.reserve_at(person, now).unwrap();
        }
        assert!(attempts.reserve_at(person, now).is_err());
    }

    #[test]
    fn a_subscriber_has_one_network_in_ipv6_and_ipv4_has_two_forms() {
        let (attempts, now) = (ten_a_minute(), Instant::now());
        assert_eq!(guesses(&attempts, address("2001:db8::1"), now), 10);
        assert_eq!(guesses(&attempts, address("2001:db8::ffff:2"), now), 0);
        assert_eq!(guesses(&attempts, address("2001:db8:0:1::1"), now), 10);
        assert_eq!(guesses(&attempts, address("203.0.113.7"), now), 10);
        assert_eq!(guesses(&attempts, address("::ffff:203.0.113.7"), now), 0);
    }

    #[test]
    fn a_million_addresses_take_no_more_memory_than_ten_thousand() {
        let (attempts, now) = (ten_a_minute(), Instant::now());
        for number in 0..100_000_u32 {
            attempts.failed_at(Some(IpAddr::V4(number.into())), now);
        }
        assert_eq!(attempts.spent().restored.len(), MOST + 1);
        assert!(
            attempts
                .check_at(Some(IpAddr::V4(99_999.into())), now)
                .is_err()
        );
        assert!(attempts.check_at(Some(IpAddr::V4(5.into())), now).is_ok());
        let later = now + Duration::from_secs(61);
        attempts.failed_at(address("203.0.113.7"), later);
        assert_eq!(attempts.spent().restored.len(), 1);
    }

    #[test]
    fn without_a_limit_nobody_is_counted() {
        let attempts = Attempts::new(None);
        assert_eq!(
            guesses(&attempts, address("203.0.113.7"), Instant::now()),
            100
        );
    }
}

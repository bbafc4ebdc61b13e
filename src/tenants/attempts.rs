//! Slows down who guesses: counts wrong credentials by the address that they come from.
//!
//! An address has a number of attempts, and gets them back one by one. What cannot be guessed, as a key of 256 random bits,
//! is looked at all the same, so that good callers who share an address with a bad one go on; what can be guessed, as a
//! password, must ask [`Attempts::check`] first. Each process counts by itself.

use crate::{
    app::App,
    base::{Allowances, Error, Result, Source},
    outbound::Budget,
};
use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

/// Who guessed, and how often they still may. `None`: as often as they like.
#[derive(Debug, Default)]
pub struct Attempts(Option<Allowances<Source>>);

impl Attempts {
    /// So many wrong credentials from one address in such a time; `None` allows any number.
    pub fn new(allowed: Option<Budget>) -> Self {
        Self(allowed.map(|Budget { limit, period }| Allowances::new(limit, period / limit.max(1))))
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
        self.ask(|left| left.check(Source::of(address), Instant::now()))
    }

    /// Counts a wrong credential from `address`.
    pub fn failed(&self, address: Option<IpAddr>) {
        if let Some(left) = &self.0 {
            left.spend(Source::of(address), Instant::now());
        }
    }

    /// Uses up an attempt of `address`, before it is known whether it is a wrong one: however many are made at once, no
    /// more than allowed are looked at. [`Error::Limited`] where there is none left.
    pub fn reserve(&self, address: Option<IpAddr>) -> Result<()> {
        self.ask(|left| left.take(Source::of(address), Instant::now()))
    }

    /// Gives an attempt back that was reserved, and was none.
    pub fn give_back(&self, address: Option<IpAddr>) {
        if let Some(left) = &self.0 {
            left.give_back(Source::of(address));
        }
    }

    fn ask(&self, ask: impl FnOnce(&Allowances<Source>) -> Result<(), Duration>) -> Result<()> {
        let Some(left) = &self.0 else {
            return Ok(());
        };
        ask(left).map_err(|wait| Error::Limited {
            reason: "TOO_MANY_ATTEMPTS",
            message: "too many wrong credentials came from this address: wait before trying again"
                .to_owned(),
            wait,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn guesses(attempts: &Attempts, from: Option<IpAddr>) -> usize {
        let may = |_: &usize| attempts.check(from).is_ok();
        (0..100)
            .take_while(may)
            .inspect(|_| attempts.failed(from))
            .count()
    }

    #[test]
    fn a_subscriber_has_one_network_in_ipv6_and_ipv4_has_two_forms() {
        let attempts = Attempts::new(Some(Budget {
            limit: 10,
            period: Duration::from_secs(3600),
        }));
        assert_eq!(guesses(&attempts, address("2001:db8::1")), 10);
        assert_eq!(guesses(&attempts, address("2001:db8::ffff:2")), 0);
        assert_eq!(guesses(&attempts, address("2001:db8:0:1::1")), 10);
        assert_eq!(guesses(&attempts, address("203.0.113.7")), 10);
        assert_eq!(guesses(&attempts, address("::ffff:203.0.113.7")), 0);
    }

    #[test]
    fn without_a_limit_nobody_is_counted() {
        let attempts = Attempts::new(None);
        assert_eq!(guesses(&attempts, address("203.0.113.7")), 100);
    }
}

//! How often something may be tried: so many times at once, and from then on once in a while. Many are told apart, in
//! bounded memory, and what they have left is known by one moment each: the one at which they have everything back.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// So many are told apart at a time. When there are more at once, the others share what one has.
const MOST: usize = 10_000;
/// Looking through all of them takes a while.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(1);

/// What is left to each `K`.
pub struct Allowances<K> {
    /// One comes back after this.
    each: Duration,
    /// All of them come back after this.
    all: Duration,
    spent: Mutex<Spent<K>>,
}

struct Spent<K> {
    /// When one has everything back; those beyond the most that are told apart are `None`.
    restored: HashMap<Option<K>, Instant>,
    /// When those who have were forgotten last.
    swept: Option<Instant>,
}

impl<K: Copy + Eq + Hash> Allowances<K> {
    /// `first` at once, at least one, and then one after `each`.
    pub fn new(first: u32, each: Duration) -> Self {
        Self {
            each,
            all: each * first.max(1),
            spent: Mutex::new(Spent {
                restored: HashMap::new(),
                swept: None,
            }),
        }
    }

    /// Whether there is one left at `now`; if not, how long to wait for it.
    pub fn check(&self, key: K, now: Instant) -> Result<(), Duration> {
        self.look(&self.spent(), key, now)
    }

    /// Uses one up; if there is none, says how long to wait for it.
    pub fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut spent = self.spent();
        self.look(&spent, key, now)?;
        self.count(&mut spent, key, now);
        Ok(())
    }

    /// Uses one up if there is one. Who goes on without one waits no longer for that.
    pub fn spend(&self, key: K, now: Instant) {
        self.count(&mut self.spent(), key, now);
    }

    /// Gives one back that was used up.
    pub fn give_back(&self, key: K) {
        let mut spent = self.spent();
        let place = Some(key).filter(|key| spent.restored.contains_key(&Some(*key)));
        if let Some(restored) = spent.restored.get_mut(&place) {
            *restored = restored.checked_sub(self.each).unwrap_or(*restored);
        }
    }

    /// How many are told apart at this moment.
    #[cfg(test)]
    fn told_apart(&self) -> usize {
        self.spent().restored.len()
    }

    fn look(&self, spent: &Spent<K>, key: K, now: Instant) -> Result<(), Duration> {
        let restored = spent.restored.get(&Some(key)).or_else(|| {
            let is_full = spent.restored.len() >= MOST;
            is_full.then(|| spent.restored.get(&None)).flatten()
        });
        let debt = restored.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        // With one more it would take so long until everything is back.
        match (debt + self.each).checked_sub(self.all) {
            None | Some(Duration::ZERO) => Ok(()),
            Some(wait) => Err(wait),
        }
    }

    fn count(&self, spent: &mut Spent<K>, key: K, now: Instant) {
        let is_known = spent.restored.contains_key(&Some(key));
        let place = (is_known || spent.has_room(now)).then_some(key);
        let restored = spent.restored.entry(place).or_insert(now);
        *restored = ((*restored).max(now) + self.each).min(now + self.all);
    }

    fn spent(&self) -> MutexGuard<'_, Spent<K>> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Spent<K> {
    /// Whether one more can be told apart; forgets those who have everything back, but not at every call.
    fn has_room(&mut self, now: Instant) -> bool {
        let is_due = |at: Instant| now.saturating_duration_since(at) >= BETWEEN_SWEEPS;
        if self.restored.len() >= MOST && self.swept.is_none_or(is_due) {
            self.restored.retain(|_, restored| *restored > now);
            self.swept = Some(now);
        }
        self.restored.len() < MOST
    }
}

impl<K> fmt::Debug for Allowances<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Allowances")
            .field("each", &self.each)
            .field("all", &self.all)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ten_a_minute() -> Allowances<u32> {
        Allowances::new(10, Duration::from_secs(6))
    }

    fn tries(allowances: &Allowances<u32>, key: u32, at: Instant) -> usize {
        (0..100)
            .take_while(|_| allowances.take(key, at).is_ok())
            .count()
    }

    #[test]
    fn there_are_ten_at_once_and_they_come_back_one_by_one() {
        let (allowances, now) = (ten_a_minute(), Instant::now());
        assert_eq!(tries(&allowances, 7, now), 10);
        let wait = allowances.check(7, now).unwrap_err();
        assert_eq!(wait, Duration::from_secs(6));
        assert_eq!(tries(&allowances, 7, now + wait), 1);
        assert_eq!(tries(&allowances, 7, now + Duration::from_secs(200)), 10);
        assert_eq!(tries(&allowances, 8, now), 10);
    }

    #[test]
    fn who_goes_on_waits_no_longer_for_that() {
        let (allowances, now) = (ten_a_minute(), Instant::now());
        (0..1000).for_each(|_| allowances.spend(7, now));
        assert_eq!(tries(&allowances, 7, now + Duration::from_secs(7)), 1);
    }

    #[test]
    fn what_is_given_back_can_be_used_again() {
        let (allowances, now) = (ten_a_minute(), Instant::now());
        for _ in 0..100 {
            allowances.take(7, now).unwrap();
            allowances.give_back(7);
        }
        assert_eq!(tries(&allowances, 7, now), 10);
    }

    #[test]
    fn memory_is_bounded_and_nobody_is_forgotten_for_that() {
        let (allowances, now) = (ten_a_minute(), Instant::now());
        assert_eq!(tries(&allowances, 0, now), 10);
        (1..100_000).for_each(|key| allowances.spend(key, now));
        assert_eq!(allowances.told_apart(), MOST + 1);
        assert!(allowances.check(0, now).is_err());
        assert!(allowances.check(5, now).is_ok());
        assert!(allowances.check(99_999, now).is_err(), "they share");
        let later = now + Duration::from_secs(61);
        allowances.spend(100_000, later);
        assert_eq!(allowances.told_apart(), 1);
    }

    proptest! {
        /// Whatever is tried when: in no stretch of time more than there are at once and what came back in it.
        #[test]
        fn no_stretch_of_time_has_more_than_it_may(pauses in prop::collection::vec(0_u64..9000, 1..60)) {
            let allowances = ten_a_minute();
            let start = Instant::now();
            let mut now = start;
            let mut taken = Vec::new();
            for pause in pauses {
                now += Duration::from_millis(pause);
                if allowances.take(7, now).is_ok() {
                    taken.push(now);
                }
            }
            for (index, from) in taken.iter().enumerate() {
                for (count, until) in taken[index..].iter().enumerate() {
                    let back = (*until - *from).as_secs_f64() / 6.0;
                    prop_assert!(count as f64 + 1.0 <= 10.0 + back + 1e-6);
                }
            }
        }
    }
}

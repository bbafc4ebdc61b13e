//! The simulator's own time. It stands still or runs from a given instant, and tests move it; nothing in the simulator reads
//! the machine's calendar.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};

/// What time it is when the simulator starts.
#[derive(Debug, Clone, Copy)]
pub enum Now {
    /// Time stands still until somebody moves it.
    Fixed(DateTime<Utc>),
    /// Time starts here and runs on at the usual speed.
    Running(DateTime<Utc>),
}

/// A handle on the simulator's time; clones share it.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Mutex<Reading>>);

#[derive(Debug)]
struct Reading {
    at: DateTime<Utc>,
    /// When `at` was true; `None` while time stands still.
    since: Option<Instant>,
}

impl Clock {
    /// A clock that starts as told.
    pub fn new(now: Now) -> Self {
        let (at, since) = match now {
            Now::Fixed(at) => (at, None),
            Now::Running(at) => (at, Some(Instant::now())),
        };
        Self(Arc::new(Mutex::new(Reading { at, since })))
    }

    /// The simulated instant.
    pub fn now(&self) -> DateTime<Utc> {
        self.lock().now()
    }

    /// Jumps to an instant, forwards or backwards; a running clock runs on from there.
    pub fn set(&self, at: DateTime<Utc>) {
        let mut reading = self.lock();
        reading.at = at;
        reading.since = reading.since.map(|_| Instant::now());
    }

    /// Moves by a (possibly negative) amount.
    pub fn advance(&self, by: TimeDelta) {
        self.set(self.now() + by);
    }

    fn lock(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    fn now(&self) -> DateTime<Utc> {
        let passed = self
            .since
            .map(|since| TimeDelta::from_std(since.elapsed()).unwrap_or_default());
        self.at + passed.unwrap_or_default()
    }
}

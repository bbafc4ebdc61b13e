//! The one place that reads the system's clock, so that everything else can be run at any moment a test chooses.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// A source of the present, cheap to clone.
///
/// Times are whole microseconds, because that is what PostgreSQL keeps: a value read back equals the value written.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    /// Microseconds since the epoch; shared by all clones, moved only by [`Clock::advance`].
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `at` until it is moved with [`Clock::advance`].
    pub fn fixed(at: DateTime<Utc>) -> Self {
        Self(Source::Fixed(Arc::new(AtomicI64::new(
            at.timestamp_micros(),
        ))))
    }

    /// The present, in whole microseconds.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
            Source::System => whole_micros(Utc::now()),
            Source::Fixed(micros) => DateTime::from_timestamp_micros(micros.load(Ordering::SeqCst))
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
        }
    }

    /// Whether this is a clock that a test moves.
    pub fn is_fixed(&self) -> bool {
        matches!(self.0, Source::Fixed(_))
    }

    /// Moves a fixed clock; does nothing to the system's clock.
    pub fn advance(&self, by: TimeDelta) {
        if let Source::Fixed(micros) = &self.0 {
            micros.fetch_add(
                by.num_microseconds().unwrap_or(i64::MAX / 2),
                Ordering::SeqCst,
            );
        }
    }
}

/// Cuts a time to whole microseconds.
pub fn whole_micros(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(at)
}

//! How long a run rests between attempts.

use chrono::TimeDelta;
use std::time::Duration;

/// First waiting time between attempts; doubled each time, with jitter.
const RETRY_BASE: Duration = Duration::from_secs(2);
/// Longest waiting time between attempts.
const RETRY_MAX: Duration = Duration::from_secs(300);

/// Waiting time after the `failed`-th attempt: doubled each time, with full jitter over its second half.
pub(super) fn after(failed: i64) -> TimeDelta {
    let doublings = u32::try_from(failed.clamp(1, 16) - 1).unwrap_or(0);
    let full = RETRY_BASE.saturating_mul(1 << doublings).min(RETRY_MAX);
    let factor: f64 = rand::random_range(0.5..=1.0);
    TimeDelta::from_std(full.mul_f64(factor)).unwrap_or(TimeDelta::seconds(2))
}

//! Counts how runs end, and how long they took.

use crate::{
    runs::{Run, State},
    telemetry::metrics,
};
use chrono::{DateTime, Utc};

/// Counts a run that its worker let go of, unless something is still to come of it.
pub(super) fn left(run: &Run, state: State, now: DateTime<Utc>) {
    if state.is_final() {
        let took = now - run.started_at.unwrap_or(now);
        metrics::run_ended(&run.kind, state.as_str(), took.to_std().unwrap_or_default());
    }
}

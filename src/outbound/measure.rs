//! Counts what providers answer.

use crate::outbound::{CallError, Reply, classify::Trouble};
use std::time::Duration;

/// Counts one attempt that was sent, and how long its answer took. The provider is the first part of the endpoint's name.
pub(super) fn attempted(endpoint: &'static str, outcome: &Result<Reply, Trouble>, took: Duration) {
    let provider = endpoint.split('.').next().unwrap_or(endpoint);
    let result = match outcome {
        Ok(_) => "ok",
        Err(Trouble::Refused(_)) => "refused",
        Err(Trouble::Throttled { .. }) => "throttled",
        Err(Trouble::NotSent { .. } | Trouble::Withheld(CallError::NotSent { .. })) => "not_sent",
        Err(Trouble::Unclear { .. } | Trouble::Useless { .. } | Trouble::Withheld(_)) => {
            "unanswered"
        }
    };
    metrics::counter!("syncline_provider_requests_total", "provider" => provider, "result" => result)
        .increment(1);
    metrics::histogram!("syncline_provider_request_duration_seconds", "provider" => provider)
        .record(took.as_secs_f64());
}

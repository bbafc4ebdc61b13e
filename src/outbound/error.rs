//! Why a call has no good answer, told by what the caller may do next.

use crate::base::Error;
use chrono::{DateTime, Utc};
use http::StatusCode;
use std::fmt;

/// Why there is no good answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The request was surely not carried out, and may be made again later: the provider could not be reached, or its
    /// breaker is open, or it said 429.
    #[error("{why}")]
    NotSent {
        /// For a person; no secret, no body.
        why: String,
        /// When trying again makes sense, where that is known.
        retry_at: Option<DateTime<Utc>>,
    },
    /// The budget is used up for longer than a call should wait.
    #[error("the request budget of {account} is used up until {until}")]
    OutOfBudget {
        /// Whose.
        account: String,
        /// When a useful number of requests is allowed again.
        until: DateTime<Utc>,
    },
    /// The request may or may not have been carried out: no answer, a cut-off one, or 5xx.
    #[error("{why}")]
    Unanswered {
        /// For a person; no secret, no body.
        why: String,
    },
    /// The provider's definite no: 4xx, except 408 and 429.
    #[error("{0}")]
    Refused(Refusal),
}

/// The provider's definite no. `Debug` shows the length of the body, not the body.
#[derive(Clone)]
pub struct Refusal {
    /// The operation that was refused.
    pub endpoint: &'static str,
    /// 4xx.
    pub status: StatusCode,
    /// For the connector to read; never logged.
    pub body: Vec<u8>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} was refused with {}",
            self.endpoint,
            self.status.as_u16()
        )
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("endpoint", &self.endpoint)
            .field("status", &self.status)
            .field("body.bytes", &self.body.len())
            .finish()
    }
}

/// For callers that have nothing better to say; a connector that understands a refusal says it in its own words.
impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotSent { why, retry_at } => Self::Unavailable {
                reason: "PROVIDER_UNREACHABLE",
                what: why,
                retry_at,
            },
            CallError::OutOfBudget { account, until } => Self::Exhausted {
                what: account,
                until,
            },
            CallError::Unanswered { why } => Self::unavailable("PROVIDER_UNANSWERED", why),
            CallError::Refused(refusal) => Self::Refused {
                reason: "PROVIDER_REFUSED",
                what: refusal.to_string(),
            },
        }
    }
}

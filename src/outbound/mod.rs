//! Every call to the outside goes through here: time-outs, budgets, breaker, and repeating where that is safe.
//!
//! The result of a call says what a caller must know to never do anything twice: the answer, a definite refusal, that
//! it was surely not sent, or that nobody knows ([`CallError::Unanswered`]).

use crate::base::Secret;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, StatusCode};
use std::time::Duration;
use url::Url;

/// Whose budget a call uses: one account at one provider, over all replicas.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    /// As in `google.meet:109000000000000000001`. Never a mail address or a key.
    pub key: String,
    /// What the provider allows; `None` is no limit.
    pub budget: Option<Budget>,
}

/// So many requests in any stretch of time of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Requests.
    pub limit: u32,
    /// The length of the stretch.
    pub period: Duration,
}

/// One request to a provider.
#[derive(Clone, Debug)]
pub struct Call {
    /// Names the operation in spans, logs and the breaker, as in `meet.conferenceRecords.list`. Never holds an id.
    pub endpoint: &'static str,
    /// GET, POST, …
    pub method: Method,
    /// With its query.
    pub url: Url,
    /// How the call proves who it is.
    pub auth: Auth,
    /// What is sent.
    pub body: Body,
    /// Whether sending it twice is the same as sending it once.
    pub repeat: Repeat,
}

/// How a call proves who it is.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Not at all.
    None,
    /// `Authorization: Bearer`.
    Bearer(Secret),
    /// A header of the provider's own, as Clockify's `X-Api-Key`.
    Header(&'static str, Secret),
}

/// What a call sends.
#[derive(Clone, Debug)]
pub enum Body {
    /// Nothing.
    Empty,
    /// `application/json`.
    Json(serde_json::Value),
    /// `application/x-www-form-urlencoded`; the values may be secret.
    Form(Vec<(&'static str, Secret)>),
}

/// Whether sending a call twice is the same as sending it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Reads: repeated after 408, 429, 5xx, broken connections and time-outs, with backoff and jitter.
    Safe,
    /// Writes: repeated only when the request surely did not reach the provider (connection refused, 429).
    Never,
}

/// An answer with a status below 400.
#[derive(Clone, Debug)]
pub struct Reply {
    /// 2xx or 3xx.
    pub status: StatusCode,
    /// As they came.
    pub headers: HeaderMap,
    /// Whole, and not larger than the setting allows.
    pub body: Vec<u8>,
}

/// Why there is no good answer.
#[derive(Debug)]
pub enum CallError {
    /// The request was surely not carried out, and may be made again later: the provider could not be reached, or its
    /// breaker is open, or it said 429.
    NotSent {
        /// For a person; no secret, no body.
        why: String,
        /// When trying again makes sense, where that is known.
        retry_at: Option<DateTime<Utc>>,
    },
    /// The budget is used up for longer than a call should wait.
    OutOfBudget {
        /// Whose.
        account: String,
        /// When the next request is allowed.
        until: DateTime<Utc>,
    },
    /// The request may or may not have been carried out: no answer, a cut-off one, or 5xx.
    Unanswered {
        /// For a person; no secret, no body.
        why: String,
    },
    /// The provider's definite no: 4xx, except 408 and 429.
    Refused(Refusal),
}

/// The provider's definite no.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The operation that was refused.
    pub endpoint: &'static str,
    /// 4xx.
    pub status: StatusCode,
    /// For the connector to read; never logged.
    pub body: Vec<u8>,
}

//! Every call to the outside goes through here: time-outs, budgets, breaker, and repeating where that is safe.
//!
//! The result of a call says what a caller must know to never do anything twice: the answer, a definite refusal, that
//! it was surely not sent, or that nobody knows ([`CallError::Unanswered`]).

mod breaker;
mod budget;
mod classify;
mod client;
mod error;
mod ledger;
mod measure;
mod options;
mod permits;
mod pool;
mod repeat;
mod store;

pub use classify::only_429;
pub use error::{CallError, Refusal};
pub use options::Options;
pub use permits::Permits;
pub use repeat::Outbound;

use crate::base::Secret;
use http::{HeaderMap, Method, StatusCode};
use serde::de::DeserializeOwned;
use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
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

/// One request to a provider. `Debug` shows neither its query nor its body.
#[derive(Clone)]
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
    /// Recognises answers that mean "too many requests" though their status is not 429, as Google's 403 with
    /// `rateLimitExceeded`. [`only_429`] where the provider has no such habit. Asked about other 4xx only.
    pub throttled: fn(StatusCode, &[u8]) -> bool,
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
#[derive(Clone)]
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
    /// Writes: repeated only when the provider said that it did not carry them out (429).
    Never,
}

/// An answer with a status below 400. `Debug` shows the length of the body, not the body.
#[derive(Clone)]
pub struct Reply {
    /// 2xx or 3xx: redirects are not followed, because credentials would go along.
    pub status: StatusCode,
    /// As they came.
    pub headers: HeaderMap,
    /// Whole, and not larger than the setting allows.
    pub body: Vec<u8>,
    /// The operation that was answered.
    pub endpoint: &'static str,
}

impl Reply {
    /// Reads the body as the JSON that was promised. [`CallError::Unanswered`] when it is something else: a read may be
    /// made again, and of a write nobody knows whether it was carried out.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_slice(&self.body).map_err(|cause| CallError::Unanswered {
            // The position is shown, the cause is not: it quotes what it did not understand.
            why: format!(
                "{} answered {} with something other than promised (line {}, column {})",
                self.endpoint,
                self.status.as_u16(),
                cause.line(),
                cause.column()
            ),
        })
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("endpoint", &self.endpoint)
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("repeat", &self.repeat)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Json(_) => "Json(…)",
            Self::Form(_) => "Form(…)",
        })
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("endpoint", &self.endpoint)
            .field("status", &self.status)
            .field("body.bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Nothing in here panics half-way through a change, so what a poisoned lock guards is as good.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! How patient and how cautious calls are.

use http::HeaderMap;
use std::time::Duration;

/// How patient and how cautious calls are.
#[derive(Clone, Debug)]
pub struct Options {
    /// Longest that one attempt takes, connecting and reading the whole answer included.
    pub timeout: Duration,
    /// Longest that connecting takes, within `timeout`.
    pub connect_timeout: Duration,
    /// Attempts after the first.
    pub retries: u32,
    /// The first wait between two attempts is random, up to this; each further one up to double the one before.
    pub backoff_base: Duration,
    /// The longest wait between two attempts, unless the provider asks for more.
    pub backoff_max: Duration,
    /// Longest that a call waits for its budget, or as the provider asks; when it would be longer the call says until when.
    pub max_inline_wait: Duration,
    /// So many broken connections, time-outs or 5xx in a row open the breaker.
    pub breaker_failures: u32,
    /// How long the breaker stays open the first time; each time in a row it is doubled, up to sixteen times this.
    pub breaker_open: Duration,
    /// Largest answer, after decompression, in bytes.
    pub max_body_bytes: usize,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Whether credentials may go over plain HTTP to other machines. To this machine they always may.
    pub allow_plain_http: bool,
    /// Adds the headers that carry the current span to the provider; does nothing unless telemetry is there.
    pub trace: fn(&mut HeaderMap),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            retries: 4,
            backoff_base: Duration::from_millis(200),
            backoff_max: Duration::from_secs(20),
            max_inline_wait: Duration::from_secs(10),
            breaker_failures: 8,
            breaker_open: Duration::from_secs(30),
            max_body_bytes: 32 << 20,
            user_agent: concat!("syncline/", env!("CARGO_PKG_VERSION")).to_owned(),
            allow_plain_http: false,
            trace: |_| {},
        }
    }
}

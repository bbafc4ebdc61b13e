//! What an attempt's outcome means for doing it again.

use crate::outbound::{Call, Refusal, Reply, client::Attempt};
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use std::time::Duration;

/// Longest that a provider is believed to want us to wait: a header that says a year is a mistake.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// What an attempt's outcome means.
#[derive(Debug)]
pub(super) enum Verdict {
    /// A good answer.
    Done(Reply),
    /// The provider's definite no.
    Refused(Refusal),
    /// Definitely not carried out: too many requests.
    Throttled { retry_after: Option<Duration> },
    /// Surely not sent.
    NotSent { why: String },
    /// May have been carried out, and a read may be made again.
    Unclear {
        why: String,
        retry_after: Option<Duration>,
    },
    /// May have been carried out, and asking again gives no better answer.
    Useless { why: String },
}

impl Verdict {
    /// Whether the provider does not work as it should. A refusal or a rate limit shows that it does.
    pub(super) fn is_failure(&self) -> bool {
        matches!(self, Self::NotSent { .. } | Self::Unclear { .. })
    }

    /// The status, where there was one worth recording.
    pub(super) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Done(reply) => Some(reply.status),
            Self::Refused(refusal) => Some(refusal.status),
            Self::Throttled { .. } => Some(StatusCode::TOO_MANY_REQUESTS),
            Self::NotSent { .. } | Self::Unclear { .. } | Self::Useless { .. } => None,
        }
    }
}

/// For providers that say "too many requests" by 429 and by nothing else.
pub fn only_429(_status: StatusCode, _body: &[u8]) -> bool {
    false
}

/// Judges `attempt` of `call`; `now` is what a date in `Retry-After` is compared with.
pub(super) fn judge(call: &Call, attempt: Attempt, now: DateTime<Utc>) -> Verdict {
    let endpoint = call.endpoint;
    let (status, headers, body) = match attempt {
        Attempt::NotSent(why) => {
            return Verdict::NotSent {
                why: format!("{endpoint}: {why}"),
            };
        }
        Attempt::Broken(why) => {
            return Verdict::Unclear {
                why: format!("{endpoint}: {why}"),
                retry_after: None,
            };
        }
        Attempt::TooLarge => {
            return Verdict::Useless {
                why: format!("{endpoint}: the answer is larger than allowed"),
            };
        }
        Attempt::Answered {
            status,
            headers,
            body,
        } => (status, headers, body),
    };
    if status == StatusCode::TOO_MANY_REQUESTS
        || (status.is_client_error() && (call.throttled)(status, &body))
    {
        Verdict::Throttled {
            retry_after: retry_after(&headers, now),
        }
    } else if status == StatusCode::REQUEST_TIMEOUT || status.is_server_error() {
        Verdict::Unclear {
            why: format!("{endpoint}: answered {}", status.as_u16()),
            retry_after: retry_after(&headers, now),
        }
    } else if status.is_client_error() {
        Verdict::Refused(Refusal {
            endpoint,
            status,
            body,
        })
    } else {
        Verdict::Done(Reply {
            status,
            headers,
            body,
            endpoint,
        })
    }
}

/// `Retry-After` as seconds or as a date; `None` when absent or neither.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => (DateTime::parse_from_rfc2822(text).ok()?.to_utc() - now)
            .max(TimeDelta::zero())
            .to_std()
            .ok()?,
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(text: &str) -> Option<Duration> {
        let now = DateTime::from_timestamp(1_784_000_000, 0).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().unwrap());
        retry_after(&headers, now)
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let date = DateTime::from_timestamp(1_784_000_090, 0).unwrap();
        let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait(&date), Some(Duration::from_secs(90)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn an_absurd_retry_after_is_cut_or_ignored() {
        assert_eq!(wait("99999999999"), Some(LONGEST_RETRY_AFTER));
        assert_eq!(wait("-5"), None);
        assert_eq!(wait("soon"), None);
    }
}

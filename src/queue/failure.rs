//! What went wrong between us and Redis, told by what can be done about it.

use crate::base::Error;
use fred::error::{Error as RedisError, ErrorKind};

/// An error of the Redis at `place`. None of them says whether the command was carried out: look, do not repeat.
pub(super) fn told(place: &str, error: &RedisError) -> Error {
    let details = error.details();
    let word = details.split(' ').next().unwrap_or_default();
    let (reason, what) = match word {
        "OOM" => (
            "REDIS_FULL",
            "its memory is used up (maxmemory), so it takes nothing new",
        ),
        "NOAUTH" | "WRONGPASS" | "NOPERM" => (
            "REDIS_REFUSED",
            "it does not accept the credentials of REDIS_URL, or they may not do this",
        ),
        "LOADING" | "MASTERDOWN" | "READONLY" | "CLUSTERDOWN" | "TRYAGAIN" | "BUSY" => {
            ("REDIS_NOT_READY", details)
        }
        "MISCONF" => (
            "REDIS_NOT_READY",
            "it cannot save to its disk and refuses writes",
        ),
        _ => match error.kind() {
            ErrorKind::Auth => (
                "REDIS_REFUSED",
                "it does not accept the credentials of REDIS_URL",
            ),
            ErrorKind::Timeout => ("REDIS_TIMEOUT", "it did not answer in time"),
            ErrorKind::IO
            | ErrorKind::Canceled
            | ErrorKind::Routing
            | ErrorKind::Cluster
            | ErrorKind::Sentinel
            | ErrorKind::Tls => ("REDIS_UNREACHABLE", "the connection is lost"),
            _ => return Error::internal(format!("Redis at {place}: {error}")),
        },
    };
    Error::unavailable(reason, format!("Redis at {place} cannot be used: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(kind: ErrorKind, details: &'static str) -> String {
        match told("127.0.0.1:6379", &RedisError::new(kind, details)) {
            Error::Unavailable { reason, .. } => reason.to_owned(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn errors_are_told_by_what_can_be_done() {
        let unknown = ErrorKind::Unknown;
        assert_eq!(
            reason(
                unknown.clone(),
                "OOM command not allowed when used memory > 'maxmemory'."
            ),
            "REDIS_FULL"
        );
        assert_eq!(
            reason(unknown.clone(), "LOADING Redis is loading"),
            "REDIS_NOT_READY"
        );
        assert_eq!(reason(unknown, "MISCONF errors writing"), "REDIS_NOT_READY");
        assert_eq!(
            reason(ErrorKind::Auth, "WRONGPASS invalid"),
            "REDIS_REFUSED"
        );
        assert_eq!(
            reason(ErrorKind::Timeout, "Request timed out."),
            "REDIS_TIMEOUT"
        );
        assert_eq!(
            reason(ErrorKind::IO, "Connection reset"),
            "REDIS_UNREACHABLE"
        );
        assert!(reason(ErrorKind::Protocol, "odd").starts_with("Internal"));
    }
}

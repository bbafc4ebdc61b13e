//! The one place that knows gRPC codes. `docs/errors.md` lists every reason that is made here or passed through.

use crate::base::{Error, Violation};
use http::HeaderMap;
use std::{collections::HashMap, time::Duration};
use tonic::{Code, Status, body::Body};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

/// The domain of every `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "syncline";

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, reason, metadata) = classify(&error);
        let mut details = ErrorDetails::with_error_info(reason, DOMAIN, metadata);
        let message = match &error {
            Error::Invalid(violations) => {
                details.set_bad_request(
                    violations
                        .iter()
                        .map(|violation| {
                            FieldViolation::new(&violation.field, &violation.description)
                        })
                        .collect::<Vec<_>>(),
                );
                error.to_string()
            }
            Error::Internal(cause) => {
                // The cause stays here: it may hold SQL or values. It is logged once, where it leaves the program.
                tracing::error!(error.cause = %cause, "an internal error was answered");
                "internal error; the server's log has the cause".to_owned()
            }
            _ => error.to_string(),
        };
        let retry_at = match &error {
            Error::Exhausted { until, .. } => Some(*until),
            Error::Unavailable { retry_at, .. } => *retry_at,
            _ => None,
        };
        if let Error::Limited { wait, .. } = &error {
            details.set_retry_info(Some(*wait));
        }
        if let Some(at) = retry_at {
            let wait = (at - crate::base::Clock::system().now())
                .to_std()
                .unwrap_or_default();
            details.set_retry_info(Some(wait));
        }
        Status::with_error_details(code, message, details)
    }
}

/// What answers a call that failed.
pub fn answer(error: Error) -> http::Response<Body> {
    Status::from(error).into_http()
}

/// What ends a stream that failed.
pub fn trailers(error: Error) -> HeaderMap {
    answer(error).headers().clone()
}

fn classify(error: &Error) -> (Code, &'static str, HashMap<String, String>) {
    let mut metadata = HashMap::new();
    let (code, reason) = match error {
        Error::Invalid(_) => (Code::InvalidArgument, "INVALID_ARGUMENT"),
        Error::NotFound { kind, .. } => {
            metadata.insert("resource_type".to_owned(), (*kind).to_owned());
            (Code::NotFound, "NOT_FOUND")
        }
        Error::Exists { kind, .. } => {
            metadata.insert("resource_type".to_owned(), (*kind).to_owned());
            (Code::AlreadyExists, "ALREADY_EXISTS")
        }
        Error::Conflict { .. } => (Code::Aborted, "CHANGED_MEANWHILE"),
        Error::Precondition { reason, .. } => (Code::FailedPrecondition, *reason),
        Error::NeedsReauth { token, .. } => {
            metadata.insert("token".to_owned(), token.clone());
            (Code::FailedPrecondition, "NEEDS_REAUTH")
        }
        Error::Exhausted { .. } => (Code::ResourceExhausted, "BUDGET_EXHAUSTED"),
        Error::Limited { reason, .. } => (Code::ResourceExhausted, *reason),
        Error::Unavailable { reason, .. } => (Code::Unavailable, *reason),
        Error::Refused { reason, .. } => (Code::FailedPrecondition, *reason),
        Error::Unauthenticated { reason, .. } => (Code::Unauthenticated, *reason),
        Error::Denied { reason, .. } => (Code::PermissionDenied, *reason),
        Error::Late { .. } => (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        Error::Cancelled => (Code::Cancelled, "CANCELLED"),
        Error::Internal(_) => (Code::Internal, "INTERNAL"),
    };
    (code, reason, metadata)
}

/// An error that gRPC itself answered, such as for a message that cannot be read, in our terms: with a reason, and with the
/// code that says whose fault it is. `None` for everything that has its reason already, and where nothing went wrong.
pub fn completed(headers: &HeaderMap) -> Option<Status> {
    let status = Status::from_header_map(headers)?;
    if status.code() == Code::Ok || !status.details().is_empty() {
        return None;
    }
    let said = status.message();
    let (code, reason, message) = match status.code() {
        Code::Unimplemented if said.contains("compressed") => (
            Code::Unimplemented,
            "COMPRESSION_UNSUPPORTED",
            "the request is compressed, and this server takes none that is: send it as it is".to_owned(),
        ),
        Code::Unimplemented => (
            Code::Unimplemented,
            "METHOD_UNKNOWN",
            "this server has no such service or method: a newer one may, and reflection lists those of this one"
                .to_owned(),
        ),
        Code::OutOfRange | Code::ResourceExhausted if said.contains("encoded message") => (
            Code::ResourceExhausted,
            "ANSWER_TOO_LARGE",
            too_large(said, "answer", "sends", "grpc.max_answer_bytes"),
        ),
        Code::OutOfRange | Code::ResourceExhausted => (
            Code::ResourceExhausted,
            "MESSAGE_TOO_LARGE",
            too_large(said, "request", "takes", "grpc.max_message_bytes"),
        ),
        // The request is what cannot be read: every error of our own has a reason.
        Code::Internal => (
            Code::InvalidArgument,
            "REQUEST_UNREADABLE",
            format!("the request cannot be read as the message that the method takes: {said}"),
        ),
        Code::NotFound => (Code::NotFound, "NOT_FOUND", said.to_owned()),
        Code::InvalidArgument => (Code::InvalidArgument, "INVALID_ARGUMENT", said.to_owned()),
        Code::Cancelled => (Code::Cancelled, "CANCELLED", said.to_owned()),
        other => (other, "INTERNAL", said.to_owned()),
    };
    let details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
    Some(Status::with_error_details(code, message, details))
}

/// Why an answer refuses the caller: the reason, where its code is UNAUTHENTICATED or PERMISSION_DENIED.
pub fn refused(headers: &HeaderMap) -> Option<String> {
    // Most answers have no status among their headers, and are not looked at further.
    headers.get("grpc-status")?;
    let status = Status::from_header_map(headers)?;
    let refused = matches!(
        status.code(),
        Code::Unauthenticated | Code::PermissionDenied
    );
    let info = refused.then(|| status.get_details_error_info()).flatten();
    info.map(|info| info.reason)
}

/// gRPC's own text has the two numbers and no word about where the limit comes from.
/// What to say of a message, for which gRPC names what it has and what it may have.
fn too_large(said: &str, message: &str, does: &str, setting: &str) -> String {
    let numbers: Vec<_> = said
        .split(|character: char| !character.is_ascii_digit())
        .filter(|number| !number.is_empty())
        .collect();
    match numbers.as_slice() {
        [found, limit] => {
            format!("the {message} has {found} bytes, and this server {does} {limit} ({setting})")
        }
        _ => format!("the {message} has more bytes than this server {does} ({setting})"),
    }
}

/// A call that was refused, as the client reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code's name in UPPER_SNAKE.
    pub code: String,
    /// The reason, where the answer came from a server of ours; else empty, as for a server that cannot be reached.
    pub reason: String,
    /// For a person.
    pub message: String,
    /// All wrong fields.
    pub violations: Vec<Violation>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Whether there is no such resource.
    pub fn is_not_found(status: &Status) -> bool {
        status.code() == Code::NotFound
    }

    /// Whether there is such a resource already.
    pub fn is_taken(status: &Status) -> bool {
        status.code() == Code::AlreadyExists
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::from(&Status::from(error))
    }
}

impl From<&Status> for Refusal {
    fn from(status: &Status) -> Self {
        let details = status.get_error_details();
        let violations = details.bad_request().map(|wrong| {
            let wrong = wrong.field_violations.iter();
            wrong
                .map(|wrong| Violation::new(&wrong.field, &wrong.description))
                .collect()
        });
        Self {
            code: upper_snake(&format!("{:?}", status.code())),
            reason: details
                .error_info()
                .map(|info| info.reason.clone())
                .unwrap_or_default(),
            message: status.message().to_owned(),
            violations: violations.unwrap_or_default(),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
        }
    }
}

fn upper_snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_uppercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_reads_what_an_error_became() {
        let status = Status::from(Error::Invalid(vec![Violation::new(
            "sync.days",
            "expected 1",
        )]));
        let refusal = Refusal::from(&status);
        assert_eq!(refusal.code, "INVALID_ARGUMENT");
        assert_eq!(refusal.reason, "INVALID_ARGUMENT");
        assert_eq!(
            refusal.violations,
            [Violation::new("sync.days", "expected 1")]
        );
    }

    /// What a client reads where gRPC answered with this.
    fn read(code: Code, message: &str) -> Refusal {
        let answered = Status::new(code, message).into_http::<()>();
        let completed = completed(answered.headers()).expect("an answer without a reason");
        Refusal::from(&completed)
    }

    #[test]
    fn what_grpc_answers_itself_gets_a_reason_and_the_right_code() {
        let large = read(
            Code::OutOfRange,
            "Error, decoded message length too large: found 11 bytes, the limit is: 10 bytes",
        );
        assert_eq!(
            (large.code.as_str(), large.reason.as_str()),
            ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")
        );
        assert!(large.message.contains("has 11 bytes"), "{large:?}");
        let large = read(
            Code::OutOfRange,
            "Error, encoded message length too large: found 11 bytes, the limit is: 10 bytes",
        );
        assert_eq!(large.reason, "ANSWER_TOO_LARGE");
        assert!(large.message.contains("grpc.max_answer_bytes"), "{large:?}");
        for (code, reason) in [
            (Code::Internal, "REQUEST_UNREADABLE"),
            (Code::Unimplemented, "METHOD_UNKNOWN"),
            (Code::NotFound, "NOT_FOUND"),
            (Code::Unknown, "INTERNAL"),
        ] {
            assert_eq!(read(code, "").reason, reason, "{code:?}");
        }
    }

    #[test]
    fn an_answer_that_has_its_reason_stays_as_it_is() {
        let ours = Status::from(Error::internal("composed")).into_http::<()>();
        assert!(completed(ours.headers()).is_none());
        assert!(completed(Status::ok("").into_http::<()>().headers()).is_none());
        assert!(completed(&HeaderMap::new()).is_none());
    }

    #[test]
    fn an_answer_of_somebody_else_is_read_without_details() {
        let refusal = Refusal::from(&Status::unavailable("nobody there"));
        assert_eq!(
            (refusal.code.as_str(), refusal.reason.as_str()),
            ("UNAVAILABLE", "")
        );
    }
}

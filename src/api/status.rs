//! The one place that knows gRPC codes. `docs/errors.md` lists every reason that is made here or passed through.

use crate::base::Error;
use std::collections::HashMap;
use tonic::{Code, Status};
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
        if let Some(at) = retry_at {
            let wait = (at - crate::base::Clock::system().now())
                .to_std()
                .unwrap_or_default();
            details.set_retry_info(Some(wait));
        }
        Status::with_error_details(code, message, details)
    }
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
        Error::Unavailable { reason, .. } => (Code::Unavailable, *reason),
        Error::Refused { reason, .. } => (Code::FailedPrecondition, *reason),
        Error::Denied { reason, .. } => (Code::PermissionDenied, *reason),
        Error::Cancelled => (Code::Cancelled, "CANCELLED"),
        Error::Internal(_) => (Code::Internal, "INTERNAL"),
    };
    (code, reason, metadata)
}

//! What the errors of the token endpoint mean. The distinction that matters: only [`OAuthError::NeedsReauth`] says
//! that a person must act, and only [`OAuthError::Unanswered`] leaves open whether a single-use token was used up.

use crate::{
    base::{Error, Secret, TokenName},
    connectors::said,
    outbound::{CallError, Refusal},
};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// The grant is dead (revoked, expired, restricted by an administrator), or a code does not work. Never retried.
    #[error("Google asks the user to connect the account again ({error}{})", details(.subtype, .description))]
    NeedsReauth {
        /// As in `invalid_grant`.
        error: String,
        /// As in `invalid_rapt`.
        subtype: Option<String>,
        /// Google's words; no secret in them.
        description: Option<String>,
    },
    /// The OAuth client is set up wrongly: client id, secret, redirect address. The grant is not to blame.
    #[error("Google does not accept the OAuth client ({error}{}); check its id, secret and redirect addresses", details(&None, .description))]
    ClientWrong {
        /// As in `invalid_client`.
        error: String,
        /// Google's words; no secret in them.
        description: Option<String>,
    },
    /// Not carried out, surely; the same call may work later.
    #[error("{why}")]
    Transient {
        /// For a person.
        why: String,
        /// When trying again makes sense, where that is known.
        retry_at: Option<DateTime<Utc>>,
    },
    /// Nobody knows whether it was carried out: no answer, 5xx, or one that cannot be read. A single-use refresh token
    /// may be used up.
    #[error("{why}")]
    Unanswered {
        /// For a person.
        why: String,
    },
}

fn details(subtype: &Option<String>, description: &Option<String>) -> String {
    [subtype, description]
        .into_iter()
        .flatten()
        .map(|part| format!(", {part}"))
        .collect()
}

const REAUTH: [&str; 4] = [
    "invalid_grant",
    "invalid_rapt",
    "admin_policy_enforced",
    "access_denied",
];
const CLIENT: [&str; 10] = [
    "invalid_client",
    "unauthorized_client",
    "redirect_uri_mismatch",
    "invalid_request",
    "invalid_scope",
    "unsupported_grant_type",
    "deleted_client",
    "disabled_client",
    "org_internal",
    "invalid_token",
];
/// Google has these both as error and as description.
const TRANSIENT: [&str; 3] = [
    "internal_failure",
    "server_error",
    "temporarily_unavailable",
];

impl OAuthError {
    /// `sent` are the secrets of the request, which no message may repeat.
    pub(super) fn new(error: CallError, sent: &[&Secret]) -> Self {
        match error {
            CallError::Refused(refusal) => Self::refused(&refusal, sent),
            CallError::Unanswered { why } => Self::Unanswered { why },
            CallError::NotSent { why, retry_at } => Self::Transient { why, retry_at },
            CallError::OutOfBudget { until, .. } => Self::Transient {
                why: error.to_string(),
                retry_at: Some(until),
            },
        }
    }

    /// A refusal that is no JSON, or names an error that nobody knows, is taken for passing trouble: to ask a person
    /// without need is worse than to ask the provider again.
    fn refused(refusal: &Refusal, sent: &[&Secret]) -> Self {
        let body: Value = serde_json::from_slice(&refusal.body).unwrap_or_default();
        let text = |key: &str| body.get(key).and_then(Value::as_str);
        let error = text("error").and_then(said::code).unwrap_or_default();
        let raw_description = text("error_description").unwrap_or_default();
        let description = said::presentable(raw_description, sent);
        let subtype = text("error_subtype").and_then(said::code);
        let one_of = |list: &[&str]| list.contains(&error.as_str());
        if one_of(&REAUTH) && !TRANSIENT.contains(&raw_description) {
            Self::NeedsReauth {
                error,
                subtype,
                description,
            }
        } else if one_of(&CLIENT) && !TRANSIENT.contains(&raw_description) {
            Self::ClientWrong { error, description }
        } else {
            let status = refusal.status.as_u16();
            let error = if error.is_empty() {
                "no error code"
            } else {
                &error
            };
            Self::Transient {
                why: format!("{} was refused with {status} ({error})", refusal.endpoint),
                retry_at: None,
            }
        }
    }

    /// As the error of a use case that worked on `token`.
    pub fn for_token(self, token: &TokenName) -> Error {
        let message = self.to_string();
        match self {
            Self::NeedsReauth { .. } => Error::NeedsReauth {
                token: token.to_string(),
                message,
            },
            Self::ClientWrong { .. } => Error::precondition("OAUTH_CLIENT_WRONG", message),
            Self::Transient { retry_at, .. } => Error::Unavailable {
                reason: "PROVIDER_UNREACHABLE",
                what: message,
                retry_at,
            },
            Self::Unanswered { .. } => Error::unavailable("PROVIDER_UNANSWERED", message),
        }
    }
}

/// Whether `body` names `error`.
pub(super) fn is(body: &[u8], error: &str) -> bool {
    serde_json::from_slice::<Value>(body)
        .is_ok_and(|body| body.get("error").and_then(Value::as_str) == Some(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;
    use proptest::prelude::*;

    fn refused(status: u16, body: &str) -> OAuthError {
        let refusal = Refusal {
            endpoint: "google.token.refresh",
            status: StatusCode::from_u16(status).expect("a status"),
            body: body.into(),
        };
        OAuthError::new(CallError::Refused(refusal), &[&"1//0composed".into()])
    }

    #[test]
    fn a_dead_grant_needs_a_person() {
        for body in [
            r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#,
            r#"{"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)","error_subtype":"invalid_rapt"}"#,
            r#"{"error":"admin_policy_enforced"}"#,
        ] {
            assert!(
                matches!(refused(400, body), OAuthError::NeedsReauth { .. }),
                "{body}"
            );
        }
    }

    #[test]
    fn a_wrong_client_is_not_the_grants_fault() {
        for (status, error) in [
            (401, "invalid_client"),
            (400, "redirect_uri_mismatch"),
            (400, "unsupported_grant_type"),
            (401, "unauthorized_client"),
        ] {
            let body = format!(r#"{{"error":"{error}","error_description":"Unauthorized"}}"#);
            assert!(
                matches!(refused(status, &body), OAuthError::ClientWrong { .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn pages_unknown_codes_and_internal_failures_pass() {
        for body in [
            "<html>Sorry</html>",
            "",
            "[]",
            r#"{"error":"something_new"}"#,
            r#"{"error":{"code":400}}"#,
            r#"{"error":"rate_limit_exceeded"}"#,
            r#"{"error":"invalid_grant","error_description":"internal_failure"}"#,
            r#"{"error":"server_error"}"#,
        ] {
            assert!(
                matches!(refused(400, body), OAuthError::Transient { .. }),
                "{body}"
            );
        }
    }

    #[test]
    fn a_description_that_repeats_what_was_sent_is_not_shown() {
        let error = refused(
            400,
            r#"{"error":"invalid_grant","error_description":"Bad 1//0composed"}"#,
        );
        assert!(!format!("{error} {error:?}").contains("1//0composed"));
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(status in 400u16..500, body in ".{0,200}") {
            let _ = refused(status, &body).to_string();
        }
    }
}

//! What Google's errors mean: `google.rpc.Status` as JSON, Calendar's older form of it, and OAuth's flat one.

use crate::{
    base::{Error, TokenName},
    connectors::said,
    outbound::{CallError, Refusal},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

/// Why a read from Google failed.
#[derive(Debug, thiserror::Error)]
pub enum GoogleError {
    /// 401: the access token is expired or revoked. Refresh it once, then ask the user to connect again.
    #[error(
        "Google does not accept the access token of {token}; refresh it, or connect the account again"
    )]
    Unauthenticated {
        /// Whose secret was sent.
        token: TokenName,
    },
    /// 403: the user did not grant a scope that the call needs.
    #[error(
        "{token} lacks a permission that {endpoint} needs; connect the account again and leave every box ticked"
    )]
    ScopeMissing {
        /// The token to connect again.
        token: TokenName,
        /// The operation.
        endpoint: &'static str,
    },
    /// 403: the API is switched off in the Google Cloud project of the OAuth client.
    #[error(
        "the API {service} is not enabled in the Google Cloud project of the OAuth client; enable it under APIs & Services"
    )]
    ApiDisabled {
        /// As in `meet.googleapis.com`, or the operation where Google does not say.
        service: String,
    },
    /// 403 without one of the reasons above: the user may not see the object.
    #[error("Google does not let {token} see what {endpoint} asks for")]
    Forbidden {
        /// Whose secret was sent.
        token: TokenName,
        /// The operation.
        endpoint: &'static str,
    },
    /// 404: no such object, expired (conferences after 30 days), or invisible.
    #[error("{endpoint}: Google has no such object, or has it no more")]
    NotFound {
        /// The operation.
        endpoint: &'static str,
    },
    /// 410: what was read so far does not hold any more; read from the start.
    #[error("{endpoint}: Google asks to read everything again")]
    Expired {
        /// The operation.
        endpoint: &'static str,
    },
    /// Another 4xx: the same request is refused again.
    #[error("Google refused {endpoint} with {status} ({reason})")]
    Refused {
        /// The operation.
        endpoint: &'static str,
        /// The HTTP status.
        status: StatusCode,
        /// Google's reason code, or "no reason given".
        reason: String,
    },
    /// No usable answer; never [`CallError::Refused`]. A rate limit is [`CallError::NotSent`].
    #[error(transparent)]
    Call(CallError),
}

impl GoogleError {
    pub(super) fn new(error: CallError, token: &TokenName) -> Self {
        match error {
            CallError::Refused(refusal) => Self::refused(&refusal, token),
            other => Self::Call(other),
        }
    }

    fn refused(refusal: &Refusal, token: &TokenName) -> Self {
        let (endpoint, status, token) = (refusal.endpoint, refusal.status, token.clone());
        let said = Said::from_body(&refusal.body);
        if said.any(&SCOPE) {
            return Self::ScopeMissing { token, endpoint };
        }
        match status.as_u16() {
            401 => Self::Unauthenticated { token },
            403 if said.any(&DISABLED) => Self::ApiDisabled {
                service: said.service.unwrap_or_else(|| endpoint.to_owned()),
            },
            403 => Self::Forbidden { token, endpoint },
            404 => Self::NotFound { endpoint },
            410 => Self::Expired { endpoint },
            _ => Self::Refused {
                endpoint,
                status,
                reason: said.reason(),
            },
        }
    }
}

/// Recognises "too many requests" behind a 403.
pub(super) fn is_throttled(status: StatusCode, body: &[u8]) -> bool {
    status == StatusCode::FORBIDDEN && Said::from_body(body).any(&RATE)
}

const SCOPE: [&str; 3] = [
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    "insufficientPermissions",
    "insufficient_scope",
];
const RATE: [&str; 6] = [
    "RATE_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "userRateLimitExceeded",
    "rateLimitExceeded",
    "quotaExceeded",
    "dailyLimitExceeded",
];
const DISABLED: [&str; 2] = ["SERVICE_DISABLED", "accessNotConfigured"];

/// What an error body says, as far as a program may act on it. Messages are left out: they can echo the request.
#[derive(Default)]
struct Said {
    /// The most telling first.
    reasons: Vec<String>,
    service: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    status: Value,
    errors: Vec<Value>,
    details: Vec<Value>,
}

impl Said {
    /// Never fails: a body that is no JSON says nothing.
    fn from_body(body: &[u8]) -> Self {
        let error = serde_json::from_slice::<Value>(body)
            .ok()
            .and_then(|mut body| body.get_mut("error").map(Value::take))
            .unwrap_or_default();
        if let Value::String(reason) = &error {
            return Self {
                reasons: said::code(reason).into_iter().collect(),
                service: None,
            };
        }
        let status: Status = serde_json::from_value(error).unwrap_or_default();
        let reasons = status
            .details
            .iter()
            .chain(&status.errors)
            .filter_map(|detail| detail["reason"].as_str())
            .chain(status.status.as_str())
            .filter_map(said::code)
            .collect();
        let service = status
            .details
            .iter()
            .find_map(|detail| detail["metadata"]["service"].as_str())
            .and_then(|service| said::presentable(service, &[]));
        Self { reasons, service }
    }

    fn any(&self, of: &[&str]) -> bool {
        self.reasons
            .iter()
            .any(|reason| of.contains(&reason.as_str()))
    }

    fn reason(&self) -> String {
        self.reasons
            .first()
            .cloned()
            .unwrap_or_else(|| "no reason given".to_owned())
    }
}

impl From<GoogleError> for Error {
    fn from(error: GoogleError) -> Self {
        let message = error.to_string();
        match error {
            GoogleError::Unauthenticated { token } => Self::NeedsReauth {
                token: token.to_string(),
                message,
            },
            GoogleError::ScopeMissing { .. } => Self::precondition("SCOPE_MISSING", message),
            GoogleError::ApiDisabled { .. } => Self::precondition("API_DISABLED", message),
            GoogleError::Expired { .. } => Self::unavailable("PROVIDER_STATE_EXPIRED", message),
            GoogleError::Forbidden { .. } => Self::Refused {
                reason: "PROVIDER_FORBIDDEN",
                what: message,
            },
            GoogleError::NotFound { .. } => Self::Refused {
                reason: "PROVIDER_NOT_FOUND",
                what: message,
            },
            GoogleError::Refused { .. } => Self::Refused {
                reason: "PROVIDER_REFUSED",
                what: message,
            },
            GoogleError::Call(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn token() -> TokenName {
        TokenName::parse("token", "tenants/default/tokens/google").expect("a name")
    }

    fn refused(status: u16, body: &str) -> GoogleError {
        let refusal = Refusal {
            endpoint: "meet.conferenceRecords.list",
            status: StatusCode::from_u16(status).expect("a status"),
            body: body.into(),
        };
        GoogleError::refused(&refusal, &token())
    }

    fn rpc(status: &str, reason: &str) -> String {
        json!({"error": {"code": 403, "message": "canary", "status": status, "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com",
                "metadata": {"service": "meet.googleapis.com"}}]}})
        .to_string()
    }

    fn legacy(reason: &str) -> String {
        json!({"error": {"errors": [{"domain": "usageLimits", "reason": reason, "message": "canary"}], "code": 403}})
            .to_string()
    }

    #[test]
    fn a_missing_scope_is_told_in_all_three_dialects() {
        for (status, body) in [
            (
                403,
                rpc("PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
            ),
            (403, legacy("insufficientPermissions")),
            (401, r#"{"error":"insufficient_scope"}"#.to_owned()),
        ] {
            assert!(
                matches!(refused(status, &body), GoogleError::ScopeMissing { .. }),
                "{body}"
            );
        }
    }

    #[test]
    fn the_status_decides_where_no_reason_is_given() {
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"error":null}"#,
            r#"{"error":{"errors":null}}"#,
        ] {
            assert!(matches!(
                refused(401, body),
                GoogleError::Unauthenticated { .. }
            ));
            assert!(matches!(refused(403, body), GoogleError::Forbidden { .. }));
            assert!(matches!(refused(404, body), GoogleError::NotFound { .. }));
            assert!(matches!(refused(410, body), GoogleError::Expired { .. }));
            assert!(matches!(refused(400, body), GoogleError::Refused { .. }));
        }
    }

    #[test]
    fn a_switched_off_api_names_the_service_and_no_message_is_echoed() {
        let error = refused(403, &rpc("PERMISSION_DENIED", "SERVICE_DISABLED"));
        assert!(error.to_string().contains("meet.googleapis.com"), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
        assert!(matches!(
            Error::from(error),
            Error::Precondition {
                reason: "API_DISABLED",
                ..
            }
        ));
    }

    #[test]
    fn rate_limits_behind_a_403_are_recognised() {
        for reason in [
            "userRateLimitExceeded",
            "rateLimitExceeded",
            "quotaExceeded",
        ] {
            assert!(is_throttled(
                StatusCode::FORBIDDEN,
                legacy(reason).as_bytes()
            ));
        }
        let meet = rpc("RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED");
        assert!(is_throttled(StatusCode::FORBIDDEN, meet.as_bytes()));
        let scope = rpc("PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
        assert!(!is_throttled(StatusCode::FORBIDDEN, scope.as_bytes()));
        assert!(!is_throttled(StatusCode::NOT_FOUND, meet.as_bytes()));
    }

    #[test]
    fn a_rejected_token_is_a_matter_for_its_owner() {
        match Error::from(refused(401, "{}")) {
            Error::NeedsReauth { token, .. } => assert_eq!(token, "tenants/default/tokens/google"),
            other => panic!("{other}"),
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(status in 400u16..500, value in crate::connectors::wire::arbitrary::json(
            &["error", "errors", "details", "reason", "metadata", "service", "status"])) {
            let body = json!({"error": value}).to_string();
            let _ = Error::from(refused(status, &body)).to_string();
        }
    }
}

//! What Google's errors mean: `google.rpc.Status` as JSON, Calendar's older form of it, and OAuth's flat one.

use crate::{
    base::{Error, TokenName},
    connectors::{Outage, outage},
    outbound::Refusal,
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

/// Why a read from Google failed.
#[derive(Debug, thiserror::Error)]
pub enum GoogleError {
    /// 401: the access token is expired or revoked. Refresh it once, then ask the user to connect again.
    #[error("Google does not accept the access token of {token}; refresh it, or connect the account again")]
    Unauthenticated {
        /// Whose secret was sent.
        token: TokenName,
    },
    /// 403: the user did not grant a scope that the call needs.
    #[error("{token} lacks a permission that {endpoint} needs; connect the account again and leave every box ticked")]
    ScopeMissing {
        /// The token to connect again.
        token: TokenName,
        /// The operation.
        endpoint: &'static str,
    },
    /// 403: the API is switched off in the Google Cloud project of the OAuth client.
    #[error("the API {service} is not enabled in the Google Cloud project of the OAuth client; enable it under APIs & Services")]
    ApiDisabled {
        /// As in `meet.googleapis.com`, or the operation where Google does not say.
        service: String,
    },
    /// 403 or 429 with a rate-limit reason.
    #[error("Google limits the rate of {endpoint} ({reason})")]
    Throttled {
        /// The operation.
        endpoint: &'static str,
        /// Google's reason code.
        reason: String,
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
    /// No usable answer.
    #[error(transparent)]
    Outage(#[from] Outage),
}

impl GoogleError {
    pub(super) fn from_refusal(refusal: &Refusal, token: &TokenName) -> Self {
        let (endpoint, status, token) = (refusal.endpoint, refusal.status, token.clone());
        let said = Said::from_body(&refusal.body);
        if said.any(&SCOPE) {
            return Self::ScopeMissing { token, endpoint };
        }
        match status.as_u16() {
            401 => Self::Unauthenticated { token },
            403 | 429 if said.any(&RATE) => Self::Throttled {
                endpoint,
                reason: said.reason(),
            },
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
                reasons: outage::code(reason).into_iter().collect(),
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
            .filter_map(outage::code)
            .collect();
        let service = status
            .details
            .iter()
            .find_map(|detail| detail["metadata"]["service"].as_str())
            .and_then(|service| outage::presentable(service, &[]));
        Self { reasons, service }
    }

    fn any(&self, of: &[&str]) -> bool {
        self.reasons.iter().any(|reason| of.contains(&reason.as_str()))
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
            GoogleError::Throttled { .. } => Self::unavailable("PROVIDER_THROTTLED", message),
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
            GoogleError::Outage(outage) => outage.into(),
        }
    }
}

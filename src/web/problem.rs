//! What went wrong, in HTTP: the one place that knows its status codes. The body is the same document that the command
//! line prints with `--json`, and beside it `status` and `message` as the original server had them.

use crate::{
    api::status::Refusal,
    base::{Error, Violation},
};
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde_json::json;

/// What browsers show in the box that asks for name and password.
const ASK: HeaderValue = HeaderValue::from_static("Basic realm=\"Syncline\", charset=\"UTF-8\"");

/// What is asked for where a provider's consent is missing: nothing that a browser could show a box for.
const CONSENT: HeaderValue = HeaderValue::from_static("OAuth realm=\"provider\"");

/// Longest body of a request, in bytes: nothing that is sent here is long.
pub const LARGEST_BODY: usize = 64 << 10;

/// A request that was not carried out.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    /// Boxed, so that results stay small.
    refusal: Box<Refusal>,
    /// Where a person gives the consent that is missing.
    consent_url: Option<String>,
}

impl Problem {
    /// Says where a person gives the consent that is missing; the original called it `authUrl`.
    pub fn with_consent(self, url: String) -> Self {
        Self {
            consent_url: Some(url),
            ..self
        }
    }

    /// For a person.
    pub fn message(&self) -> &str {
        &self.refusal.message
    }

    /// The body of a request that cannot be read: `status` and `why` are what the library says of it.
    pub fn of_body(status: StatusCode, why: String) -> Self {
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(
                status,
                format!("the request's body has more than {LARGEST_BODY} bytes"),
            ),
            _ => Error::invalid("body", why).into(),
        }
    }

    /// A request whose headers have more bytes than `limit`.
    pub fn of_headers(limit: usize) -> Self {
        Self::too_large(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            format!("the request's headers have more than {limit} bytes (limits.header_bytes)"),
        )
    }

    fn too_large(status: StatusCode, message: String) -> Self {
        Self {
            status,
            refusal: Box::new(Refusal {
                code: "RESOURCE_EXHAUSTED".to_owned(),
                reason: "MESSAGE_TOO_LARGE".to_owned(),
                message,
                violations: Vec::new(),
                retry_after: None,
            }),
            consent_url: None,
        }
    }

    /// The page is there, and does not know this method.
    pub fn wrong_method() -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            refusal: Box::new(Refusal {
                code: "UNIMPLEMENTED".to_owned(),
                reason: "METHOD_NOT_ALLOWED".to_owned(),
                message: "this page does not know that method".to_owned(),
                violations: Vec::new(),
                retry_after: None,
            }),
            consent_url: None,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self {
            status: status(&error),
            refusal: Box::new(error.into()),
            consent_url: None,
        }
    }
}

fn status(error: &Error) -> StatusCode {
    match error {
        Error::Invalid(_) => StatusCode::BAD_REQUEST,
        Error::Unauthenticated { .. } | Error::NeedsReauth { .. } => StatusCode::UNAUTHORIZED,
        Error::Denied { .. } => StatusCode::FORBIDDEN,
        Error::NotFound { .. } => StatusCode::NOT_FOUND,
        Error::Exists { .. }
        | Error::Conflict { .. }
        | Error::Precondition { .. }
        | Error::Refused { .. }
        | Error::Cancelled => StatusCode::CONFLICT,
        Error::Exhausted { .. } | Error::Limited { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::Unavailable { .. } | Error::Late { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Refusal {
            code,
            reason,
            message,
            violations,
            retry_after,
        } = *self.refusal;
        let violations: Vec<_> = violations.iter().map(violation).collect();
        let mut body = json!({
            "status": "error",
            "message": message,
            "error": { "code": code, "reason": reason, "message": message, "violations": violations },
        });
        if let Some(url) = self.consent_url {
            body["authUrl"] = url.into();
        }
        let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
        if self.status == StatusCode::UNAUTHORIZED {
            let needed = match reason.as_str() {
                "NEEDS_REAUTH" => CONSENT,
                _ => ASK,
            };
            headers.push((WWW_AUTHENTICATE, needed));
        }
        if let Some(wait) = retry_after {
            // Whole seconds, and never too early.
            headers.push((RETRY_AFTER, (wait.as_secs() + 1).into()));
        }
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().extend(headers);
        response
    }
}

fn violation(violation: &Violation) -> serde_json::Value {
    json!({ "field": violation.field, "description": violation.description })
}

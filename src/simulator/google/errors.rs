//! Google's error answers: `google.rpc.Status` in JSON for Meet, the older form for Calendar, RFC 6749 for OAuth.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::simulator::http::Reply;

/// A `google.rpc.Status`. `reason` becomes an `ErrorInfo` detail.
pub(in crate::simulator) fn status(
    code: u16,
    name: &str,
    message: &str,
    reason: Option<(&str, Value)>,
) -> Reply {
    let mut error = json!({"code": code, "message": message, "status": name});
    if let Some((reason, metadata)) = reason {
        error["details"] = json!([{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason,
            "domain": "googleapis.com",
            "metadata": metadata,
        }]);
    }
    Reply::json(to_status(code), &json!({ "error": error }))
}

/// An error of the older form. `location` is its type and name.
pub(in crate::simulator) fn legacy(
    code: u16,
    domain: &str,
    reason: &str,
    message: &str,
    location: Option<(&str, &str)>,
) -> Reply {
    let mut error = json!({"domain": domain, "reason": reason, "message": message});
    if let Some((kind, name)) = location {
        error["locationType"] = json!(kind);
        error["location"] = json!(name);
    }
    Reply::json(
        to_status(code),
        &json!({"error": {"errors": [error], "code": code, "message": message}}),
    )
}

/// An answer of the token endpoint.
pub(in crate::simulator) fn oauth(code: u16, error: &str, description: &str) -> Reply {
    Reply::json(
        to_status(code),
        &json!({"error": error, "error_description": description}),
    )
}

fn to_status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

pub(in crate::simulator) fn invalid_argument(message: &str) -> Reply {
    status(400, "INVALID_ARGUMENT", message, None)
}

pub(in crate::simulator) fn unauthenticated() -> Reply {
    let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.";
    let metadata = json!({"service": "meet.googleapis.com"});
    status(
        401,
        "UNAUTHENTICATED",
        message,
        Some(("ACCESS_TOKEN_EXPIRED", metadata)),
    )
    .with_header(
        "www-authenticate",
        "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"",
    )
}

pub(in crate::simulator) fn missing_scope(method: &str) -> Reply {
    let metadata = json!({"service": "meet.googleapis.com", "method": method});
    let message = "Request had insufficient authentication scopes.";
    let mut reply = status(
        403,
        "PERMISSION_DENIED",
        message,
        Some(("ACCESS_TOKEN_SCOPE_INSUFFICIENT", metadata.clone())),
    );
    let body = json!({"error": {
        "code": 403,
        "message": message,
        "errors": [{"message": "Insufficient Permission", "domain": "global", "reason": "insufficientPermissions"}],
        "status": "PERMISSION_DENIED",
        "details": [{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "domain": "googleapis.com",
            "metadata": metadata,
        }],
    }});
    reply.body = body.to_string();
    reply
}

pub(in crate::simulator) fn service_disabled() -> Reply {
    let message =
        "Google Meet API has not been used in project 109000000000 before or it is disabled.";
    let metadata = json!({"service": "meet.googleapis.com", "consumer": "projects/109000000000"});
    status(
        403,
        "PERMISSION_DENIED",
        message,
        Some(("SERVICE_DISABLED", metadata)),
    )
}

pub(in crate::simulator) fn permission_denied() -> Reply {
    status(
        403,
        "PERMISSION_DENIED",
        "The caller does not have permission",
        None,
    )
}

pub(in crate::simulator) fn not_found() -> Reply {
    status(404, "NOT_FOUND", "Requested entity was not found.", None)
}

pub(in crate::simulator) fn rate_limited() -> Reply {
    let metadata = json!({
        "service": "meet.googleapis.com",
        "quota_metric": "meet.googleapis.com/read_requests",
        "quota_limit": "ReadRequestsPerMinutePerUser",
        "quota_limit_value": "600",
    });
    let message = "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute per user' of service 'meet.googleapis.com'.";
    status(
        429,
        "RESOURCE_EXHAUSTED",
        message,
        Some(("RATE_LIMIT_EXCEEDED", metadata)),
    )
}

pub(in crate::simulator) fn internal() -> Reply {
    status(500, "INTERNAL", "Internal error encountered.", None)
}

pub(in crate::simulator) fn unavailable() -> Reply {
    status(
        503,
        "UNAVAILABLE",
        "The service is currently unavailable.",
        None,
    )
}

pub(in crate::simulator) fn calendar_unauthenticated() -> Reply {
    legacy(
        401,
        "global",
        "authError",
        "Invalid Credentials",
        Some(("header", "Authorization")),
    )
}

pub(in crate::simulator) fn calendar_missing_scope() -> Reply {
    legacy(
        403,
        "global",
        "insufficientPermissions",
        "Insufficient Permission",
        None,
    )
}

pub(in crate::simulator) fn calendar_not_found() -> Reply {
    legacy(404, "global", "notFound", "Not Found", None)
}

pub(in crate::simulator) fn calendar_invalid(parameter: &str, message: &str) -> Reply {
    legacy(
        400,
        "global",
        "invalid",
        message,
        Some(("parameter", parameter)),
    )
}

pub(in crate::simulator) fn calendar_rate_limited() -> Reply {
    legacy(
        403,
        "usageLimits",
        "userRateLimitExceeded",
        "User Rate Limit Exceeded",
        None,
    )
}

pub(in crate::simulator) fn full_sync_required() -> Reply {
    let message = "Sync token is no longer valid, a full sync is required.";
    legacy(
        410,
        "calendar",
        "fullSyncRequired",
        message,
        Some(("parameter", "syncToken")),
    )
}

pub(in crate::simulator) fn backend_error(code: u16) -> Reply {
    legacy(code, "global", "backendError", "Backend Error", None)
}

/// What Google's front end answers for a path that nobody serves.
pub(in crate::simulator) fn no_route(path: &str) -> Reply {
    // The path is echoed without markup, as the real page does it escaped.
    let shown: String = path
        .chars()
        .filter(|letter| !matches!(letter, '<' | '>' | '&' | '"'))
        .collect();
    let page = format!(
        "<!DOCTYPE html>\n<html lang=en><title>Error 404 (Not Found)!!1</title><p>The requested URL <code>{shown}</code> was not found on this server."
    );
    Reply::html(StatusCode::NOT_FOUND, page)
}

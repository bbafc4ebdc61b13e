//! Clockify's error answers: a message and a number.

use axum::http::StatusCode;
use serde_json::json;

use crate::simulator::http::Reply;

/// Validation, and everything that is not there.
const VALIDATION: u32 = 501;
/// Wrong routes, methods and types.
const CLIENT: u32 = 3000;

pub(in crate::simulator) fn error(status: StatusCode, code: u32, message: &str) -> Reply {
    let mut reply = Reply::json(status, &json!({"message": message, "code": code}));
    reply.content_type = "application/json".into();
    reply
}

pub(in crate::simulator) fn no_single_key() -> Reply {
    error(
        StatusCode::UNAUTHORIZED,
        1000,
        "Multiple or none auth tokens present",
    )
}

pub(in crate::simulator) fn unknown_key() -> Reply {
    error(StatusCode::UNAUTHORIZED, 4003, "Api key does not exist")
}

pub(in crate::simulator) fn unknown_addon_token() -> Reply {
    error(StatusCode::UNAUTHORIZED, 4017, "Token is not valid")
}

pub(in crate::simulator) fn access_denied() -> Reply {
    error(StatusCode::FORBIDDEN, 4030, "Access Denied")
}

/// Unknown, deleted and foreign ids all look like this.
pub(in crate::simulator) fn foreign(entity: &str) -> Reply {
    invalid(&format!("{entity} doesn't belong to Workspace"))
}

pub(in crate::simulator) fn invalid(message: &str) -> Reply {
    error(StatusCode::BAD_REQUEST, VALIDATION, message)
}

pub(in crate::simulator) fn name_taken(entity: &str, name: &str) -> Reply {
    invalid(&format!("{entity} with name '{name}' already exists"))
}

pub(in crate::simulator) fn project_exists() -> Reply {
    invalid("Project with this name already exists")
}

pub(in crate::simulator) fn project_required() -> Reply {
    invalid(
        "Time entry couldn't be created. Project is either required field or given project is archived. Please select an active project.",
    )
}

pub(in crate::simulator) fn unreadable() -> Reply {
    error(
        StatusCode::BAD_REQUEST,
        CLIENT,
        "Request body is malformed or unreadable",
    )
}

pub(in crate::simulator) fn not_convertible(parameter: &str, value: &str) -> Reply {
    let message = format!(
        "Method parameter '{parameter}': Failed to convert value of type 'java.lang.String' to required type; For input string: \"{value}\""
    );
    error(StatusCode::BAD_REQUEST, CLIENT, &message)
}

pub(in crate::simulator) fn no_route(rest: &str) -> Reply {
    error(
        StatusCode::NOT_FOUND,
        CLIENT,
        &format!("No static resource {rest}."),
    )
}

pub(in crate::simulator) fn method_not_supported(method: &str) -> Reply {
    error(
        StatusCode::METHOD_NOT_ALLOWED,
        CLIENT,
        &format!("Request method '{method}' is not supported"),
    )
}

/// The body is empty, and there is no `Retry-After`.
pub(in crate::simulator) fn too_many_requests() -> Reply {
    Reply::empty(StatusCode::TOO_MANY_REQUESTS)
}

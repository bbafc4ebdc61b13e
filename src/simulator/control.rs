//! The simulator's own interface over HTTP, for tests in other languages and other processes. Its calls are not in the log.

use std::sync::Arc;

use super::Shared;
use super::http::{Reply, Request};

/// What its paths start with.
pub(super) const PREFIX: &str = "/_simulator";

pub(super) fn answer(shared: &Arc<Shared>, request: &Request) -> Reply {
    let _ = (shared, request);
    Reply::empty(axum::http::StatusCode::NOT_FOUND)
}

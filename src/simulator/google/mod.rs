//! The fake Google services.

pub(super) mod calendar;
mod calendar_json;
mod calendar_sync;
pub(super) mod errors;
pub(super) mod meet;
mod meet_filter;
mod meet_json;
pub(super) mod oauth;
pub(super) mod userinfo;

use super::http::{Reply, Request};
use super::world::{Grant, World};

/// Reads conference records, participants, sessions and spaces.
pub(super) const MEET_SCOPES: [&str; 2] = [
    "https://www.googleapis.com/auth/meetings.space.readonly",
    "https://www.googleapis.com/auth/meetings.space.created",
];
/// Reads events.
pub(super) const EVENT_SCOPES: [&str; 4] = [
    "https://www.googleapis.com/auth/calendar.events.readonly",
    "https://www.googleapis.com/auth/calendar.events",
    "https://www.googleapis.com/auth/calendar.readonly",
    "https://www.googleapis.com/auth/calendar",
];
/// Lists calendars.
pub(super) const CALENDAR_LIST_SCOPES: [&str; 3] = [
    "https://www.googleapis.com/auth/calendar.calendarlist.readonly",
    "https://www.googleapis.com/auth/calendar.readonly",
    "https://www.googleapis.com/auth/calendar",
];

/// The access token of a request: header, or query as Google still takes it.
pub(super) fn access_token(request: &Request) -> Option<&str> {
    request.bearer().or_else(|| request.query("access_token"))
}

/// Whose quota a call counts against.
pub(super) fn account(world: &World, request: &Request) -> Option<String> {
    let grant = world.grant_of_access_token(access_token(request)?)?;
    Some(grant.person.clone())
}

/// The grant behind a call, if the token lives and has one of the scopes.
fn authorize<'a>(
    world: &'a World,
    request: &Request,
    scopes: &[&str],
    unauthenticated: fn() -> Reply,
    forbidden: impl FnOnce() -> Reply,
) -> Result<&'a Grant, Reply> {
    let grant = access_token(request)
        .and_then(|token| world.grant_of_access_token(token))
        .ok_or_else(unauthenticated)?;
    if grant
        .scopes
        .iter()
        .any(|scope| scopes.contains(&scope.as_str()))
    {
        Ok(grant)
    } else {
        Err(forbidden())
    }
}

//! The ready-made faults, each with a name and a sentence. All but the marked ones end by themselves, after which a client
//! that did everything right has lost nothing and doubled nothing.

use axum::http::StatusCode;
use serde::Serialize;

use super::rule::{Canned, Effect, Rule, Tweak, When};
use crate::simulator::clockify::errors as clockify;
use crate::simulator::google::errors as google;
use crate::simulator::http::Reply;

/// Which provider a fault concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    OAuth,
    Meet,
    Calendar,
    Clockify,
}

/// A named fault.
#[derive(Debug, Clone, Serialize)]
pub struct Fault {
    pub name: &'static str,
    pub area: Area,
    pub description: &'static str,
    /// It lasts until it is cleared, and a person has to do something: consent, change a setting, wait an hour.
    pub lasting: bool,
    pub rules: Vec<Rule>,
}

impl Fault {
    /// All of them.
    pub fn menu() -> Vec<Self> {
        [
            oauth(),
            meet(),
            calendar(),
            clockify_reads(),
            clockify_writes(),
        ]
        .concat()
    }

    /// The fault of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::menu().into_iter().find(|fault| fault.name == name)
    }

    fn lasting(mut self) -> Self {
        self.lasting = true;
        self
    }
}

const TOKEN: &str = "oauth.token";
const AUTHORIZE: &str = "oauth.authorize";
const RECORDS: &str = "meet.conferenceRecords.list";
const PARTICIPANTS: &str = "meet.participants.list";
const SESSIONS: &str = "meet.participantSessions.list";
const MEET: &str = "meet.*";
const EVENTS: &str = "calendar.events.list";
const CLOCKIFY: &str = "clockify.*";
const ENTRIES: &str = "clockify.timeEntries.list";
const CREATE: &str = "clockify.timeEntries.create";
const REPLACE: &str = "clockify.timeEntries.replace";
const PROJECTS: &str = "clockify.projects.list";

#[rustfmt::skip]
fn oauth() -> Vec<Fault> {
    let a = Area::OAuth;
    let dead = google::oauth(400, "invalid_grant", "Token has been expired or revoked.");
    let stranger = google::oauth(401, "invalid_client", "The OAuth client was not found.");
    let busy = google::oauth(503, "temporarily_unavailable", "The service is currently unavailable.");
    let policy = google::oauth(400, "admin_policy_enforced", "Access to your account data is restricted by policies within your organization.");
    let mut rapt = google::oauth(400, "invalid_grant", "reauth related error (invalid_rapt)");
    rapt.body = rapt.body.replace('}', ",\"error_subtype\":\"invalid_rapt\"}");
    vec![
        one("oauth-invalid-grant", a, "the refresh token is revoked", TOKEN, When::Always, reply(dead)).lasting(),
        one("oauth-invalid-rapt", a, "the organisation wants the user to sign in again", TOKEN, When::Always, reply(rapt)).lasting(),
        one("oauth-admin-policy", a, "the administrator forbids the scope", TOKEN, When::Always, reply(policy)).lasting(),
        one("oauth-invalid-client", a, "the client is unknown", TOKEN, When::Always, reply(stranger)).lasting(),
        one("oauth-503-once", a, "the token endpoint is unavailable once", TOKEN, When::Next(1), reply(busy.clone())),
        one("oauth-503-thrice", a, "the token endpoint is unavailable for three calls", TOKEN, When::Next(3), reply(busy)),
        one("oauth-429", a, "the token endpoint refuses one call as one too many", TOKEN, When::Next(1), reply(google::oauth(429, "rate_limit_exceeded", "Rate Limit Exceeded"))),
        one("oauth-502-html", a, "the token endpoint answers with an HTML page of a proxy, once", TOKEN, When::Next(1), reply(proxy_page())),
        one("oauth-drop", a, "the connection is closed before the token endpoint does anything, once", TOKEN, When::Next(1), Effect::Drop),
        one("oauth-commit-then-drop", a, "tokens are issued, but the answer is lost; fatal where refresh tokens are for single use", TOKEN, When::Next(1), Effect::CommitThenDrop),
        one("oauth-truncated", a, "the token answer breaks off in the middle, once", TOKEN, When::Next(1), Effect::Truncate),
        one("oauth-hang", a, "the token endpoint never answers, once", TOKEN, When::Next(1), Effect::Hang),
        one("oauth-slow", a, "the token endpoint takes two seconds, once", TOKEN, When::Next(1), Effect::Delay { millis: 2000 }),
        one("oauth-no-refresh-token", a, "the code exchange gives no refresh token", TOKEN, When::Always, Effect::Tweak(Tweak::NoRefreshToken)).lasting(),
        one("oauth-rotated-refresh-token", a, "each refresh gives a new refresh token and kills the old one", TOKEN, When::Always, Effect::Tweak(Tweak::RotateRefreshToken)),
        one("oauth-reduced-scope", a, "the user unticks all scopes but the first", AUTHORIZE, When::Always, Effect::Tweak(Tweak::ReducedScope)).lasting(),
        one("oauth-access-denied", a, "the user refuses consent", AUTHORIZE, When::Always, Effect::Tweak(Tweak::AccessDenied)).lasting(),
    ]
}

#[rustfmt::skip]
fn meet() -> Vec<Fault> {
    let a = Area::Meet;
    let scope = google::missing_scope("google.apps.meet.v2.ConferenceRecordsService.ListConferenceRecords");
    let wait = google::rate_limited().with_header("retry-after", "1");
    let mut silent = google::rate_limited();
    silent.body.clear();
    vec![
        one("meet-401-once", a, "a good access token is refused once", MEET, When::Next(1), reply(google::unauthenticated())),
        one("meet-scope-missing", a, "the token lacks Meet's scope", MEET, When::Always, reply(scope)).lasting(),
        one("meet-service-disabled", a, "the Meet API is switched off in the project", MEET, When::Always, reply(google::service_disabled())).lasting(),
        one("meet-429", a, "one too many, with the reason in ErrorInfo, for two calls", MEET, When::Next(2), reply(google::rate_limited())),
        one("meet-429-retry-after", a, "one too many, with Retry-After: 1, once", MEET, When::Next(1), reply(wait)),
        one("meet-429-empty", a, "one too many, without a body, once", MEET, When::Next(1), reply(silent)),
        one("meet-429-every-seventh", a, "every seventh call is one too many", MEET, When::Every(7), reply(google::rate_limited())),
        one("meet-500-once", a, "an internal error, once", PARTICIPANTS, When::Next(1), reply(google::internal())),
        one("meet-503-once", a, "unavailable, once", RECORDS, When::Next(1), reply(google::unavailable())),
        one("meet-502-html", a, "a proxy's HTML page instead of JSON, once", SESSIONS, When::Next(1), reply(proxy_page())),
        one("meet-200-html", a, "a sign-in page with status 200, once", RECORDS, When::Next(1), reply(sign_in_page())),
        one("meet-drop", a, "the connection is closed without an answer, once", PARTICIPANTS, When::Nth(3), Effect::Drop),
        one("meet-truncated", a, "an answer breaks off in the middle, once", RECORDS, When::Next(1), Effect::Truncate),
        one("meet-hang", a, "no answer ever, once", SESSIONS, When::Nth(2), Effect::Hang),
        one("meet-slow", a, "every answer takes 200 ms longer for ten calls", MEET, When::Next(10), Effect::Delay { millis: 200 }),
        one("meet-short-pages", a, "pages have at most seven items, whatever was asked for", MEET, When::Always, Effect::Tweak(Tweak::ShortPages { size: 7 })),
        one("meet-empty-page", a, "a page without items that has a next page", RECORDS, When::Next(1), Effect::Tweak(Tweak::EmptyPage)),
        one("meet-empty-list", a, "the list of records is {} once", RECORDS, When::Next(1), Effect::Tweak(Tweak::EmptyList)),
        one("meet-bad-page-token", a, "the page token of the second page is refused, once", RECORDS, When::Nth(2), reply(google::invalid_argument("Request contains an invalid argument: page_token."))),
        one("meet-record-expires", a, "a record disappears between the list and its participants, once", PARTICIPANTS, When::Next(1), reply(google::not_found())),
        one("meet-newest-still-running", a, "the newest record shows as running for two lists", RECORDS, When::Next(2), Effect::Tweak(Tweak::NewestStillRunning)),
        one("meet-organized-only", a, "lists show only meetings that the user organised", RECORDS, When::Always, Effect::Tweak(Tweak::OrganizedOnly)),
    ]
}

#[rustfmt::skip]
fn calendar() -> Vec<Fault> {
    let a = Area::Calendar;
    let rate = google::legacy(429, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded", None);
    let quota = google::legacy(403, "usageLimits", "quotaExceeded", "Calendar usage limits exceeded.", None);
    vec![
        one("calendar-410-first-page", a, "the sync token is too old", EVENTS, When::Nth(1), reply(google::full_sync_required())),
        one("calendar-410-second-page", a, "the sync token becomes too old between two pages", EVENTS, When::Nth(2), reply(google::full_sync_required())),
        one("calendar-401-once", a, "a good access token is refused once", EVENTS, When::Next(1), reply(google::calendar_unauthenticated())),
        one("calendar-403-rate-limit", a, "403 userRateLimitExceeded, once", EVENTS, When::Next(1), reply(google::calendar_rate_limited())),
        one("calendar-403-quota", a, "the calendar's usage limit is used up", EVENTS, When::Always, reply(quota)).lasting(),
        one("calendar-403-scope", a, "the token lacks the calendar's scope", "calendar.*", When::Always, reply(google::calendar_missing_scope())).lasting(),
        one("calendar-429", a, "429 rateLimitExceeded, once", EVENTS, When::Next(1), reply(rate)),
        one("calendar-404", a, "the calendar is gone", EVENTS, When::Always, reply(google::calendar_not_found())).lasting(),
        one("calendar-500-once", a, "backend error, once", EVENTS, When::Next(1), reply(google::backend_error(500))),
        one("calendar-503-once", a, "backend error with status 503, once", EVENTS, When::Next(1), reply(google::backend_error(503))),
        one("calendar-502-html", a, "a proxy's HTML page instead of JSON, once", EVENTS, When::Next(1), reply(proxy_page())),
        one("calendar-drop", a, "the connection is closed without an answer, once", EVENTS, When::Next(1), Effect::Drop),
        one("calendar-truncated", a, "an answer breaks off in the middle, once", EVENTS, When::Next(1), Effect::Truncate),
        one("calendar-hang", a, "no answer ever, once", EVENTS, When::Next(1), Effect::Hang),
        one("calendar-short-pages", a, "pages have at most seven items, whatever was asked for", EVENTS, When::Always, Effect::Tweak(Tweak::ShortPages { size: 7 })),
        one("calendar-empty-page", a, "a page without items that has a next page", EVENTS, When::Next(1), Effect::Tweak(Tweak::EmptyPage)),
    ]
}

#[rustfmt::skip]
fn clockify_reads() -> Vec<Fault> {
    let a = Area::Clockify;
    vec![
        one("clockify-401-unknown-key", a, "the API key does not exist", CLOCKIFY, When::Always, reply(clockify::unknown_key())).lasting(),
        one("clockify-403", a, "the user may not write time entries", CREATE, When::Always, reply(clockify::access_denied())).lasting(),
        one("clockify-429-empty", a, "one too many, without a body or Retry-After, for two calls", CLOCKIFY, When::Next(2), reply(clockify::too_many_requests())),
        one("clockify-429-retry-after", a, "one too many, with Retry-After: 1, once", CLOCKIFY, When::Next(1), reply(clockify::too_many_requests().with_header("retry-after", "1"))),
        one("clockify-hourly-quota", a, "the workspace's 30 calls of this hour are used up after ten more", CLOCKIFY, When::After(10), reply(clockify::too_many_requests())).lasting(),
        one("clockify-create-429-every-third", a, "every third entry to be created is one too many", CREATE, When::Every(3), reply(clockify::too_many_requests())),
        one("clockify-list-500", a, "the list of entries fails once", ENTRIES, When::Next(1), reply(internal())),
        one("clockify-list-html", a, "a proxy's HTML page instead of the list of entries, once", ENTRIES, When::Next(1), reply(proxy_page())),
        one("clockify-list-drop", a, "the connection is closed without an answer to the list of entries, once", ENTRIES, When::Next(1), Effect::Drop),
        one("clockify-list-truncated", a, "the list of entries breaks off in the middle, once", ENTRIES, When::Next(1), Effect::Truncate),
        one("clockify-list-hang", a, "the list of entries is never answered, once", ENTRIES, When::Next(1), Effect::Hang),
        one("clockify-list-lag", a, "entries of the last minute are missing in lists", ENTRIES, When::Next(2), Effect::Tweak(Tweak::ListLag)),
        one("clockify-short-pages", a, "pages of entries have at most seven items, whatever was asked for", ENTRIES, When::Always, Effect::Tweak(Tweak::ShortPages { size: 7 })),
        one("clockify-projects-short-pages", a, "pages of projects have at most seven items", PROJECTS, When::Always, Effect::Tweak(Tweak::ShortPages { size: 7 })),
        one("clockify-user-500", a, "the user cannot be read, once", "clockify.user.get", When::Next(1), reply(internal())),
        one("clockify-slow", a, "every answer takes 100 ms longer for ten calls", CLOCKIFY, When::Next(10), Effect::Delay { millis: 100 }),
    ]
}

#[rustfmt::skip]
fn clockify_writes() -> Vec<Fault> {
    let a = Area::Clockify;
    let gone = || reply(clockify::foreign("Time entry"));
    vec![
        one("clockify-create-drop", a, "the connection is closed before an entry is created, once", CREATE, When::Nth(2), Effect::Drop),
        one("clockify-create-then-drop", a, "an entry is created, the connection is closed without an answer, every third time", CREATE, When::Every(3), Effect::CommitThenDrop),
        one("clockify-create-then-500", a, "an entry is created but answered with 500, every third time", CREATE, When::Every(3), commit(internal())),
        one("clockify-create-then-502-html", a, "an entry is created but a proxy answers with an HTML page, every third time", CREATE, When::Every(3), commit(proxy_page())),
        one("clockify-create-then-504", a, "an entry is created but the gateway times out, once", CREATE, When::Nth(2), commit(gateway_timeout())),
        one("clockify-create-then-hang", a, "an entry is created but never answered, once", CREATE, When::Nth(2), Effect::CommitThenHang),
        one("clockify-create-truncated", a, "an entry is created, the answer breaks off in the middle, every third time", CREATE, When::Every(3), Effect::Truncate),
        one("clockify-create-then-200-html", a, "an entry is created but a page with status 200 comes back, once", CREATE, When::Nth(2), commit(sign_in_page())),
        one("clockify-create-500", a, "an entry is not created and answered with 500, every third time", CREATE, When::Every(3), reply(internal())),
        one("clockify-create-503", a, "an entry is not created and answered with 503, once", CREATE, When::Nth(2), reply(unavailable())),
        one("clockify-create-hang", a, "an entry is neither created nor answered, once", CREATE, When::Nth(2), Effect::Hang),
        one("clockify-create-slow", a, "an entry is created at once, the answer comes two seconds later, once", CREATE, When::Nth(2), Effect::CommitThenDelay { millis: 2000 }),
        one("clockify-project-then-drop", a, "the project is created, the connection is closed without an answer, once", "clockify.projects.create", When::Next(1), Effect::CommitThenDrop),
        one("clockify-project-then-500", a, "the project is created but answered with 500, once", "clockify.projects.create", When::Next(1), commit(internal())),
        one("clockify-replace-then-drop", a, "an entry is replaced, the connection is closed without an answer, once", REPLACE, When::Next(1), Effect::CommitThenDrop),
        one("clockify-replace-gone", a, "the entry to be replaced is gone: 400 with code 501", REPLACE, When::Next(1), gone()).lasting(),
        one("clockify-delete-then-drop", a, "an entry is deleted, the connection is closed without an answer, once", "clockify.timeEntries.delete", When::Next(1), Effect::CommitThenDrop),
        one("clockify-get-gone", a, "the entry to be read is gone: 400 with code 501", "clockify.timeEntries.get", When::Next(1), gone()).lasting(),
        one("clockify-force-projects", a, "the workspace wants a project on each entry", CLOCKIFY, When::Always, Effect::Tweak(Tweak::ForceProjects)),
        one("clockify-locked-entries", a, "all entries are locked", "clockify.timeEntries.*", When::Always, Effect::Tweak(Tweak::LockedEntries)),
    ]
}

fn one(
    name: &'static str,
    area: Area,
    description: &'static str,
    endpoint: &str,
    when: When,
    effect: Effect,
) -> Fault {
    let rules = vec![Rule::on(endpoint, when, effect).named(name)];
    Fault {
        name,
        area,
        description,
        lasting: false,
        rules,
    }
}

fn reply(reply: Reply) -> Effect {
    Effect::Reply(canned(reply))
}

fn commit(reply: Reply) -> Effect {
    Effect::CommitThenReply(canned(reply))
}

fn canned(reply: Reply) -> Canned {
    Canned {
        status: reply.status.as_u16(),
        body: reply.body,
        content_type: reply.content_type.into_owned(),
        headers: reply.headers,
    }
}

fn internal() -> Reply {
    clockify::error(
        StatusCode::INTERNAL_SERVER_ERROR,
        500,
        "Internal server error",
    )
}

fn unavailable() -> Reply {
    clockify::error(StatusCode::SERVICE_UNAVAILABLE, 503, "Service Unavailable")
}

fn gateway_timeout() -> Reply {
    Reply::html(
        StatusCode::GATEWAY_TIMEOUT,
        "<html><head><title>504 Gateway Time-out</title></head><body></body></html>",
    )
}

fn proxy_page() -> Reply {
    Reply::html(
        StatusCode::BAD_GATEWAY,
        "<html><head><title>502 Bad Gateway</title></head><body>proxy</body></html>",
    )
}

fn sign_in_page() -> Reply {
    Reply::html(
        StatusCode::OK,
        "<!DOCTYPE html><html><title>Sign in to the network</title></html>",
    )
}

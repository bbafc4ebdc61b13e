//! The table of everything the fake providers answer: name, method, path, handler.

use axum::http::Method;
use percent_encoding::percent_decode_str;

use super::http::{Reply, Request};
use super::world::World;
use super::{clockify, google};
use Provider::{Calendar, Clockify, Meet, OAuth};
use clockify::{entries, projects, tags, users};
use google::{calendar, meet, oauth, userinfo};

/// Carries out one request against the world.
type Handler = fn(&mut World, &Request) -> Reply;

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Provider {
    OAuth,
    Meet,
    Calendar,
    Clockify,
}

/// One thing that a provider can be asked.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub name: &'static str,
    pub provider: Provider,
    pub method: Method,
    pub template: &'static str,
    /// Whether a call changes something that the user would see.
    pub writes: bool,
    pub handle: Handler,
}

const fn read(
    provider: Provider,
    name: &'static str,
    template: &'static str,
    handle: Handler,
) -> Endpoint {
    Endpoint {
        name,
        provider,
        method: Method::GET,
        template,
        writes: false,
        handle,
    }
}

const fn act(
    provider: Provider,
    name: &'static str,
    method: Method,
    template: &'static str,
    handle: Handler,
) -> Endpoint {
    Endpoint {
        name,
        provider,
        method,
        template,
        writes: false,
        handle,
    }
}

const fn write(
    name: &'static str,
    method: Method,
    template: &'static str,
    handle: Handler,
) -> Endpoint {
    Endpoint {
        name,
        provider: Provider::Clockify,
        method,
        template,
        writes: true,
        handle,
    }
}

#[rustfmt::skip]
static ENDPOINTS: &[Endpoint] = &[
    read(OAuth, "oauth.authorize", "/o/oauth2/v2/auth", oauth::authorize),
    read(OAuth, "oauth.authorize", "/o/oauth2/auth", oauth::authorize),
    act(OAuth, "oauth.token", Method::POST, "/token", oauth::token),
    act(OAuth, "oauth.revoke", Method::POST, "/revoke", oauth::revoke),
    read(OAuth, "oauth.tokeninfo", "/tokeninfo", userinfo::tokeninfo),
    act(OAuth, "oauth.tokeninfo", Method::POST, "/tokeninfo", userinfo::tokeninfo),
    read(OAuth, "oauth.userinfo", "/v1/userinfo", userinfo::userinfo),
    read(OAuth, "oauth.userinfo", "/oauth2/v3/userinfo", userinfo::userinfo),
    read(OAuth, "oauth.userinfo", "/oauth2/v2/userinfo", userinfo::userinfo),

    read(Meet, "meet.conferenceRecords.list", "/v2/conferenceRecords", meet::list_records),
    read(Meet, "meet.conferenceRecords.get", "/v2/conferenceRecords/{record}", meet::get_record),
    read(Meet, "meet.participants.list", "/v2/conferenceRecords/{record}/participants", meet::list_participants),
    read(Meet, "meet.participants.get", "/v2/conferenceRecords/{record}/participants/{participant}", meet::get_participant),
    read(Meet, "meet.participantSessions.list", "/v2/conferenceRecords/{record}/participants/{participant}/participantSessions", meet::list_sessions),
    read(Meet, "meet.participantSessions.get", "/v2/conferenceRecords/{record}/participants/{participant}/participantSessions/{session}", meet::get_session),
    read(Meet, "meet.spaces.get", "/v2/spaces/{space}", meet::get_space),

    read(Calendar, "calendar.calendarList.list", "/calendar/v3/users/me/calendarList", calendar::list_calendars),
    read(Calendar, "calendar.events.list", "/calendar/v3/calendars/{calendar}/events", calendar::list_events),
    read(Calendar, "calendar.events.get", "/calendar/v3/calendars/{calendar}/events/{event}", calendar::get_event),

    read(Clockify, "clockify.user.get", "/api/v1/user", users::get_user),
    read(Clockify, "clockify.workspaces.list", "/api/v1/workspaces", users::list_workspaces),
    read(Clockify, "clockify.workspaces.get", "/api/v1/workspaces/{workspace}", users::get_workspace),
    read(Clockify, "clockify.projects.list", "/api/v1/workspaces/{workspace}/projects", projects::list),
    write("clockify.projects.create", Method::POST, "/api/v1/workspaces/{workspace}/projects", projects::create),
    read(Clockify, "clockify.projects.get", "/api/v1/workspaces/{workspace}/projects/{project}", projects::get),
    write("clockify.projects.update", Method::PUT, "/api/v1/workspaces/{workspace}/projects/{project}", projects::update),
    write("clockify.projects.delete", Method::DELETE, "/api/v1/workspaces/{workspace}/projects/{project}", projects::delete),
    read(Clockify, "clockify.tasks.list", "/api/v1/workspaces/{workspace}/projects/{project}/tasks", projects::list_tasks),
    write("clockify.tasks.create", Method::POST, "/api/v1/workspaces/{workspace}/projects/{project}/tasks", projects::create_task),
    read(Clockify, "clockify.tags.list", "/api/v1/workspaces/{workspace}/tags", tags::list_tags),
    write("clockify.tags.create", Method::POST, "/api/v1/workspaces/{workspace}/tags", tags::create_tag),
    read(Clockify, "clockify.clients.list", "/api/v1/workspaces/{workspace}/clients", tags::list_clients),
    write("clockify.clients.create", Method::POST, "/api/v1/workspaces/{workspace}/clients", tags::create_client),
    read(Clockify, "clockify.customFields.list", "/api/v1/workspaces/{workspace}/custom-fields", tags::list_custom_fields),
    write("clockify.timeEntries.create", Method::POST, "/api/v1/workspaces/{workspace}/time-entries", entries::create),
    write("clockify.timeEntries.create", Method::POST, "/api/v1/workspaces/{workspace}/user/{user}/time-entries", entries::create),
    read(Clockify, "clockify.timeEntries.list", "/api/v1/workspaces/{workspace}/user/{user}/time-entries", entries::list),
    write("clockify.timeEntries.stop", Method::PATCH, "/api/v1/workspaces/{workspace}/user/{user}/time-entries", entries::stop),
    write("clockify.timeEntries.deleteMany", Method::DELETE, "/api/v1/workspaces/{workspace}/user/{user}/time-entries", entries::delete_many),
    read(Clockify, "clockify.timeEntries.get", "/api/v1/workspaces/{workspace}/time-entries/{entry}", entries::get),
    write("clockify.timeEntries.replace", Method::PUT, "/api/v1/workspaces/{workspace}/time-entries/{entry}", entries::replace),
    write("clockify.timeEntries.delete", Method::DELETE, "/api/v1/workspaces/{workspace}/time-entries/{entry}", entries::delete),
];

/// Names of all endpoints, each once.
pub fn endpoint_names() -> Vec<&'static str> {
    let mut names: Vec<_> = ENDPOINTS.iter().map(|endpoint| endpoint.name).collect();
    names.dedup();
    names
}

/// The endpoint for a request and the decoded values of its placeholders.
pub(crate) fn find(method: &Method, path: &str) -> Option<(&'static Endpoint, Vec<String>)> {
    ENDPOINTS
        .iter()
        .filter(|endpoint| endpoint.method == *method)
        .find_map(|endpoint| Some((endpoint, match_path(endpoint.template, path)?)))
}

/// The answer when no endpoint fits.
pub(crate) fn not_found(method: &Method, path: &str) -> Reply {
    let other_method = ENDPOINTS
        .iter()
        .any(|endpoint| match_path(endpoint.template, path).is_some());
    match path.strip_prefix("/api/") {
        // Listing without a user exists as a path for POST only.
        Some(_) if other_method => clockify::errors::method_not_supported(method.as_str()),
        Some(rest) => clockify::errors::no_route(rest),
        None => google::errors::no_route(path),
    }
}

fn match_path(template: &str, path: &str) -> Option<Vec<String>> {
    let mut params = Vec::new();
    let mut wanted = template.split('/');
    let mut given = path.split('/');
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(params),
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {
                params.push(percent_decode_str(given).decode_utf8_lossy().into_owned());
            }
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return None,
        }
    }
}

//! The simulator's own interface over HTTP, in JSON, for tests in other languages and other processes. Its calls are neither
//! logged nor struck by faults.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::faults::{Effect, Fault, Matcher, Rule, When};
use super::http::{Reply, Request};
use super::quota::Quotas;
use super::world::{
    CLIENT_ID, CLIENT_SECRET, Event, Meeting, NewEntry, Span, Visibility, Who, World,
};
use super::{Shared, endpoint_names, lock};

/// What its paths start with.
pub(super) const PREFIX: &str = "/_simulator";

/// A problem with a control call, for a person to read.
struct Problem(StatusCode, String);

impl<E: std::error::Error> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(StatusCode::BAD_REQUEST, error.to_string())
    }
}

pub(super) fn answer(shared: &Shared, request: &Request) -> Reply {
    match route(shared, request) {
        Ok(body) => Reply::ok(&body),
        Err(Problem(status, message)) => Reply::json(status, &json!({ "error": message })),
    }
}

fn route(shared: &Shared, request: &Request) -> Result<Value, Problem> {
    let path = request
        .path
        .strip_prefix(PREFIX)
        .unwrap_or_default()
        .trim_matches('/');
    let parts: Vec<&str> = path.split('/').collect();
    match (&request.method, parts.as_slice()) {
        (&Method::GET, [""]) => Ok(about(shared)),
        (&Method::GET, ["state"]) => Ok(serde_json::to_value(&*lock(&shared.world))?),
        (&Method::GET, ["entries"]) => Ok(json!(lock(&shared.world).entries())),
        (&Method::GET, ["calls"]) => calls(shared, request),
        (&Method::GET, ["counts"]) => Ok(counts(shared)),
        (&Method::DELETE, ["calls"]) => {
            lock(&shared.calls).clear();
            Ok(json!({}))
        }
        (&Method::GET, ["faults", "menu"]) => Ok(json!(Fault::menu())),
        (&Method::GET, ["faults"]) => Ok(json!(lock(&shared.faults).active())),
        (&Method::POST, ["faults"]) => add_fault(shared, request),
        (&Method::DELETE, ["faults"]) => {
            lock(&shared.faults).clear();
            Ok(json!({}))
        }
        (&Method::DELETE, ["faults", id]) => found(lock(&shared.faults).remove(id.parse()?)),
        (&Method::GET, ["clock"]) => Ok(json!({"now": shared.now()})),
        (&Method::POST, ["clock"]) => move_clock(shared, request),
        (&Method::GET, ["settings"]) => Ok(settings(shared)),
        (&Method::POST, ["settings"]) => change_settings(shared, request),
        (&Method::POST, ["world", what]) => change_world(&mut lock(&shared.world), what, request),
        _ => Err(Problem(
            StatusCode::NOT_FOUND,
            format!("no control endpoint {} {}", request.method, request.path),
        )),
    }
}

/// Everything a client needs to start.
fn about(shared: &Shared) -> Value {
    let world = lock(&shared.world);
    json!({
        "endpoints": shared.endpoints,
        "env": shared.endpoints.env().into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "google": {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "me": world.me()},
        "clockify": {"api_key": world.clockify_me().api_key, "workspace": world.clockify_me().active_workspace},
        "endpoint_names": endpoint_names(),
        "now": world.now(),
    })
}

fn calls(shared: &Shared, request: &Request) -> Result<Value, Problem> {
    let calls = lock(&shared.calls);
    let endpoint = request.query("endpoint");
    let writing = request.query_flag("writing") == Some(true);
    let chosen: Vec<_> = calls
        .all()
        .iter()
        .filter(|call| {
            endpoint.is_none_or(|endpoint| call.endpoint == endpoint) && (!writing || call.writes)
        })
        .collect();
    Ok(serde_json::to_value(chosen)?)
}

fn counts(shared: &Shared) -> Value {
    let calls = lock(&shared.calls);
    json!({
        "total": calls.len(), "writing": calls.writing().count(), "by_endpoint": calls.counts(),
        "in_flight": calls.in_flight(), "max_in_flight": calls.max_in_flight(),
    })
}

/// Either a fault of the menu, perhaps with another matcher or time, or an own rule.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddFault {
    fault: Option<String>,
    name: Option<String>,
    matcher: Option<Matcher>,
    when: Option<When>,
    effect: Option<Effect>,
}

fn add_fault(shared: &Shared, request: &Request) -> Result<Value, Problem> {
    let wanted: AddFault = body(request)?;
    let unclear = || {
        Problem(
            StatusCode::BAD_REQUEST,
            "give either fault (a name of the menu) or effect".to_owned(),
        )
    };
    let mut rules = match (&wanted.fault, wanted.effect) {
        (Some(name), None) => {
            let fault = Fault::named(name);
            fault
                .ok_or_else(|| {
                    Problem(
                        StatusCode::NOT_FOUND,
                        format!("the menu has no fault named {name}"),
                    )
                })?
                .rules
        }
        (None, Some(effect)) => {
            let name = wanted.name.unwrap_or_else(|| "custom".to_owned());
            vec![Rule {
                name,
                matcher: Matcher::default(),
                when: When::Always,
                effect,
            }]
        }
        _ => return Err(unclear()),
    };
    for rule in &mut rules {
        rule.matcher = wanted
            .matcher
            .clone()
            .unwrap_or_else(|| rule.matcher.clone());
        rule.when = wanted.when.unwrap_or(rule.when);
    }
    let mut faults = lock(&shared.faults);
    let ids: Vec<u64> = rules.into_iter().map(|rule| faults.add(rule)).collect();
    Ok(json!({ "ids": ids }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveClock {
    set: Option<DateTime<Utc>>,
    advance_seconds: Option<i64>,
}

fn move_clock(shared: &Shared, request: &Request) -> Result<Value, Problem> {
    let wanted: MoveClock = body(request)?;
    if let Some(at) = wanted.set {
        shared.clock.set(at);
    }
    if let Some(seconds) = wanted.advance_seconds {
        shared
            .clock
            .advance(TimeDelta::try_seconds(seconds).unwrap_or_default());
    }
    Ok(json!({"now": shared.now()}))
}

fn settings(shared: &Shared) -> Value {
    let latency = *lock(&shared.latency);
    let quotas = lock(&shared.meter).quotas;
    let world = lock(&shared.world);
    json!({
        "latency_millis": latency.as_millis() as u64, "quotas": quotas, "visibility": world.google.visibility,
        "access_token_seconds": world.google.access_token_seconds,
        "rotate_refresh_tokens": world.google.rotate_refresh_tokens,
        "zone": world.clockify_me().zone,
    })
}

/// What is absent stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    latency_millis: Option<u64>,
    quotas: Option<Quotas>,
    visibility: Option<Visibility>,
    access_token_seconds: Option<i64>,
    rotate_refresh_tokens: Option<bool>,
    zone: Option<String>,
    force_projects: Option<bool>,
}

fn change_settings(shared: &Shared, request: &Request) -> Result<Value, Problem> {
    let wanted: Settings = body(request)?;
    if let Some(millis) = wanted.latency_millis {
        *lock(&shared.latency) = Duration::from_millis(millis);
    }
    if let Some(quotas) = wanted.quotas {
        lock(&shared.meter).quotas = quotas;
    }
    {
        let mut world = lock(&shared.world);
        let google = &mut world.google;
        google.visibility = wanted.visibility.unwrap_or(google.visibility);
        google.access_token_seconds = wanted
            .access_token_seconds
            .unwrap_or(google.access_token_seconds);
        google.rotate_refresh_tokens = wanted
            .rotate_refresh_tokens
            .unwrap_or(google.rotate_refresh_tokens);
        if let (Some(zone), Some(user)) = (wanted.zone, world.clockify.users.first_mut()) {
            user.zone = zone;
        }
        if let Some(force) = wanted.force_projects {
            world
                .clockify
                .workspaces
                .iter_mut()
                .for_each(|workspace| workspace.force_projects = force);
        }
    }
    Ok(settings(shared))
}

/// Names one thing that is there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    id: String,
    /// When a meeting ends; now when absent.
    at: Option<DateTime<Utc>>,
    description: Option<String>,
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
    summary: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    person: Option<String>,
    scopes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPerson {
    name: String,
    email: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewName {
    name: String,
    /// The project, for a task.
    project: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Join {
    record: String,
    who: Who,
    sessions: Vec<Span>,
}

fn change_world(world: &mut World, what: &str, request: &Request) -> Result<Value, Problem> {
    match what {
        "add-meeting" => Ok(json!(world.add_meeting(body::<Meeting>(request)?))),
        "join" => {
            let join: Join = body(request)?;
            found(world.join(&join.record, join.who, &join.sessions))
        }
        "end-meeting" => {
            let named: Named = body(request)?;
            let at = named.at.unwrap_or_else(|| world.now());
            found(world.end_meeting(&named.id, at))
        }
        "expire-record" => found(world.expire_record(&body::<Named>(request)?.id)),
        "add-person" => {
            let person: NewPerson = body(request)?;
            Ok(json!({"id": world.add_person(&person.name, &person.email)}))
        }
        "grant" => {
            let grant: Grant = body(request)?;
            let person = grant.person.unwrap_or_else(|| world.me().id);
            let scopes: Vec<&str> = grant.scopes.iter().map(String::as_str).collect();
            let grant = world.grant(&person, &scopes);
            Ok(
                json!({"access_token": grant.access_token(), "refresh_token": grant.refresh_token, "person": grant.person}),
            )
        }
        "revoke-grants" => {
            let me = world.me().id;
            world.revoke_grants(&me);
            Ok(json!({}))
        }
        "expire-access-tokens" => {
            world.expire_access_tokens();
            Ok(json!({}))
        }
        "expire-sync-tokens" => {
            world.expire_sync_tokens();
            Ok(json!({}))
        }
        "add-event" => Ok(json!({"id": world.add_event("primary", body::<Event>(request)?)})),
        "edit-event" => {
            let named: Named = body(request)?;
            found(world.edit_event("primary", &named.id, |event| event.summary = named.summary))
        }
        "cancel-event" => found(world.cancel_event("primary", &body::<Named>(request)?.id)),
        "add-project" => Ok(json!({"id": world.add_project(&body::<NewName>(request)?.name)})),
        "add-tag" => Ok(json!({"id": world.add_tag(&body::<NewName>(request)?.name)})),
        "add-client" => Ok(json!({"id": world.add_client(&body::<NewName>(request)?.name)})),
        "add-task" => {
            let task: NewName = body(request)?;
            Ok(
                json!({"id": world.add_task(task.project.as_deref().unwrap_or_default(), &task.name)}),
            )
        }
        "add-entry" => Ok(json!({"id": world.add_entry(body::<NewEntry>(request)?)})),
        "edit-entry" => {
            let named: Named = body(request)?;
            found(world.edit_entry(&named.id, |entry| {
                entry.description = named
                    .description
                    .unwrap_or_else(|| entry.description.clone());
                entry.span.start = named.start.unwrap_or(entry.span.start);
                entry.span.end = named.end.or(entry.span.end);
            }))
        }
        "delete-entry" => found(world.delete_entry(&body::<Named>(request)?.id)),
        _ => Err(Problem(
            StatusCode::NOT_FOUND,
            format!("the world cannot {what}"),
        )),
    }
}

fn body<T: DeserializeOwned>(request: &Request) -> Result<T, Problem> {
    Ok(serde_json::from_slice(&request.body)?)
}

fn found(there: bool) -> Result<Value, Problem> {
    if there {
        Ok(json!({}))
    } else {
        Err(Problem(
            StatusCode::NOT_FOUND,
            "there is no such thing".to_owned(),
        ))
    }
}

//! Time entries. There is no idempotency: sending the same entry twice makes two, whatever header comes with it.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::draft::{Draft, time};
use super::paging::page;
use super::selection::Selection;
use super::{answer, body, entry_json, errors, scope};
use crate::simulator::faults::Tweak;
use crate::simulator::http::{Reply, Request};
use crate::simulator::world::{ClockifyUser, Entry, World};

/// `POST …/time-entries`, also below a user.
pub(in crate::simulator) fn create(world: &mut World, request: &Request) -> Reply {
    answer(scope(world, request).and_then(|(user, workspace)| {
        let user = named_user(world, request, user)?;
        let draft = Draft::read(world, request, &workspace)?;
        let entry = Entry {
            id: world.object_id(),
            workspace: workspace.id,
            user: user.id,
            description: draft.description,
            span: draft.span,
            billable: draft.billable,
            project: draft.project,
            task: draft.task,
            tags: draft.tags,
            kind: draft.kind,
            custom_values: draft.custom_values,
            locked: false,
            created: world.now(),
        };
        let json = entry_json::written(world, &entry);
        world.clockify.entries.push(entry);
        Ok(Reply::json(StatusCode::CREATED, &json))
    }))
}

/// `GET …/user/{user}/time-entries`, latest start first.
pub(in crate::simulator) fn list(world: &mut World, request: &Request) -> Reply {
    answer(scope(world, request).and_then(|(user, workspace)| {
        let user = named_user(world, request, user)?;
        let selection = Selection::read(world, request, &user)?;
        let mut found: Vec<&Entry> = world
            .clockify
            .entries
            .iter()
            .filter(|entry| {
                entry.workspace == workspace.id && entry.user == user.id && selection.takes(entry)
            })
            .collect();
        found.sort_by(|a, b| {
            b.span
                .start
                .cmp(&a.span.start)
                .then_with(|| b.id.cmp(&a.id))
        });
        let hydrated = request.query_flag("hydrated") == Some(true);
        page(request, found, |entry| {
            read(world, request, entry, hydrated)
        })
    }))
}

/// `GET …/time-entries/{entry}`.
pub(in crate::simulator) fn get(world: &mut World, request: &Request) -> Reply {
    answer(position(world, request, request.param(1)).map(|at| {
        let hydrated = request.query_flag("hydrated") == Some(true);
        Reply::ok(&read(world, request, &world.clockify.entries[at], hydrated))
    }))
}

/// `PUT …/time-entries/{entry}`: what is not given is cleared.
pub(in crate::simulator) fn replace(world: &mut World, request: &Request) -> Reply {
    answer(unlocked(world, request).and_then(|at| {
        let (_, workspace) = scope(world, request)?;
        let draft = Draft::read(world, request, &workspace)?;
        let entry = &mut world.clockify.entries[at];
        entry.description = draft.description;
        entry.span = draft.span;
        entry.billable = draft.billable;
        entry.project = draft.project;
        entry.task = draft.task;
        entry.tags = draft.tags;
        entry.kind = draft.kind;
        entry.custom_values = draft.custom_values;
        Ok(Reply::ok(&entry_json::written(
            world,
            &world.clockify.entries[at],
        )))
    }))
}

/// `DELETE …/time-entries/{entry}`.
pub(in crate::simulator) fn delete(world: &mut World, request: &Request) -> Reply {
    answer(unlocked(world, request).map(|at| {
        world.clockify.entries.remove(at);
        Reply::empty(StatusCode::NO_CONTENT)
    }))
}

/// `DELETE …/user/{user}/time-entries?time-entry-ids=…`.
pub(in crate::simulator) fn delete_many(world: &mut World, request: &Request) -> Reply {
    answer(scope(world, request).and_then(|(user, _)| {
        named_user(world, request, user)?;
        let ids = request.query_list("time-entry-ids");
        if ids.is_empty() {
            return Err(errors::not_convertible("time-entry-ids", ""));
        }
        // All or nothing: an unknown id refuses the whole call.
        for id in &ids {
            position(world, request, id)?;
        }
        let mut gone = Vec::new();
        for id in ids {
            let at = position(world, request, id)?;
            let entry = world.clockify.entries.remove(at);
            gone.push(entry_json::written(world, &entry));
        }
        Ok(Reply::ok(&json!(gone)))
    }))
}

/// `PATCH …/user/{user}/time-entries`: stops the running timer.
pub(in crate::simulator) fn stop(world: &mut World, request: &Request) -> Reply {
    answer(scope(world, request).and_then(|(user, workspace)| {
        let user = named_user(world, request, user)?;
        let body = body(request)?;
        let end = time(&body, "end")?.ok_or_else(|| errors::invalid("end must not be null"))?;
        let running = |entry: &Entry| {
            entry.user == user.id && entry.workspace == workspace.id && entry.span.end.is_none()
        };
        let entries = &mut world.clockify.entries;
        let at = entries
            .iter()
            .position(running)
            .ok_or_else(|| errors::foreign("Time entry"))?;
        entries[at].span.end = Some(end);
        Ok(Reply::ok(&entry_json::written(
            world,
            &world.clockify.entries[at],
        )))
    }))
}

/// The user named in the path, which must be the key's own; without one, the key's own.
fn named_user(world: &World, request: &Request, own: ClockifyUser) -> Result<ClockifyUser, Reply> {
    let named = request.param(1);
    if named.is_empty() || named == own.id {
        return Ok(own);
    }
    let known = world.clockify.users.iter().any(|user| user.id == named);
    Err(if known {
        errors::access_denied()
    } else {
        errors::foreign("User")
    })
}

fn position(world: &World, request: &Request, id: &str) -> Result<usize, Reply> {
    let (user, workspace) = scope(world, request)?;
    let wanted =
        |entry: &Entry| entry.id == id && entry.workspace == workspace.id && entry.user == user.id;
    world
        .clockify
        .entries
        .iter()
        .position(wanted)
        .ok_or_else(|| errors::foreign("Time entry"))
}

/// The entry of the path, if it may be changed. No source says what Clockify really answers for a locked one.
fn unlocked(world: &World, request: &Request) -> Result<usize, Reply> {
    let at = position(world, request, request.param(1))?;
    if world.clockify.entries[at].locked || request.tweak == Some(Tweak::LockedEntries) {
        return Err(errors::invalid("Time entry is locked and can't be changed"));
    }
    Ok(at)
}

fn read(world: &World, request: &Request, entry: &Entry, hydrated: bool) -> Value {
    let mut json = entry_json::read(world, entry, hydrated);
    if request.tweak == Some(Tweak::LockedEntries) {
        json["isLocked"] = json!(true);
    }
    json
}

//! Time entries. There is no idempotency: sending the same entry twice makes two, whatever header comes with it.

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::paging::page;
use super::{answer, body, entry_json, errors, scope, window};
use crate::simulator::faults::Tweak;
use crate::simulator::http::{Reply, Request};
use crate::simulator::world::{ClockifyUser, CustomValue, Entry, Span, Workspace, World, whole_second};

const MAX_DESCRIPTION: usize = 3000;
/// How long a new entry stays out of lists under [`Tweak::ListLag`].
const LIST_LAG: TimeDelta = TimeDelta::minutes(1);

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
            .filter(|entry| entry.workspace == workspace.id && entry.user == user.id && selection.takes(entry))
            .collect();
        found.sort_by(|a, b| b.span.start.cmp(&a.span.start).then_with(|| b.id.cmp(&a.id)));
        let hydrated = request.query_flag("hydrated") == Some(true);
        page(request, found.into_iter().map(|entry| read(world, request, entry, hydrated)).collect())
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
        Ok(Reply::ok(&entry_json::written(world, &world.clockify.entries[at])))
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
        let running = |entry: &Entry| entry.user == user.id && entry.workspace == workspace.id && entry.span.end.is_none();
        let entries = &mut world.clockify.entries;
        let at = entries.iter().position(running).ok_or_else(|| errors::foreign("Time entry"))?;
        entries[at].span.end = Some(end);
        Ok(Reply::ok(&entry_json::written(world, &world.clockify.entries[at])))
    }))
}

/// The user named in the path, which must be the key's own; without one, the key's own.
fn named_user(world: &World, request: &Request, own: ClockifyUser) -> Result<ClockifyUser, Reply> {
    let named = request.param(1);
    if named.is_empty() || named == own.id {
        return Ok(own);
    }
    let known = world.clockify.users.iter().any(|user| user.id == named);
    Err(if known { errors::access_denied() } else { errors::foreign("User") })
}

fn position(world: &World, request: &Request, id: &str) -> Result<usize, Reply> {
    let (user, workspace) = scope(world, request)?;
    let wanted = |entry: &Entry| entry.id == id && entry.workspace == workspace.id && entry.user == user.id;
    world.clockify.entries.iter().position(wanted).ok_or_else(|| errors::foreign("Time entry"))
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

/// The parameters of a list.
struct Selection {
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    description: Option<String>,
    project: Option<String>,
    task: Option<String>,
    tags: Vec<String>,
    ids: Vec<String>,
    in_progress: Option<bool>,
    needs_project: bool,
    needs_task: bool,
    made_before: Option<DateTime<Utc>>,
}

impl Selection {
    fn read(world: &World, request: &Request, user: &ClockifyUser) -> Result<Self, Reply> {
        let zone: Tz = user.zone.parse().unwrap_or(Tz::UTC);
        let bound = |parameter: &str| match request.query(parameter).filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => window::bound(text, zone).map(Some).ok_or_else(|| errors::not_convertible(parameter, text)),
        };
        let owned = |parameter: &str| request.query(parameter).filter(|text| !text.is_empty()).map(str::to_owned);
        let list = |parameter: &str| request.query_list(parameter).into_iter().map(str::to_owned).collect();
        Ok(Self {
            from: bound("start")?,
            until: bound("end")?,
            description: owned("description").map(|text| text.to_lowercase()),
            project: owned("project"),
            task: owned("task"),
            tags: list("tags"),
            ids: list("time-entry-ids"),
            in_progress: request.query_flag("in-progress"),
            needs_project: request.query_flag("project-required") == Some(true),
            needs_task: request.query_flag("task-required") == Some(true),
            made_before: (request.tweak == Some(Tweak::ListLag)).then(|| world.now() - LIST_LAG),
        })
    }

    fn takes(&self, entry: &Entry) -> bool {
        let start = entry.span.start;
        let tagged = |tag: &String| entry.tags.as_ref().is_some_and(|tags| tags.contains(tag));
        self.from.is_none_or(|from| start >= from)
            && self.until.is_none_or(|until| start < until)
            && self.description.as_ref().is_none_or(|term| entry.description.to_lowercase().contains(term))
            && (self.project.is_none() || self.project == entry.project)
            && (self.task.is_none() || self.task == entry.task)
            && (self.tags.is_empty() || self.tags.iter().any(tagged))
            && (self.ids.is_empty() || self.ids.contains(&entry.id))
            && self.in_progress.is_none_or(|running| running == entry.span.end.is_none())
            && (!self.needs_project || entry.project.is_some())
            && (!self.needs_task || entry.task.is_some())
            && self.made_before.is_none_or(|before| entry.created < before)
    }
}

/// The checked body of a create or replace.
struct Draft {
    description: String,
    span: Span,
    billable: bool,
    project: Option<String>,
    task: Option<String>,
    tags: Option<Vec<String>>,
    kind: String,
    custom_values: Vec<CustomValue>,
}

impl Draft {
    fn read(world: &World, request: &Request, workspace: &Workspace) -> Result<Self, Reply> {
        let body = body(request)?;
        let start = time(&body, "start")?.ok_or_else(|| errors::invalid("start must not be null"))?;
        let end = time(&body, "end")?;
        if let Some(end) = end.filter(|end| start > *end) {
            return Err(errors::invalid(&format!("Start datetime {start} is greater than end datetime {end}.")));
        }
        let description = text(&body, "description").unwrap_or_default();
        if description.chars().count() > MAX_DESCRIPTION {
            return Err(errors::invalid("You entered invalid value for field: [description]. Size must be between 0 and 3000"));
        }
        let kind = text(&body, "type").unwrap_or_else(|| "REGULAR".to_owned());
        if !matches!(kind.as_str(), "REGULAR" | "BREAK") {
            return Err(errors::invalid("You entered invalid value for field: [type]."));
        }
        let draft = Self {
            description,
            span: Span { start, end },
            billable: body.get("billable").and_then(Value::as_bool).unwrap_or(false),
            project: text(&body, "projectId"),
            task: text(&body, "taskId"),
            tags: body.get("tagIds").and_then(Value::as_array).map(|ids| {
                ids.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }),
            kind,
            custom_values: custom_values(world, &body)?,
        };
        draft.check_references(world, workspace)?;
        draft.check_rules(workspace, request.tweak == Some(Tweak::ForceProjects))?;
        Ok(draft)
    }

    /// An archived project is fine, a missing one is not.
    fn check_references(&self, world: &World, workspace: &Workspace) -> Result<(), Reply> {
        let clockify = &world.clockify;
        let project = |id: &String| clockify.projects.iter().any(|project| project.id == *id && project.workspace == workspace.id);
        let task = |id: &String| clockify.tasks.iter().any(|task| task.id == *id && Some(&task.project) == self.project.as_ref());
        let tag = |id: &String| clockify.tags.iter().any(|tag| tag.id == *id && tag.workspace == workspace.id);
        if self.project.as_ref().is_some_and(|id| !project(id)) {
            return Err(errors::foreign("Project"));
        }
        if self.task.as_ref().is_some_and(|id| !task(id)) {
            return Err(errors::foreign("Task"));
        }
        if self.tags.iter().flatten().any(|id| !tag(id)) {
            return Err(errors::foreign("Tag"));
        }
        Ok(())
    }

    /// What the workspace makes obligatory. A running timer may be completed later.
    fn check_rules(&self, workspace: &Workspace, projects_forced: bool) -> Result<(), Reply> {
        if self.span.end.is_none() {
            return Ok(());
        }
        if (workspace.force_projects || projects_forced) && self.project.is_none() {
            return Err(errors::project_required());
        }
        let missing = [
            (workspace.force_tasks && self.task.is_none(), "Task"),
            (workspace.force_tags && self.tags.as_ref().is_none_or(Vec::is_empty), "Tag"),
            (workspace.force_description && self.description.is_empty(), "Description"),
        ];
        match missing.into_iter().find(|(missing, _)| *missing) {
            Some((_, field)) => Err(errors::invalid(&format!("{field} is required field."))),
            None => Ok(()),
        }
    }
}

fn text(body: &Value, key: &str) -> Option<String> {
    body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn time(body: &Value, key: &str) -> Result<Option<DateTime<Utc>>, Reply> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let time = value.as_str().and_then(window::parse).map(whole_second);
            let message = format!("You entered invalid value for field: [{key}]. Expected format is yyyy-MM-ddTHH:mm:ssZ");
            time.map(Some).ok_or_else(|| errors::invalid(&message))
        }
    }
}

/// The values under the key for writing; those under the key for reading (`customFieldValues`) are silently dropped.
fn custom_values(world: &World, body: &Value) -> Result<Vec<CustomValue>, Reply> {
    let given = body.get("customFields").and_then(Value::as_array).into_iter().flatten();
    given
        .map(|item| {
            let id = item.get("customFieldId").and_then(Value::as_str).unwrap_or_default();
            let field = world.clockify.custom_fields.iter().find(|field| field.id == id);
            let field = field.ok_or_else(|| errors::foreign("Custom field"))?;
            Ok(CustomValue { field: field.id.clone(), value: item.get("value").cloned().unwrap_or(Value::Null) })
        })
        .collect()
}

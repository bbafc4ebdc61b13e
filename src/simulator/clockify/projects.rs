//! Projects and their tasks.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::paging::page;
use super::{answer, body, errors, name_fits, new_name, scope};
use crate::simulator::http::{Reply, Request};
use crate::simulator::world::{Project, Task, World};

const MAX_NOTE: usize = 16384;

/// `GET …/projects`.
pub(in crate::simulator) fn list(world: &mut World, request: &Request) -> Reply {
    answer(scope(world, request).and_then(|(_, workspace)| {
        let clients = request.query_list("clients");
        let mut found: Vec<&Project> = world
            .clockify
            .projects
            .iter()
            .filter(|project| {
                project.workspace == workspace.id && name_fits(request, &project.name)
            })
            .filter(|project| {
                request
                    .query_flag("archived")
                    .is_none_or(|archived| archived == project.archived)
            })
            .filter(|project| {
                request
                    .query_flag("billable")
                    .is_none_or(|billable| billable == project.billable)
            })
            .filter(|project| {
                clients.is_empty()
                    || project
                        .client
                        .as_deref()
                        .is_some_and(|id| clients.contains(&id))
            })
            .collect();
        // The API sorts by name unless told otherwise.
        found.sort_by_key(|project| project.name.to_lowercase());
        if request
            .query("sort-order")
            .is_some_and(|order| order.eq_ignore_ascii_case("descending"))
        {
            found.reverse();
        }
        page(request, found, |project| project_json(world, project))
    }))
}

/// `POST …/projects`.
pub(in crate::simulator) fn create(world: &mut World, request: &Request) -> Reply {
    answer(scope(world, request).and_then(|(_, workspace)| {
        let body = body(request)?;
        let name = new_name(&body, 2..=250)?;
        let taken = |project: &Project| {
            project.workspace == workspace.id && project.name.eq_ignore_ascii_case(&name)
        };
        if world.clockify.projects.iter().any(taken) {
            return Err(errors::project_exists());
        }
        let color = color(&body)?.unwrap_or_else(|| "#03A9F4".to_owned());
        let note = note(&body)?.unwrap_or_default();
        let client = text(&body, "clientId");
        if client
            .as_ref()
            .is_some_and(|id| !world.clockify.clients.iter().any(|client| client.id == *id))
        {
            return Err(errors::foreign("Client"));
        }
        let project = Project {
            id: world.object_id(),
            workspace: workspace.id,
            name,
            client,
            billable: flag(&body, "billable").unwrap_or(false),
            public: flag(&body, "isPublic").unwrap_or(false),
            archived: false,
            color,
            note,
        };
        let json = project_json(world, &project);
        world.clockify.projects.push(project);
        Ok(Reply::json(StatusCode::CREATED, &json))
    }))
}

/// `GET …/projects/{project}`.
pub(in crate::simulator) fn get(world: &mut World, request: &Request) -> Reply {
    answer(
        position(world, request)
            .map(|at| Reply::ok(&project_json(world, &world.clockify.projects[at]))),
    )
}

/// `PUT …/projects/{project}`: changes what is given.
pub(in crate::simulator) fn update(world: &mut World, request: &Request) -> Reply {
    answer(position(world, request).and_then(|at| {
        let body = body(request)?;
        let name = body
            .get("name")
            .is_some()
            .then(|| new_name(&body, 2..=250))
            .transpose()?;
        let (color, note) = (color(&body)?, note(&body)?);
        let project = &mut world.clockify.projects[at];
        project.name = name.unwrap_or_else(|| project.name.clone());
        project.color = color.unwrap_or_else(|| project.color.clone());
        project.note = note.unwrap_or_else(|| project.note.clone());
        project.archived = flag(&body, "archived").unwrap_or(project.archived);
        project.billable = flag(&body, "billable").unwrap_or(project.billable);
        project.public = flag(&body, "isPublic").unwrap_or(project.public);
        let project = &world.clockify.projects[at];
        Ok(Reply::ok(&project_json(world, project)))
    }))
}

/// `DELETE …/projects/{project}`: only archived ones.
pub(in crate::simulator) fn delete(world: &mut World, request: &Request) -> Reply {
    answer(position(world, request).and_then(|at| {
        if !world.clockify.projects[at].archived {
            return Err(errors::invalid("Cannot delete an active project"));
        }
        let project = world.clockify.projects.remove(at);
        Ok(Reply::ok(&project_json(world, &project)))
    }))
}

/// `GET …/projects/{project}/tasks`.
pub(in crate::simulator) fn list_tasks(world: &mut World, request: &Request) -> Reply {
    answer(position(world, request).and_then(|at| {
        let project = &world.clockify.projects[at].id;
        let tasks = world
            .clockify
            .tasks
            .iter()
            .filter(|task| task.project == *project && name_fits(request, &task.name));
        let tasks = tasks.filter(|task| {
            request
                .query_flag("is-active")
                .is_none_or(|active| active != task.done)
        });
        page(request, tasks.collect(), task_json)
    }))
}

/// `POST …/projects/{project}/tasks`.
pub(in crate::simulator) fn create_task(world: &mut World, request: &Request) -> Reply {
    answer(position(world, request).and_then(|at| {
        let project = world.clockify.projects[at].id.clone();
        let name = new_name(&body(request)?, 1..=1000)?;
        if world
            .clockify
            .tasks
            .iter()
            .any(|task| task.project == project && task.name.eq_ignore_ascii_case(&name))
        {
            return Err(errors::name_taken("Task", &name));
        }
        let task = Task {
            id: world.object_id(),
            project,
            name,
            done: false,
        };
        let json = task_json(&task);
        world.clockify.tasks.push(task);
        Ok(Reply::json(StatusCode::CREATED, &json))
    }))
}

fn position(world: &World, request: &Request) -> Result<usize, Reply> {
    let (_, workspace) = scope(world, request)?;
    let wanted =
        |project: &Project| project.id == request.param(1) && project.workspace == workspace.id;
    world
        .clockify
        .projects
        .iter()
        .position(wanted)
        .ok_or_else(|| errors::foreign("Project"))
}

fn text(body: &Value, key: &str) -> Option<String> {
    body.get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn flag(body: &Value, key: &str) -> Option<bool> {
    body.get(key).and_then(Value::as_bool)
}

fn color(body: &Value) -> Result<Option<String>, Reply> {
    let Some(color) = text(body, "color") else {
        return Ok(None);
    };
    let digits = color.strip_prefix('#').unwrap_or_default();
    if digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Ok(Some(color));
    }
    Err(errors::invalid(
        "You entered invalid value for field: [color]. must match \"^#(?:[0-9a-fA-F]{6}){1}$\"",
    ))
}

fn note(body: &Value) -> Result<Option<String>, Reply> {
    let note = text(body, "note");
    if note
        .as_ref()
        .is_some_and(|note| note.chars().count() > MAX_NOTE)
    {
        return Err(errors::invalid(
            "You entered invalid value for field: [note]. Size must be between 0 and 16384",
        ));
    }
    Ok(note)
}

pub(super) fn project_json(world: &World, project: &Project) -> Value {
    let client = world
        .clockify
        .clients
        .iter()
        .find(|client| Some(&client.id) == project.client.as_ref());
    json!({
        "id": project.id, "name": project.name, "workspaceId": project.workspace,
        "clientId": project.client.as_deref().unwrap_or_default(),
        "clientName": client.map(|client| client.name.as_str()).unwrap_or_default(),
        "billable": project.billable, "public": project.public, "archived": project.archived, "color": project.color,
        "note": project.note, "hourlyRate": null, "costRate": null, "memberships": [], "duration": "PT0S", "template": false,
        "estimate": {"estimate": "PT0S", "type": "AUTO"}, "timeEstimate": null, "budgetEstimate": null,
    })
}

pub(super) fn task_json(task: &Task) -> Value {
    json!({
        "id": task.id, "name": task.name, "projectId": task.project, "assigneeIds": [], "assigneeId": null, "userGroupIds": [],
        "status": if task.done { "DONE" } else { "ACTIVE" }, "billable": false, "estimate": "PT0S", "duration": "PT0S",
    })
}

//! The body that creates or replaces a time entry, checked as Clockify checks it.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{body, errors, window};
use crate::simulator::faults::Tweak;
use crate::simulator::http::{Reply, Request};
use crate::simulator::world::{CustomValue, Span, Workspace, World, whole_second};

const MAX_DESCRIPTION: usize = 3000;

/// The checked body of a create or replace.
pub(super) struct Draft {
    pub description: String,
    pub span: Span,
    pub billable: bool,
    pub project: Option<String>,
    pub task: Option<String>,
    pub tags: Option<Vec<String>>,
    pub kind: String,
    pub custom_values: Vec<CustomValue>,
}

impl Draft {
    pub fn read(world: &World, request: &Request, workspace: &Workspace) -> Result<Self, Reply> {
        let body = body(request)?;
        let start =
            time(&body, "start")?.ok_or_else(|| errors::invalid("start must not be null"))?;
        let end = time(&body, "end")?;
        if let Some(end) = end.filter(|end| start > *end) {
            return Err(errors::invalid(&format!(
                "Start datetime {start} is greater than end datetime {end}."
            )));
        }
        let description = text(&body, "description").unwrap_or_default();
        if description.chars().count() > MAX_DESCRIPTION {
            return Err(errors::invalid(
                "You entered invalid value for field: [description]. Size must be between 0 and 3000",
            ));
        }
        let kind = text(&body, "type").unwrap_or_else(|| "REGULAR".to_owned());
        if !matches!(kind.as_str(), "REGULAR" | "BREAK") {
            return Err(errors::invalid(
                "You entered invalid value for field: [type].",
            ));
        }
        let draft = Self {
            description,
            span: Span { start, end },
            billable: body
                .get("billable")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            project: text(&body, "projectId"),
            task: text(&body, "taskId"),
            tags: body.get("tagIds").and_then(Value::as_array).map(|ids| {
                ids.iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect()
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
        let project = |id: &String| {
            clockify
                .projects
                .iter()
                .any(|project| project.id == *id && project.workspace == workspace.id)
        };
        let task = |id: &String| {
            clockify
                .tasks
                .iter()
                .any(|task| task.id == *id && Some(&task.project) == self.project.as_ref())
        };
        let tag = |id: &String| {
            clockify
                .tags
                .iter()
                .any(|tag| tag.id == *id && tag.workspace == workspace.id)
        };
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
            (
                workspace.force_tags && self.tags.as_ref().is_none_or(Vec::is_empty),
                "Tag",
            ),
            (
                workspace.force_description && self.description.is_empty(),
                "Description",
            ),
        ];
        match missing.into_iter().find(|(missing, _)| *missing) {
            Some((_, field)) => Err(errors::invalid(&format!("{field} is required field."))),
            None => Ok(()),
        }
    }
}

fn text(body: &Value, key: &str) -> Option<String> {
    body.get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// A time of the body in whole seconds.
pub(super) fn time(body: &Value, key: &str) -> Result<Option<DateTime<Utc>>, Reply> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let time = value.as_str().and_then(window::parse).map(whole_second);
            let message = format!(
                "You entered invalid value for field: [{key}]. Expected format is yyyy-MM-ddTHH:mm:ssZ"
            );
            time.map(Some).ok_or_else(|| errors::invalid(&message))
        }
    }
}

/// The values under the key for writing; those under the key for reading (`customFieldValues`) are silently dropped.
fn custom_values(world: &World, body: &Value) -> Result<Vec<CustomValue>, Reply> {
    let given = body
        .get("customFields")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    given
        .map(|item| {
            let id = item
                .get("customFieldId")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let field = world
                .clockify
                .custom_fields
                .iter()
                .find(|field| field.id == id);
            let field = field.ok_or_else(|| errors::foreign("Custom field"))?;
            Ok(CustomValue {
                field: field.id.clone(),
                value: item.get("value").cloned().unwrap_or(Value::Null),
            })
        })
        .collect()
}

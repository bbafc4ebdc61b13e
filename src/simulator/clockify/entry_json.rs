//! Time entries in JSON, as they are read.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::projects::{project_json, task_json};
use super::tags::tag_json;
use super::users::user_json;
use crate::simulator::world::{Entry, World};

/// An entry without rates, as answered to writing calls.
pub(super) fn written(world: &World, entry: &Entry) -> Value {
    let values: Vec<Value> = entry
        .custom_values
        .iter()
        .map(|value| {
            let field = world
                .clockify
                .custom_fields
                .iter()
                .find(|field| field.id == value.field);
            json!({
                "customFieldId": value.field, "timeEntryId": entry.id, "value": value.value,
                "name": field.map(|field| &field.name), "type": field.map(|field| &field.kind),
            })
        })
        .collect();
    json!({
        "id": entry.id, "description": entry.description, "userId": entry.user, "workspaceId": entry.workspace,
        "billable": entry.billable, "projectId": entry.project, "taskId": entry.task, "tagIds": entry.tags,
        "isLocked": entry.locked, "type": entry.kind, "kioskId": null, "customFieldValues": values,
        "timeInterval": {
            "start": second(entry.span.start),
            "end": entry.span.end.map(second),
            "duration": entry.span.end.map(|end| duration(end - entry.span.start)),
        },
    })
}

/// An entry as it is read; hydrated ones carry objects instead of ids.
pub(super) fn read(world: &World, entry: &Entry, hydrated: bool) -> Value {
    let mut json = written(world, entry);
    json["hourlyRate"] = json!({"amount": 0, "currency": "USD"});
    json["costRate"] = json!({"amount": 0, "currency": "USD"});
    if hydrated && let Value::Object(fields) = &mut json {
        let clockify = &world.clockify;
        let project = clockify
            .projects
            .iter()
            .find(|project| Some(&project.id) == entry.project.as_ref());
        let task = clockify
            .tasks
            .iter()
            .find(|task| Some(&task.id) == entry.task.as_ref());
        let tags = entry
            .tags
            .iter()
            .flatten()
            .filter_map(|id| clockify.tags.iter().find(|tag| tag.id == *id));
        let user = clockify.users.iter().find(|user| user.id == entry.user);
        for id in ["projectId", "taskId", "tagIds", "userId"] {
            fields.remove(id);
        }
        fields.insert(
            "project".to_owned(),
            json!(project.map(|project| project_json(world, project))),
        );
        fields.insert("task".to_owned(), json!(task.map(task_json)));
        fields.insert("tags".to_owned(), tags.map(tag_json).collect());
        fields.insert("user".to_owned(), json!(user.map(user_json)));
    }
    json
}

fn second(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// ISO 8601: `PT1H30M`, `PT0S`.
pub(super) fn duration(length: TimeDelta) -> String {
    let seconds = length.num_seconds();
    if seconds == 0 {
        return "PT0S".to_owned();
    }
    let parts = [
        (seconds / 3600, 'H'),
        (seconds / 60 % 60, 'M'),
        (seconds % 60, 'S'),
    ];
    let parts = parts.into_iter().filter(|(number, _)| *number != 0);
    parts.fold("PT".to_owned(), |text, (number, unit)| {
        format!("{text}{number}{unit}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_leave_out_what_is_zero() {
        for (seconds, expected) in [
            (0, "PT0S"),
            (1800, "PT30M"),
            (3600, "PT1H"),
            (3661, "PT1H1M1S"),
            (90_000, "PT25H"),
        ] {
            assert_eq!(duration(TimeDelta::seconds(seconds)), expected);
        }
    }
}

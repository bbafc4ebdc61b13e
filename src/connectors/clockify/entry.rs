//! A time entry, as it is read and as it is written.

use super::{
    ClockifyError,
    window::{text, whole_seconds},
};
use crate::connectors::wire;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest description, in UTF-16 units, which is how Clockify counts: most emoji are two.
pub const MAX_DESCRIPTION: usize = 3_000;

/// A time entry. All that is here survives [`Clockify::replace_entry`](super::Clockify::replace_entry).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", from = "WireEntry")]
pub struct Entry {
    /// 24 hex digits; the first 8 are the second of its creation, so the smaller of two is the older.
    pub id: String,
    /// Empty where there is none.
    pub description: String,
    /// Whose it is.
    pub user_id: String,
    /// Where it is.
    pub workspace_id: String,
    /// Whether a customer pays for it.
    pub billable: bool,
    /// `None`: no project.
    pub project_id: Option<String>,
    /// A task of the project.
    pub task_id: Option<String>,
    /// In no order.
    pub tag_ids: Vec<String>,
    /// Whole seconds.
    pub start: DateTime<Utc>,
    /// Whole seconds; `None` while its timer runs.
    pub end: Option<DateTime<Utc>>,
    /// Locked or approved: changes are refused.
    pub is_locked: bool,
    /// `REGULAR`, `BREAK`, `HOLIDAY` or `TIME_OFF`.
    pub kind: String,
    /// Values of the workspace's own fields.
    pub custom_fields: Vec<CustomField>,
}

/// The value of one of the workspace's own fields.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomField {
    /// Which field.
    pub custom_field_id: String,
    /// `WORKSPACE` where the answer does not say.
    #[serde(default = "workspace", deserialize_with = "or_workspace")]
    pub source_type: String,
    /// Text, number, list or truth; null is no value.
    #[serde(default)]
    pub value: Value,
}

fn workspace() -> String {
    "WORKSPACE".to_owned()
}

fn or_workspace<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(workspace))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireEntry {
    id: String,
    #[serde(default, deserialize_with = "wire::or_default")]
    description: String,
    #[serde(default, deserialize_with = "wire::or_default")]
    user_id: String,
    #[serde(default, deserialize_with = "wire::or_default")]
    workspace_id: String,
    #[serde(default, deserialize_with = "wire::or_default")]
    billable: bool,
    project_id: Option<String>,
    task_id: Option<String>,
    #[serde(default, deserialize_with = "wire::or_default")]
    tag_ids: Vec<String>,
    time_interval: Interval,
    #[serde(default, deserialize_with = "wire::or_default")]
    is_locked: bool,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "wire::or_default")]
    custom_field_values: Vec<CustomField>,
}

#[derive(Deserialize)]
struct Interval {
    #[serde(deserialize_with = "wire::instant")]
    start: DateTime<Utc>,
    #[serde(default, deserialize_with = "wire::maybe_instant")]
    end: Option<DateTime<Utc>>,
}

impl From<WireEntry> for Entry {
    fn from(wire: WireEntry) -> Self {
        let id = |id: Option<String>| id.filter(|id| !id.is_empty());
        Self {
            id: wire.id,
            description: wire.description,
            user_id: wire.user_id,
            workspace_id: wire.workspace_id,
            billable: wire.billable,
            project_id: id(wire.project_id),
            task_id: id(wire.task_id),
            tag_ids: wire.tag_ids,
            start: whole_seconds(wire.time_interval.start),
            end: wire.time_interval.end.map(whole_seconds),
            is_locked: wire.is_locked,
            kind: wire.kind.unwrap_or_else(|| "REGULAR".to_owned()),
            custom_fields: wire.custom_field_values,
        }
    }
}

impl Entry {
    /// Everything that can be written, for what is left out would be cleared.
    pub(super) fn body(&self) -> Result<Value, ClockifyError> {
        check_description(&self.description)?;
        let mut body = json!({
            "start": text(whole_seconds(self.start)),
            "description": self.description,
            "billable": self.billable,
            "tagIds": self.tag_ids,
        });
        set(
            &mut body,
            "end",
            self.end.map(|end| text(whole_seconds(end))),
        );
        set(&mut body, "projectId", self.project_id.as_deref());
        set(&mut body, "taskId", self.task_id.as_deref());
        // The other kinds are made by Clockify itself, and it does not take them.
        if matches!(self.kind.as_str(), "REGULAR" | "BREAK") {
            set(&mut body, "type", Some(self.kind.as_str()));
        }
        // Read as `customFieldValues`, written as `customFields`: the other name is accepted and thrown away.
        let values: Vec<Value> = self
            .custom_fields
            .iter()
            .filter(|field| !field.value.is_null())
            .map(|field| {
                json!({
                    "customFieldId": field.custom_field_id,
                    "sourceType": field.source_type,
                    "value": field.value,
                })
            })
            .collect();
        set(
            &mut body,
            "customFields",
            (!values.is_empty()).then_some(values),
        );
        Ok(body)
    }
}

/// A time entry to create, for the user of the API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// At most [`MAX_DESCRIPTION`].
    pub description: String,
    /// Cut to whole seconds.
    pub start: DateTime<Utc>,
    /// Cut to whole seconds.
    pub end: DateTime<Utc>,
    /// Whether a customer pays for it.
    pub billable: bool,
    /// Some workspaces demand one.
    pub project_id: Option<String>,
    /// A task of the project.
    pub task_id: Option<String>,
    /// In any order.
    pub tag_ids: Vec<String>,
}

impl NewEntry {
    pub(super) fn body(&self) -> Result<Value, ClockifyError> {
        check_description(&self.description)?;
        let mut body = json!({
            "start": text(whole_seconds(self.start)),
            "end": text(whole_seconds(self.end)),
            "description": self.description,
            "billable": self.billable,
        });
        set(&mut body, "projectId", self.project_id.as_deref());
        set(&mut body, "taskId", self.task_id.as_deref());
        set(
            &mut body,
            "tagIds",
            (!self.tag_ids.is_empty()).then_some(self.tag_ids.as_slice()),
        );
        Ok(body)
    }
}

/// Leaves `key` out where there is no value: null is not everywhere taken for absent.
fn set<T: serde::Serialize>(body: &mut Value, key: &str, value: Option<T>) {
    if let Some(value) = value {
        body[key] = json!(value);
    }
}

fn check_description(text: &str) -> Result<(), ClockifyError> {
    match text.encode_utf16().count() {
        length if length > MAX_DESCRIPTION => Err(ClockifyError::DescriptionTooLong { length }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: Value) -> Entry {
        serde_json::from_value(json).expect("an entry")
    }

    fn whole() -> Value {
        json!({"id": "64c777ddd3fcab07cfbb210c", "description": "ACME weekly", "userId": "5a0a", "workspaceId": "64a6",
            "billable": true, "projectId": "p1", "taskId": "t1", "tagIds": ["g1", "g2"], "isLocked": false,
            "type": "BREAK", "kioskId": null,
            "timeInterval": {"start": "2026-11-19T09:00:00Z", "end": "2026-11-19T09:30:00Z", "duration": "PT30M"},
            "hourlyRate": {"amount": 0, "currency": "USD"},
            "customFieldValues": [
                {"customFieldId": "c1", "timeEntryId": "e", "name": "Meet ref", "type": "TXT", "value": "x"},
                {"customFieldId": "c2", "value": null}]})
    }

    #[test]
    fn a_replacement_keeps_everything_that_was_read() {
        assert_eq!(
            read(whole()).body().expect("a body"),
            json!({"start": "2026-11-19T09:00:00Z", "end": "2026-11-19T09:30:00Z", "description": "ACME weekly",
                "billable": true, "projectId": "p1", "taskId": "t1", "tagIds": ["g1", "g2"], "type": "BREAK",
                "customFields": [{"customFieldId": "c1", "sourceType": "WORKSPACE", "value": "x"}]})
        );
    }

    #[test]
    fn nulls_are_absent_and_a_running_timer_has_no_end() {
        let entry = read(
            json!({"id": "e", "description": null, "projectId": null, "taskId": null, "tagIds": null,
            "timeInterval": {"start": "2026-11-19T09:00:00Z", "end": null, "duration": null},
            "customFieldValues": null, "billable": null, "type": null}),
        );
        assert_eq!(entry.end, None);
        assert_eq!(
            entry.body().expect("a body"),
            json!({"start": "2026-11-19T09:00:00Z", "description": "", "billable": false, "tagIds": [], "type": "REGULAR"})
        );
    }

    #[test]
    fn a_new_entry_has_whole_seconds_and_says_billable() {
        let entry = NewEntry {
            description: "x".into(),
            start: "2026-11-19T09:00:03.987Z".parse().expect("a time"),
            end: "2026-11-19T09:31:44.5Z".parse().expect("a time"),
            billable: false,
            project_id: Some("p1".into()),
            task_id: None,
            tag_ids: Vec::new(),
        };
        assert_eq!(
            entry.body().expect("a body"),
            json!({"start": "2026-11-19T09:00:03Z", "end": "2026-11-19T09:31:44Z", "description": "x",
                "billable": false, "projectId": "p1"})
        );
    }

    #[test]
    fn a_description_is_measured_as_clockify_does() {
        assert!(check_description(&"é".repeat(3_000)).is_ok());
        assert!(check_description(&"🎥".repeat(1_500)).is_ok());
        assert!(matches!(
            check_description(&"🎥".repeat(1_501)),
            Err(ClockifyError::DescriptionTooLong { length: 3_002 })
        ));
    }

    proptest! {
        #[test]
        fn no_json_makes_it_panic(value in crate::connectors::wire::arbitrary::json(
            &["id", "timeInterval", "start", "end", "tagIds", "customFieldValues", "customFieldId", "value"])) {
            if let Ok(entry) = serde_json::from_value::<Entry>(value) {
                let _ = entry.body();
            }
        }
    }
}

//! Clockify's side of the world: users, workspaces and what is in them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Span, World};

/// Everything at Clockify.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Clockify {
    /// The first is "me".
    pub users: Vec<ClockifyUser>,
    pub workspaces: Vec<Workspace>,
    pub projects: Vec<Project>,
    pub tasks: Vec<Task>,
    pub tags: Vec<Tag>,
    pub clients: Vec<Client>,
    pub custom_fields: Vec<CustomField>,
    /// In order of creation.
    pub entries: Vec<Entry>,
}

/// A user with an API key.
#[derive(Debug, Clone, Serialize)]
pub struct ClockifyUser {
    pub id: String,
    pub email: String,
    pub name: String,
    pub api_key: String,
    /// IANA name; decides how the list of time entries reads its window.
    pub zone: String,
    pub active_workspace: String,
    pub default_workspace: String,
}

/// A workspace with the rules that it enforces.
#[derive(Debug, Clone, Serialize)]
pub struct Workspace {
    pub id: String,
    pub name: String,
    pub force_projects: bool,
    pub force_tasks: bool,
    pub force_tags: bool,
    pub force_description: bool,
}

/// A project.
#[derive(Debug, Clone, Serialize)]
pub struct Project {
    pub id: String,
    pub workspace: String,
    pub name: String,
    pub client: Option<String>,
    pub billable: bool,
    pub public: bool,
    pub archived: bool,
    /// `#RRGGBB`.
    pub color: String,
    pub note: String,
}

/// A task of a project.
#[derive(Debug, Clone, Serialize)]
pub struct Task {
    pub id: String,
    pub project: String,
    pub name: String,
    pub done: bool,
}

/// A tag.
#[derive(Debug, Clone, Serialize)]
pub struct Tag {
    pub id: String,
    pub workspace: String,
    pub name: String,
    pub archived: bool,
}

/// A client (customer).
#[derive(Debug, Clone, Serialize)]
pub struct Client {
    pub id: String,
    pub workspace: String,
    pub name: String,
    pub archived: bool,
}

/// A custom field of time entries.
#[derive(Debug, Clone, Serialize)]
pub struct CustomField {
    pub id: String,
    pub workspace: String,
    pub name: String,
    /// `TXT`, `NUMBER`, `CHECKBOX`, `LINK`, `DROPDOWN_SINGLE` or `DROPDOWN_MULTIPLE`.
    pub kind: String,
}

/// A time entry. Times are whole seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    pub id: String,
    pub workspace: String,
    pub user: String,
    pub description: String,
    pub span: Span,
    pub billable: bool,
    pub project: Option<String>,
    pub task: Option<String>,
    pub tags: Option<Vec<String>>,
    pub kind: String,
    pub custom_values: Vec<CustomValue>,
    /// Locked entries refuse changes.
    pub locked: bool,
    pub created: DateTime<Utc>,
}

/// The value of a custom field in one entry.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CustomValue {
    pub field: String,
    pub value: serde_json::Value,
}

/// What [`World::add_entry`] needs to know.
#[derive(Debug, Clone, Deserialize)]
pub struct NewEntry {
    pub start: DateTime<Utc>,
    pub end: Option<DateTime<Utc>>,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub project: Option<String>,
    #[serde(default)]
    pub tags: Vec<String>,
}

impl World {
    /// The first Clockify user.
    pub fn clockify_me(&self) -> ClockifyUser {
        self.clockify
            .users
            .first()
            .cloned()
            .expect("every world is founded with one Clockify user")
    }

    /// Adds a user with the given zone to a workspace (all of the others' workspaces when `None`); returns the user.
    pub fn add_clockify_user(
        &mut self,
        name: &str,
        email: &str,
        zone: &str,
        workspace: &str,
    ) -> ClockifyUser {
        let id = self.object_id();
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let api_key = format!("composed{}", self.random_text(letters, 40));
        let user = ClockifyUser {
            id,
            email: email.to_owned(),
            name: name.to_owned(),
            api_key,
            zone: zone.to_owned(),
            active_workspace: workspace.to_owned(),
            default_workspace: workspace.to_owned(),
        };
        self.clockify.users.push(user.clone());
        user
    }

    /// Adds a workspace; returns its id.
    pub fn add_workspace(&mut self, name: &str) -> String {
        let id = self.object_id();
        self.clockify.workspaces.push(Workspace {
            id: id.clone(),
            name: name.to_owned(),
            force_projects: false,
            force_tasks: false,
            force_tags: false,
            force_description: false,
        });
        id
    }

    /// Adds a project to my active workspace; returns its id.
    pub fn add_project(&mut self, name: &str) -> String {
        let workspace = self.clockify_me().active_workspace;
        let id = self.object_id();
        self.clockify.projects.push(Project {
            id: id.clone(),
            workspace,
            name: name.to_owned(),
            client: None,
            billable: false,
            public: true,
            archived: false,
            color: "#2196F3".to_owned(),
            note: String::new(),
        });
        id
    }

    /// Adds so many projects named `Project 001` …
    pub fn add_projects(&mut self, count: usize) {
        for number in 1..=count {
            self.add_project(&format!("Project {number:03}"));
        }
    }

    /// Adds a task to a project; returns its id.
    pub fn add_task(&mut self, project: &str, name: &str) -> String {
        let id = self.object_id();
        self.clockify.tasks.push(Task {
            id: id.clone(),
            project: project.to_owned(),
            name: name.to_owned(),
            done: false,
        });
        id
    }

    /// Adds a tag to my active workspace; returns its id.
    pub fn add_tag(&mut self, name: &str) -> String {
        let workspace = self.clockify_me().active_workspace;
        let id = self.object_id();
        self.clockify.tags.push(Tag {
            id: id.clone(),
            workspace,
            name: name.to_owned(),
            archived: false,
        });
        id
    }

    /// Adds a customer to my active workspace; returns its id.
    pub fn add_client(&mut self, name: &str) -> String {
        let workspace = self.clockify_me().active_workspace;
        let id = self.object_id();
        self.clockify.clients.push(Client {
            id: id.clone(),
            workspace,
            name: name.to_owned(),
            archived: false,
        });
        id
    }

    /// Adds a custom field of time entries to my active workspace; returns its id.
    pub fn add_custom_field(&mut self, name: &str, kind: &str) -> String {
        let workspace = self.clockify_me().active_workspace;
        let id = self.object_id();
        self.clockify.custom_fields.push(CustomField {
            id: id.clone(),
            workspace,
            name: name.to_owned(),
            kind: kind.to_owned(),
        });
        id
    }

    /// Adds a time entry of mine, as if made by hand in Clockify; returns its id.
    pub fn add_entry(&mut self, entry: NewEntry) -> String {
        let me = self.clockify_me();
        let id = self.object_id();
        let created = self.now();
        self.clockify.entries.push(Entry {
            id: id.clone(),
            workspace: me.active_workspace,
            user: me.id,
            description: entry.description,
            span: Span {
                start: whole_second(entry.start),
                end: entry.end.map(whole_second),
            },
            billable: false,
            project: entry.project,
            task: None,
            tags: (!entry.tags.is_empty()).then_some(entry.tags),
            kind: "REGULAR".to_owned(),
            custom_values: Vec::new(),
            locked: false,
            created,
        });
        id
    }

    /// Adds so many hand-made entries of 10 minutes, one every 20 minutes backwards from now.
    pub fn add_entries(&mut self, count: i32) {
        let now = self.now();
        for number in 0..count {
            let start = now - chrono::TimeDelta::minutes(20) * (number + 1);
            let description = format!("Own work {number}");
            let end = Some(start + chrono::TimeDelta::minutes(10));
            self.add_entry(NewEntry {
                start,
                end,
                description,
                project: None,
                tags: Vec::new(),
            });
        }
    }

    /// All time entries in order of creation.
    pub fn entries(&self) -> &[Entry] {
        &self.clockify.entries
    }

    /// Changes an entry as the user would. False when there is no such entry.
    pub fn edit_entry(&mut self, id: &str, change: impl FnOnce(&mut Entry)) -> bool {
        self.clockify
            .entries
            .iter_mut()
            .find(|entry| entry.id == id)
            .map(change)
            .is_some()
    }

    /// Deletes an entry as the user would. False when there is no such entry.
    pub fn delete_entry(&mut self, id: &str) -> bool {
        let before = self.clockify.entries.len();
        self.clockify.entries.retain(|entry| entry.id != id);
        self.clockify.entries.len() < before
    }
}

/// Cuts fractions of a second off, as Clockify does.
pub(crate) fn whole_second(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at)
}

//! Who the user is, and what a time entry can be put on: workspaces, projects, tasks, tags.

use super::{Clockify, ClockifyError, client::Request};
use crate::connectors::wire;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

/// Projects, tasks or tags on one page.
const PAGE: u32 = 200;

/// The owner of the API key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", from = "WireUser")]
pub struct User {
    /// 24 hex digits.
    pub id: String,
    /// The mail address; may be hidden.
    pub email: Option<String>,
    /// As shown to others.
    pub name: Option<String>,
    /// The workspace that the user looks at.
    pub active_workspace: Option<String>,
    /// The user's own workspace.
    pub default_workspace: Option<String>,
    /// IANA name; shifts the windows of lists (see [`padded_window`](super::padded_window)).
    pub time_zone: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireUser {
    id: String,
    email: Option<String>,
    name: Option<String>,
    active_workspace: Option<String>,
    default_workspace: Option<String>,
    settings: Option<UserSettings>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserSettings {
    time_zone: Option<String>,
}

impl From<WireUser> for User {
    fn from(wire: WireUser) -> Self {
        Self {
            id: wire.id,
            email: wire.email,
            name: wire.name,
            active_workspace: wire.active_workspace,
            default_workspace: wire.default_workspace,
            time_zone: wire.settings.and_then(|settings| settings.time_zone),
        }
    }
}

/// A workspace that the user belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    /// 24 hex digits.
    pub id: String,
    /// As shown.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub name: String,
    /// What it demands of entries.
    #[serde(
        rename = "workspaceSettings",
        default,
        deserialize_with = "wire::or_default"
    )]
    pub settings: WorkspaceSettings,
    /// The plan; `None` or `FREE` on free ones, which may have 30 requests an hour.
    #[serde(default)]
    pub feature_subscription_type: Option<String>,
}

/// What a workspace demands of time entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkspaceSettings {
    /// A project.
    #[serde(deserialize_with = "wire::or_default")]
    pub force_projects: bool,
    /// A task.
    #[serde(deserialize_with = "wire::or_default")]
    pub force_tasks: bool,
    /// A tag.
    #[serde(deserialize_with = "wire::or_default")]
    pub force_tags: bool,
    /// A description.
    #[serde(deserialize_with = "wire::or_default")]
    pub force_description: bool,
}

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Project {
    /// 24 hex digits.
    pub id: String,
    /// Unique in the workspace, for one client.
    pub name: String,
    /// The customer.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The customer's name.
    #[serde(default)]
    pub client_name: Option<String>,
    /// Whether its entries are billable where they do not say.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub billable: bool,
    /// Put away; entries on it are accepted all the same.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub archived: bool,
}

/// A project to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProject {
    /// 2 to 250 characters.
    pub name: String,
    /// `#RRGGBB`.
    pub color: String,
    /// At most 16,384 characters.
    pub note: String,
    /// Whether its entries are billable where they do not say.
    pub billable: bool,
    /// Whether everybody in the workspace sees it.
    pub public: bool,
}

/// A task of a project.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// 24 hex digits.
    pub id: String,
    /// Unique in its project.
    pub name: String,
    /// `ACTIVE` or `DONE`.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub status: String,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tag {
    /// 24 hex digits.
    pub id: String,
    /// Unique in the workspace.
    pub name: String,
    /// Put away.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub archived: bool,
}

impl Clockify {
    /// The owner of the API key: also the way to see whether the key works.
    pub async fn user(&self) -> Result<User, ClockifyError> {
        self.get("clockify.user.get", self.url(["user"])).await
    }

    /// All workspaces of the user.
    pub async fn workspaces(&self) -> Result<Vec<Workspace>, ClockifyError> {
        // This list has no pages.
        self.get("clockify.workspaces.list", self.url(["workspaces"]))
            .await
    }

    /// All projects, archived ones too.
    pub async fn projects(&self, workspace: &str) -> Result<Vec<Project>, ClockifyError> {
        let url = self.url(["workspaces", workspace, "projects"]);
        self.list("clockify.projects.list", &url, PAGE).await
    }

    /// The project of that name, whatever its case; one that is not archived where there are several.
    pub async fn find_project(
        &self,
        workspace: &str,
        name: &str,
    ) -> Result<Option<Project>, ClockifyError> {
        Ok(pick(self.projects(workspace).await?, name))
    }

    /// Creates a project. [`ClockifyError::NameTaken`] when there is one, or a concurrent call made it.
    pub async fn create_project(
        &self,
        workspace: &str,
        project: &NewProject,
    ) -> Result<Project, ClockifyError> {
        let body = json!({
            "name": project.name,
            "color": project.color,
            "note": project.note,
            "billable": project.billable,
            "isPublic": project.public,
        });
        let path = ["workspaces", workspace, "projects"];
        self.create("clockify.projects.create", path, body).await
    }

    /// All tasks of a project, done ones too.
    pub async fn tasks(&self, workspace: &str, project: &str) -> Result<Vec<Task>, ClockifyError> {
        let url = self.url(["workspaces", workspace, "projects", project, "tasks"]);
        self.list("clockify.tasks.list", &url, PAGE).await
    }

    /// All tags, archived ones too.
    pub async fn tags(&self, workspace: &str) -> Result<Vec<Tag>, ClockifyError> {
        let url = self.url(["workspaces", workspace, "tags"]);
        self.list("clockify.tags.list", &url, PAGE).await
    }

    /// Creates a tag of at most 100 characters. [`ClockifyError::NameTaken`] when there is one.
    pub async fn create_tag(&self, workspace: &str, name: &str) -> Result<Tag, ClockifyError> {
        let path = ["workspaces", workspace, "tags"];
        self.create("clockify.tags.create", path, json!({"name": name}))
            .await
    }

    async fn create<T: serde::de::DeserializeOwned>(
        &self,
        endpoint: &'static str,
        path: [&str; 3],
        body: Value,
    ) -> Result<T, ClockifyError> {
        let request = Request {
            endpoint,
            method: Method::POST,
            url: self.url(path),
            body: Some(body),
        };
        self.write_object(request, None).await
    }
}

fn pick(projects: Vec<Project>, name: &str) -> Option<Project> {
    let name = name.to_lowercase();
    projects
        .into_iter()
        .filter(|project| project.name.to_lowercase() == name)
        .min_by_key(|project| project.archived)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_users_and_bare_workspaces_are_read() {
        let user: User = serde_json::from_value(
            json!({"id": "u", "settings": null, "name": null, "email": null}),
        )
        .expect("a user");
        assert_eq!((user.time_zone, user.active_workspace), (None, None));
        for settings in [json!(null), json!({}), json!({"forceProjects": null})] {
            let workspace: Workspace =
                serde_json::from_value(json!({"id": "w", "workspaceSettings": settings}))
                    .expect("a workspace");
            assert!(!workspace.settings.force_projects);
        }
        let strict: Workspace = serde_json::from_value(
            json!({"id": "w", "name": "Acme", "workspaceSettings": {"forceProjects": true, "round": {}}}),
        )
        .expect("a workspace");
        assert!(strict.settings.force_projects);
    }

    #[test]
    fn a_project_is_found_by_its_whole_name_and_rather_active() {
        let project = |id: &str, name: &str, archived: bool| Project {
            id: id.into(),
            name: name.into(),
            client_id: None,
            client_name: None,
            billable: false,
            archived,
        };
        let all = vec![
            project("1", "google meet", true),
            project("2", "Google Meet 2", false),
            project("3", "GOOGLE MEET", false),
        ];
        assert_eq!(
            pick(all.clone(), "Google Meet").map(|found| found.id),
            Some("3".into())
        );
        assert_eq!(pick(all, "Meet"), None);
    }
}

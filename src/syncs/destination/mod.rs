//! The destination of a sync, opened: Clockify's client, which workspace and user it writes for, and the ids of projects,
//! tasks and tags by name. What was found out is remembered, because some accounts allow thirty requests an hour.

use crate::{
    app::App,
    base::{Error, Result, TokenName},
    connectors::{
        Access,
        clockify::{Clockify, ClockifyError, NewProject},
    },
    db::Scope,
    outbound::CallError,
    syncs::{
        DestinationAccount, access,
        definition::{DEFAULT_PROJECT, Definition, Target},
        store::facts,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::HashMap,
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How long a fact about an account is taken for true.
const FACTS_HOLD: TimeDelta = TimeDelta::hours(24);
/// How the original made its project.
const PROJECT_COLOR: &str = "#0AC8B9";
const PROJECT_NOTE: &str = "Google Meet attendance history";
/// Takes the first workspace of the list, as the original did.
pub const FIRST_WORKSPACE: &str = "first";

/// An opened destination.
pub struct Destination {
    /// The client.
    pub clockify: Clockify,
    /// Whose entries they are.
    pub account: DestinationAccount,
    /// The credential in use.
    pub access: Access,
    app: App,
    token: TokenName,
    /// What was resolved in this pass; `None` when what is remembered is in doubt.
    resolved: Mutex<Option<Resolved>>,
}

/// Targets with their ids, or why they have none.
type Resolved = HashMap<Target, std::result::Result<Ids, String>>;

/// The owner of the key, as it is remembered.
#[derive(Serialize, Deserialize)]
struct Owner {
    id: String,
    workspace: Option<String>,
}

/// What a target is called at the destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// The project.
    pub project: Option<String>,
    /// The task.
    pub task: Option<String>,
    /// The tags, sorted.
    pub tags: Vec<String>,
}

impl Destination {
    /// Opens the destination of a token.
    pub async fn open(app: &App, token: &TokenName, definition: &Definition) -> Result<Self> {
        let access = access::to_clockify(app, token).await?;
        let mut this = Self {
            clockify: Clockify::new(
                app.outbound.clone(),
                access::url("clockify.url", &app.config.clockify.url)?,
                access.clone(),
            ),
            access,
            account: DestinationAccount {
                provider: "clockify",
                workspace: String::new(),
                user: String::new(),
            },
            app: app.clone(),
            token: token.clone(),
            resolved: Mutex::new(Some(HashMap::new())),
        };
        // For good: which workspace is active is a matter of where the user looks, and entries must not follow that.
        let user = this
            .known_since("user", DateTime::UNIX_EPOCH, || this.who_am_i())
            .await?;
        let workspace = match definition.workspace.as_str() {
            "" => user.workspace,
            FIRST_WORKSPACE => this.first_workspace().await?,
            chosen => Some(chosen.to_owned()),
        };
        this.account.user = user.id;
        this.account.workspace = workspace.ok_or_else(|| {
            Error::precondition(
                "WORKSPACE_MISSING",
                "the Clockify account has no workspace: choose one with workspace_id",
            )
        })?;
        Ok(this)
    }

    async fn who_am_i(&self) -> std::result::Result<Owner, ClockifyError> {
        let user = self.clockify.user().await?;
        Ok(Owner {
            id: user.id,
            workspace: user.active_workspace.or(user.default_workspace),
        })
    }

    async fn first_workspace(&self) -> Result<Option<String>> {
        self.known("first-workspace", || async {
            Ok(self
                .clockify
                .workspaces()
                .await?
                .into_iter()
                .next()
                .map(|workspace| workspace.id))
        })
        .await
    }

    /// The ids of a target's names. Projects and tags that are not there are made; a missing task is an error.
    pub async fn resolve(&self, target: &Target) -> Result<Ids> {
        let known = self
            .resolved()
            .as_ref()
            .map(|known| known.get(target).cloned());
        let refused = |what| Error::Refused {
            reason: "TARGET_MISSING",
            what,
        };
        match known {
            Some(Some(known)) => return known.map_err(refused),
            Some(None) => {}
            None => self.forget_names().await?,
        }
        let found = match self.find(target).await {
            Ok(ids) => Ok(ids),
            // As many meetings as may want it, it is asked for once.
            Err(error @ (Error::Refused { .. } | Error::Precondition { .. })) => {
                Err(error.to_string())
            }
            Err(other) => return Err(other),
        };
        self.resolved()
            .get_or_insert_default()
            .insert(target.clone(), found.clone());
        found.map_err(refused)
    }

    async fn find(&self, target: &Target) -> Result<Ids> {
        let project = self.project(&target.project).await?;
        let task = match target.task.as_str() {
            "" => None,
            task => Some(self.task(&project, task).await?),
        };
        let mut tags = Vec::new();
        for tag in &target.tags {
            tags.push(self.tag(tag).await?);
        }
        tags.sort_unstable();
        tags.dedup();
        Ok(Ids {
            project: Some(project),
            task,
            tags,
        })
    }

    /// Says that what is remembered about projects, tasks and tags is not so any more.
    pub fn doubt_names(&self) {
        *self.resolved() = None;
    }

    fn resolved(&self) -> MutexGuard<'_, Option<Resolved>> {
        self.resolved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn forget_names(&self) -> Result<()> {
        let mut tx = self
            .app
            .db
            .write(Scope::Tenant(self.token.tenant.clone()))
            .await?;
        for kind in ["project", "task", "tag"] {
            facts::forget(
                &mut tx,
                &self.token,
                &format!(
                    "{}/{kind}:{}:",
                    self.access.account.key, self.account.workspace
                ),
            )
            .await?;
        }
        tx.commit().await
    }

    async fn project(&self, name: &str) -> Result<String> {
        let workspace = &self.account.workspace;
        self.known(
            &format!("project:{workspace}:{}", name.to_lowercase()),
            || async {
                if let Some(found) = self.clockify.find_project(workspace, name).await? {
                    return Ok(found.id);
                }
                let project = NewProject {
                    name: name.to_owned(),
                    color: PROJECT_COLOR.to_owned(),
                    note: if name == DEFAULT_PROJECT {
                        PROJECT_NOTE.to_owned()
                    } else {
                        String::new()
                    },
                    billable: false,
                    public: false,
                };
                match self.clockify.create_project(workspace, &project).await {
                    Ok(made) => Ok(made.id),
                    // Names are unique there, so looking again tells who made it: another process, or we, without an answer.
                    Err(error) if may_be_there(&error) => self
                        .clockify
                        .find_project(workspace, name)
                        .await?
                        .map(|found| found.id)
                        .ok_or(error),
                    Err(other) => Err(other),
                }
            },
        )
        .await
    }

    async fn task(&self, project: &str, name: &str) -> Result<String> {
        let workspace = &self.account.workspace;
        let found: Option<String> = self
            .known(
                &format!("task:{workspace}:{project}:{}", name.to_lowercase()),
                || async {
                    let tasks = self.clockify.tasks(workspace, project).await?;
                    Ok(tasks
                        .into_iter()
                        .find(|task| same(&task.name, name))
                        .map(|task| task.id))
                },
            )
            .await?;
        found.ok_or_else(|| Error::Refused {
            reason: "TASK_MISSING",
            what: format!("the project has no task {name:?}: make it in Clockify"),
        })
    }

    async fn tag(&self, name: &str) -> Result<String> {
        let workspace = &self.account.workspace;
        self.known(
            &format!("tag:{workspace}:{}", name.to_lowercase()),
            || async {
                let find = || async {
                    let tags = self.clockify.tags(workspace).await?;
                    Ok::<_, ClockifyError>(
                        tags.into_iter()
                            .find(|tag| same(&tag.name, name))
                            .map(|tag| tag.id),
                    )
                };
                if let Some(id) = find().await? {
                    return Ok(id);
                }
                match self.clockify.create_tag(workspace, name).await {
                    Ok(tag) => Ok(tag.id),
                    Err(error) if may_be_there(&error) => find().await?.ok_or(error),
                    Err(other) => Err(other),
                }
            },
        )
        .await
    }

    /// What is remembered under `name`, else what `ask` finds out; that is remembered, unless it is nothing.
    async fn known<T, F>(&self, name: &str, ask: impl FnOnce() -> F) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = std::result::Result<T, ClockifyError>>,
    {
        let since = self.app.db.now() - FACTS_HOLD;
        self.known_since(name, since, ask).await
    }

    /// The same for facts that were read at `since` or later.
    async fn known_since<T, F>(
        &self,
        name: &str,
        since: DateTime<Utc>,
        ask: impl FnOnce() -> F,
    ) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = std::result::Result<T, ClockifyError>>,
    {
        let scope = || Scope::Tenant(self.token.tenant.clone());
        // By account, because a token may be given another account's key.
        let name = &format!("{}/{name}", self.access.account.key);
        let mut tx = self.app.db.read(scope()).await?;
        if let Some(value) = facts::get(&mut tx, &self.token, name, since).await? {
            return Ok(value);
        }
        drop(tx);
        let value = ask().await?;
        if !matches!(serde_json::to_value(&value), Ok(serde_json::Value::Null)) {
            let mut tx = self.app.db.write(scope()).await?;
            facts::put(&mut tx, &self.token, name, &value, self.app.db.now()).await?;
            tx.commit().await?;
        }
        Ok(value)
    }
}

/// Whether, after this, the object may be there all the same.
fn may_be_there(error: &ClockifyError) -> bool {
    matches!(
        error,
        ClockifyError::NameTaken { .. } | ClockifyError::Call(CallError::Unanswered { .. })
    )
}

/// Clockify's names are the same whatever the case.
fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

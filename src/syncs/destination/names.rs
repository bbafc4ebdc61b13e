//! The ids of projects, tasks and tags by name.

use super::Destination;
use crate::{
    base::{Error, Result},
    connectors::clockify::{ClockifyError, NewProject},
    outbound::CallError,
    syncs::definition::{DEFAULT_PROJECT, Target},
};
use std::{
    collections::HashMap,
    sync::{MutexGuard, PoisonError},
};

/// How the original made its project.
const PROJECT_COLOR: &str = "#0AC8B9";
const PROJECT_NOTE: &str = "Google Meet attendance history";

/// Targets with their ids, or why they have none.
pub(super) type Resolved = HashMap<Target, std::result::Result<Ids, String>>;

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
        let workspace = &self.account.workspace;
        let kinds = ["project", "task", "tag"].map(|kind| format!("{kind}:{workspace}:"));
        self.facts.forget(&kinds).await
    }

    async fn project(&self, name: &str) -> Result<String> {
        let workspace = &self.account.workspace;
        self.facts
            .known(
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
            .facts
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
        self.facts
            .known(
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

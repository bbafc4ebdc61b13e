//! Follows a run until its last state.

use crate::{
    app::App,
    base::{Result, RunName},
    db::Scope,
    runs::{Run, store},
};
use std::time::Duration;

/// How often the row is looked at. Whoever watches sits before a screen.
const POLL: Duration = Duration::from_millis(150);

/// A run that is being watched.
pub struct Watch {
    app: App,
    name: RunName,
    last: Option<Run>,
}

impl Watch {
    /// Begins to watch; fails when there is no such run.
    pub async fn begin(app: &App, name: RunName) -> Result<(Self, Run)> {
        let mut watch = Self {
            app: app.clone(),
            name,
            last: None,
        };
        let run = watch.read().await?;
        watch.last = Some(run.clone());
        Ok((watch, run))
    }

    /// Waits for the next change; `None` once the run was seen in its last state.
    pub async fn next(&mut self) -> Result<Option<Run>> {
        loop {
            let seen = self.last.as_ref();
            if seen.is_some_and(|run| run.state.is_final()) {
                return Ok(None);
            }
            let seen = seen.map(|run| (run.updated_at, run.fence));
            tokio::select! {
                // A run that ends in this process need not wait for the next look.
                () = self.app.work_arrived.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
            let run = self.read().await?;
            if seen != Some((run.updated_at, run.fence)) || run.state.is_final() {
                self.last = Some(run.clone());
                return Ok(Some(run));
            }
        }
    }

    async fn read(&self) -> Result<Run> {
        let mut tx = self
            .app
            .db
            .read(Scope::Tenant(self.name.tenant.clone()))
            .await?;
        store::get(&mut tx, &self.name)
            .await?
            .ok_or_else(|| self.name.not_found())
    }
}

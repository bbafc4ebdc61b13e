//! What a job holds while it runs: its run, its progress and log, and whether it should stop.

use crate::{
    app::App,
    base::{Error, Result},
    db::Scope,
    runs::{Progress, Run, mirror::Image, store},
};
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// Progress is written at most this often: each write is a durable commit.
const PROGRESS_EVERY: Duration = Duration::from_millis(400);

/// A claimed run, as its job sees it.
pub struct Handle {
    /// Everything a room may use.
    pub app: App,
    /// The run as it was claimed.
    pub run: Run,
    /// Cancelled when the run should stop: somebody asked for it, the process ends, or the lease was lost.
    pub stop: CancellationToken,
    progress: Mutex<Option<(Instant, String)>>,
    /// Where the run was handed out by Redis.
    image: Option<Image>,
}

impl Handle {
    pub(super) fn new(app: App, run: Run, stop: CancellationToken, image: Option<Image>) -> Self {
        Self {
            app,
            run,
            stop,
            progress: Mutex::new(None),
            image,
        }
    }

    /// The scope of everything the job writes.
    pub fn scope(&self) -> Scope {
        Scope::Tenant(self.run.name.tenant.clone())
    }

    /// Whether to stop at the next point where nothing is torn.
    pub fn stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Says how far the run is. Written now and then, at every new phase, and never by somebody who lost the run: then
    /// the job is told to stop.
    pub async fn progress(&self, phase: &str, done: usize, total: usize) -> Result<()> {
        if done < total && !self.progress_is_due(phase) {
            return Ok(());
        }
        let progress = Progress {
            phase: phase.to_owned(),
            done: done as u64,
            total: total as u64,
        };
        let mut tx = self.app.db.write(self.scope()).await?;
        let now = self.app.db.now();
        if !store::progress(&mut tx, &self.run.name, self.run.fence, &progress, now).await? {
            self.stop.cancel();
            return Err(Error::Conflict {
                what: self.run.name.to_string(),
            });
        }
        tx.commit().await?;
        if let Some(image) = &self.image {
            image.progress(&progress);
        }
        Ok(())
    }

    /// Adds a line to the run's log, which its owner can read. No secret, no mail address.
    pub async fn log(&self, level: &str, message: &str) -> Result<()> {
        // The text is the owner's: it may name a calendar, and calendars are named by mail addresses.
        tracing::info!(run.name = %self.run.name, run.log_level = level, "the run said something");
        let mut tx = self.app.db.write(self.scope()).await?;
        store::log(&mut tx, &self.run.name, level, message, self.app.db.now()).await?;
        tx.commit().await?;
        if let Some(image) = &self.image {
            image.line(level, message);
        }
        Ok(())
    }

    fn progress_is_due(&self, phase: &str) -> bool {
        let mut last = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let due = match &*last {
            Some((at, known)) => known != phase || at.elapsed() >= PROGRESS_EVERY,
            None => true,
        };
        if due {
            *last = Some((Instant::now(), phase.to_owned()));
        }
        due
    }
}

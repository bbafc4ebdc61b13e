//! One pass of a sync: reads the source, decides about each meeting, writes what is to be written, and goes on looking
//! until every write has a known outcome. Begun again at any moment, by any process, it comes to the same entries.

mod adopt;
mod cases;
mod read;
mod second_copies;
mod settle;
mod view;

pub use cases::Case;
pub use settle::Listener;
pub use view::View;

use crate::{
    app::App,
    base::{Error, Result},
    db::Scope,
    runs::Handle,
    syncs::{
        Sync,
        describe::Template,
        destination::Destination,
        discover::Window,
        entry::{Desired, Wanted},
        rules::Rules,
        source::Source,
    },
};
use chrono::TimeDelta;
use std::time::Duration;
use uuid::Uuid;

/// Longest wait within a pass for an outcome or as a provider asks; longer ones park the run.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A sync that is being passed through once.
pub struct Pass<'a> {
    /// Everything a room may use.
    pub app: &'a App,
    /// What is passed through.
    pub sync: &'a Sync,
    /// The run; `None` for previews and the like, which write nothing.
    pub handle: Option<&'a Handle>,
    /// Where entries go.
    pub destination: Destination,
    /// The stretch of time.
    pub window: Window,
    /// Whether it reads on from where the sync was read to, so that the watermark may follow.
    reads_on: bool,
    template: Template,
    rules: Rules,
}

impl<'a> Pass<'a> {
    /// As [`Pass::open`], for a pass that reads: both ends are opened at the same time.
    pub async fn open_both(
        app: &'a App,
        sync: &'a Sync,
        handle: Option<&'a Handle>,
        options: Options,
    ) -> Result<(Self, Source)> {
        futures::try_join!(
            Self::open(app, sync, handle, options),
            Source::open(app, &sync.source)
        )
    }

    /// Opens the destination and compiles the definition.
    pub async fn open(
        app: &'a App,
        sync: &'a Sync,
        handle: Option<&'a Handle>,
        options: Options,
    ) -> Result<Self> {
        let definition = &sync.definition;
        let days = [options.days, definition.days, app.config.syncs.days]
            .into_iter()
            .find(|days| *days > 0)
            .unwrap_or(30);
        let end = app.db.now();
        let start = end - TimeDelta::days(i64::from(days));
        let overlap = TimeDelta::from_std(app.config.syncs.overlap).unwrap_or(TimeDelta::hours(6));
        // A longer look back than before is not covered by the watermark.
        let unread_from = match sync.watermark {
            Some(watermark) if !options.full && options.days <= definition.days => {
                (watermark - overlap).max(start)
            }
            _ => start,
        };
        let usual_days = if definition.days > 0 {
            definition.days
        } else {
            app.config.syncs.days
        };
        let whole = end - TimeDelta::days(i64::from(usual_days));
        let reads_on = unread_from <= sync.watermark.unwrap_or(whole);
        Ok(Self {
            app,
            sync,
            handle,
            reads_on,
            destination: Destination::open(app, &sync.destination, definition).await?,
            window: Window {
                start,
                end,
                unread_from,
            },
            template: Template::parse(&definition.description_template)
                .map_err(|why| Error::invalid("description_template", why))?,
            rules: Rules::of(definition)?,
        })
    }

    /// The scope of everything it reads and writes.
    pub fn scope(&self) -> Scope {
        Scope::Tenant(self.sync.name.tenant.clone())
    }

    /// The run's id.
    pub fn run_id(&self) -> Option<Uuid> {
        self.handle.map(|handle| handle.run.name.id)
    }

    /// How long after a write it may still be invisible.
    pub fn grace(&self) -> TimeDelta {
        TimeDelta::from_std(self.app.config.syncs.visibility_grace).unwrap_or(TimeDelta::seconds(5))
    }

    /// Fails when the run is to stop.
    pub fn check_stop(&self) -> Result<()> {
        match self.handle {
            Some(handle) if handle.stopping() => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }

    /// Waits as an error asks, where that is short; else, and for errors that ask for no wait, gives it back.
    pub async fn wait_as_asked(&self, error: Error) -> Result<()> {
        let until = match &error {
            Error::Unavailable {
                retry_at: Some(at), ..
            } => *at,
            Error::Exhausted { until, .. } => *until,
            _ => return Err(error),
        };
        let wait = (until - self.app.db.now()).to_std().unwrap_or_default();
        if wait > LONGEST_WAIT {
            return Err(error);
        }
        self.sleep(wait).await
    }

    async fn sleep(&self, wait: Duration) -> Result<()> {
        match self.handle {
            Some(handle) => {
                tokio::select! {
                    () = handle.stop.cancelled() => {}
                    () = tokio::time::sleep(wait) => {}
                }
            }
            None => tokio::time::sleep(wait).await,
        }
        self.check_stop()
    }

    async fn progress(&self, phase: &str, done: usize, total: usize) -> Result<()> {
        match self.handle {
            Some(handle) => handle.progress(phase, done, total).await,
            None => Ok(()),
        }
    }

    /// The entry as it is written.
    pub async fn resolve(&self, desired: &Desired) -> Result<Wanted> {
        let ids = self.destination.resolve(&desired.target).await?;
        Ok(Wanted {
            start: desired.start,
            end: Some(desired.end),
            description: desired.description.clone(),
            project_id: ids.project,
            task_id: ids.task,
            tag_ids: ids.tags,
            billable: desired.target.billable,
        })
    }
}

/// What a pass may be told besides the definition.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Look back so many days; 0 as the definition says.
    pub days: u32,
    /// Read the whole window again.
    pub full: bool,
}

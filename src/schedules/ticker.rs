//! Drives the schedules of this process: looks every second what is due, and does the chores that come at fixed hours.

use crate::{
    app::App,
    base::{Error, Result},
    db::Scope,
    schedules::{store, tick::tick},
};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, task::JoinHandle, time::Instant};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// When somebody looks what is due. In UTC like all of these: the library keeps a zone's offset of today for ever.
const EVERY_SECOND: &str = "* * * * * *";
/// The library goes by the machine's clock and stands still after it was set back. Then this is how often is looked.
const STANDSTILL: Duration = Duration::from_secs(3);
/// A ticker that did not come through for so long is not alive.
const DEAD_AFTER: Duration = Duration::from_secs(15);

/// What a chore does.
pub type Work = fn(App) -> Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Something to be done at fixed hours and when a process starts, on every replica.
#[derive(Clone, Copy)]
pub struct Chore {
    /// For the log.
    pub name: &'static str,
    /// Six fields, in UTC.
    pub cron: &'static str,
    /// What is done.
    pub work: Work,
}

/// The chores of this room.
pub const CHORES: [Chore; 1] = [Chore {
    name: "forget old occurrences",
    cron: "20 17 * * * *",
    work: |app| Box::pin(forget(app)),
}];

/// What drives the schedules. Runs until its shutdown; [`Ticker::ended`] waits for the end.
pub struct Ticker {
    tasks: TaskTracker,
    scheduler: JobScheduler,
    pulse: Pulse,
    looking: JoinHandle<()>,
}

/// Tells whether a ticker lives.
#[derive(Clone)]
pub struct Pulse(Arc<Mutex<Instant>>);

impl Pulse {
    /// Whether it looked at the schedules lately, and came through.
    pub fn is_felt(&self) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.elapsed() < DEAD_AFTER
    }

    fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl Ticker {
    /// Begins to look, and to do `chores`, each for the first time now.
    pub async fn start(app: App, chores: &[Chore], shutdown: CancellationToken) -> Result<Self> {
        let tasks = TaskTracker::new();
        let scheduler = JobScheduler::new().await.map_err(broken)?;
        let bell = Arc::new(Notify::new());
        let ring = bell.clone();
        let job = Job::new(EVERY_SECOND, move |_, _| ring.notify_one()).map_err(broken)?;
        scheduler.add(job).await.map_err(broken)?;
        for chore in chores.iter().copied() {
            let (app, tasks, shutdown) = (app.clone(), tasks.clone(), shutdown.clone());
            let job = Job::new(chore.cron, move |_, _| {
                tasks.spawn(
                    shutdown
                        .clone()
                        .run_until_cancelled_owned(do_chore(chore, app.clone())),
                );
            });
            scheduler.add(job.map_err(broken)?).await.map_err(broken)?;
        }
        scheduler.start().await.map_err(broken)?;
        // Once now: a process that is often restarted may never live to see a fixed hour.
        let (first, all) = (app.clone(), chores.to_vec());
        tasks.spawn(shutdown.clone().run_until_cancelled_owned(async move {
            for chore in all {
                do_chore(chore, first.clone()).await;
            }
        }));
        let pulse = Pulse(Arc::new(Mutex::new(Instant::now())));
        let looking = tokio::spawn(look(app, bell, pulse.clone(), shutdown));
        Ok(Self {
            tasks,
            scheduler,
            pulse,
            looking,
        })
    }

    /// Whether it lives, for those who must tell.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Waits until everything ended that the shutdown told to end.
    pub async fn ended(mut self) {
        if let Err(error) = self.looking.await {
            tracing::error!(%error, "the ticker broke");
        }
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::warn!(%error, "the ticker's clock did not stop");
        }
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn look(app: App, bell: Arc<Notify>, pulse: Pulse, shutdown: CancellationToken) {
    while is_time(&bell, &shutdown).await {
        // By the database's clock as it is now: this machine's may have been set since it was compared last.
        let looked = async {
            app.db.measure_offset().await?;
            tick(&app).await
        };
        // A look that waits for a database that is gone would hold the end up; what it had begun is rolled back.
        let Some(looked) = shutdown.run_until_cancelled(looked).await else {
            return;
        };
        match looked {
            Ok(kept) => {
                pulse.beat();
                if kept.schedules > 0 {
                    tracing::info!(
                        schedules = kept.schedules,
                        runs = kept.runs,
                        "kept schedules that were due"
                    );
                }
            }
            Err(error) => tracing::warn!(%error, "could not look what is due; trying again"),
        }
    }
}

/// Waits until it is time to look; `false` when there is nothing more to look for.
async fn is_time(bell: &Notify, shutdown: &CancellationToken) -> bool {
    tokio::select! {
        () = shutdown.cancelled() => false,
        () = bell.notified() => true,
        () = tokio::time::sleep(STANDSTILL) => true,
    }
}

async fn do_chore(chore: Chore, app: App) {
    if let Err(error) = (chore.work)(app).await {
        tracing::warn!(%error, chore.name, "a chore failed; it comes again");
    }
}

/// Outcomes are kept as long as finished runs.
async fn forget(app: App) -> Result<()> {
    let before = app.db.now() - app.config.runs.retention;
    let mut tx = app
        .db
        .write(Scope::System("forget old occurrences of all tenants"))
        .await?;
    store::forget(&mut tx, before).await?;
    tx.commit().await
}

fn broken(error: JobSchedulerError) -> Error {
    Error::internal(format!("the ticker's clock: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bell_that_stands_still_after_the_clock_was_set_back_is_not_waited_for() {
        let (bell, shutdown) = (Notify::new(), CancellationToken::new());
        let began = Instant::now();
        let looked = tokio::time::timeout(2 * STANDSTILL, is_time(&bell, &shutdown)).await;
        assert_eq!(looked.ok(), Some(true));
        assert!(began.elapsed() >= STANDSTILL);
        bell.notify_one();
        assert!(is_time(&bell, &shutdown).await);
        assert!(began.elapsed() < 2 * STANDSTILL, "a bell is heard at once");
        shutdown.cancel();
        assert!(!is_time(&bell, &shutdown).await);
    }
}

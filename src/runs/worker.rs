//! Executes runs: claims what is due, says that it lives, takes over from workers that died, and hands back what it has
//! when it must stop.

use crate::{
    app::App,
    base::{Error, Result, RunName},
    db::Scope,
    runs::{Ended, Failure, Handle, Job, Run, housekeeping, measure, outcome, store},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument as _;
use uuid::Uuid;

/// A run whose workers died this often is parked: it is probably what kills them.
const MOST_CRASHES: i64 = 3;
/// Runs claimed in one transaction.
const MOST_CLAIMED: usize = 50;

/// A running worker. Dropping it does not stop it: call [`Worker::shut_down`].
pub struct Worker {
    inner: Arc<Inner>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Tells whether a worker lives.
pub struct Pulse(Arc<Inner>);

impl Pulse {
    /// Whether a heartbeat was stored within the time after which others take the worker for dead.
    pub fn is_felt(&self) -> bool {
        let beaten = *self.0.beaten.lock().unwrap_or_else(PoisonError::into_inner);
        beaten.elapsed() < self.0.app.config.runs.dead_after
    }
}

struct Inner {
    app: App,
    id: Uuid,
    label: String,
    jobs: Vec<Arc<dyn Job>>,
    /// Claim this run or nothing: for a command line that runs one sync.
    only: Option<RunName>,
    running: Mutex<HashMap<Uuid, CancellationToken>>,
    /// Heartbeats so far.
    beats: AtomicU64,
    /// Held while runs go from the table into `running`.
    claiming: tokio::sync::Mutex<()>,
    slots: Arc<Semaphore>,
    tasks: TaskTracker,
    /// When the last heartbeat that was committed began.
    beaten: Mutex<Instant>,
}

impl Worker {
    /// Starts to execute runs of the kinds of `jobs`.
    pub async fn start(app: App, jobs: Vec<Arc<dyn Job>>, only: Option<RunName>) -> Result<Self> {
        let tasks = TaskTracker::new();
        let inner = Arc::new(Inner {
            id: Uuid::now_v7(),
            label: format!("pid {}", std::process::id()),
            jobs,
            only,
            running: Mutex::default(),
            beats: AtomicU64::new(0),
            claiming: tokio::sync::Mutex::default(),
            slots: Arc::new(Semaphore::new(app.config.runs.concurrency)),
            tasks: tasks.clone(),
            beaten: Mutex::new(Instant::now()),
            app,
        });
        inner.beat().await?;
        let stop = CancellationToken::new();
        tasks.spawn(inner.clone().keep_alive(stop.clone()));
        tasks.spawn(inner.clone().take_work(stop.clone()));
        Ok(Self { inner, stop, tasks })
    }

    /// Whether this worker lives, for those who must tell.
    pub fn pulse(&self) -> Pulse {
        Pulse(self.inner.clone())
    }

    /// Takes nothing more, lets running jobs go on for the grace period, then hands back what is left.
    pub async fn shut_down(self, grace: Duration) {
        self.stop.cancel();
        self.inner.cancel_all();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some runs did not stop in time: another worker takes them over");
        }
        if let Err(error) = self.inner.sign_off().await {
            tracing::warn!(%error, "could not sign off; the runs are taken over after a while");
        }
    }
}

impl Inner {
    async fn keep_alive(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(self.app.config.runs.heartbeat);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            // Goes on beating while jobs finish, because their lease is this heartbeat.
            let job_ended = self.app.work_arrived.notified();
            let stopping = stop.is_cancelled();
            if stopping && self.no_jobs() {
                return;
            }
            tokio::select! {
                () = stop.cancelled(), if !stopping => continue,
                () = job_ended, if stopping => continue,
                _ = ticks.tick() => {}
            }
            if let Err(error) = self.beat_in_time().await {
                tracing::warn!(%error, "the heartbeat failed");
                self.stop_if_lost();
            }
            if stop.is_cancelled() && self.no_jobs() {
                return;
            }
        }
    }

    /// A heartbeat that hangs is one that failed.
    async fn beat_in_time(&self) -> Result<()> {
        let late = |_| {
            Err(Error::unavailable(
                "DATABASE_BUSY",
                "the heartbeat came too late",
            ))
        };
        tokio::time::timeout(self.app.config.runs.dead_after, self.beat())
            .await
            .unwrap_or_else(late)
    }

    /// Says that this process lives, and takes over from those that do not.
    async fn beat(&self) -> Result<()> {
        let began = Instant::now();
        self.app.db.measure_offset().await?;
        // While nothing is being claimed, so that what is ours in the table is in the map, or lost.
        let _claiming = self.claiming.lock().await;
        let running: Vec<Uuid> = self.running().keys().copied().collect();
        let now = self.app.db.now();
        let mut tx = self
            .app
            .db
            .write(Scope::System("heartbeat and takeover"))
            .await?;
        store::beat(&mut tx, self.id, &self.label, now).await?;
        let dead_before = now - self.app.config.runs.dead_after;
        let taken = store::take_from_dead(&mut tx, dead_before, MOST_CRASHES, now).await?;
        let beat = self.beats.fetch_add(1, Ordering::Relaxed);
        housekeeping::tidy(&mut tx, self.app.config.runs.retention, beat, now).await?;
        // A claim, or an outcome, whose commit got no answer: nobody here works on those runs.
        for lost in store::owned(&mut tx, self.id).await? {
            if !running.contains(&lost.1) {
                store::give_back(&mut tx, self.id, &lost.0, lost.1, now).await?;
            }
        }
        tx.commit().await?;
        *self.beaten.lock().unwrap_or_else(PoisonError::into_inner) = began;
        for run in taken {
            tracing::warn!(run.name = %run.name, run.state = %run.state, "took a run from a worker that died");
        }
        Ok(())
    }

    /// A process that could not say for so long that it lives has lost its runs: stop them.
    fn stop_if_lost(&self) {
        let beaten = *self.beaten.lock().unwrap_or_else(PoisonError::into_inner);
        if beaten.elapsed() >= self.app.config.runs.dead_after {
            self.cancel_all();
        }
    }

    async fn take_work(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let arrived = self.app.work_arrived.notified();
            match self.claim().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "could not look for work"),
            }
            if let Err(error) = self.obey_cancels().await {
                tracing::warn!(%error, "could not look for cancel requests");
            }
            tokio::select! {
                () = arrived => {}
                () = stop.cancelled() => {}
                () = tokio::time::sleep(self.app.config.runs.poll) => {}
            }
        }
    }

    /// Claims as many runs as there are free slots; whether there was one.
    async fn claim(self: &Arc<Self>) -> Result<bool> {
        let mut slots = Vec::new();
        while slots.len() < MOST_CLAIMED
            && let Ok(slot) = self.slots.clone().try_acquire_owned()
        {
            slots.push(slot);
        }
        if slots.is_empty() {
            return Ok(false);
        }
        let kinds: Vec<_> = self.jobs.iter().map(|job| job.kind()).collect();
        let kinds = serde_json::to_string(&kinds).map_err(Error::internal)?;
        let only = self.only.as_ref().map(|name| name.id);
        let limit = i64::try_from(slots.len()).unwrap_or(1);
        let now = self.app.db.now();
        let _claiming = self.claiming.lock().await;
        let mut tx = self
            .app
            .db
            .write(Scope::System("claim runs of all tenants"))
            .await?;
        let runs = match store::claim(&mut tx, self.id, &kinds, only, limit, now).await {
            // Somebody else was quicker with a run of the same sync; what is left is seen by looking again.
            Err(Error::Conflict { .. }) => return Ok(true),
            other => other?,
        };
        if runs.is_empty() {
            return Ok(false);
        }
        tx.commit().await?;
        for (run, slot) in runs.into_iter().zip(slots) {
            self.execute(run, slot);
        }
        Ok(true)
    }

    fn execute(self: &Arc<Self>, run: Run, slot: OwnedSemaphorePermit) {
        let Some(job) = self.jobs.iter().find(|job| job.kind() == run.kind).cloned() else {
            return;
        };
        let stop = CancellationToken::new();
        self.running().insert(run.name.id, stop.clone());
        let span = tracing::info_span!("run", run.name = %run.name, run.kind = %run.kind, run.attempt = run.attempt);
        if let Some(traceparent) = &run.traceparent {
            crate::telemetry::set_parent(&span, traceparent);
        }
        let this = self.clone();
        self.tasks.spawn(
            async move {
                let handle = Arc::new(Handle::new(this.app.clone(), run, stop));
                // In a task of its own, so that a panic is a failed attempt and not the end of the worker.
                let attempt = tokio::spawn({
                    let handle = handle.clone();
                    async move { job.run(&handle).await }.in_current_span()
                });
                let ended = attempt.await.unwrap_or_else(|panic| {
                    let failure = Failure::new("INTERNAL", format!("the job broke: {panic}"));
                    Ended::Retry(failure, None, None)
                });
                this.finish(&handle, ended).await;
                this.running().remove(&handle.run.name.id);
                drop(slot);
                this.app.work_arrived.notify_waiters();
            }
            .instrument(span),
        );
    }

    /// Writes how the attempt ended; tries for a while, because the work was done and only its record is missing.
    async fn finish(&self, handle: &Handle, ended: Ended) {
        let deadline = Instant::now() + self.app.config.runs.dead_after;
        loop {
            match self.release(handle, &ended).await {
                Ok(true) => return,
                Ok(false) => {
                    tracing::warn!(
                        "the run was taken over meanwhile; its outcome is left to the new owner"
                    );
                    return;
                }
                Err(error) if Instant::now() < deadline => {
                    tracing::warn!(%error, "could not store how the run ended; trying again");
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                Err(error) => {
                    tracing::error!(%error, "could not store how the run ended; it will be run again");
                    return;
                }
            }
        }
    }

    async fn release(&self, handle: &Handle, ended: &Ended) -> Result<bool> {
        let run = &handle.run;
        let now = self.app.db.now();
        let mut tx = self.app.db.write(handle.scope()).await?;
        let current = store::get(&mut tx, &run.name).await?;
        let cancelled = current.is_some_and(|current| current.cancel_requested);
        let release = outcome::of(run, ended, cancelled, now);
        let ours = store::release(&mut tx, &run.name, run.fence, &release, now).await?;
        if ours {
            tx.commit().await?;
            tracing::info!(run.state = %release.state, "the run left the worker");
            measure::left(run, release.state, now);
        }
        Ok(ours)
    }

    async fn obey_cancels(&self) -> Result<()> {
        if self.no_jobs() {
            return Ok(());
        }
        let mut tx = self
            .app
            .db
            .read(Scope::System("cancel requests of all tenants"))
            .await?;
        for id in store::cancel_requests(&mut tx, self.id).await? {
            if let Some(stop) = self.running().get(&id) {
                stop.cancel();
            }
        }
        Ok(())
    }

    /// Leaves at once: what still runs here is free for others.
    async fn sign_off(&self) -> Result<()> {
        let now = self.app.db.now();
        let mut tx = self.app.db.write(Scope::System("sign off")).await?;
        store::remove_worker(&mut tx, self.id).await?;
        // Without its row this worker counts as dead; what it left behind goes back now, and not as a crash.
        store::hand_back(&mut tx, self.id, now).await?;
        tx.commit().await
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, CancellationToken>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn no_jobs(&self) -> bool {
        self.running().is_empty()
    }

    fn cancel_all(&self) {
        for stop in self.running().values() {
            stop.cancel();
        }
    }
}

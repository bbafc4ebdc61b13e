//! Says that the worker lives, takes over from those that do not, and knows when its own runs are lost.

use super::Inner;
use crate::{
    base::{Error, Result},
    db::Scope,
    runs::{housekeeping, store},
};
use std::sync::{Arc, PoisonError, atomic::Ordering};
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

/// A run whose workers died this often is parked: it is probably what kills them.
const MOST_CRASHES: i64 = 3;

impl Inner {
    pub(super) async fn keep_alive(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(self.app.config.runs.heartbeat);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Goes on beating while jobs finish, because their lease is this heartbeat.
            let job_ended = self.app.work_arrived.notified();
            let stopping = self.stop.is_cancelled();
            if stopping && self.no_jobs() {
                return;
            }
            tokio::select! {
                () = self.stop.cancelled(), if !stopping => continue,
                () = job_ended, if stopping => continue,
                _ = ticks.tick() => {}
            }
            if let Err(error) = self.beat_in_time().await {
                tracing::warn!(%error, "the heartbeat failed");
                self.stop_if_lost();
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

    pub(super) async fn beat(&self) -> Result<()> {
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
}

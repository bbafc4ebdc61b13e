//! Executes one attempt of a run: begins it, ends it when it must stop, and writes what became of it.

use super::{Held, Inner, Lease, finisher::Written, settle};
use crate::runs::{Ended, Failure, Handle, Job, Run, measure, outcome};
use std::sync::Arc;
use tokio::{
    sync::OwnedSemaphorePermit,
    task::{JoinError, JoinHandle},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

impl Inner {
    /// Executes a claimed run; with the job in Redis that stands for it, where there is one.
    pub(super) fn execute(
        self: &Arc<Self>,
        run: Run,
        slot: OwnedSemaphorePermit,
        lease: Option<Lease>,
    ) {
        let Some(job) = self.jobs.iter().find(|job| job.kind() == run.kind).cloned() else {
            return;
        };
        let stop = match self.running().get(&run.name.id) {
            Some(reserved) => reserved.stop.clone(),
            None => CancellationToken::new(),
        };
        let held = Held {
            stop: stop.clone(),
            queue: lease.as_ref().map(|lease| lease.queue.name().to_owned()),
        };
        self.running().insert(run.name.id, held);
        let image = lease
            .as_ref()
            .map(|lease| self.mirror.image(&lease.queue, &lease.job));
        let span = tracing::info_span!("run", run.name = %run.name, run.kind = %run.kind, run.attempt = run.attempt);
        if let Some(traceparent) = &run.traceparent {
            crate::telemetry::set_parent(&span, traceparent);
        }
        let this = self.clone();
        self.tasks.spawn(
            async move {
                let handle = Arc::new(Handle::new(this.app.clone(), run, stop, image));
                let ended = this.attempt(job, &handle).await;
                // Writing the end waits for the disk, and others need not wait for that.
                let _finishing = this.finishing.acquire().await;
                drop(slot);
                if !this.redis_has_it() {
                    this.app.work_arrived.notify_waiters();
                }
                let written = this.finish(&handle, ended).await;
                this.running().remove(&handle.run.name.id);
                this.app.work_arrived.notify_waiters();
                if let Some(lease) = lease {
                    let end = settle::after(written, &lease.job, this.app.db.now());
                    this.settle(&lease.queue, vec![end]).await;
                }
            }
            .instrument(span),
        );
    }

    /// Runs the job until it ends, or a while after it was told to stop.
    async fn attempt(&self, job: Arc<dyn Job>, handle: &Arc<Handle>) -> Ended {
        // In a task of its own, so that a panic is a failed attempt and not the end of the worker.
        let mut attempt = tokio::spawn({
            let handle = handle.clone();
            async move { job.run(&handle).await }.in_current_span()
        });
        tokio::select! {
            outcome = &mut attempt => return ended(outcome),
            () = handle.stop.cancelled() => {}
            () = self.deadline(&handle.run) => handle.stop.cancel(),
        }
        let settings = &self.app.config.runs;
        let grace = match self.stop.is_cancelled() {
            true => settings.grace,
            false => settings.cancel_grace,
        };
        match tokio::time::timeout(grace, &mut attempt).await {
            Ok(outcome) => ended(outcome),
            Err(_) => end(attempt).await,
        }
    }

    async fn deadline(&self, run: &Run) {
        match run.deadline_at {
            None => std::future::pending().await,
            Some(at) => {
                let left = at - self.app.db.now();
                tokio::time::sleep(left.to_std().unwrap_or_default()).await;
            }
        }
    }

    /// Writes how the attempt ended. Gives the run as its row is now, unless that is not ours.
    async fn finish(&self, handle: &Handle, ended: Ended) -> Option<Run> {
        let ending = outcome::of(&handle.run, ended, self.app.db.now());
        let release = ending.release.clone();
        let patience = self.app.config.runs.dead_after;
        match self.finisher.write(ending, patience).await {
            Written::As(state) => {
                tracing::info!(run.state = %state, "the run left the worker");
                measure::left(&handle.run, state, self.app.db.now());
                return Some(outcome::applied(&handle.run, release, state));
            }
            Written::TakenOver => tracing::warn!(
                "the run was taken over meanwhile; its outcome is left to the new owner"
            ),
            Written::Not => {
                tracing::error!("could not store how the run ended; it will be run again");
            }
        }
        None
    }
}

fn ended(outcome: Result<Ended, JoinError>) -> Ended {
    outcome.unwrap_or_else(|panic| {
        let failure = Failure::new("INTERNAL", format!("the job broke: {panic}"));
        Ended::Retry(failure, None, None)
    })
}

/// Ends a job that did not stop when it was told to. Returns when nothing of it goes on any more: until then its run must
/// stay ours, because it might still write.
async fn end(attempt: JoinHandle<Ended>) -> Ended {
    tracing::warn!("the run did not stop when it was told to: it is ended where it stands");
    attempt.abort();
    match attempt.await {
        Ok(ended) => ended,
        Err(error) if error.is_cancelled() => Ended::Stopped(None),
        Err(panic) => ended(Err(panic)),
    }
}

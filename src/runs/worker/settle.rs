//! Tells Redis what became of runs, after the table knows. Nothing depends on it: a job that Redis was not told about is
//! handed out again there, and its row says that there is nothing to do.

use super::{Inner, queue::LOCK};
use crate::{
    base::Error,
    queue::{Finish, Job, Outcome, Queue},
    runs::{
        Run, State,
        relay::{Redis, in_time},
    },
};
use chrono::{DateTime, Utc};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::sync::{mpsc, oneshot};

pub(super) use crate::runs::relay::FINISHED_KEPT;

/// Ends that one call carries.
const LARGEST_BATCH: usize = 250;
/// How often locks are extended; three chances before one is lost.
const EXTEND_EVERY: Duration = Duration::from_secs(8);
/// A job whose run somebody took over comes again after this.
const NOT_OURS: Duration = Duration::from_secs(5);
/// How often jobs without a lock are looked for.
const STALLED_EVERY: Duration = Duration::from_secs(15);

/// A job that stands for a run of ours while it is executed.
pub(super) struct Lease {
    /// Where it is.
    pub queue: Queue,
    /// As it was handed out.
    pub job: Job,
}

/// Tells Redis in batches.
pub(super) struct Settler(mpsc::UnboundedSender<(Queue, Finish, oneshot::Sender<()>)>);

impl Settler {
    /// Starts the task; it ends when this is dropped.
    pub fn start(token: String) -> Self {
        let (sender, mut receiver) =
            mpsc::unbounded_channel::<(Queue, Finish, oneshot::Sender<()>)>();
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while receiver.recv_many(&mut batch, LARGEST_BATCH).await > 0 {
                let mut by_queue: HashMap<String, (Queue, Vec<Finish>)> = HashMap::new();
                let mut told = Vec::new();
                for (queue, finish, done) in batch.drain(..) {
                    let name = queue.name().to_owned();
                    by_queue
                        .entry(name)
                        .or_insert((queue, Vec::new()))
                        .1
                        .push(finish);
                    told.push(done);
                }
                for (queue, ends) in by_queue.into_values() {
                    if let Err(error) = in_time(queue.finish(&token, &ends)).await {
                        quietly(&error);
                    }
                }
                for done in told {
                    let _ = done.send(());
                }
            }
        });
        Self(sender)
    }
}

fn quietly(error: &Error) {
    tracing::debug!(%error, "Redis was not told how runs ended; it will find out");
}

impl Inner {
    /// Tells Redis how jobs ended. Returns when that was tried.
    pub(super) async fn settle(&self, queue: &Queue, ends: Vec<Finish>) {
        let mut waits = Vec::new();
        for end in ends {
            let (done, told) = oneshot::channel();
            if self.settler.0.send((queue.clone(), end, done)).is_ok() {
                waits.push(told);
            }
        }
        for told in waits {
            let _ = told.await;
        }
    }

    /// Keeps jobs locked while their runs are executed, and hands out again those that nobody holds. Losing a lock stops
    /// nothing: the row decides.
    pub(super) async fn keep_locks(self: Arc<Self>, redis: Arc<Redis>, queues: Vec<Queue>) {
        let mut extend = tokio::time::interval(EXTEND_EVERY);
        let mut stalled = tokio::time::interval(STALLED_EVERY);
        let token = self.id.to_string();
        loop {
            let job_ended = self.app.work_arrived.notified();
            let stopping = self.stop.is_cancelled();
            if stopping && self.no_jobs() {
                return;
            }
            let is_stalled = tokio::select! {
                () = self.stop.cancelled(), if !stopping => continue,
                () = job_ended, if stopping => continue,
                _ = extend.tick() => false,
                _ = stalled.tick() => true,
            };
            if !redis.is_attached() {
                continue;
            }
            for queue in &queues {
                let outcome = if is_stalled {
                    // Whoever dies of a run is counted by its row, so no number of times is too many here.
                    in_time(queue.recover_stalled(STALLED_EVERY, u32::MAX))
                        .await
                        .map(drop)
                } else {
                    let ids = self.held_in(queue.name());
                    in_time(queue.extend(&token, LOCK, &ids)).await.map(drop)
                };
                if let Err(error) = outcome {
                    quietly(&error);
                }
            }
        }
    }

    fn held_in(&self, queue: &str) -> Vec<String> {
        let running = self.running();
        let held = running
            .iter()
            .filter(|(_, held)| held.queue.as_deref() == Some(queue));
        held.map(|(id, _)| id.to_string()).collect()
    }
}

/// How the job of a run that was executed here ends. One that is not ours any more comes again, and is put right then.
pub(super) fn after(run: Option<Run>, job: &Job, now: DateTime<Utc>) -> Finish {
    match run {
        Some(run) => end_of(&run, job, now),
        None => Finish::delay(job, NOT_OURS),
    }
}

/// How the job of a run that its row shows as it is now ends.
pub(super) fn end_of(run: &Run, job: &Job, now: DateTime<Utc>) -> Finish {
    let until_due = (run.due_at - now).to_std().unwrap_or_default();
    let reason = match &run.failure {
        Some(failure) => format!("{}: {}", failure.reason, failure.message),
        None => run.state.to_string(),
    };
    match run.state {
        State::Succeeded | State::Partial => {
            let result = run.result.clone().unwrap_or_default();
            Finish::completed(job, result, FINISHED_KEPT)
        }
        State::Failed | State::Cancelled => Finish::new(
            job,
            Outcome::Failed {
                stack_traces: Some(vec![told(run, &reason)]),
                reason,
                keep: job.options.keep_failed.unwrap_or(FINISHED_KEPT),
            },
        ),
        State::Retrying => Finish::retry(job, reason, until_due),
        State::Waiting => Finish::delay(job, until_due),
        State::Queued | State::Running => Finish::release(job),
    }
}

/// The trace that a failed job carries. Retrying a job keeps it, so it tells a job that an operator retried from one
/// that Redis handed out twice.
fn told(run: &Run, reason: &str) -> String {
    format!("{reason} (claim {} of {})", run.fence, run.name)
}

/// Whether Redis was told of this very end of the run before.
pub(super) fn was_told(run: &Run, job: &Job) -> bool {
    let ending = format!(" (claim {} of {})", run.fence, run.name);
    matches!(run.state, State::Failed | State::Cancelled)
        && job
            .stack_traces
            .last()
            .is_some_and(|trace| trace.ends_with(&ending))
}

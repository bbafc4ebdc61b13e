//! Jobs of others in our queues: those that ask for a run become one, all others fail and say why. A job becomes a run
//! once, however often it is handed out, and ends when the run does.
//!
//! When it is handed out is up to Redis, so the producer's delay, priority and order count there. From then on it is a run
//! like any other: attempts are as many as the producer asked for, and the pauses between them are ours, because only we
//! know what the providers can bear.

use crate::{
    app::App,
    base::{Error, Result, RunName},
    db::Scope,
    queue::{Job as QueueJob, Queue},
    runs::{Job, accept, store, terms::MOST_ATTEMPTS},
    telemetry::metrics,
};
use serde_json::Value;
use std::sync::Arc;

/// What a job of others is.
pub(super) enum Adopted {
    /// It stands for this run.
    Run(RunName),
    /// It cannot become a run, for this reason.
    Refused(String),
}

/// Finds the run that a job stands for, or accepts it. Fails only where that could not be decided now.
pub(super) async fn adopt(
    app: &App,
    jobs: &[Arc<dyn Job>],
    queue: &Queue,
    job: &QueueJob,
) -> Result<Adopted> {
    let identity = store::Identity {
        queue: format!("{}:{}", queue.connection().prefix().as_str(), queue.name()),
        job: job.id.clone(),
        time: job.added_at.timestamp_millis(),
    };
    let mut tx = app.db.read(scope()).await?;
    if let Some(name) = store::adopted(&mut tx, &identity).await? {
        return Ok(Adopted::Run(name));
    }
    drop(tx);
    let adopted = match carried_by_others(queue, job).await? {
        Some(why) => Adopted::Refused(why),
        None => accept(app, jobs, queue, job, &identity).await?,
    };
    match &adopted {
        Adopted::Run(name) => {
            metrics::outside_job(queue.name(), "adopted");
            tracing::info!(run.name = %name, job.id, "a job of somebody else became a run");
        }
        // The reason may quote what they wrote, which is theirs; it stands in the job.
        Adopted::Refused(_) => {
            metrics::outside_job(queue.name(), "refused");
            tracing::warn!(
                queue.name = queue.name(),
                job.id,
                "a job of somebody else is refused; its failed reason says why"
            );
        }
    }
    Ok(adopted)
}

/// Why only BullMQ's own workers, or the code that made it, can carry this job on.
async fn carried_by_others(queue: &Queue, job: &QueueJob) -> Result<Option<String>> {
    if let Some(reason) = &job.deferred_failure {
        return Ok(Some(reason.clone()));
    }
    if let Some(scheduler) = &job.scheduler {
        return Ok(Some(format!(
            "it was made by the job scheduler {scheduler:?} of BullMQ, which only BullMQ's own worker can carry on: remove \
             it, and give the sync a schedule here instead"
        )));
    }
    if queue.is_flow_parent(&job.id).await? {
        return Ok(Some(format!(
            "it is the parent of a flow of BullMQ, whose children's results only the code that made it can use: let the \
             parent wait in a queue of your own, and be a job of {:?} its child",
            queue.name()
        )));
    }
    Ok(None)
}

async fn accept(
    app: &App,
    jobs: &[Arc<dyn Job>],
    queue: &Queue,
    job: &QueueJob,
    identity: &store::Identity,
) -> Result<Adopted> {
    let Some(kind) = jobs.iter().find(|kind| kind.kind() == queue.name()) else {
        return Ok(Adopted::Refused("nothing here runs such jobs".to_owned()));
    };
    let request = match asked(app, kind.as_ref(), job).await {
        Ok(request) => request,
        Err(error) => return refused(error),
    };
    let mut tx = app.db.write(scope()).await?;
    let run = match accept::accept_in(&mut tx, app, request).await {
        Ok(run) => run,
        Err(error) => return refused(error),
    };
    let name = store::adopt(&mut tx, identity, &run.name, app.db.now()).await?;
    if name == run.name {
        tx.commit().await?;
    }
    Ok(Adopted::Run(name))
}

async fn asked(app: &App, kind: &dyn Job, job: &QueueJob) -> Result<accept::Request> {
    let payload: Value = serde_json::from_str(&job.data)
        .map_err(|_| Error::invalid("data", "expected a JSON object"))?;
    let request = kind.asked(app, &payload).await?;
    let attempts = job.options.attempts;
    if attempts > MOST_ATTEMPTS {
        let expected = format!("expected at most {MOST_ATTEMPTS}, got {attempts}");
        return Err(Error::invalid("opts.attempts", expected));
    }
    let headers = job.options.trace_context.as_deref().unwrap_or_default();
    let headers: Value = serde_json::from_str(headers).unwrap_or_default();
    Ok(accept::Request {
        cause: "queue",
        traceparent: headers["traceparent"].as_str().map(str::to_owned),
        max_attempts: (attempts > 0).then_some(attempts),
        ..request
    })
}

/// What will be the same at the next look is refused; what may pass is looked at again.
fn refused(error: Error) -> Result<Adopted> {
    match error {
        passing @ (Error::Unavailable { .. }
        | Error::Exhausted { .. }
        | Error::Limited { .. }
        | Error::Conflict { .. }
        | Error::Late { .. }
        | Error::Cancelled
        | Error::Internal(_)) => Err(passing),
        lasting => Ok(Adopted::Refused(lasting.to_string())),
    }
}

fn scope() -> Scope {
    Scope::System("adopt jobs of others")
}

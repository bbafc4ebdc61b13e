//! Jobs of others in our queues: those that ask for a run become one, all others fail and say why. A job becomes a run
//! once, however often it is handed out, and ends when the run does.

use crate::{
    app::App,
    base::{Error, Result, RunName},
    db::Scope,
    queue::{Job as QueueJob, Queue},
    runs::{Job, accept, store},
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
    if job.is_scheduled_by_others() {
        let why = "it was made by a job scheduler of BullMQ, which only BullMQ's own worker can carry on: give the sync \
             a schedule here instead";
        return Ok(Adopted::Refused(why.to_owned()));
    }
    let identity = store::Identity {
        queue: format!("{}:{}", queue.connection().prefix().as_str(), queue.name()),
        job: job.id.clone(),
        time: job.added_at.timestamp_millis(),
    };
    let scope = || Scope::System("adopt jobs of others");
    let mut tx = app.db.read(scope()).await?;
    if let Some(name) = store::adopted(&mut tx, &identity).await? {
        return Ok(Adopted::Run(name));
    }
    drop(tx);
    let Some(kind) = jobs.iter().find(|kind| kind.kind() == queue.name()) else {
        return Ok(Adopted::Refused("nothing here runs such jobs".to_owned()));
    };
    let request = match asked(app, kind.as_ref(), job).await {
        Ok(request) => request,
        Err(error @ (Error::Unavailable { .. } | Error::Internal(_))) => return Err(error),
        Err(refused) => return Ok(Adopted::Refused(refused.to_string())),
    };
    let mut tx = app.db.write(scope()).await?;
    let run = match accept::accept_in(&mut tx, app, request).await {
        Ok(run) => run,
        Err(error @ Error::Invalid(_)) => return Ok(Adopted::Refused(error.to_string())),
        Err(other) => return Err(other),
    };
    let name = store::adopt(&mut tx, &identity, &run.name, app.db.now()).await?;
    if name == run.name {
        tx.commit().await?;
    }
    Ok(Adopted::Run(name))
}

async fn asked(app: &App, kind: &dyn Job, job: &QueueJob) -> Result<accept::Request> {
    let payload: Value = serde_json::from_str(&job.data)
        .map_err(|_| Error::invalid("data", "expected a JSON object"))?;
    let request = kind.asked(app, &payload).await?;
    let headers = job.options.trace_context.as_deref().unwrap_or_default();
    let headers: Value = serde_json::from_str(headers).unwrap_or_default();
    Ok(accept::Request {
        cause: "queue",
        traceparent: headers["traceparent"].as_str().map(str::to_owned),
        max_attempts: (job.options.attempts > 0).then_some(job.options.attempts),
        ..request
    })
}

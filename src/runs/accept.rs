//! Accepts a run: durable when this returns, and the same request id answers with the same run.

use crate::{
    app::App,
    base::{Error, Result, RunName, SyncName},
    db::Scope,
    runs::{Run, State, store},
};
use serde_json::Value;
use uuid::Uuid;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which job executes it.
    pub kind: &'static str,
    /// The sync that is run; it must exist.
    pub sync: SyncName,
    /// What started it, for people.
    pub cause: &'static str,
    /// The job's arguments.
    pub arguments: Value,
    /// Chosen by the client, so that asking twice starts one run.
    pub request_id: Option<Uuid>,
    /// W3C trace context of the call.
    pub traceparent: Option<String>,
}

/// Stores the run and wakes the worker of this process. With a request id that was used within seven days the run of
/// that time is returned; with the same id for other work it is refused.
pub async fn accept(app: &App, request: Request) -> Result<Run> {
    let now = app.db.now();
    let name = RunName::new(request.sync.tenant.clone(), Uuid::now_v7());
    let run = Run {
        name: name.clone(),
        kind: request.kind.to_owned(),
        sync: request.sync,
        cause: request.cause.to_owned(),
        state: State::Queued,
        arguments: request.arguments,
        attempt: 0,
        max_attempts: i64::from(app.config.runs.max_attempts),
        crashes: 0,
        fence: 0,
        due_at: now,
        wait_reason: String::new(),
        cancel_requested: false,
        progress: None,
        result: None,
        failure: None,
        traceparent: request.traceparent,
        created_at: now,
        started_at: None,
        finished_at: None,
        updated_at: now,
    };
    let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
    if let Some(request_id) = request.request_id {
        let fingerprint = format!("{} {} {}", run.kind, run.sync, run.arguments);
        let known = store::remember_request(
            &mut tx,
            &name.tenant,
            "RunSync",
            request_id,
            &fingerprint,
            &name.to_string(),
            now,
        )
        .await?;
        if let Some((known_fingerprint, resource)) = known {
            if known_fingerprint != fingerprint {
                return Err(Error::invalid(
                    "request_id",
                    "expected an id that was not used for other work before",
                ));
            }
            let name = RunName::parse("resource", &resource)?;
            return store::get(&mut tx, &name)
                .await?
                .ok_or_else(|| name.not_found());
        }
    }
    store::insert(&mut tx, &run).await?;
    tx.commit().await?;
    app.work_arrived.notify_waiters();
    Ok(run)
}

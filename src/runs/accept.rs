//! Accepts a run: durable when this returns, and the same request id answers with the same run.

use crate::{
    app::App,
    base::{Error, Result, RunName, SyncName},
    db::{Scope, Tx},
    runs::{Priority, Run, State, store},
};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

/// What is to be run. [`Request::new`] gives the usual.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which job executes it.
    pub kind: String,
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
    /// Which of the tenant's runs go first.
    pub priority: Priority,
    /// Whose limit of runs at the same time it counts for: for a sync the id of its destination token. Empty: nobody's.
    pub lane: String,
    /// Not before this moment; `None` is at once.
    pub due_at: Option<DateTime<Utc>>,
    /// Failed when it has not ended by then; moves on while the run is waiting.
    pub deadline_at: Option<DateTime<Utc>>,
    /// After so many failed attempts it is failed; `None` as the settings say.
    pub max_attempts: Option<u32>,
}

impl Request {
    /// A run at once, of normal priority, without a deadline.
    pub fn new(
        kind: impl Into<String>,
        sync: SyncName,
        cause: &'static str,
        arguments: Value,
    ) -> Self {
        Self {
            kind: kind.into(),
            sync,
            cause,
            arguments,
            request_id: None,
            traceparent: None,
            priority: Priority::default(),
            lane: String::new(),
            due_at: None,
            deadline_at: None,
            max_attempts: None,
        }
    }

    /// What must be the same where the request id is the same.
    fn fingerprint(&self) -> String {
        format!("{} {} {}", self.kind, self.sync, self.arguments)
    }

    fn run(self, app: &App) -> Run {
        let now = app.db.now();
        Run {
            name: RunName::new(self.sync.tenant.clone(), Uuid::now_v7()),
            kind: self.kind,
            sync: self.sync,
            cause: self.cause.to_owned(),
            state: State::Queued,
            priority: self.priority,
            lane: self.lane,
            arguments: self.arguments,
            attempt: 0,
            max_attempts: i64::from(self.max_attempts.unwrap_or(app.config.runs.max_attempts)),
            crashes: 0,
            fence: 0,
            due_at: self.due_at.map_or(now, |at| at.max(now)),
            deadline_at: self.deadline_at,
            wait_reason: String::new(),
            cancel_requested: false,
            progress: None,
            result: None,
            failure: None,
            traceparent: self.traceparent,
            created_at: now,
            started_at: None,
            finished_at: None,
            updated_at: now,
        }
    }
}

/// Stores the run and wakes the worker of this process. With a request id that was used within seven days the run of
/// that time is returned; with the same id for other work it is refused.
pub async fn accept(app: &App, request: Request) -> Result<Run> {
    let scope = Scope::Tenant(request.sync.tenant.clone());
    let mut tx = app.db.write(scope).await?;
    let run = accept_in(&mut tx, app, request).await?;
    tx.commit().await?;
    announce(app);
    Ok(run)
}

/// The same as a part of a transaction that writes more than the run: the run exists when the caller commits, who then
/// calls [`announce`].
pub async fn accept_in(tx: &mut Tx, app: &App, request: Request) -> Result<Run> {
    let request_id = request.request_id;
    let fingerprint = request.fingerprint();
    let run = request.run(app);
    if let Some(request_id) = request_id {
        let known = store::remember_request(
            tx,
            &run.name.tenant,
            "RunSync",
            request_id,
            &fingerprint,
            &run.name.to_string(),
            run.created_at,
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
            return store::get(tx, &name).await?.ok_or_else(|| name.not_found());
        }
    }
    store::insert(tx, &run).await?;
    Ok(run)
}

/// Says that accepted runs were committed, so that nobody here waits for the next look. Forgetting it costs that wait.
pub fn announce(app: &App) {
    app.work_arrived.notify_waiters();
}

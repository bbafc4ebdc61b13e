//! Adds a job for a worker of others: a run like any other, which the relay puts into the queue of its kind.

use crate::{
    app::App,
    audit::{self, Entry},
    base::{Error, Result, SyncName, TenantId},
    db::Scope,
    runs::{Priority, Run, accept, operate, relay::is_external, store},
    telemetry,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

/// The largest data of a job, as JSON: all jobs of a window are in Redis at a time.
pub const LARGEST_DATA: usize = 256 << 10;
/// The longest name of a job.
pub const LONGEST_NAME: usize = 200;

/// What is to be done, and on which terms.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Whose job it is.
    pub tenant: TenantId,
    /// How the worker knows it.
    pub name: String,
    /// What the worker gets.
    pub data: Value,
    /// Chosen by the client, so that asking twice adds one job.
    pub request_id: Option<Uuid>,
    /// Which of the tenant's jobs go first.
    pub priority: Priority,
    /// Not before this moment.
    pub due_at: Option<DateTime<Utc>>,
    /// Failed when it has not ended by then.
    pub deadline_at: Option<DateTime<Utc>>,
    /// After so many failed attempts it is failed; `None` as the settings say.
    pub max_attempts: Option<u32>,
}

/// Adds it to a queue: durable when this returns. `Precondition` for a queue whose jobs our own workers execute, and where
/// the settings name no Redis; `NotFound` for an unknown queue or tenant.
pub async fn add(app: &App, queue: &str, wish: Wish) -> Result<Run> {
    let queue = operate::known(app, queue)?;
    if !is_external(queue) {
        return Err(Error::precondition(
            "QUEUE_NOT_EXTERNAL",
            format!(
                "jobs of queues/{queue} are executed by Syncline itself and started by their own service, as with RunSync; \
                 jobs can be added to the queues of the setting queue.external"
            ),
        ));
    }
    if app.config.redis.url.is_none() {
        return Err(Error::precondition(
            "REDIS_NOT_SET",
            format!("workers of others get the jobs of queues/{queue} from Redis: set REDIS_URL"),
        ));
    }
    let scope = Scope::Tenant(wish.tenant.clone());
    let mut tx = app.db.write(scope).await?;
    if !store::has_tenant(&mut tx, &wish.tenant).await? {
        let name = format!("tenants/{}", wish.tenant);
        return Err(Error::not_found("tenant", name));
    }
    // Nothing of ours is run: each job is its own subject, so that none waits for another.
    let subject = wish.request_id.unwrap_or_else(Uuid::now_v7);
    let subject = format!("job-{}", subject.simple()).parse()?;
    let request = accept::Request {
        request_id: wish.request_id,
        traceparent: telemetry::current_traceparent(),
        priority: wish.priority,
        due_at: wish.due_at,
        deadline_at: wish.deadline_at,
        max_attempts: wish.max_attempts,
        ..accept::Request::new(
            queue,
            SyncName::new(wish.tenant, subject),
            "manual",
            json!({"name": wish.name, "data": wish.data}),
        )
    };
    let run = accept::accept_in(&mut tx, app, request).await?;
    let entry = Entry::new(
        Some(run.name.tenant.clone()),
        "queue.add",
        format!("queues/{queue}"),
    );
    let entry = entry.detail(format!("as {}", run.name));
    audit::record(&mut tx, entry, app.db.now()).await?;
    tx.commit().await?;
    accept::announce(app);
    Ok(run)
}

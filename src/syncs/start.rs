//! Starts a run of a sync: accepted and durable when this returns.

use crate::{
    app::App,
    audit::{self, Entry},
    base::{Error, Result, SyncName},
    db::Scope,
    runs::{Priority, Run, accept},
    syncs::{
        job::{Arguments, KIND},
        schedule, store,
    },
    telemetry,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// On which terms a run starts. The usual ones are at once, of normal priority, without a deadline.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Chosen by the client, so that asking twice starts one run.
    pub request_id: Option<Uuid>,
    /// Which of the tenant's runs go first.
    pub priority: Priority,
    /// Not before this moment.
    pub due_at: Option<DateTime<Utc>>,
    /// Failed when it has not ended by then.
    pub deadline_at: Option<DateTime<Utc>>,
    /// After so many failed attempts it is failed; `None` as the settings say.
    pub max_attempts: Option<u32>,
}

/// Accepts a run. `NotFound` when there is no such sync. The same `request_id` answers with the same run.
///
/// Where the settings say that nothing is written, the run says from the start that it is a dry one.
pub async fn start(app: &App, sync: SyncName, arguments: Arguments, terms: Terms) -> Result<Run> {
    let arguments = Arguments {
        dry_run: arguments.dry_run || app.config.syncs.dry_run,
        ..arguments
    };
    let mut tx = app.db.read(Scope::Tenant(sync.tenant.clone())).await?;
    let found = store::syncs::get(&mut tx, &sync).await?;
    drop(tx);
    let found = found.ok_or_else(|| sync.not_found())?;
    let arguments = serde_json::to_value(arguments).map_err(Error::internal)?;
    let request = accept::Request {
        request_id: terms.request_id,
        traceparent: telemetry::current_traceparent(),
        priority: terms.priority,
        lane: schedule::lane(&found).to_owned(),
        due_at: terms.due_at,
        deadline_at: terms.deadline_at,
        max_attempts: terms.max_attempts,
        ..accept::Request::new(KIND, sync, "manual", arguments)
    };
    let mut tx = app
        .db
        .write(Scope::Tenant(found.name.tenant.clone()))
        .await?;
    let run = accept::accept_in(&mut tx, app, request).await?;
    let entry = Entry::new(Some(found.name.tenant.clone()), "sync.run", &found.name);
    let entry = entry.detail(format!("as {}", run.name));
    audit::record(&mut tx, entry, app.db.now()).await?;
    tx.commit().await?;
    accept::announce(app);
    Ok(run)
}

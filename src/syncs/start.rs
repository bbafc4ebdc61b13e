//! Starts a run of a sync: accepted and durable when this returns.

use crate::{
    app::App,
    base::{Error, Result, SyncName},
    db::Scope,
    runs::{Run, accept},
    syncs::{
        job::{Arguments, KIND},
        store,
    },
    telemetry,
};
use uuid::Uuid;

/// Accepts a run. `NotFound` when there is no such sync. The same `request_id` answers with the same run.
pub async fn start(
    app: &App,
    sync: SyncName,
    arguments: Arguments,
    request_id: Option<Uuid>,
) -> Result<Run> {
    let mut tx = app.db.read(Scope::Tenant(sync.tenant.clone())).await?;
    if store::syncs::get(&mut tx, &sync).await?.is_none() {
        return Err(sync.not_found());
    }
    drop(tx);
    let request = accept::Request {
        kind: KIND,
        sync,
        cause: "manual",
        arguments: serde_json::to_value(arguments).map_err(Error::internal)?,
        request_id,
        traceparent: telemetry::current_traceparent(),
    };
    accept::accept(app, request).await
}

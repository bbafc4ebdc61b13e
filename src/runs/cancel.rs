//! Asks a run to stop.

use crate::{
    app::App,
    audit::{self, Entry},
    base::{Error, Result, RunName},
    db::{Scope, Tx},
    runs::{Run, State, relay::is_external, store},
};
use chrono::{DateTime, Utc};

/// Cancels a run that no worker has, or asks its worker to stop it, in the caller's transaction; `false` when there is
/// nothing to stop.
pub async fn request(tx: &mut Tx, name: &RunName, now: DateTime<Utc>) -> Result<bool> {
    Ok(
        store::transition(tx, name, &UNTAKEN, State::Cancelled, now).await?
            || store::request_cancel(tx, name, now).await?,
    )
}

const UNTAKEN: [State; 3] = [State::Queued, State::Retrying, State::Waiting];

/// Cancels a run that no worker has, and says why in its log; `false` when it is not one of those.
pub async fn withdraw(app: &App, name: &RunName, why: &str) -> Result<bool> {
    let now = app.db.now();
    let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
    let run = store::get(&mut tx, name).await?;
    let outside = run.filter(|run| is_external(&run.kind));
    let withdrawn = match outside {
        Some(run) if run.state == State::Running => false,
        Some(_) => store::cancel_outside(&mut tx, name, now).await?,
        None => store::transition(&mut tx, name, &UNTAKEN, State::Cancelled, now).await?,
    };
    if withdrawn {
        store::log(&mut tx, name, "warn", why, now).await?;
        let entry = Entry::new(Some(name.tenant.clone()), "run.cancel", name).detail(why);
        audit::record(&mut tx, entry, now).await?;
        tx.commit().await?;
    }
    Ok(withdrawn)
}

/// Cancels a run that no worker has at once; asks the worker of a running one to stop. A worker of others cannot be asked:
/// the job is taken away from it. A finished run is refused.
pub async fn cancel(app: &App, name: &RunName) -> Result<Run> {
    let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
    let before = store::get(&mut tx, name).await?;
    let stopped = match before.is_some_and(|run| is_external(&run.kind)) {
        true => store::cancel_outside(&mut tx, name, app.db.now()).await?,
        false => request(&mut tx, name, app.db.now()).await?,
    };
    let run = store::get(&mut tx, name)
        .await?
        .ok_or_else(|| name.not_found())?;
    if !stopped {
        return Err(Error::precondition(
            "RUN_FINISHED",
            format!("the run is {} already", run.state),
        ));
    }
    let entry = Entry::new(Some(name.tenant.clone()), "run.cancel", name);
    audit::record(&mut tx, entry, app.db.now()).await?;
    tx.commit().await?;
    // The worker of this process need not wait for its next look either.
    app.work_arrived.notify_waiters();
    Ok(run)
}

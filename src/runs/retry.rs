//! Queues a run again that did not do everything.

use crate::{
    app::App,
    audit::{self, Entry},
    base::{Error, Result, RunName},
    db::Scope,
    runs::{Run, State, store},
};

/// Gives a failed, partial or cancelled run new attempts. Any other one is refused.
pub async fn retry(app: &App, name: &RunName) -> Result<Run> {
    const ENDED: [State; 3] = [State::Failed, State::Partial, State::Cancelled];
    let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
    let queued = store::transition(&mut tx, name, &ENDED, State::Queued, app.db.now()).await?;
    let run = store::get(&mut tx, name)
        .await?
        .ok_or_else(|| name.not_found())?;
    if !queued {
        return Err(Error::precondition(
            "RUN_NOT_RETRIABLE",
            format!(
                "only failed, partial and cancelled runs can be retried; this one is {}",
                run.state
            ),
        ));
    }
    let entry = Entry::new(Some(name.tenant.clone()), "run.retry", name);
    audit::record(&mut tx, entry, app.db.now()).await?;
    tx.commit().await?;
    app.work_arrived.notify_waiters();
    Ok(run)
}

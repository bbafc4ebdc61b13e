//! What happens too often for an entry each: counted in memory, and written down now and then, by the minute. Callers who
//! are refused cannot fill the table: however often they call, it is one row a minute for each of our calls.

use crate::{
    app::App,
    audit::{BATCH, DONE, store},
    base::{Result, TenantId},
    db::{Scope, Tx},
};
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Counts are written so often; a process that dies loses at most these.
const EVERY: Duration = Duration::from_secs(5);
/// Different things that are counted between two writings; what comes beyond is counted without its names.
const MOST: usize = 10_000;
/// Old entries are looked for so often, by one of all processes.
const BETWEEN_SWEEPS: TimeDelta = TimeDelta::hours(1);

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Counted {
    /// Whose audit it stands in; `None` is the installation's.
    pub tenant: Option<TenantId>,
    /// Who does it.
    pub actor: String,
    /// From where; empty where that is not kept.
    pub address: String,
    /// What, as in `token.read`.
    pub action: &'static str,
    /// To whom.
    pub resource: String,
    /// "done", or the reason of the error.
    pub outcome: String,
}

impl Counted {
    /// Something that was done.
    pub fn done(
        tenant: Option<TenantId>,
        action: &'static str,
        resource: impl ToString,
        actor: &str,
    ) -> Self {
        Self {
            tenant,
            actor: actor.to_owned(),
            address: String::new(),
            action,
            resource: resource.to_string(),
            outcome: DONE.to_owned(),
        }
    }

    /// It was not done, for this reason (UPPER_SNAKE).
    pub fn refused(self, reason: &str) -> Self {
        Self {
            outcome: reason.to_owned(),
            ..self
        }
    }
}

/// Counts that are not written yet, by what and minute.
#[derive(Default)]
struct Counts(Mutex<HashMap<(Counted, DateTime<Utc>), i64>>);

impl Counts {
    fn add(&self, counted: Counted, minute: DateTime<Utc>, count: i64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (counted, minute);
        if let Some(known) = all.get_mut(&key) {
            *known += count;
            return;
        }
        let (mut counted, minute) = key;
        if all.len() >= MOST {
            counted.actor.clear();
            counted.address.clear();
            counted.resource.clear();
        }
        *all.entry((counted, minute)).or_default() += count;
    }
}

/// Counts once, now. Makes no call to the database.
pub fn count(app: &App, counted: Counted) {
    let now = app.db.now();
    let minute = now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now);
    app.memory.of::<Counts>().add(counted, minute, 1);
}

/// Writes a count down, in the caller's transaction: of the tenant's scope, or the system's.
pub async fn add_count(
    tx: &mut Tx,
    counted: &Counted,
    minute: DateTime<Utc>,
    count: i64,
) -> Result<()> {
    store::add_count(tx, counted, minute, count).await
}

/// Writes down what was counted so far. What cannot be written is kept for the next time.
pub async fn flush(app: &App) -> Result<()> {
    let counts = app.memory.of::<Counts>();
    let taken = mem::take(&mut *counts.0.lock().unwrap_or_else(PoisonError::into_inner));
    if taken.is_empty() {
        return Ok(());
    }
    let written = async {
        let scope = Scope::System("counts of the audit, of all tenants at once");
        let mut tx = app.db.write(scope).await?;
        for ((counted, minute), count) in &taken {
            store::add_count(&mut tx, counted, *minute, *count).await?;
        }
        tx.commit().await
    };
    let outcome = written.await;
    if outcome.is_err() {
        for ((counted, minute), count) in taken {
            counts.add(counted, minute, count);
        }
    }
    outcome
}

/// Forgets what is older than `audit.retention`, unless another process began to within the hour. Nobody who writes waits for
/// more than one batch of it, and what was done stays done when it fails.
pub async fn sweep(app: &App) -> Result<()> {
    let now = app.db.now();
    let scope = Scope::System("retention of the audit");
    let mut tx = app.db.write(scope.clone()).await?;
    if !store::take_turn(&mut tx, now - BETWEEN_SWEEPS, now).await? {
        return Ok(());
    }
    tx.commit().await?;
    let mut forgotten = 0;
    loop {
        let mut tx = app.db.write(scope.clone()).await?;
        let before = now - app.config.audit.retention;
        let (entries, counts) = store::forget(&mut tx, before, BATCH).await?;
        tx.commit().await?;
        forgotten += entries + counts;
        if entries.max(counts) < BATCH.unsigned_abs() {
            break;
        }
    }
    if forgotten > 0 {
        tracing::info!(audit.entries = forgotten, "forgot old entries of the audit");
    }
    Ok(())
}

/// Writes the counts down every few seconds, and at the end; forgets old entries now and then.
pub async fn keep_books(app: App, stop: CancellationToken) {
    let mut swept_at: Option<DateTime<Utc>> = None;
    loop {
        let stopping = stop
            .run_until_cancelled(tokio::time::sleep(EVERY))
            .await
            .is_none();
        if let Err(error) = flush(&app).await {
            tracing::warn!(%error, "counts of the audit cannot be written down");
        }
        if stopping {
            return;
        }
        let now = app.db.now();
        if swept_at.is_none_or(|at| now - at >= BETWEEN_SWEEPS) {
            // What fails waits as long for its next time: it may be much work each time.
            swept_at = Some(now);
            if let Some(Err(error)) = stop.run_until_cancelled(sweep(&app)).await {
                tracing::warn!(%error, "old entries of the audit stay for another hour");
            }
        }
    }
}

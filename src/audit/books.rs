//! Looks after the audit: counts are written down, what is old is forgotten, and what a removed tenant left is kept.

use crate::{
    app::App,
    audit::{BATCH, flush, keep_left, store},
    base::Result,
    db::Scope,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Counts are written so often; a process that dies loses at most these.
const EVERY: Duration = Duration::from_secs(5);
/// Old entries are looked for so often, by one of all processes.
const BETWEEN_SWEEPS: TimeDelta = TimeDelta::hours(1);

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

/// Writes the counts down every few seconds, and at the end; does the rest at the start, and every hour.
pub async fn keep_books(app: App, stop: CancellationToken) {
    let mut tidied_at: Option<DateTime<Utc>> = None;
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
        if tidied_at.is_none_or(|at| now - at >= BETWEEN_SWEEPS) {
            // What fails waits as long for its next time: it may be much work each time.
            tidied_at = Some(now);
            if let Some(Err(error)) = stop.run_until_cancelled(keep_left(&app.db)).await {
                tracing::warn!(%error, "the audit of removed tenants stays where it is for another hour");
            }
            if let Some(Err(error)) = stop.run_until_cancelled(sweep(&app)).await {
                tracing::warn!(%error, "old entries of the audit stay for another hour");
            }
        }
    }
}

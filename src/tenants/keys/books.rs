//! Writes down when keys were used and which were refused: in batches, never on the way of a call.

use crate::{
    app::App,
    base::Result,
    db::Scope,
    tenants::keys::{
        memory::{self, Entry},
        store,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// What is due is looked for so often.
const EVERY: Duration = Duration::from_secs(5);
/// The use of one key is written at most so often.
const BETWEEN_USES: TimeDelta = TimeDelta::minutes(1);

/// Writes what is due every few seconds, and everything at the end.
pub async fn keep_books(app: App, stop: CancellationToken) {
    loop {
        let stopping = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        let written = match stopping {
            true => flush(&app).await,
            false => write(&app, false).await,
        };
        if let Err(error) = written {
            tracing::warn!(error = %error, "the use of keys cannot be written down");
        }
        if stopping {
            return;
        }
    }
}

/// Writes everything that is known by now.
pub async fn flush(app: &App) -> Result<()> {
    write(app, true).await
}

async fn write(app: &App, all: bool) -> Result<()> {
    let memory = memory::of(app);
    let uses = uses(app, memory.entries(), all).await;
    let refusals = memory.refusals.write(app, all).await;
    uses.and(refusals)
}

async fn uses(app: &App, entries: Vec<Arc<Entry>>, all: bool) -> Result<()> {
    let due = |entry: &&Arc<Entry>| {
        let (used, _) = entry.last_use();
        let written = entry.life.written.load(Ordering::Relaxed);
        let age = TimeDelta::microseconds(used.saturating_sub(written));
        used > written && (all || age >= BETWEEN_USES)
    };
    let due: Vec<_> = entries.iter().filter(due).collect();
    if due.is_empty() {
        return Ok(());
    }
    let mut tx = app.db.write(Scope::System("the last use of keys")).await?;
    let mut written = Vec::new();
    for entry in due {
        let (used, address) = entry.last_use();
        let at = DateTime::<Utc>::from_timestamp_micros(used).unwrap_or_default();
        let address = address.map(|address| address.to_string());
        store::put_use(&mut tx, &entry.key.name, at, address.as_deref()).await?;
        written.push((entry, used));
    }
    tx.commit().await?;
    for (entry, used) in written {
        entry.life.written.store(used, Ordering::Relaxed);
    }
    Ok(())
}

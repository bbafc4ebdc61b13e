//! Counts how often each caller got a token, and writes the counts into the audit now and then.

use crate::{
    app::App,
    audit::{self, Counted},
    base::{Error, Result, TokenName},
    db::Scope,
    tokens::{
        history, keys,
        memory::{self, lock},
    },
};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use std::{collections::HashMap, mem, sync::Mutex, time::Duration};
use tokio_util::sync::CancellationToken;

/// Counts are written so often; a process that dies loses at most these.
const EVERY: Duration = Duration::from_secs(5);
/// Old history is looked for at the first writing, and then after so many.
const BETWEEN_TIDYINGS: u64 = 720;

/// Counts that are not written yet.
#[derive(Default)]
pub(super) struct Reads(Mutex<HashMap<TokenName, Vec<Count>>>);

struct Count {
    caller: String,
    minute: DateTime<Utc>,
    reads: i64,
}

impl Reads {
    /// Counts one read.
    pub(super) fn count(&self, name: &TokenName, caller: &str, now: DateTime<Utc>) {
        let mut all = lock(&self.0);
        if let Some(counts) = all.get_mut(name) {
            let same = |count: &&mut Count| {
                count.caller == caller
                    && (TimeDelta::zero()..TimeDelta::minutes(1)).contains(&(now - count.minute))
            };
            match counts.iter_mut().find(same) {
                Some(count) => count.reads += 1,
                None => counts.push(Count::first(caller, now)),
            }
        } else {
            all.insert(name.clone(), vec![Count::first(caller, now)]);
        }
    }

    fn take(&self) -> HashMap<TokenName, Vec<Count>> {
        mem::take(&mut *lock(&self.0))
    }

    fn put_back(&self, name: TokenName, counts: Vec<Count>) {
        lock(&self.0).entry(name).or_default().extend(counts);
    }
}

impl Count {
    fn first(caller: &str, now: DateTime<Utc>) -> Self {
        Self {
            caller: caller.to_owned(),
            minute: now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now),
            reads: 1,
        }
    }
}

/// Counts that a token that is there was not handed out. What is not there is not counted: callers make up names.
pub(super) fn count_refused(app: &App, name: &TokenName, caller: &str, error: &Error) {
    let reason = match error {
        Error::Precondition { reason, .. } | Error::Unavailable { reason, .. } => reason,
        Error::NeedsReauth { .. } => "NEEDS_REAUTH",
        _ => return,
    };
    let tenant = Some(name.tenant.clone());
    let counted = Counted::done(tenant, "token.read", name, caller);
    audit::count(app, counted.refused(reason));
}

/// Writes down what was counted so far. What cannot be written is kept for the next time.
pub async fn flush_reads(app: &App) -> Result<()> {
    let mut first_error = Ok(());
    for (name, counts) in memory::of(app).reads().take() {
        if let Err(error) = write(app, &name, &counts).await {
            memory::of(app).reads().put_back(name, counts);
            first_error = first_error.and(Err(error));
        }
    }
    first_error
}

async fn write(app: &App, name: &TokenName, counts: &[Count]) -> Result<()> {
    let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
    for count in counts {
        let tenant = Some(name.tenant.clone());
        let read = Counted::done(tenant, "token.read", name, &count.caller);
        audit::add_count(&mut tx, &read, count.minute, count.reads).await?;
    }
    tx.commit().await
}

/// Writes the counts down every few seconds, and at the end, when refreshes that are under way are waited for too.
/// Forgets old history now and then.
pub async fn keep_books(app: App, stop: CancellationToken) {
    for round in 0_u64.. {
        let stopping = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        if stopping {
            memory::settled(&app).await;
        }
        if let Err(error) = keys::keep_fresh(&app).await {
            tracing::warn!(%error, "the keys cannot be looked at");
        }
        if let Err(error) = flush_reads(&app).await {
            tracing::warn!(error = %error, "reads of tokens cannot be written down");
        }
        if stopping {
            return;
        }
        // What is being forgotten is forgotten the next time, too; it must not hold the end up.
        if round.is_multiple_of(BETWEEN_TIDYINGS)
            && let Some(Err(error)) = stop
                .run_until_cancelled(history::forget_history(&app))
                .await
        {
            tracing::warn!(error = %error, "old history of tokens cannot be forgotten");
        }
    }
}

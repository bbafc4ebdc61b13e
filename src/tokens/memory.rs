//! What a process remembers of tokens: access tokens in clear, and who is refreshing.
//!
//! A remembered token is compared with its row at least every half second while it is used, so that one which was
//! revoked or replaced on any replica stops working everywhere within a second.

use crate::{
    app::App,
    base::{Result, TokenName},
    db::Scope,
    tokens::{Issued, store},
};
use chrono::TimeDelta;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio_util::task::TaskTracker;

/// A remembered token is compared with its row when the last comparison is this old.
const CHECK_AFTER: Duration = Duration::from_millis(500);

/// Nobody uses a remembered token whose last comparison is older, not even while another caller is comparing.
const STALE_AFTER: Duration = Duration::from_millis(800);

/// So many tokens are remembered; then all are forgotten, which costs one read each.
const MOST: usize = 10_000;

/// A credential that may be used now.
#[derive(Debug)]
pub(super) struct Warm {
    /// As the audit calls the token; written once, and read at every call.
    pub name: String,
    pub issued: Arc<Issued>,
    /// Renewed so long before its end.
    pub margin: TimeDelta,
    /// Of the row that it was read from.
    pub version: i64,
}

/// What this process remembers of tokens.
#[derive(Default)]
pub(super) struct Memory {
    warm: RwLock<HashMap<TokenName, Arc<Entry>>>,
    refreshing: Mutex<HashMap<TokenName, Arc<tokio::sync::Mutex<()>>>>,
    refreshes: TaskTracker,
}

struct Entry {
    warm: Arc<Warm>,
    begun: Instant,
    /// When the row was read last, in milliseconds since `begun`.
    checked: AtomicU64,
    checking: tokio::sync::Mutex<()>,
}

/// What the process of `app` remembers.
pub(super) fn of(app: &App) -> Arc<Memory> {
    app.memory.of()
}

/// Waits until no refresh is under way, so that a process that ends leaves no outcome unknown.
pub async fn settled(app: &App) {
    let memory = of(app);
    memory.refreshes.close();
    memory.refreshes.wait().await;
    memory.refreshes.reopen();
}

impl Memory {
    /// The token as it is remembered, if the row has not changed since.
    pub(super) async fn recall(&self, app: &App, name: &TokenName) -> Result<Option<Arc<Warm>>> {
        let entry = {
            let warm = self.warm.read().unwrap_or_else(PoisonError::into_inner);
            warm.get(name).cloned()
        };
        let Some(entry) = entry else {
            return Ok(None);
        };
        // What is rare is in a box, so that the future of a call that needs none of it stays small.
        if entry.age() >= CHECK_AFTER && !Box::pin(self.still_current(app, name, &entry)).await? {
            self.forget(name);
            return Ok(None);
        }
        Ok(Some(Arc::clone(&entry.warm)))
    }

    /// Compares a remembered token with its row: one caller does, the others go on with what they have as long as that
    /// is allowed.
    async fn still_current(&self, app: &App, name: &TokenName, entry: &Entry) -> Result<bool> {
        let _checking = match entry.checking.try_lock() {
            Ok(guard) => guard,
            Err(_) if entry.age() < STALE_AFTER => return Ok(true),
            Err(_) => entry.checking.lock().await,
        };
        if entry.age() < CHECK_AFTER {
            return Ok(true);
        }
        // Counted from before the read: a change that comes after it is found by the next one in time.
        let asked = entry.begun.elapsed();
        let mut tx = app.db.read(Scope::Tenant(name.tenant.clone())).await?;
        let current = store::version(&mut tx, name).await? == Some(entry.warm.version);
        if current {
            entry.checked.store(millis(asked), Ordering::Relaxed);
        }
        Ok(current)
    }

    /// Remembers what was just read from the row.
    pub(super) fn remember(&self, name: &TokenName, warm: Arc<Warm>, read_at: Instant) {
        let entry = Entry {
            warm,
            begun: read_at,
            checked: AtomicU64::new(0),
            checking: tokio::sync::Mutex::default(),
        };
        let mut all = self.warm.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(name.clone(), Arc::new(entry));
    }

    /// Forgets a token that was changed.
    pub(super) fn forget(&self, name: &TokenName) {
        let mut all = self.warm.write().unwrap_or_else(PoisonError::into_inner);
        all.remove(name);
    }

    /// What callers of this process take turns with when they refresh a token.
    pub(super) fn turn(&self, name: &TokenName) -> Arc<tokio::sync::Mutex<()>> {
        let mut all = lock(&self.refreshing);
        if all.len() >= MOST {
            all.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        Arc::clone(all.entry(name.clone()).or_default())
    }

    /// Where refreshes run, so that one goes on when its caller went away.
    pub(super) fn refreshes(&self) -> &TaskTracker {
        &self.refreshes
    }
}

impl Entry {
    fn age(&self) -> Duration {
        let checked = Duration::from_millis(self.checked.load(Ordering::Relaxed));
        self.begun.elapsed().saturating_sub(checked)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

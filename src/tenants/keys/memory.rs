//! What a process remembers of keys and rules, so that a call with a known key asks no database.
//!
//! One number in the database counts what changed for who may call. It is compared at least every half second while
//! somebody calls, whatever the number of keys: so one that was revoked on any replica stops working everywhere within a
//! second.

use crate::{
    app::App,
    base::{Caller, Error, Result, TenantId, Who},
    db::{Scope, Tx},
    tenants::{
        keys::{Key, spent::Spent, store},
        rules::{self, Rules},
        store as tenants,
    },
};
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{Mutex, Semaphore};

/// The number is compared when the last comparison is this old.
const CHECK_AFTER: Duration = Duration::from_millis(450);
/// Nobody uses a key whose last comparison is older, not even while another caller is comparing.
const STALE_AFTER: Duration = Duration::from_millis(800);
/// So long callers without a key wait for the comparison. Where the database does not answer, the rules stay as they were.
const PATIENCE: Duration = Duration::from_secs(1);
/// So many keys are remembered; then all are forgotten, which costs one read each.
const MOST: usize = 10_000;
/// Unknown keys that are looked for at the same time; who guesses must leave connections for the others.
const LOOKUPS: usize = 4;

/// What this process remembers.
pub(super) struct Memory {
    begun: Instant,
    known: RwLock<HashMap<[u8; 32], Arc<Entry>>>,
    /// As of the last comparison.
    version: AtomicI64,
    /// When that was, in milliseconds since `begun`; [`NEVER`] before the first.
    checked: AtomicU64,
    checking: Mutex<()>,
    /// When the last comparison ended without an answer, in milliseconds since `begun`; 0 where it had one.
    failed: AtomicU64,
    general: RwLock<Arc<General>>,
    has_slow: AtomicBool,
    pub(super) lookups: Semaphore,
    /// For addresses from where many wrong keys came.
    pub(super) suspicious: Semaphore,
    pub(super) slow: Arc<Semaphore>,
}

const NEVER: u64 = u64::MAX;

/// What holds for every call.
#[derive(Debug, Default)]
pub(super) struct General {
    pub(super) rules: Rules,
    /// Whose keys and members are refused.
    pub(super) disabled: BTreeSet<TenantId>,
}

/// A key that was shown to this process.
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) rules: Rules,
    /// Of the changes, when it was read.
    version: i64,
    pub(super) life: Arc<Life>,
    caller: RwLock<Arc<Caller>>,
}

/// What goes on when a key is read again.
#[derive(Debug, Default)]
pub(super) struct Life {
    pub(super) spent: Spent,
    /// The last good use, in microseconds since 1970.
    used: AtomicI64,
    /// The last one that was written down.
    pub(super) written: AtomicI64,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            known: RwLock::default(),
            version: AtomicI64::new(0),
            checked: AtomicU64::new(NEVER),
            checking: Mutex::default(),
            failed: AtomicU64::new(0),
            general: RwLock::default(),
            has_slow: AtomicBool::new(false),
            lookups: Semaphore::new(LOOKUPS),
            suspicious: Semaphore::new(1),
            slow: Arc::new(Semaphore::new(1)),
        }
    }
}

/// What the process of `app` remembers.
pub(super) fn of(app: &App) -> Arc<Memory> {
    app.memory.of()
}

impl Memory {
    /// The key as it is remembered, if nothing changed since.
    pub(super) async fn recall(&self, app: &App, digest: &[u8; 32]) -> Result<Option<Arc<Entry>>> {
        let version = self.version(app).await?;
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let entry = known.get(digest).filter(|entry| entry.version >= version);
        Ok(entry.cloned())
    }

    /// The number of changes, compared as often as it has to be. An error where the database does not answer.
    async fn version(&self, app: &App) -> Result<i64> {
        let age = self.age();
        if age < CHECK_AFTER {
            return Ok(self.version.load(Ordering::Acquire));
        }
        let came = millis(self.begun.elapsed());
        let _checking = match self.checking.try_lock() {
            Ok(guard) => guard,
            Err(_) if age < STALE_AFTER => return Ok(self.version.load(Ordering::Acquire)),
            Err(_) => self.checking.lock().await,
        };
        if self.age() >= CHECK_AFTER {
            // Somebody asked meanwhile, in vain: asking one after the other would make a queue that never ends.
            if self.failed.load(Ordering::Relaxed) > came {
                return Err(Error::unavailable(
                    "DATABASE_UNREACHABLE",
                    "the database does not answer, so nobody knows whether the key still works",
                ));
            }
            // In a box, because it is rare: the future of every call would be as large.
            let outcome = Box::pin(self.compare(app)).await;
            self.note(outcome.is_ok());
            outcome?;
        }
        Ok(self.version.load(Ordering::Acquire))
    }

    /// Notes how a comparison ended.
    fn note(&self, had_answer: bool) {
        let failed = match had_answer {
            true => 0,
            false => millis(self.begun.elapsed()).max(1),
        };
        self.failed.store(failed, Ordering::Relaxed);
    }

    async fn compare(&self, app: &App) -> Result<()> {
        // Counted from before the read: a change that comes after it is found by the next one in time.
        let asked = millis(self.begun.elapsed());
        let mut tx = app.db.read(Scope::System("who may call")).await?;
        let version = store::version(&mut tx).await?;
        if version != self.version.load(Ordering::Acquire) {
            let general = General {
                rules: Rules::new(rules::of_installation(&mut tx, app.db.now()).await?),
                disabled: tenants::disabled(&mut tx).await?.into_iter().collect(),
            };
            let has_slow = store::has_slow(&mut tx).await?;
            *self.general.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(general);
            self.has_slow.store(has_slow, Ordering::Relaxed);
            // A database that was restored from a copy counts from there.
            if version < self.version.swap(version, Ordering::AcqRel) {
                self.known().clear();
            }
        }
        self.checked.store(asked, Ordering::Release);
        Ok(())
    }

    /// What holds for every call, compared as often as it has to be. It stays as it was while the database does not answer.
    pub(super) async fn general(self: &Arc<Self>, app: &App) -> Arc<General> {
        if self.age() >= CHECK_AFTER {
            if self.failed.load(Ordering::Relaxed) == 0 {
                let compared = tokio::time::timeout(PATIENCE, self.version(app)).await;
                self.note(matches!(compared, Ok(Ok(_))));
            } else if self.checking.try_lock().is_ok() {
                let (memory, app) = (Arc::clone(self), app.clone());
                tokio::spawn(async move { memory.version(&app).await });
            }
        }
        self.known_general()
    }

    /// The same as it is remembered.
    pub(super) fn known_general(&self) -> Arc<General> {
        let general = self.general.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&general)
    }

    /// Whether any key has a hash that is slow to check.
    pub(super) fn has_slow(&self) -> bool {
        self.has_slow.load(Ordering::Relaxed)
    }

    /// Reads a key, and remembers it. `None` when there is none with this hash.
    pub(super) async fn learn(
        &self,
        app: &App,
        digest: &[u8; 32],
        hash: &str,
    ) -> Result<Option<Arc<Entry>>> {
        let mut tx = app.db.read(Scope::System("who shows this key")).await?;
        let version = store::version(&mut tx).await?;
        let Some(key) = store::by_hash(&mut tx, hash).await? else {
            return Ok(None);
        };
        let entry = self.entry(&mut tx, app, key, version, digest).await?;
        let mut known = self.known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(*digest, Arc::clone(&entry));
        Ok(Some(entry))
    }

    async fn entry(
        &self,
        tx: &mut Tx,
        app: &App,
        key: Key,
        version: i64,
        digest: &[u8; 32],
    ) -> Result<Arc<Entry>> {
        let rules = Rules::new(rules::of_key(tx, key.name.id, app.db.now()).await?);
        let caller = RwLock::new(Arc::new(caller_of(&key, None)));
        let life = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            known.get(digest).map(|entry| Arc::clone(&entry.life))
        };
        Ok(Arc::new(Entry {
            key,
            rules,
            version,
            life: life.unwrap_or_default(),
            caller,
        }))
    }

    /// All keys that are remembered.
    pub(super) fn entries(&self) -> Vec<Arc<Entry>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.values().cloned().collect()
    }

    fn known(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<[u8; 32], Arc<Entry>>> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn age(&self) -> Duration {
        match self.checked.load(Ordering::Acquire) {
            NEVER => Duration::MAX,
            checked => self
                .begun
                .elapsed()
                .saturating_sub(Duration::from_millis(checked)),
        }
    }
}

impl Entry {
    /// Who shows it. The same from the same address again costs nothing.
    pub(super) fn caller(&self, address: Option<IpAddr>) -> Arc<Caller> {
        {
            let last = self.caller.read().unwrap_or_else(PoisonError::into_inner);
            if last.address == address {
                return Arc::clone(&last);
            }
        }
        let caller = Arc::new(caller_of(&self.key, address));
        let mut last = self.caller.write().unwrap_or_else(PoisonError::into_inner);
        *last = Arc::clone(&caller);
        caller
    }

    /// Notes a good use.
    pub(super) fn used(&self, now: DateTime<Utc>) {
        self.life
            .used
            .store(now.timestamp_micros(), Ordering::Relaxed);
    }

    /// The last good use, and where it came from.
    pub(super) fn last_use(&self) -> (i64, Option<IpAddr>) {
        let last = self.caller.read().unwrap_or_else(PoisonError::into_inner);
        (self.life.used.load(Ordering::Relaxed), last.address)
    }
}

fn caller_of(key: &Key, address: Option<IpAddr>) -> Caller {
    Caller {
        name: key.name.to_string(),
        who: Who::Key(key.name.id),
        permissions: key.permissions(),
        address,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(NEVER - 1)
}

/// The process ends.
pub(super) fn closed(_: tokio::sync::AcquireError) -> Error {
    Error::unavailable("SHUTTING_DOWN", "the server is shutting down")
}

//! What a process remembers of people: sessions that were shown, guesses at passwords, Google's keys.

use crate::{
    app::App,
    base::{Caller, Error, Result, Secret},
    people::{attempts::Attempts, certificates::Certificates, password::Line},
};
use chrono::{DateTime, Utc};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// A remembered session is compared with its row when the last comparison is this old.
const CHECK_AFTER: Duration = Duration::from_millis(400);
/// Nobody uses a remembered session whose last comparison is older, not even while another caller is comparing.
const STALE_AFTER: Duration = Duration::from_millis(800);
/// So many sessions are remembered; then all are forgotten, which costs one read each.
const MOST: usize = 10_000;
/// Unknown sessions that are looked for at the same time: who makes ids up must leave connections for the others.
const LOOKUPS: usize = 4;
/// The same for addresses that made up many.
const SUSPICIOUS: usize = 1;

/// What this process remembers of people.
pub(super) struct Memory {
    sessions: RwLock<HashMap<[u8; 32], Arc<Known>>>,
    lookups: Semaphore,
    suspicious: Semaphore,
    attempts: Attempts,
    line: Line,
    certificates: Certificates,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            sessions: RwLock::default(),
            lookups: Semaphore::new(LOOKUPS),
            suspicious: Semaphore::new(SUSPICIOUS),
            attempts: Attempts::default(),
            line: Line::default(),
            certificates: Certificates::default(),
        }
    }
}

/// A session as its row had it a moment ago.
pub(super) struct Known {
    caller: Arc<Caller>,
    expires_at: DateTime<Utc>,
    /// When it ends if it is not used; `None` is not before its time.
    idle_at: Option<DateTime<Utc>>,
    /// When the row was read, or a moment before.
    read_at: Instant,
    checking: tokio::sync::Mutex<()>,
}

impl Known {
    pub(super) fn new(
        caller: Caller,
        expires_at: DateTime<Utc>,
        idle_at: Option<DateTime<Utc>>,
        read_at: Instant,
    ) -> Self {
        Self {
            caller: Arc::new(caller),
            expires_at,
            idle_at,
            read_at,
            checking: tokio::sync::Mutex::default(),
        }
    }

    /// Who has it, calling from there: mostly from where it called before.
    pub(super) fn caller_at(&self, address: Option<IpAddr>) -> Arc<Caller> {
        match self.caller.address == address {
            true => Arc::clone(&self.caller),
            false => Arc::new(Caller {
                address,
                ..Caller::clone(&self.caller)
            }),
        }
    }

    pub(super) fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.expires_at <= now || self.idle_at.is_some_and(|end| end <= now)
    }

    fn age(&self) -> Duration {
        self.read_at.elapsed()
    }
}

/// What the process of `app` remembers.
pub(super) fn of(app: &App) -> Arc<Memory> {
    app.memory.of()
}

impl Memory {
    /// The session that `token` shows, as `read` finds it in the database, or as it was found less than half a second
    /// ago. One caller reads, the others go on with what they have as long as that is allowed. Who is suspicious waits longer
    /// for one that is not remembered.
    pub(super) async fn session(
        &self,
        hash: [u8; 32],
        is_suspicious: impl FnOnce() -> bool,
        read: impl AsyncFnOnce() -> Result<Option<Known>>,
    ) -> Result<Option<Arc<Known>>> {
        let known = {
            let all = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
            all.get(&hash).cloned()
        };
        let _checking = match &known {
            Some(known) if known.age() < CHECK_AFTER => return Ok(Some(Arc::clone(known))),
            Some(known) => match known.checking.try_lock() {
                Ok(checking) => Some(checking),
                Err(_) if known.age() < STALE_AFTER => return Ok(Some(Arc::clone(known))),
                Err(_) => None,
            },
            None => None,
        };
        let _turn = match &known {
            Some(_) => None,
            None => {
                let turns = match is_suspicious() {
                    true => &self.suspicious,
                    false => &self.lookups,
                };
                Some(turns.acquire().await.map_err(Error::internal)?)
            }
        };
        let found = read().await?.map(Arc::new);
        let mut all = self
            .sessions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match &found {
            None => drop(all.remove(&hash)),
            Some(found) => {
                if all.len() >= MOST {
                    all.clear();
                }
                all.insert(hash, Arc::clone(found));
            }
        }
        Ok(found)
    }

    /// Forgets all sessions: some ended, or what their people may do was changed.
    pub(super) fn forget(&self) {
        let mut all = self
            .sessions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        all.clear();
    }

    pub(super) fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    pub(super) fn line(&self) -> &Line {
        &self.line
    }

    pub(super) fn certificates(&self) -> &Certificates {
        &self.certificates
    }
}

/// What is kept of what shows a session.
pub(super) fn hash_of(token: &Secret) -> [u8; 32] {
    crate::base::sha256(token.expose())
}

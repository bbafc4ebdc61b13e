//! Leaves a provider alone that does not work, on all replicas: opens after failures in a row, and after a while lets one
//! call through to see.
//!
//! Failures in a row are counted by each process for itself; the database is read at most once a second per provider and
//! written only when a breaker opens, is tried, or closes. Where it cannot be read, what was last known holds.

use crate::{
    base::{Error, Result},
    db::{Db, Scope},
    outbound::{
        Call, Options, locked,
        store::{self, Opened},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

const SCOPE: Scope = Scope::System("breakers are shared by all tenants");

/// How old what is known may be.
const FRESH: Duration = Duration::from_secs(1);

/// How often the time that a breaker stays open is doubled.
const DOUBLINGS: u32 = 4;

/// The breakers of all providers.
#[derive(Debug)]
pub(super) struct Breakers {
    db: Db,
    options: Options,
    by_name: Mutex<HashMap<String, Arc<Breaker>>>,
}

/// What this process knows of one breaker.
#[derive(Debug)]
struct Breaker {
    name: String,
    known: Mutex<Known>,
    /// Who may read the database: one at a time.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    read_at: Option<Instant>,
    opened: Option<Opened>,
    /// In a row, while closed.
    failures: u32,
}

/// The leave to make one call. Its outcome is told by [`Breakers::record`]; should it never be told, a try that was
/// given after the time is given again when the call must be over.
#[derive(Debug)]
pub(super) struct Admission {
    breaker: Arc<Breaker>,
    /// This is the one call that shows whether the provider works again, after so many openings.
    trying: Option<u32>,
}

impl Breakers {
    pub(super) fn new(db: Db, options: Options) -> Self {
        Self {
            db,
            options,
            by_name: Mutex::default(),
        }
    }

    /// Lets `call` through, or tells until when its provider is left alone.
    pub(super) async fn admit(&self, call: &Call) -> Result<Admission, DateTime<Utc>> {
        let breaker = self.of(call);
        let admission = |trying| Admission {
            breaker: breaker.clone(),
            trying,
        };
        let Some(opened) = self.current(&breaker).await else {
            return Ok(admission(None));
        };
        if opened.until > self.db.now() {
            return Err(opened.until);
        }
        match self.claim(&breaker, opened).await {
            Ok(true) => Ok(admission(Some(opened.openings))),
            Ok(false) => Err(self.db.now() + whole(FRESH)),
            Err(cause) => {
                tracing::warn!(breaker = breaker.name, %cause, "a breaker could not be tried");
                Ok(admission(None))
            }
        }
    }

    /// What came of a call that was let through.
    pub(super) async fn record(&self, admission: Admission, failed: bool) {
        let breaker = &admission.breaker;
        let outcome = match (admission.trying, failed) {
            (Some(_), false) => self.close(breaker).await,
            (Some(openings), true) => self.open(breaker, openings.saturating_add(1)).await,
            (None, false) => {
                breaker.known().failures = 0;
                Ok(())
            }
            (None, true) => {
                if self.too_many(breaker) {
                    self.open(breaker, 1).await
                } else {
                    Ok(())
                }
            }
        };
        if let Err(cause) = outcome {
            tracing::warn!(breaker = breaker.name, %cause, "other replicas were not told of a breaker");
        }
    }

    /// One breaker for each API of a provider at each of its addresses.
    fn of(&self, call: &Call) -> Arc<Breaker> {
        let (provider, _) = call.endpoint.split_once('.').unwrap_or((call.endpoint, ""));
        let host = call.url.host_str().unwrap_or_default();
        let name = match call.url.port() {
            Some(port) => format!("{provider}@{host}:{port}"),
            None => format!("{provider}@{host}"),
        };
        let mut breakers = locked(&self.by_name);
        if let Some(breaker) = breakers.get(&name) {
            return breaker.clone();
        }
        let breaker = Arc::new(Breaker {
            name: name.clone(),
            known: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        });
        breakers.insert(name, breaker.clone());
        breaker
    }

    /// What the database says, or said less than a second ago. While one call reads, the others take what was known,
    /// if anything was.
    async fn current(&self, breaker: &Breaker) -> Option<Opened> {
        let ever_read = breaker.known().read_at.is_some();
        let turn = match breaker.turn.try_lock() {
            Ok(turn) => turn,
            Err(_) if ever_read => return breaker.known().opened,
            Err(_) => breaker.turn.lock().await,
        };
        let (read_at, before) = {
            let known = breaker.known();
            (known.read_at, known.opened)
        };
        if read_at.is_some_and(|at| at.elapsed() < FRESH) {
            return before;
        }
        let read = async {
            let mut tx = self.db.read(SCOPE).await?;
            store::breaker(&mut tx, &breaker.name).await
        };
        let opened = read.await.unwrap_or_else(|cause: Error| {
            tracing::warn!(breaker = breaker.name, %cause, "a breaker could not be read");
            before
        });
        let mut known = breaker.known();
        // Whoever opened or closed it meanwhile knows better.
        if known.read_at == read_at {
            known.opened = opened;
            known.read_at = Some(Instant::now());
        }
        drop(turn);
        known.opened
    }

    /// Counts a failure; whether it is the one that opens the breaker.
    fn too_many(&self, breaker: &Breaker) -> bool {
        let mut known = breaker.known();
        if known.opened.is_some() {
            return false;
        }
        known.failures += 1;
        known.failures >= self.options.breaker_failures.max(1)
    }

    async fn open(&self, breaker: &Breaker, openings: u32) -> Result<()> {
        let doublings = (openings - 1).min(DOUBLINGS);
        let now = self.db.now();
        let opened = Opened {
            openings,
            until: now + whole(self.options.breaker_open.saturating_mul(1 << doublings)),
        };
        breaker.learn(Some(opened));
        tracing::warn!(breaker = breaker.name, openings, until = %opened.until, "a provider does not work and is left alone");
        let mut tx = self.db.write(SCOPE).await?;
        store::open_breaker(&mut tx, &breaker.name, opened, now).await?;
        tx.commit().await
    }

    /// Takes the one try. Its lease outlasts the call.
    async fn claim(&self, breaker: &Breaker, opened: Opened) -> Result<bool> {
        let now = self.db.now();
        let lease = Opened {
            until: now + whole(self.options.timeout) + whole(FRESH),
            ..opened
        };
        let mut tx = self.db.write(SCOPE).await?;
        let won =
            store::claim_breaker(&mut tx, &breaker.name, opened.until, lease.until, now).await?;
        let current = store::breaker(&mut tx, &breaker.name).await?;
        tx.commit().await?;
        breaker.learn(current);
        Ok(won)
    }

    async fn close(&self, breaker: &Breaker) -> Result<()> {
        breaker.learn(None);
        tracing::info!(breaker = breaker.name, "a provider works again");
        let mut tx = self.db.write(SCOPE).await?;
        store::close_breaker(&mut tx, &breaker.name).await?;
        tx.commit().await
    }
}

impl Breaker {
    fn known(&self) -> MutexGuard<'_, Known> {
        locked(&self.known)
    }

    fn learn(&self, opened: Option<Opened>) {
        let mut known = self.known();
        known.opened = opened;
        known.failures = 0;
        known.read_at = Some(Instant::now());
    }
}

fn whole(span: Duration) -> TimeDelta {
    TimeDelta::from_std(span).unwrap_or(TimeDelta::days(1))
}

//! What a process holds of the budgets: a few permits per account, so that not every call costs a transaction, and what
//! it knows about when there will be more.

use crate::{
    db::Db,
    outbound::{Account, Budget, CallError, Options, budget::Slice, ledger},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::HashMap,
    fmt, mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout_at};

/// Blocks that end so close together are one: fifty calls that are all told "later" write it down once.
const SAME_BLOCK: TimeDelta = TimeDelta::milliseconds(250);

/// The pools of all accounts.
#[derive(Debug)]
pub(super) struct Pools {
    db: Db,
    options: Options,
    by_account: Mutex<HashMap<Account, Arc<Pool>>>,
}

/// What this process holds of one account's budget.
#[derive(Debug)]
pub(super) struct Pool {
    db: Db,
    options: Options,
    account: Account,
    held: Mutex<Held>,
    /// How many permits are waited for, so that whoever asks the database asks for all.
    wanted: AtomicU32,
    /// Who may ask the database: one at a time.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Held {
    /// Permits of the present slice.
    ready: Option<Slice>,
    /// Permits of past slices, for the next transaction to give back.
    unused: Vec<Slice>,
    /// What the database said when it had no more.
    dry: Option<Dry>,
    /// What the provider said.
    blocked_until: Option<DateTime<Utc>>,
    /// How often in a row the provider said "too many".
    throttled: u32,
}

#[derive(Clone, Copy, Debug)]
struct Dry {
    next_at: DateTime<Utc>,
    useful_at: DateTime<Utc>,
}

/// What a look at the pool shows.
enum Look {
    Found(Permits),
    Dry(Dry),
    Ask,
}

impl Pools {
    pub(super) fn new(db: Db, options: Options) -> Self {
        Self {
            db,
            options,
            by_account: Mutex::default(),
        }
    }

    pub(super) fn of(&self, account: &Account) -> Arc<Pool> {
        let mut pools = locked(&self.by_account);
        if let Some(pool) = pools.get(account) {
            return pool.clone();
        }
        let pool = Arc::new(Pool {
            db: self.db.clone(),
            options: self.options.clone(),
            account: account.clone(),
            held: Mutex::default(),
            wanted: AtomicU32::new(0),
            turn: tokio::sync::Mutex::default(),
        });
        pools.insert(account.clone(), pool.clone());
        pool
    }
}

impl Pool {
    /// Takes 1 to `wanted` permits, waiting for the first as long as a call may wait.
    pub(super) async fn take(self: &Arc<Self>, wanted: u32) -> Result<Permits, CallError> {
        let wanted = wanted.max(1);
        let patience = Instant::now() + self.options.max_inline_wait;
        // Asking the database is not waiting for the budget, but has an end as well.
        let deadline = patience + self.options.timeout;
        let _wish = Wish::new(&self.wanted, wanted);
        let mut asked = false;
        loop {
            match self.look(wanted, asked) {
                Look::Found(permits) => return Ok(permits),
                Look::Dry(dry) => {
                    let wait = (dry.next_at - self.db.now()).to_std().unwrap_or_default();
                    if Instant::now() + wait > patience {
                        return Err(self.out_of_budget(dry.useful_at));
                    }
                    sleep(wait).await;
                }
                Look::Ask => {
                    let turn = timeout_at(deadline, self.turn.lock()).await;
                    if turn.is_err() || Instant::now() > deadline {
                        return Err(not_to_be_had("the database is too slow"));
                    }
                    // Whoever had the turn before may have asked for us.
                    if let Look::Ask = self.look(wanted, asked) {
                        self.ask().await?;
                    }
                    asked = true;
                }
            }
        }
    }

    /// Looks for permits without waiting for anything. Before the database was `asked`, fewer than `wanted` are not
    /// enough.
    fn look(self: &Arc<Self>, wanted: u32, asked: bool) -> Look {
        let now = self.db.now();
        let mut held = locked(&self.held);
        if let Some(until) = held.blocked_until.filter(|until| *until > now) {
            return Look::Dry(Dry {
                next_at: until,
                useful_at: until,
            });
        }
        if self.account.budget.is_none() {
            return Look::Found(Permits::new(self, None, wanted));
        }
        held.retire(now);
        held.dry = held.dry.filter(|dry| dry.next_at > now);
        let dry = held.dry;
        match &mut held.ready {
            Some(ready) if ready.used >= wanted || asked || dry.is_some() => {
                let taken = ready.used.min(wanted);
                let ends_at = ready.ends_at;
                ready.used -= taken;
                if ready.used == 0 {
                    held.ready = None;
                }
                Look::Found(Permits::new(self, Some(ends_at), taken))
            }
            _ => dry.map_or(Look::Ask, Look::Dry),
        }
    }

    /// Asks the database for what is wanted, and a block at least.
    async fn ask(&self) -> Result<(), CallError> {
        let Some(budget) = self.account.budget else {
            return Ok(());
        };
        let wanted = self
            .wanted
            .load(Ordering::Relaxed)
            .saturating_sub(locked(&self.held).ready.map_or(0, |ready| ready.used))
            .max(budget.block());
        let unused = mem::take(&mut locked(&self.held).unused);
        let grant = self.book(budget, &unused, wanted).await?;
        let mut held = locked(&self.held);
        held.receive(grant.slice);
        held.dry = (grant.slice.used < wanted && held.unused.is_empty()).then_some(Dry {
            next_at: grant.next_at,
            useful_at: grant.useful_at,
        });
        Ok(())
    }

    /// Should the outcome not be known, the permits count as used.
    async fn book(
        &self,
        budget: Budget,
        unused: &[Slice],
        wanted: u32,
    ) -> Result<ledger::Grant, CallError> {
        ledger::book(&self.db, &self.account.key, budget, unused, wanted)
            .await
            .map_err(not_to_be_had)
    }

    /// The provider said "too many": nobody uses the account until the moment that is returned.
    pub(super) async fn throttled(&self, retry_after: Option<Duration>) -> DateTime<Utc> {
        let now = self.db.now();
        let (until, known) = {
            let mut held = locked(&self.held);
            let blocked = held.blocked_until.filter(|until| *until > now);
            let until = match (retry_after, blocked) {
                (Some(wait), _) => now + TimeDelta::from_std(wait).unwrap_or_default(),
                // The answers of calls that were under way together are one answer.
                (None, Some(until)) => until,
                (None, None) => now + self.pause(held.throttled),
            };
            if blocked.is_none() {
                held.throttled = held.throttled.saturating_add(1);
            }
            let known = blocked.is_some_and(|blocked| until <= blocked + SAME_BLOCK);
            let until = blocked.map_or(until, |blocked| blocked.max(until));
            held.blocked_until = Some(until);
            (until, known)
        };
        if self.account.budget.is_some()
            && !known
            && let Err(cause) = ledger::block(&self.db, &self.account.key, until).await
        {
            tracing::warn!(account = self.account.key, %cause, "other replicas were not told of a rate limit");
        }
        until
    }

    /// The provider took a request: the next "too many" is the first again.
    pub(super) fn flowing(&self) {
        locked(&self.held).throttled = 0;
    }

    fn pause(&self, throttled: u32) -> TimeDelta {
        let longest = self
            .account
            .budget
            .map_or(Duration::ZERO, |budget| budget.longest_pause())
            .max(self.options.backoff_max);
        let step = self
            .options
            .backoff_base
            .saturating_mul(1 << throttled.min(20));
        let pause = step.min(longest).mul_f64(rand::random_range(0.5..=1.0));
        TimeDelta::from_std(pause).unwrap_or_default()
    }

    fn out_of_budget(&self, until: DateTime<Utc>) -> CallError {
        CallError::OutOfBudget {
            account: self.account.key.clone(),
            until,
        }
    }
}

impl Held {
    /// Puts permits whose slice is over aside: they are never used late.
    fn retire(&mut self, now: DateTime<Utc>) {
        if let Some(past) = self.ready.take_if(|ready| ready.ends_at <= now) {
            self.set_aside(past);
        }
    }

    fn receive(&mut self, slice: Slice) {
        if slice.used == 0 {
            return;
        }
        match &mut self.ready {
            Some(ready) if ready.ends_at == slice.ends_at => ready.used += slice.used,
            Some(ready) if ready.ends_at > slice.ends_at => self.set_aside(slice),
            _ => {
                if let Some(past) = self.ready.replace(slice) {
                    self.set_aside(past);
                }
            }
        }
    }

    /// Asking the database again gives them back, so it has some.
    fn set_aside(&mut self, slice: Slice) {
        self.unused.push(slice);
        self.dry = None;
    }
}

fn not_to_be_had(cause: impl fmt::Display) -> CallError {
    CallError::NotSent {
        why: format!("the request budget is not to be had: {cause}"),
        retry_at: None,
    }
}

/// So many requests that may be made now. What is not used goes back when the last share is dropped.
#[derive(Debug)]
pub struct Permits {
    reservation: Arc<Reservation>,
    left: u32,
}

#[derive(Debug)]
struct Reservation {
    pool: Arc<Pool>,
    /// `None` where there is no budget. Shares that find the slice over wait here while the first books anew for all.
    booked: tokio::sync::Mutex<Option<Slice>>,
}

impl Permits {
    fn new(pool: &Arc<Pool>, ends_at: Option<DateTime<Utc>>, count: u32) -> Self {
        let booked = ends_at.map(|ends_at| Slice {
            ends_at,
            used: count,
        });
        Self {
            reservation: Arc::new(Reservation {
                pool: pool.clone(),
                booked: tokio::sync::Mutex::new(booked),
            }),
            left: count,
        }
    }

    /// How many requests may still be made.
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Takes up to `count` of them out, so that several requests can be made at the same time.
    pub fn split(&mut self, count: u32) -> Self {
        let count = count.min(self.left);
        self.left -= count;
        Self {
            reservation: self.reservation.clone(),
            left: count,
        }
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.reservation.pool
    }

    /// Takes one for a request that is made at once. When its slice is over, it is booked anew on the present one.
    pub(super) async fn spend(&mut self) -> Result<(), CallError> {
        let refused = |why: &str, retry_at| CallError::NotSent {
            why: why.to_owned(),
            retry_at,
        };
        let pool = &self.reservation.pool;
        let blocked_until = locked(&pool.held).blocked_until;
        if let Some(until) = blocked_until.filter(|until| *until > pool.db.now()) {
            return Err(refused(
                "the provider wants to be left alone meanwhile",
                Some(until),
            ));
        }
        if self.left == 0 {
            return Err(refused("no permit is left", None));
        }
        let mut booked = self.reservation.booked.lock().await;
        // Mostly once; again where booking took so long that the next slice is over, too.
        while let (Some(slice), Some(budget)) = (*booked, pool.account.budget)
            && slice.ends_at <= pool.db.now()
            && slice.used > 0
        {
            // Taken out first: when this is given up half-way, they count as used.
            *booked = Some(Slice { used: 0, ..slice });
            let grant = pool.book(budget, &[slice], slice.used).await?;
            *booked = Some(grant.slice);
            if grant.slice.used == 0 {
                return Err(refused(
                    "the permit was kept for too long",
                    Some(grant.next_at),
                ));
            }
        }
        if let Some(slice) = &mut *booked {
            if slice.used == 0 {
                return Err(refused("the permit was kept for too long", None));
            }
            slice.used -= 1;
        }
        drop(booked);
        self.left -= 1;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(slice) = self.booked.get_mut().take() {
            let mut held = locked(&self.pool.held);
            held.receive(slice);
            held.retire(self.pool.db.now());
        }
    }
}

/// Counts in what a caller waits for, as long as it waits.
struct Wish<'a>(&'a AtomicU32, u32);

impl<'a> Wish<'a> {
    fn new(wanted: &'a AtomicU32, count: u32) -> Self {
        wanted.fetch_add(count, Ordering::Relaxed);
        Self(wanted, count)
    }
}

impl Drop for Wish<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// Nothing that is done under these locks can panic half-way, so a poisoned one is as good.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

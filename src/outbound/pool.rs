//! What a process holds of the budgets: a few permits per account, so that not every call costs a transaction, and what
//! it knows about when there will be more.

use crate::{
    db::Db,
    outbound::{Account, Budget, CallError, Options, Permits, budget::Slice, ledger, locked},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::HashMap,
    fmt, mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout, timeout_at};

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

    /// Counts what was booked for `from`, here and in the database, as booked for `to`.
    pub(super) async fn carry_over(&self, from: &Account, to: &Account) -> Result<(), CallError> {
        if from.key == to.key || from.budget.is_none() && to.budget.is_none() {
            return Ok(());
        }
        let carried = ledger::carry_over(&self.db, &from.key, &to.key);
        timeout(self.options.timeout, carried)
            .await
            .map_err(|_| too_slow())?
            .map_err(not_to_be_had)?;
        let old = locked(&self.by_account).remove(from);
        if let Some(old) = old {
            self.of(to).take_over(&old);
        }
        Ok(())
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
                        return Err(too_slow());
                    }
                    // Whoever had the turn before may have asked for us.
                    if let Look::Ask = self.look(wanted, asked) {
                        let answer = timeout_at(deadline, self.ask()).await;
                        answer.unwrap_or_else(|_| Err(too_slow()))?;
                    }
                    asked = true;
                }
            }
        }
    }

    /// Until when the provider wants to be left alone, if it does.
    pub(super) fn blocked_until(&self) -> Option<DateTime<Utc>> {
        let now = self.db.now();
        locked(&self.held)
            .blocked_until
            .filter(|until| *until > now)
    }

    /// What the provider allows.
    pub(super) fn budget(&self) -> Option<Budget> {
        self.account.budget
    }

    /// Whether permits of `slice` may not be used any more.
    pub(super) fn is_over(&self, slice: &Slice) -> bool {
        slice.ends_at <= self.db.now()
    }

    /// Takes back what was not used.
    pub(super) fn take_back(&self, slice: Slice) {
        let mut held = locked(&self.held);
        held.receive(slice);
        held.retire(self.db.now());
    }

    /// Looks for permits without waiting for anything. Before the database was `asked`, fewer than `wanted` are not
    /// enough.
    fn look(self: &Arc<Self>, wanted: u32, asked: bool) -> Look {
        if let Some(until) = self.blocked_until() {
            return Look::Dry(Dry {
                next_at: until,
                useful_at: until,
            });
        }
        if self.account.budget.is_none() {
            return Look::Found(Permits::new(self, None, wanted));
        }
        let now = self.db.now();
        let mut held = locked(&self.held);
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

    /// Books in the database; should the outcome not be known, the permits count as used.
    pub(super) async fn book(
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

    /// The present, by the clock that all replicas share.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.db.now()
    }

    /// Nothing is to be had until then.
    pub(super) fn out_of_budget(&self, until: DateTime<Utc>) -> CallError {
        CallError::OutOfBudget {
            account: self.account.key.clone(),
            until,
        }
    }

    /// Holds what another pool held.
    fn take_over(&self, other: &Self) {
        let theirs = mem::take(&mut *locked(&other.held));
        let mut held = locked(&self.held);
        held.blocked_until = held.blocked_until.max(theirs.blocked_until);
        for slice in theirs.unused.into_iter().chain(theirs.ready) {
            held.receive(slice);
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

fn too_slow() -> CallError {
    not_to_be_had("the database is too slow")
}

fn not_to_be_had(cause: impl fmt::Display) -> CallError {
    CallError::NotSent {
        why: format!("the request budget is not to be had: {cause}"),
        retry_at: None,
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

//! A whole call: attempts, and the waits between them, as far as repeating is safe.

use crate::{
    base::Result,
    db::Db,
    outbound::{
        Account, Call, CallError, Options, Permits, Repeat, Reply,
        breaker::{Admission, Breakers},
        classify::{Trouble, judge},
        client::Wire,
        pool::Pools,
    },
};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use chrono::{DateTime, Utc};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};
use tracing::{Instrument, Span, field::Empty};

/// The way out, cheap to clone.
#[derive(Clone, Debug)]
pub struct Outbound {
    shared: Arc<Shared>,
    counted: Arc<Mutex<BTreeMap<String, u64>>>,
}

#[derive(Debug)]
struct Shared {
    db: Db,
    wire: Wire,
    pools: Pools,
    breakers: Breakers,
    options: Options,
}

impl Outbound {
    /// Sets the HTTP client up; connects nowhere. Fails where the machine's certificates cannot be read.
    pub fn new(db: Db, options: Options) -> Result<Self> {
        Ok(Self {
            shared: Arc::new(Shared {
                wire: Wire::new(options.clone())?,
                pools: Pools::new(db.clone(), options.clone()),
                breakers: Breakers::new(db.clone(), options.clone()),
                db,
                options,
            }),
            counted: Arc::default(),
        })
    }

    /// The same way out, which counts the calls made through it and its clones from now on.
    pub fn counting(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            counted: Arc::default(),
        }
    }

    /// Requests sent so far, by endpoint.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.counted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn count(&self, endpoint: &str) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        *counted.entry(endpoint.to_owned()).or_default() += 1;
    }

    /// Longest that [`Outbound::call_with`] can take, booking and connecting included: the lease of a write must outlast it.
    pub fn timeout(&self) -> Duration {
        self.shared.options.timeout
    }

    /// Takes a permit for each attempt, and makes the call again where that is safe. Waits for the budget, or as the
    /// provider asks, as long as the setting allows; when it would be longer, the error says until when.
    pub async fn call(&self, account: &Account, call: Call) -> Result<Reply, CallError> {
        let span = span(&call);
        self.repeat(account, &call).instrument(span).await
    }

    /// Takes 1 to `wanted` permits, for calls that are announced in the database before they are made. Waits for the
    /// first as long as the setting allows, else [`CallError::OutOfBudget`].
    ///
    /// A permit is meant to be used soon; one that was kept is booked anew, and is lost only after the budget's period.
    pub async fn reserve(&self, account: &Account, wanted: u32) -> Result<Permits, CallError> {
        self.shared.pools.of(account).take(wanted).await
    }

    /// Counts what was used and held of the budget of `from`, which stood for an account that was not known yet, in that
    /// of `to`, and forgets `from`.
    pub async fn carry_over(&self, from: &Account, to: &Account) -> Result<(), CallError> {
        self.shared.pools.carry_over(from, to).await
    }

    /// Makes exactly one attempt, and uses one permit for it, unless nothing is sent because the provider is being left
    /// alone. It is over within [`Outbound::timeout`], and repeats nothing, so that a lease covers it: after
    /// [`CallError::NotSent`] and [`CallError::OutOfBudget`] the caller announces it again.
    pub async fn call_with(&self, permits: &mut Permits, call: Call) -> Result<Reply, CallError> {
        let span = span(&call);
        let once = self.attempt(permits, &call, 1);
        once.instrument(span)
            .await
            .map_err(|trouble| trouble.into_error(self.shared.db.now()))
    }

    async fn repeat(&self, account: &Account, call: &Call) -> Result<Reply, CallError> {
        let options = &self.shared.options;
        let pool = self.shared.pools.of(account);
        let safe = call.repeat == Repeat::Safe;
        let soon = |wait: Duration| wait <= options.max_inline_wait;
        let mut backoff = Backoff::new(options);
        let mut waited = Duration::ZERO;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let begun = Instant::now();
            let mut permits = pool.take(1).await?;
            waited += begun.elapsed();
            Span::current().record("budget.wait_ms", millis(waited));
            let trouble = match self.attempt(&mut permits, call, attempt).await {
                Ok(reply) => return Ok(reply),
                Err(trouble) => trouble,
            };
            let wait = match (&trouble, backoff.next()) {
                // The pool does the waiting, for everybody who uses this account.
                (Trouble::Throttled { retry_after, .. }, Some(_))
                    if retry_after.is_some_and(soon) =>
                {
                    Duration::ZERO
                }
                (Trouble::Withheld(CallError::OutOfBudget { .. }), Some(_)) => Duration::ZERO,
                (Trouble::NotSent { .. }, Some(step)) if safe => step,
                (Trouble::Unclear { retry_after, .. }, Some(step))
                    if safe && retry_after.is_none_or(soon) =>
                {
                    step.max(retry_after.unwrap_or_default())
                }
                _ => return Err(trouble.into_error(self.shared.db.now())),
            };
            sleep(wait).await;
        }
    }

    /// One attempt, over within the time-out.
    async fn attempt(
        &self,
        permits: &mut Permits,
        call: &Call,
        attempt: u32,
    ) -> Result<Reply, Trouble> {
        let Shared {
            db,
            wire,
            breakers,
            options,
            ..
        } = &*self.shared;
        self.count(call.endpoint);
        let begun = Instant::now();
        let admission = timeout(options.timeout, self.prepare(permits, call))
            .await
            .unwrap_or_else(|_| Err(withheld(call, "the database does not answer", None)))?;
        let within = options.timeout.saturating_sub(begun.elapsed());
        let answer = wire.send(call, within).await;
        let status = answer.status();
        let outcome = judge(call, answer, db.now());
        Span::current().record("attempt", attempt);
        if let Some(status) = status {
            Span::current().record("http.status", status);
        }
        tracing::debug!(
            endpoint = call.endpoint,
            http.status = status,
            attempt,
            duration_ms = millis(begun.elapsed()),
            "called a provider"
        );
        let outage = outcome.as_ref().is_err_and(Trouble::is_outage);
        breakers.record(admission, outage).await;
        match outcome {
            Err(Trouble::Throttled { why, retry_after }) => {
                let until = permits.pool().throttled(retry_after).await;
                Err(Trouble::Throttled {
                    why,
                    retry_after: Some((until - db.now()).to_std().unwrap_or_default()),
                })
            }
            outcome => {
                if !outage {
                    permits.pool().flowing();
                }
                outcome
            }
        }
    }

    /// Everything that may keep an attempt from being made.
    async fn prepare(&self, permits: &mut Permits, call: &Call) -> Result<Admission, Trouble> {
        let admission = self.shared.breakers.admit(call).await.map_err(|until| {
            let why = "the provider does not work and is left alone";
            withheld(call, why, Some(until))
        })?;
        permits.spend().await.map_err(Trouble::Withheld)?;
        Ok(admission)
    }
}

fn withheld(call: &Call, why: &str, retry_at: Option<DateTime<Utc>>) -> Trouble {
    Trouble::Withheld(CallError::NotSent {
        why: format!("{}: {why}", call.endpoint),
        retry_at,
    })
}

fn span(call: &Call) -> Span {
    tracing::info_span!(
        "outbound",
        endpoint = call.endpoint,
        http.status = Empty,
        attempt = Empty,
        budget.wait_ms = Empty
    )
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The waits between attempts: full jitter under a doubling limit, so that callers who failed together do not come back
/// together.
struct Backoff(ExponentialBackoff);

impl Backoff {
    fn new(options: &Options) -> Self {
        Self(
            ExponentialBuilder::default()
                .with_min_delay(options.backoff_base)
                .with_max_delay(options.backoff_max)
                .with_max_times(options.retries as usize)
                .build(),
        )
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.0.next()?.mul_f64(rand::random_range(0.0..=1.0)))
    }
}

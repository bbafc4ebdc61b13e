//! A whole call: attempts, and the waits between them, as far as repeating is safe.

use crate::{
    base::Result,
    db::Db,
    outbound::{
        Account, Call, CallError, Options, Repeat, Reply,
        classify::{Verdict, judge},
        client::Wire,
    },
};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use chrono::TimeDelta;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::{Instrument, Span, field::Empty};

/// The way out, cheap to clone.
#[derive(Clone, Debug)]
pub struct Outbound(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    db: Db,
    wire: Wire,
    options: Options,
}

impl Outbound {
    /// Sets the HTTP client up; connects nowhere. Fails where the machine's certificates cannot be read.
    pub fn new(db: Db, options: Options) -> Result<Self> {
        Ok(Self(Arc::new(Shared {
            wire: Wire::new(options.clone())?,
            db,
            options,
        })))
    }

    /// Longest that one attempt can take, connecting included: the lease of a write must outlast it.
    pub fn timeout(&self) -> Duration {
        self.0.options.timeout
    }

    /// Makes the call, and makes it again where that is safe.
    pub async fn call(&self, account: &Account, call: Call) -> Result<Reply, CallError> {
        let span = tracing::info_span!(
            "outbound",
            endpoint = call.endpoint,
            http.status = Empty,
            attempt = Empty,
            budget.wait_ms = Empty
        );
        self.repeat(account, &call).instrument(span).await
    }

    async fn repeat(&self, _account: &Account, call: &Call) -> Result<Reply, CallError> {
        let options = &self.0.options;
        let mut backoff = Backoff::new(options);
        for attempt in 1.. {
            Span::current().record("attempt", attempt);
            let verdict = self.attempt(call, attempt, options.timeout).await;
            let step = backoff.next();
            let wait = match verdict {
                Verdict::Done(reply) => return Ok(reply),
                Verdict::Refused(refusal) => return Err(CallError::Refused(refusal)),
                Verdict::Useless { why } => return Err(CallError::Unanswered { why }),
                Verdict::Throttled { retry_after } => {
                    let wait = retry_after.unwrap_or(step.unwrap_or(options.backoff_max));
                    if step.is_none() || wait > options.max_inline_wait {
                        return Err(self.throttled(call, wait));
                    }
                    wait
                }
                Verdict::NotSent { why } => match (call.repeat, step) {
                    (Repeat::Safe, Some(wait)) => wait,
                    _ => {
                        return Err(CallError::NotSent {
                            why,
                            retry_at: None,
                        });
                    }
                },
                Verdict::Unclear { why, retry_after } => match (call.repeat, step) {
                    (Repeat::Safe, Some(wait))
                        if retry_after.is_none_or(|asked| asked <= options.max_inline_wait) =>
                    {
                        wait.max(retry_after.unwrap_or_default())
                    }
                    _ => return Err(CallError::Unanswered { why }),
                },
            };
            tokio::time::sleep(wait).await;
        }
        unreachable!("the backoff ends")
    }

    async fn attempt(&self, call: &Call, attempt: u32, within: Duration) -> Verdict {
        let begun = Instant::now();
        let outcome = self.0.wire.send(call, within).await;
        let verdict = judge(call, outcome, self.0.db.now());
        let status = verdict.status().map(|status| status.as_u16());
        if let Some(status) = status {
            Span::current().record("http.status", status);
        }
        tracing::debug!(
            endpoint = call.endpoint,
            http.status = status,
            attempt,
            duration_ms = begun.elapsed().as_millis(),
            "called a provider"
        );
        verdict
    }

    fn throttled(&self, call: &Call, wait: Duration) -> CallError {
        CallError::NotSent {
            why: format!("{}: too many requests", call.endpoint),
            retry_at: TimeDelta::from_std(wait)
                .ok()
                .map(|wait| self.0.db.now() + wait),
        }
    }
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

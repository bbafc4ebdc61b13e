//! Taking ready jobs.

use super::{
    Job, Queue,
    job::{self, USUAL},
    reply, scripts,
};
use crate::base::{Error, Result};
use chrono::DateTime;
use fred::types::Value;
use std::{time::Duration, vec};

/// Jobs in one call of the script. A worker asks for far fewer: each takes the server some microseconds.
const AT_ONCE: usize = 1_000;

/// A worker's own limit, for queues that have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Jobs in a window.
    pub max: u32,
    /// Length of the window, which starts with its first job.
    pub window: Duration,
}

/// Who takes jobs, and how many.
#[derive(Clone, Debug)]
pub struct Claim {
    /// What its locks hold: one text for each worker process, which no other has.
    pub token: String,
    /// How long a lock lasts without being extended.
    pub lock: Duration,
    /// The worker's name, for people.
    pub worker: Option<String>,
    /// Obeyed where the queue has no limit of its own.
    pub rate: Option<Rate>,
}

impl Claim {
    /// Locks of 30 seconds, which is what BullMQ's workers have.
    pub fn new(token: impl Into<String>) -> Self {
        Self {
            token: token.into(),
            lock: Duration::from_secs(30),
            worker: None,
            rate: None,
        }
    }
}

/// What a claim found.
#[derive(Clone, Debug, Default)]
pub struct Claimed {
    /// Locked for the claimer, in the order in which they should run.
    pub jobs: Vec<Job>,
    /// How long the rate limit lets nobody start anything.
    pub limited_for: Option<Duration>,
    /// How long until the next delayed job is due.
    pub next_delayed_in: Option<Duration>,
    /// Ids that stood in the line with no job behind them. They were dropped; the database knows whether a run is meant.
    pub ghosts: Vec<String>,
}

impl Queue {
    /// Takes up to `most` ready jobs, 1,000 at most. None when the queue is paused, full, or at its rate limit.
    pub async fn claim(&self, claim: &Claim, most: usize) -> Result<Claimed> {
        let answer = self.run(&scripts::CLAIM, arguments(claim, most)).await?;
        read(claim, answer)
    }
}

/// What the scripts that take jobs want to know.
pub(super) fn arguments(claim: &Claim, most: usize) -> Vec<Value> {
    let rate = claim.rate.map_or((0, 0), |rate| {
        (i64::from(rate.max), rate.window.as_millis() as i64)
    });
    vec![
        claim.token.as_str().into(),
        (claim.lock.as_millis() as i64).into(),
        (most.min(AT_ONCE) as i64).into(),
        claim.worker.as_deref().unwrap_or_default().into(),
        rate.0.into(),
        rate.1.into(),
    ]
}

/// What the scripts that take jobs answer.
pub(super) fn read(claim: &Claim, answer: Value) -> Result<Claimed> {
    let [now, limited_for, next_delayed, ghosts, jobs] = reply::fixed(answer)?;
    let (now, next) = (reply::integer(&now)?, reply::integer(&next_delayed)?);
    let limited = reply::integer(&limited_for)?;
    let at = DateTime::from_timestamp_millis(now).unwrap_or_default();
    let mut claimed = Claimed {
        jobs: Vec::new(),
        limited_for: (limited > 0).then(|| Duration::from_millis(limited as u64)),
        next_delayed_in: (next > 0).then(|| Duration::from_millis((next - now).max(0) as u64)),
        ghosts: reply::list(ghosts)?.into_iter().map(job::text).collect(),
    };
    let mut items = reply::list(jobs)?.into_iter();
    while let Some(id) = items.next() {
        let mut job = next_job(job::text(id), &mut items, claim.worker.is_some())?;
        job.start(at, claim.worker.as_deref());
        claimed.jobs.push(job);
    }
    Ok(claimed)
}

fn next_job(id: String, items: &mut vec::IntoIter<Value>, is_named: bool) -> Result<Job> {
    let texts = reply::integer(&items.next().unwrap_or(Value::Null))? as usize;
    if texts > 0 {
        return Job::read(id, items.by_ref().take(texts).collect())
            .ok_or_else(|| Error::internal("a job of the queue came without its fields"));
    }
    let values = reply::fixed(Value::Array(items.by_ref().take(USUAL.len()).collect()))?;
    let mut job = Job::usual(id, values);
    // When and how often it was started, and by whom.
    job.usual_fields = USUAL.len() as u32 + 2 + u32::from(is_named);
    Ok(job)
}

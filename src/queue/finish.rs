//! Ending the run of jobs that a worker holds.

use super::{Claim, Claimed, Job, Keep, Queue, claim, reply, scripts};
use crate::base::{Error, Result};
use serde_json::Value;
use std::time::Duration;

/// Jobs in one call of the script.
const AT_ONCE: usize = 250;
/// Words that a script gets of each job.
const WORDS: usize = 6;
/// Stack traces that stay where the job does not say.
const TRACES: usize = 10;

/// How the run of a job ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Done.
    Completed {
        /// What it gave back.
        result: Value,
        /// Which completed jobs stay.
        keep: Keep,
    },
    /// Given up.
    Failed {
        /// Why, for people.
        reason: String,
        /// One for each failed attempt, the oldest first. `None` leaves them as they are.
        stack_traces: Option<Vec<String>>,
        /// Which failed jobs stay.
        keep: Keep,
    },
    /// An attempt failed, and another is made.
    Retry {
        /// Why it failed.
        reason: String,
        /// One for each failed attempt, the oldest first. `None` leaves them as they are.
        stack_traces: Option<Vec<String>>,
        /// From now.
        delay: Duration,
        /// Before those that wait already.
        lifo: bool,
    },
    /// It goes on later, and no attempt was made.
    Delay(Duration),
    /// Handed back, to the front of its line; no attempt was made.
    Release,
}

/// The end of one job's run.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    /// The job's id in its queue.
    pub id: String,
    /// How it ended.
    pub outcome: Outcome,
    usual_fields: u32,
}

impl Finish {
    /// Done. `keep` counts where the job does not say which completed jobs stay.
    pub fn completed(job: &Job, result: Value, keep: Keep) -> Self {
        let keep = job.options.keep_completed.unwrap_or(keep);
        Self::new(job, Outcome::Completed { result, keep })
    }

    /// Given up. `keep` counts where the job does not say which failed jobs stay.
    pub fn failed(job: &Job, reason: impl Into<String>, keep: Keep) -> Self {
        let reason = reason.into();
        let stack_traces = Some(with_trace(job, &reason));
        let keep = job.options.keep_failed.unwrap_or(keep);
        Self::new(
            job,
            Outcome::Failed {
                reason,
                stack_traces,
                keep,
            },
        )
    }

    /// An attempt failed, and another is made after `delay`.
    pub fn retry(job: &Job, reason: impl Into<String>, delay: Duration) -> Self {
        let reason = reason.into();
        let stack_traces = Some(with_trace(job, &reason));
        let lifo = job.options.lifo;
        Self::new(
            job,
            Outcome::Retry {
                reason,
                stack_traces,
                delay,
                lifo,
            },
        )
    }

    /// It goes on after `delay`, and no attempt was made.
    pub fn delay(job: &Job, delay: Duration) -> Self {
        Self::new(job, Outcome::Delay(delay))
    }

    /// Handed back to the front of its line.
    pub fn release(job: &Job) -> Self {
        Self::new(job, Outcome::Release)
    }

    /// Of a job that is not at hand.
    pub fn by_id(id: impl Into<String>, outcome: Outcome) -> Self {
        Self {
            id: id.into(),
            outcome,
            usual_fields: 0,
        }
    }

    /// In this way.
    pub fn new(job: &Job, outcome: Outcome) -> Self {
        Self {
            id: job.id.clone(),
            outcome,
            usual_fields: job.usual_fields,
        }
    }
}

/// What became of a finish. Whatever it is, the job is in exactly one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishCode {
    /// As asked.
    Done,
    /// There is no such job: Redis was emptied, or an operator removed it.
    Missing,
    /// The lock ran out, so another worker may have it, or had it.
    LockLost,
    /// It is not active: an operator moved it, or it was finished before.
    NotActive,
    /// Children of a flow are not done.
    ChildrenPending,
    /// Another worker has it.
    LockOfAnother,
    /// Children of a flow have failed.
    ChildrenFailed,
}

impl Queue {
    /// Ends the runs of jobs that were claimed with `token`. Answers in their order; after an error some of them may
    /// have been ended, and finishing those again answers `LockLost` or `NotActive`.
    pub async fn finish(&self, token: &str, ends: &[Finish]) -> Result<Vec<FinishCode>> {
        let mut codes = Vec::with_capacity(ends.len());
        for part in ends.chunks(AT_ONCE) {
            let mut arguments = Vec::with_capacity(1 + WORDS * part.len());
            arguments.push(token.into());
            arguments.extend(part.iter().flat_map(words));
            codes.extend(read(self.run(&scripts::FINISH, arguments).await?)?);
        }
        Ok(codes)
    }

    /// Ends the runs of jobs that were claimed with `claim`, and takes up to `most` others, in one step and one way there
    /// and back: what a busy worker does all the time. Like [`Queue::finish`] and then [`Queue::claim`].
    pub async fn exchange(
        &self,
        claim: &Claim,
        ends: &[Finish],
        most: usize,
    ) -> Result<(Vec<FinishCode>, Claimed)> {
        let (before, last) = ends.split_at(ends.len().saturating_sub(AT_ONCE));
        let mut codes = self.finish(&claim.token, before).await?;
        let mut arguments = claim::arguments(claim, most);
        arguments.extend(last.iter().flat_map(words));
        let [ended, claimed] = reply::fixed(self.run(&scripts::EXCHANGE, arguments).await?)?;
        codes.extend(read(ended)?);
        Ok((codes, claim::read(claim, claimed)?))
    }
}

/// What the scripts that end jobs answer.
fn read(answer: fred::types::Value) -> Result<Vec<FinishCode>> {
    let code = |code: fred::types::Value| {
        Ok(match reply::integer(&code)? {
            0 => FinishCode::Done,
            -1 => FinishCode::Missing,
            -2 => FinishCode::LockLost,
            -3 => FinishCode::NotActive,
            -4 => FinishCode::ChildrenPending,
            -6 => FinishCode::LockOfAnother,
            -9 => FinishCode::ChildrenFailed,
            other => return Err(Error::internal(format!("finish answered {other}"))),
        })
    };
    reply::list(answer)?.into_iter().map(code).collect()
}

/// What the scripts that end jobs want to know of one.
fn words(end: &Finish) -> [fred::types::Value; WORDS] {
    let traces_of = |traces: &Option<Vec<String>>| {
        let traces = traces.as_ref();
        traces.map_or_else(String::new, |traces| {
            Value::from(traces.clone()).to_string()
        })
    };
    let (outcome, text, traces, detail) = match &end.outcome {
        Outcome::Completed { result, keep } => (
            "completed",
            result.to_string(),
            String::new(),
            which_stay(*keep),
        ),
        Outcome::Failed {
            reason,
            stack_traces,
            keep,
        } => (
            "failed",
            reason.clone(),
            traces_of(stack_traces),
            which_stay(*keep),
        ),
        Outcome::Retry {
            reason,
            stack_traces,
            delay,
            lifo,
        } => {
            let pause = match delay.is_zero() && *lifo {
                true => "front".to_owned(),
                false => delay.as_millis().to_string(),
            };
            ("retry", reason.clone(), traces_of(stack_traces), pause)
        }
        Outcome::Delay(delay) => (
            "delay",
            String::new(),
            String::new(),
            delay.as_millis().to_string(),
        ),
        Outcome::Release => ("release", String::new(), String::new(), String::new()),
    };
    [
        end.id.as_str().into(),
        outcome.into(),
        text.into(),
        traces.into(),
        detail.into(),
        i64::from(end.usual_fields).into(),
    ]
}

fn which_stay(keep: Keep) -> String {
    let number =
        |number: Option<u128>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    match keep {
        Keep::All => String::new(),
        Keep::Nothing => "0 - -".to_owned(),
        Keep::Newest { count, age, limit } => format!(
            "{} {} {}",
            number(count.map(u128::from)),
            number(age.map(|age| age.as_millis())),
            number(limit.map(u128::from))
        ),
    }
}

fn with_trace(job: &Job, reason: &str) -> Vec<String> {
    let most = job.options.keep_traces.map_or(TRACES, |most| most as usize);
    let all = job.stack_traces.iter().cloned().chain([reason.to_owned()]);
    let surplus = (job.stack_traces.len() + 1).saturating_sub(most);
    all.skip(surplus).collect()
}

//! What operators do to a queue.

use super::{JobState, Queue, job, reply, scripts};
use crate::base::{Error, Result};
use fred::types::Value as Reply;
use std::time::Duration;

/// Ids in one call of a script.
const AT_ONCE: usize = 1_000;

/// Which jobs an operator means.
#[derive(Clone, Debug)]
pub enum Which {
    /// These.
    Ids(Vec<String>),
    /// So many, the oldest first; of delayed ones those that are due first.
    Oldest(u32),
}

/// What became of one job that an operator named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operated {
    /// As asked.
    Done,
    /// A worker has it.
    Locked,
    /// There is no such job.
    Missing,
    /// It is in another state than the verb is for.
    OtherState,
    /// It is the next job of a scheduler of others, which would end with it.
    OfScheduler,
}

impl Queue {
    /// Nobody starts a job any more. `false` when it was paused already.
    pub async fn pause(&self) -> Result<bool> {
        Ok(reply::integer(&self.run(&scripts::PAUSE, Vec::new()).await?)? == 1)
    }

    /// Jobs are started again, those that version 5 set aside too. `false` when it was not paused.
    pub async fn resume(&self) -> Result<bool> {
        let mut was_paused = false;
        loop {
            let [was, aside] = reply::fixed(self.run(&scripts::RESUME, Vec::new()).await?)?;
            was_paused |= reply::integer(&was)? == 1;
            if reply::integer(&aside)? == 0 {
                return Ok(was_paused);
            }
        }
    }

    /// Lets jobs that failed, or completed, run again. `anew` counts their attempts from 0; else an exhausted job has
    /// one more.
    pub async fn retry(
        &self,
        state: JobState,
        which: Which,
        anew: bool,
    ) -> Result<Vec<(String, Operated)>> {
        if !matches!(state, JobState::Failed | JobState::Completed) {
            return Err(Error::invalid("state", "must be failed or completed"));
        }
        let anew = if anew { "1" } else { "" };
        self.operate(&scripts::RETRY, which, |count| {
            vec![state.key().into(), anew.into(), i64::from(count).into()]
        })
        .await
    }

    /// Makes delayed jobs ready now.
    pub async fn promote(&self, which: Which) -> Result<Vec<(String, Operated)>> {
        self.operate(&scripts::PROMOTE, which, |count| {
            vec![i64::from(count).into()]
        })
        .await
    }

    /// Removes jobs, and all that is known of them, but those that a worker has.
    pub async fn remove(&self, ids: Vec<String>) -> Result<Vec<(String, Operated)>> {
        self.operate(&scripts::REMOVE, Which::Ids(ids), |_| vec!["".into()])
            .await
    }

    /// Removes jobs that completed or failed; those that started again meanwhile stay.
    pub async fn remove_finished(&self, ids: Vec<String>) -> Result<Vec<(String, Operated)>> {
        self.operate(&scripts::REMOVE, Which::Ids(ids), |_| vec!["1".into()])
            .await
    }

    /// Removes jobs, also those that a worker has: whatever it does with them, it cannot end them any more.
    pub async fn evict(&self, ids: Vec<String>) -> Result<Vec<(String, Operated)>> {
        self.operate(&scripts::REMOVE, Which::Ids(ids), |_| vec!["2".into()])
            .await
    }

    /// Removes up to `most` jobs of a state that are older than `grace`, the oldest first, and answers their ids. Locked
    /// ones and the next jobs of schedulers stay.
    pub async fn clean(&self, state: JobState, grace: Duration, most: u32) -> Result<Vec<String>> {
        if state == JobState::WaitingChildren {
            return Err(Error::invalid(
                "state",
                "must not be that of a parent that waits for its children",
            ));
        }
        let grace = grace.as_millis() as i64;
        let arguments = vec![state.key().into(), grace.into(), i64::from(most).into()];
        let ids = reply::list(self.run(&scripts::CLEAN, arguments).await?)?;
        Ok(ids.into_iter().map(job::text).collect())
    }

    /// Removes all that waits, and what is delayed when that is asked for. Answers how many jobs that were.
    pub async fn drain(&self, delayed: bool) -> Result<u64> {
        let arguments = vec![if delayed { "1" } else { "" }.into()];
        let removed = reply::integer(&self.run(&scripts::DRAIN, arguments).await?)?;
        Ok(removed.unsigned_abs())
    }

    async fn operate(
        &self,
        script: &scripts::Script,
        which: Which,
        head: impl Fn(u32) -> Vec<Reply>,
    ) -> Result<Vec<(String, Operated)>> {
        let ids = match which {
            Which::Ids(ids) => ids,
            Which::Oldest(mut rest) => {
                let mut done = Vec::new();
                while rest > 0 {
                    let count = rest.min(AT_ONCE as u32);
                    let part = operated(self.run(script, head(count)).await?)?;
                    let is_last = part.len() < count as usize;
                    done.extend(part);
                    rest = if is_last { 0 } else { rest - count };
                }
                return Ok(done);
            }
        };
        let mut done = Vec::with_capacity(ids.len());
        for part in ids.chunks(AT_ONCE) {
            let mut arguments = head(0);
            arguments.extend(part.iter().map(|id| id.as_str().into()));
            done.extend(operated(self.run(script, arguments).await?)?);
        }
        Ok(done)
    }
}

fn operated(answer: Reply) -> Result<Vec<(String, Operated)>> {
    let items = reply::list(answer)?.into_iter();
    let item = |item: Reply| {
        let [id, code] = reply::fixed(item)?;
        let code = match reply::integer(&code)? {
            1 => Operated::Done,
            0 => Operated::Locked,
            -1 => Operated::Missing,
            -3 => Operated::OtherState,
            -8 => Operated::OfScheduler,
            other => {
                return Err(Error::internal(format!(
                    "a verb of operators answered {other}"
                )));
            }
        };
        Ok((job::text(id), code))
    };
    items.map(item).collect()
}

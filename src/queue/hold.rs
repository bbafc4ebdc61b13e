//! Holding on to jobs while they run, and taking back those that nobody holds any more.

use super::{Queue, job, reply, scripts};
use crate::base::Result;
use fred::prelude::ListInterface as _;
use serde_json::Value;
use std::time::Duration;

impl Queue {
    /// Makes the locks on these jobs last `lock` from now. Answers which of them `token` does not hold any more.
    pub async fn extend(&self, token: &str, lock: Duration, ids: &[String]) -> Result<Vec<String>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut arguments = vec![token.into(), (lock.as_millis() as i64).into()];
        arguments.extend(ids.iter().map(|id| id.as_str().into()));
        let lost = reply::list(self.run(&scripts::EXTEND, arguments).await?)?;
        Ok(lost.into_iter().map(job::text).collect())
    }

    /// Puts jobs whose lock ran out back to the front of the line, and answers their ids. Does nothing when somebody
    /// did so within `every`, so it takes two calls that far apart to find one. A job that stalled more than `most`
    /// times is failed by whoever claims it next.
    pub async fn recover_stalled(&self, every: Duration, most: u32) -> Result<Vec<String>> {
        let arguments = vec![(every.as_millis() as i64).into(), i64::from(most).into()];
        let ids = reply::list(self.run(&scripts::STALLED, arguments).await?)?;
        Ok(ids.into_iter().map(job::text).collect())
    }

    /// Says how far a job is: a number or an object. `false` where there is no such job.
    pub async fn progress(&self, id: &str, progress: &Value) -> Result<bool> {
        let arguments = vec![id.into(), progress.to_string().into()];
        let answer = self.run(&scripts::PROGRESS, arguments).await?;
        Ok(reply::integer(&answer)? == 1)
    }

    /// Adds lines to a job's log, of which the newest `keep` stay; all where that is `None`. `false` where there is no
    /// such job.
    pub async fn log(&self, id: &str, lines: &[String], keep: Option<u32>) -> Result<bool> {
        let mut arguments = vec![id.into(), keep.map_or(0, i64::from).into()];
        arguments.extend(lines.iter().map(|line| line.as_str().into()));
        let answer = self.run(&scripts::LOG, arguments).await?;
        Ok(reply::integer(&answer)? >= 0)
    }

    /// A part of a job's log, the oldest line first, and how many lines there are.
    pub async fn logs(&self, id: &str, first: u32, most: u32) -> Result<(Vec<String>, u64)> {
        let key = self.keys.logs(id);
        let last = i64::from(first) + i64::from(most) - 1;
        let calls = self.connection.calls();
        let read = async {
            let lines = if most == 0 {
                Vec::new()
            } else {
                calls.lrange(key.as_str(), i64::from(first), last).await?
            };
            Ok((lines, calls.llen(key.as_str()).await?))
        };
        read.await.map_err(|error| self.connection.told(&error))
    }
}

//! Making jobs ready, whatever is there.

use super::{Options, Queue, keys, reply, scripts};
use crate::base::{Error, Result};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::time::Duration;

/// Jobs in one call of the script: it blocks the server for a few milliseconds.
const AT_ONCE: usize = 250;
/// The highest priority that the layout has room for.
pub const LOWEST_PRIORITY: u32 = 2_097_151;

/// A job that is to be ready.
#[derive(Clone, Debug)]
pub struct Put {
    /// Its id in the queue. Must not be a number, which the queue gives itself, nor contain a colon.
    pub id: String,
    /// What kind of work it is.
    pub name: String,
    /// The payload.
    pub data: Value,
    /// What is asked for with it.
    pub options: Options,
    /// When it was added; the time of Redis where that is not given.
    pub added_at: Option<DateTime<Utc>>,
    /// From now. The clocks of different machines do not matter to it.
    pub delay: Duration,
    /// 0 is none, and runs before all that have one; else the lower runs first.
    pub priority: u32,
    /// Attempts that were made already.
    pub attempts_made: u32,
}

impl Put {
    /// A job that is ready at once.
    pub fn new(id: impl Into<String>, name: impl Into<String>, data: Value) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            data,
            options: Options::default(),
            added_at: None,
            delay: Duration::ZERO,
            priority: 0,
            attempts_made: 0,
        }
    }
}

/// What a put found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutCode {
    /// It is new.
    Added,
    /// It had completed or failed, and starts again.
    Restarted,
    /// It waits already; its delay and its priority are as asked for now. A due time within a second counts as the same.
    Waiting,
    /// A worker has it; nothing was changed.
    Active,
    /// It was in no list, and is in one now.
    Rebuilt,
}

impl Queue {
    /// Makes each job ready, whatever is there. Answers in their order; after an error some of them may have been put.
    pub async fn put(&self, jobs: &[Put]) -> Result<Vec<PutCode>> {
        for job in jobs {
            keys::check_id(&job.id)?;
            if job.priority > LOWEST_PRIORITY {
                return Err(Error::invalid(
                    "priority",
                    format!("must be at most {LOWEST_PRIORITY}"),
                ));
            }
        }
        let mut codes = Vec::with_capacity(jobs.len());
        for part in jobs.chunks(AT_ONCE) {
            let arguments = part.iter().flat_map(arguments).collect();
            for code in reply::list(self.run(&scripts::PUT, arguments).await?)? {
                codes.push(match reply::integer(&code)? {
                    1 => PutCode::Added,
                    2 => PutCode::Restarted,
                    3 => PutCode::Waiting,
                    4 => PutCode::Active,
                    5 => PutCode::Rebuilt,
                    other => return Err(Error::internal(format!("put answered {other}"))),
                });
            }
        }
        Ok(codes)
    }
}

fn arguments(job: &Put) -> [fred::types::Value; 8] {
    let delay = job.delay.as_millis() as i64;
    [
        job.id.as_str().into(),
        job.name.as_str().into(),
        job.data.to_string().into(),
        job.options.write(&job.id, job.delay, job.priority).into(),
        job.added_at.map_or(0, |at| at.timestamp_millis()).into(),
        delay.into(),
        i64::from(job.priority).into(),
        i64::from(job.attempts_made).into(),
    ]
}

//! Looking at a queue without changing it.

use super::{Job, JobState, Queue, job, reply, scripts};
use crate::base::Result;
use fred::prelude::{HashesInterface as _, KeysInterface as _};

/// How many jobs are in each state, all counted in the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counts {
    counts: [u64; JobState::ALL.len()],
    /// Whether nobody starts a job.
    pub is_paused: bool,
}

impl Counts {
    /// Jobs in this state.
    pub fn of(&self, state: JobState) -> u64 {
        let at = JobState::ALL.iter().position(|known| *known == state);
        at.map_or(0, |at| self.counts[at])
    }

    /// Jobs that could start: with and without priority, and set aside by version 5.
    pub fn ready(&self) -> u64 {
        self.of(JobState::Waiting) + self.of(JobState::Prioritized) + self.of(JobState::Paused)
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Which end of a state is listed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The next to run, the first due, the first finished.
    OldestFirst,
    /// The other way round.
    NewestFirst,
}

impl Queue {
    /// How many jobs are where.
    pub async fn counts(&self) -> Result<Counts> {
        let numbers: [_; JobState::ALL.len() + 1] =
            reply::fixed(self.run(&scripts::COUNTS, Vec::new()).await?)?;
        let mut counts = Counts::default();
        for (at, number) in numbers.iter().enumerate() {
            let number = reply::integer(number)?;
            match counts.counts.get_mut(at) {
                Some(count) => *count = number.unsigned_abs(),
                None => counts.is_paused = number == 1,
            }
        }
        Ok(counts)
    }

    /// Whether it is paused.
    pub async fn is_paused(&self) -> Result<bool> {
        let found: Result<bool, _> = self
            .connection
            .calls()
            .hexists(self.keys.meta(), "paused")
            .await;
        found.map_err(|error| self.connection.told(&error))
    }

    /// Up to `most` jobs of a state, from position `first` on.
    pub async fn list(
        &self,
        state: JobState,
        first: u32,
        most: u32,
        order: Order,
    ) -> Result<Vec<Job>> {
        if most == 0 {
            return Ok(Vec::new());
        }
        let last = i64::from(first) + i64::from(most) - 1;
        let newest_first = if order == Order::NewestFirst { "1" } else { "" };
        let arguments = vec![
            state.key().into(),
            i64::from(first).into(),
            last.into(),
            newest_first.into(),
        ];
        let mut jobs = Vec::new();
        for item in reply::list(self.run(&scripts::LIST, arguments).await?)? {
            let [id, fields] = reply::fixed(item)?;
            jobs.extend(Job::read(job::text(id), reply::list(fields)?));
        }
        Ok(jobs)
    }

    /// One job and its state; `None` where there is no such job, no state where it is in no list.
    pub async fn get(&self, id: &str) -> Result<Option<(Job, Option<JobState>)>> {
        let arguments = vec!["1".into(), id.into()];
        let [answer] = reply::fixed(self.run(&scripts::GET, arguments).await?)?;
        let [state, fields] = reply::fixed(answer)?;
        let state = JobState::of_key(&job::text(state));
        Ok(Job::read(id.to_owned(), reply::list(fields)?).map(|job| (job, state)))
    }

    /// Whether a job is the parent of a flow of others, as far as its children left a trace. Only the code that made the
    /// flow knows what to do with their results.
    pub async fn is_flow_parent(&self, id: &str) -> Result<bool> {
        let traces: Result<i64, _> = self.connection.calls().exists(self.keys.children(id)).await;
        traces
            .map(|traces| traces > 0)
            .map_err(|error| self.connection.told(&error))
    }

    /// The states of these jobs, in their order; `None` for one that is in no list.
    pub async fn states(&self, ids: &[String]) -> Result<Vec<Option<JobState>>> {
        let mut states = Vec::with_capacity(ids.len());
        for part in ids.chunks(1_000) {
            let mut arguments = vec!["".into()];
            arguments.extend(part.iter().map(|id| id.as_str().into()));
            for item in reply::list(self.run(&scripts::GET, arguments).await?)? {
                let [state, _] = reply::fixed(item)?;
                states.push(JobState::of_key(&job::text(state)));
            }
        }
        Ok(states)
    }
}

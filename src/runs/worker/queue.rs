//! Takes work that Redis hands out. The job there is only a hint: who has the run is decided by its row, as ever, and a
//! job whose row says something else is put right.

use super::{
    Inner, Lease,
    adopt::{self, Adopted},
    settle::{self, FINISHED_KEPT},
};
use crate::{
    base::{Result, RunName},
    db::Scope,
    queue::{Claim, Finish, Job, Queue},
    runs::{
        Run, State,
        relay::{Redis, in_time, name_of},
        retry,
        store::{self, Wanted},
    },
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

/// How long a job that Redis handed out stays with us there without being extended.
pub(super) const LOCK: Duration = Duration::from_secs(30);
/// Longest wait for a job to be announced.
const WAIT: Duration = Duration::from_secs(5);
/// A job whose run may not begin yet, because its sync or too many of its account are running, comes again after this.
const BLOCKED: Duration = Duration::from_millis(500);
/// A job whose run is executed by somebody else comes again after this; then it is probably done.
const ELSEWHERE: Duration = Duration::from_secs(5);
/// A job of somebody else that could not become a run just now comes again after this.
const UNDECIDED: Duration = Duration::from_secs(2);

impl Inner {
    pub(super) async fn take_from_queue(self: Arc<Self>, redis: Arc<Redis>, queue: Queue) {
        let mut waiter = queue.waiter();
        let claim = Claim {
            lock: LOCK,
            worker: Some(self.label.clone()),
            ..Claim::new(self.id.to_string())
        };
        while !self.stop.is_cancelled() {
            if !redis.is_attached() {
                self.rest(self.app.config.runs.poll).await;
                continue;
            }
            let Some(slots) = self.wait_for_slots().await else {
                return;
            };
            let claimed = match in_time(queue.claim(&claim, slots.len())).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    redis.lost(&error);
                    continue;
                }
            };
            if claimed.jobs.is_empty() {
                drop(slots);
                let wait = claimed.limited_for.or(claimed.next_delayed_in);
                let wait = wait.map_or(WAIT, |wait| wait.min(WAIT));
                tokio::select! {
                    () = self.stop.cancelled() => return,
                    outcome = waiter.wait(wait) => if outcome.is_err() {
                        self.rest(self.app.config.runs.poll).await;
                    }
                }
                continue;
            }
            let jobs = claimed.jobs.clone();
            if let Err(error) = self.take_jobs(&queue, claimed.jobs, slots).await {
                tracing::warn!(%error, "could not take the runs that Redis handed out: they are handed back");
                let back: Vec<_> = jobs.iter().map(Finish::release).collect();
                self.settle(&queue, back).await;
                self.rest(self.app.config.runs.poll).await;
            }
        }
    }

    async fn rest(&self, at_most: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(at_most) => {}
        }
    }

    async fn wait_for_slots(&self) -> Option<Vec<OwnedSemaphorePermit>> {
        let first = tokio::select! {
            () = self.stop.cancelled() => return None,
            first = self.slots.clone().acquire_owned() => first.ok()?,
        };
        let mut slots = self.free_slots();
        slots.push(first);
        Some(slots)
    }

    async fn take_jobs(
        self: &Arc<Self>,
        queue: &Queue,
        jobs: Vec<Job>,
        slots: Vec<OwnedSemaphorePermit>,
    ) -> Result<()> {
        let mut ours: HashMap<Uuid, (RunName, Job)> = HashMap::new();
        let mut ends = Vec::new();
        for job in jobs {
            let name = match name_of(&job) {
                Some(name) => name,
                None => match adopt::adopt(&self.app, &self.jobs, queue, &job).await {
                    Ok(Adopted::Run(name)) => name,
                    Ok(Adopted::Refused(why)) => {
                        ends.push(Finish::failed(&job, why, FINISHED_KEPT));
                        continue;
                    }
                    // One that cannot be decided now keeps no other from being run.
                    Err(error) => {
                        tracing::warn!(%error, job.id, "a job of somebody else is looked at again later");
                        ends.push(Finish::delay(&job, UNDECIDED));
                        continue;
                    }
                },
            };
            // Two jobs may stand for one run: the other one comes again, and ends as the run did.
            if let Some((_, twin)) = ours.insert(name.id, (name, job)) {
                ends.push(Finish::delay(&twin, ELSEWHERE));
            }
        }
        let names: Vec<_> = ours.values().map(|(name, _)| store::key(name)).collect();
        let runs = self.claim_named(&names).await?;
        for (run, slot) in runs.into_iter().zip(slots) {
            if let Some((_, job)) = ours.remove(&run.name.id) {
                let lease = Lease {
                    queue: queue.clone(),
                    job,
                };
                self.execute(run, slot, Some(lease));
            }
        }
        match self.put_right(ours).await {
            Ok(others) => ends.extend(others),
            Err(error) => {
                tracing::warn!(%error, "jobs of Redis could not be compared with their runs")
            }
        }
        self.settle(queue, ends).await;
        Ok(())
    }

    /// Claims these runs, as far as they may be run now.
    pub(super) async fn claim_named(&self, names: &[(String, Uuid)]) -> Result<Vec<Run>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let kinds: Vec<_> = self.jobs.iter().map(|job| job.kind()).collect();
        let settings = &self.app.config.runs;
        let wanted = Wanted {
            worker: self.id,
            kinds: &kinds,
            limit: i64::try_from(names.len()).unwrap_or(1),
            lane_limit: i64::from(settings.account_concurrency),
            tenant_limit: i64::from(settings.tenant_concurrency),
        };
        let mut tenants: Vec<_> = names.iter().map(|(tenant, _)| tenant.clone()).collect();
        tenants.sort();
        tenants.dedup();
        let _claiming = self.claiming.lock().await;
        let scope = Scope::System("claim runs that Redis handed out");
        let mut tx = self.app.db.write(scope).await?;
        store::hold_tenants(&mut tx, &tenants, store::Patience::Wait).await?;
        let runs = store::claim_these(&mut tx, &wanted, names, self.app.db.now()).await?;
        tx.commit().await?;
        for run in &runs {
            self.reserve(run);
        }
        Ok(runs)
    }

    /// What becomes of jobs whose runs could not be claimed.
    async fn put_right(&self, jobs: HashMap<Uuid, (RunName, Job)>) -> Result<Vec<Finish>> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<_> = jobs.values().map(|(name, _)| store::key(name)).collect();
        let scope = Scope::System("look at runs that Redis handed out");
        let mut tx = self.app.db.read(scope).await?;
        let runs = store::get_these(&mut tx, &names).await?;
        drop(tx);
        let mut runs: HashMap<_, _> = runs.into_iter().map(|run| (run.name.id, run)).collect();
        let mut ends = Vec::new();
        for (id, (_, job)) in jobs {
            ends.push(match runs.remove(&id) {
                None => Finish::failed(&job, "the run is not known any more", FINISHED_KEPT),
                Some(run) if run.state == State::Running => Finish::delay(&job, ELSEWHERE),
                Some(run) if !run.state.is_final() => Finish::delay(&job, BLOCKED),
                Some(run) if settle::was_told(&run, &job) => {
                    // It was failed here before, and somebody wants it again.
                    retry::retry(&self.app, &run.name).await?;
                    Finish::release(&job)
                }
                Some(run) => settle::end_of(&run, &job, self.app.db.now()),
            });
        }
        Ok(ends)
    }
}

//! Looks for work: tenants take turns, over all their runs that are due.

use super::Inner;
use crate::{
    base::Result,
    db::Scope,
    runs::{
        relay::Redis,
        store::{self, Wanted},
    },
};
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::{sync::OwnedSemaphorePermit, time::MissedTickBehavior};

/// Runs claimed in one transaction.
const MOST_CLAIMED: usize = 50;
/// Tenants that one statement walks over.
const STRIDE: i64 = 256;
/// Tenants that are walked over before the claim is tried with those that were found; the next look goes on from there.
const LONGEST_WALK: i64 = 8 * STRIDE;
/// Shortest and longest wait when others were claiming for every tenant that has work.
const OTHERS_CLAIM: (u64, u64) = (2, 12);

/// What came of a look.
enum Found {
    /// Some runs; there may be more.
    Work,
    /// Nothing that could be taken.
    Nothing,
    /// Perhaps something, but another process was just claiming for those tenants.
    Others,
}

impl Inner {
    pub(super) async fn take_work(self: Arc<Self>) {
        while !self.stop.is_cancelled() {
            let arrived = self.app.work_arrived.notified();
            let found = match self.redis_has_it() {
                true => self.claim_left_behind().await,
                false => self.claim().await,
            };
            let pause = match found {
                Ok(Found::Work) => continue,
                Ok(Found::Nothing) => self.app.config.runs.poll,
                Ok(Found::Others) => {
                    Duration::from_millis(rand::random_range(OTHERS_CLAIM.0..=OTHERS_CLAIM.1))
                }
                Err(error) => {
                    tracing::warn!(%error, "could not look for work");
                    self.app.config.runs.poll
                }
            };
            tokio::select! {
                () = arrived => {}
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Whether due runs come from Redis, so that looking at the table is not worth it.
    pub(super) fn redis_has_it(&self) -> bool {
        self.only.is_none() && Redis::of(&self.app).is_some_and(|redis| redis.is_attached())
    }

    /// Takes the runs that nobody has although Redis says so: it will be a while until it notices.
    async fn claim_left_behind(self: &Arc<Self>) -> Result<Found> {
        let names = Redis::of(&self.app).map(|redis| redis.take_left_behind());
        let mut names = names.unwrap_or_default();
        if names.is_empty() {
            // The slots are for what Redis hands out.
            return Ok(Found::Nothing);
        }
        let slots = self.free_slots();
        names.truncate(slots.len());
        let runs = self.claim_named(&names).await?;
        for (run, slot) in runs.into_iter().zip(slots) {
            tracing::info!(run.name = %run.name, "taken directly: its worker is gone");
            self.execute(run, slot, None);
        }
        Ok(Found::Nothing)
    }

    async fn claim(self: &Arc<Self>) -> Result<Found> {
        let slots = self.free_slots();
        if slots.is_empty() {
            return Ok(Found::Nothing);
        }
        let kinds: Vec<_> = self.jobs.iter().map(|job| job.kind()).collect();
        let settings = &self.app.config.runs;
        let wanted = Wanted {
            worker: self.id,
            kinds: &kinds,
            limit: i64::try_from(slots.len()).unwrap_or(1),
            lane_limit: i64::from(settings.account_concurrency),
            tenant_limit: i64::from(settings.tenant_concurrency),
        };
        let tenants = match &self.only {
            Some(only) => vec![only.tenant.to_string()],
            None => self.tenants_in_turn(&wanted).await?,
        };
        if tenants.is_empty() {
            return Ok(Found::Nothing);
        }
        let _claiming = self.claiming.lock().await;
        let scope = Scope::System("claim runs of all tenants");
        let mut tx = self.app.db.write(scope).await?;
        let held = store::hold_tenants(&mut tx, &tenants, store::Patience::PassOver).await?;
        if held.is_empty() {
            return Ok(Found::Others);
        }
        let now = self.app.db.now();
        let runs = match &self.only {
            Some(only) => store::claim_these(&mut tx, &wanted, &[store::key(only)], now).await?,
            None => store::claim(&mut tx, &wanted, &held, now).await?,
        };
        if runs.is_empty() {
            return Ok(match held.len() == tenants.len() {
                true => Found::Nothing,
                false => Found::Others,
            });
        }
        tx.commit().await?;
        let last = held
            .iter()
            .rev()
            .find(|id| runs.iter().any(|run| run.name.tenant.as_str() == **id));
        // Where each had a turn, the one who was second begins next time.
        let last = if runs.len() <= held.len() {
            last
        } else {
            held.first()
        };
        if let Some(last) = last {
            self.set_turn(last.clone());
        }
        for (run, slot) in runs.into_iter().zip(slots) {
            self.execute(run, slot, None);
        }
        Ok(Found::Work)
    }

    pub(super) fn free_slots(&self) -> Vec<OwnedSemaphorePermit> {
        std::iter::from_fn(|| self.slots.clone().try_acquire_owned().ok())
            .take(MOST_CLAIMED)
            .collect()
    }

    /// Tenants with runs that are due, as many as could be wanted, beginning after the one that had its turn last.
    async fn tenants_in_turn(&self, wanted: &Wanted<'_>) -> Result<Vec<String>> {
        let scope = Scope::System("look for runs of all tenants");
        let mut tx = self.app.db.read(scope).await?;
        let now = self.app.db.now();
        let enough = usize::try_from(wanted.limit).unwrap_or(1);
        let start = self
            .turn
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let (mut after, mut is_second_lap, mut walked) = (start.clone(), false, 0);
        let mut due = Vec::new();
        while due.len() < enough && walked < LONGEST_WALK {
            let stops =
                store::tenants_with_runs(&mut tx, wanted.kinds, &after, STRIDE, now).await?;
            let is_end = i64::try_from(stops.len()).is_ok_and(|seen| seen < STRIDE);
            walked += STRIDE;
            for stop in stops {
                if is_second_lap && stop.tenant > start || due.len() == enough {
                    return Ok(due);
                }
                after.clone_from(&stop.tenant);
                if stop.is_due {
                    due.push(stop.tenant);
                }
            }
            if is_end && (is_second_lap || start.is_empty()) {
                return Ok(due);
            }
            if is_end {
                is_second_lap = true;
                after.clear();
            }
        }
        if due.is_empty() {
            // A very long way without anything due: the next look goes on from here.
            self.set_turn(after);
        }
        Ok(due)
    }

    fn set_turn(&self, tenant: String) {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = tenant;
    }

    /// Tells runs that somebody asked to stop.
    pub(super) async fn obey_cancels(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(self.app.config.runs.poll);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.stop.is_cancelled() {
            tokio::select! {
                () = self.stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            if self.no_jobs() {
                continue;
            }
            if let Err(error) = self.look_for_cancels().await {
                tracing::warn!(%error, "could not look for cancel requests");
            }
        }
    }

    async fn look_for_cancels(&self) -> Result<()> {
        let scope = Scope::System("cancel requests of all tenants");
        let mut tx = self.app.db.read(scope).await?;
        for id in store::cancel_requests(&mut tx, self.id).await? {
            if let Some(held) = self.running().get(&id) {
                held.stop.cancel();
            }
        }
        Ok(())
    }
}

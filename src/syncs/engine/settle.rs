//! Settling: writes what is to be written, and goes on looking until every outcome is known.

use super::{Case, LONGEST_WAIT, Pass, View};
use crate::{
    base::{Error, Result},
    syncs::{
        effect::Effect,
        entry::Desired,
        plan::{Action, Adoption, Skip},
        summary::Summary,
        write,
    },
};
use chrono::{DateTime, Utc};
use std::time::Duration;

/// How often a pass looks for outcomes before it leaves them to the next one.
const MOST_LOOKS: usize = 8;

impl Pass<'_> {
    /// Writes what is to be written, and looks until every outcome is known or it would take long.
    pub async fn settle(&self, cases: Vec<Case>, summary: &mut Summary) -> Result<()> {
        summary.meetings_found = cases.len() as u64;
        let mut open: Vec<(String, Desired)> = Vec::new();
        for case in &cases {
            match &case.wish {
                Ok(desired) => open.push((case.meeting.conference.clone(), desired.clone())),
                Err(skip) => summary.skip(skip.as_str()),
            }
        }
        let total = open.len();
        for look in 1.. {
            if cases.is_empty() {
                break;
            }
            self.check_stop()?;
            self.progress("comparing with what is there", 0, total)
                .await?;
            let mut view = self.look(&cases).await?;
            if look == 1 && self.second_copies(&view, true, summary).await? > 0 {
                view = self.look(&cases).await?;
            }
            summary.total_in_destination = view.marked(self.window);
            let outcome = self.settle_once(&view, open, total, summary).await?;
            open = outcome.open;
            let Some(until) = outcome.look_at.filter(|_| !open.is_empty()) else {
                break;
            };
            let wait = (until - self.app.db.now()).to_std().unwrap_or_default();
            if wait > LONGEST_WAIT {
                return Err(Error::Exhausted {
                    what: "time until unanswered writes can be looked for".to_owned(),
                    until,
                });
            }
            if look >= MOST_LOOKS {
                break;
            }
            self.progress(
                "waiting to see what became of unanswered writes",
                total - open.len(),
                total,
            )
            .await?;
            self.sleep(wait.max(Duration::from_millis(20))).await?;
        }
        self.progress("done", total - open.len(), total).await?;
        summary.unresolved = open.len() as u64;
        Ok(())
    }

    async fn settle_once(
        &self,
        view: &View,
        open: Vec<(String, Desired)>,
        total: usize,
        summary: &mut Summary,
    ) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut orders = Vec::new();
        let mut tx = self.app.db.write(self.scope()).await?;
        let mut look_for = Vec::new();
        for (conference, desired) in open {
            let effect = view.effects.get(&conference);
            match self.decide(view, &conference, &desired) {
                Action::Skip(Skip::Unchanged) => self.count_unchanged(effect, summary),
                Action::Skip(skip) => {
                    if skip == Skip::Edited {
                        self.mark_edited(&mut tx, effect).await?;
                    }
                    summary.skip(skip.as_str());
                }
                Action::Create => orders.push(write::Order {
                    conference,
                    desired,
                    effect: effect.cloned(),
                    replaces: None,
                }),
                Action::Update => {
                    let replaces = view.entry_of(effect).cloned();
                    orders.push(write::Order {
                        conference,
                        desired,
                        effect: effect.cloned(),
                        replaces,
                    });
                }
                Action::Adopt { entry_id, how } => {
                    let Some(entry) = view.entries.get(&entry_id) else {
                        continue;
                    };
                    let ours = self
                        .adopt(&mut tx, &conference, &desired, effect, entry, how)
                        .await?;
                    match how {
                        _ if !ours => outcome.look_again(view.at, conference, desired),
                        // What the next look shows is brought up to date.
                        Adoption::NotUpdated => outcome.look_again(view.at, conference, desired),
                        Adoption::Ours => self.count_written(effect, summary),
                        Adoption::Theirs => summary.adopted += 1,
                    }
                }
                Action::LookFor { entry_id } => look_for.push((conference, desired, entry_id)),
                Action::Wait(until) => outcome.look_again(until, conference, desired),
            }
        }
        tx.commit().await?;
        for (conference, desired, entry_id) in look_for {
            let effect = view.effects.get(&conference);
            match self.look_for(effect, &entry_id).await? {
                Some(skip) => summary.skip(skip.as_str()),
                None => outcome.look_again(view.at, conference, desired),
            }
        }
        let done = total - orders.len() - outcome.open.len();
        let mut listener = Listener {
            summary,
            outcome: &mut outcome,
            done,
            total,
        };
        write::send(self, orders, &mut listener).await?;
        Ok(outcome)
    }

    /// An entry that is as it should be: written by an earlier attempt of this very run, or there before.
    fn count_unchanged(&self, effect: Option<&Effect>, summary: &mut Summary) {
        let ours = effect.filter(|effect| effect.run.is_some() && effect.run == self.run_id());
        match ours.map(|effect| effect.note.as_str()) {
            Some(write::CREATED) => summary.created += 1,
            Some(write::UPDATED) => summary.updated += 1,
            _ => summary.skip(Skip::Unchanged.as_str()),
        }
    }

    /// A write without an answer that was found to have arrived: ours, or that of another run.
    fn count_written(&self, effect: Option<&Effect>, summary: &mut Summary) {
        match effect {
            Some(effect) if effect.run != self.run_id() => summary.adopted += 1,
            Some(effect) if effect.entry_hash.is_some() => summary.updated += 1,
            _ => summary.created += 1,
        }
    }
}

/// Counts what came of orders, as it is told.
pub struct Listener<'a> {
    summary: &'a mut Summary,
    outcome: &'a mut Outcome,
    done: usize,
    total: usize,
}

impl Listener<'_> {
    /// Counts one order.
    pub async fn tell(
        &mut self,
        pass: &Pass<'_>,
        order: write::Order,
        sent: write::Sent,
    ) -> Result<()> {
        match sent {
            write::Sent::Written(_) if order.replaces.is_some() => self.summary.updated += 1,
            write::Sent::Written(_) => {
                self.summary.created += 1;
                self.summary.total_in_destination += 1;
            }
            write::Sent::Refused(why) => self.summary.fail(&order.conference, &why),
            write::Sent::Deleted => self.summary.skip(Skip::Deleted.as_str()),
            write::Sent::Open(until) => {
                self.outcome
                    .look_again(until, order.conference, order.desired);
                return Ok(());
            }
        }
        self.done += 1;
        pass.progress("writing time entries", self.done, self.total)
            .await
    }
}

/// What one look left open.
#[derive(Default)]
struct Outcome {
    open: Vec<(String, Desired)>,
    look_at: Option<DateTime<Utc>>,
}

impl Outcome {
    fn look_again(&mut self, at: DateTime<Utc>, conference: String, desired: Desired) {
        self.open.push((conference, desired));
        // The latest, so that one look serves all.
        self.look_at = Some(self.look_at.map_or(at, |known| known.max(at)));
    }
}

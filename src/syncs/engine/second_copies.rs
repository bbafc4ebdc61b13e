//! Second copies of one entry.

use super::{Pass, View};
use crate::{
    base::Result,
    connectors::clockify::Entry,
    syncs::{
        entry::Wanted,
        store::effects::{self, Outcome, State},
        summary::Summary,
    },
};

impl Pass<'_> {
    /// Second copies of an entry, which only a process that was frozen between its check and the socket can make: the
    /// oldest stays. Copies that are not ours to the letter are only told.
    pub async fn second_copies(
        &self,
        view: &View,
        delete: bool,
        summary: &mut Summary,
    ) -> Result<()> {
        for (conference, kept, extra) in view.duplicates() {
            let ours = view
                .effects
                .get(conference)
                .filter(|effect| effect.sends > extra.len() as i64);
            let same =
                |entry: &&Entry| ours.is_some_and(|effect| Wanted::of(entry) == effect.payload);
            if !delete || !same(&kept) || !extra.iter().all(same) {
                summary.notice(format!(
                    "{conference} has {} entries: `syncline sync duplicates` lists them",
                    extra.len() + 1
                ));
                continue;
            }
            for entry in extra {
                self.destination
                    .clockify
                    .delete_entry(&self.destination.account.workspace, &entry.id)
                    .await?;
                summary.duplicates_deleted += 1;
                summary.total_in_destination = summary.total_in_destination.saturating_sub(1);
            }
            summary.notice(format!("a second entry of {conference} was deleted: a process had stood still while it wrote"));
            if let Some(effect) = ours {
                let outcome = Outcome {
                    state: State::Done,
                    entry: Some((&kept.id, &Wanted::of(kept).hash())),
                    edited: false,
                    adopted: false,
                    answer_by: None,
                    stale: false,
                    note: "a second copy was deleted",
                };
                let mut tx = self.app.db.write(self.scope()).await?;
                effects::settle(
                    &mut tx,
                    &effect.name,
                    effect.sends,
                    &outcome,
                    self.app.db.now(),
                )
                .await?;
                tx.commit().await?;
            }
        }
        Ok(())
    }
}

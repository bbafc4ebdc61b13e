//! Second copies of one entry.

use super::{Pass, View};
use crate::{
    base::Result,
    connectors::clockify::Entry,
    syncs::{
        effect::State,
        entry::Wanted,
        store::effects::{self, Outcome},
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
    ) -> Result<usize> {
        let mut deleted = 0;
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
            let workspace = &self.destination.account.workspace;
            let mut refused = None;
            for entry in extra {
                match self
                    .destination
                    .clockify
                    .delete_entry(workspace, &entry.id)
                    .await
                {
                    Ok(_) => {
                        deleted += 1;
                        summary.duplicates_deleted += 1;
                    }
                    Err(error) => refused = Some(error),
                }
            }
            if let Some(error) = refused {
                summary.notice(format!(
                    "a second entry of {conference} could not be deleted: {error}"
                ));
                continue;
            }
            summary.notice(format!("a second entry of {conference} was deleted: a process had stood still while it wrote"));
            if let Some(effect) = ours {
                let outcome = Outcome {
                    state: State::Done,
                    entry: Some((&kept.id, &Wanted::of(kept).hash())),
                    edited: false,
                    adopted: false,
                    answer_by: None,
                    stale: effect.stale,
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
        Ok(deleted)
    }
}

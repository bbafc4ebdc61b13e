//! Taking over what is at the destination: entries that others wrote, writes whose answer never came, and what the user
//! edited or deleted.

use super::{Pass, View};
use crate::{
    base::Result,
    connectors::clockify::Entry,
    db::Tx,
    syncs::{
        entry::{Desired, Wanted},
        plan::{Adoption, Skip},
        store::effects::{self, Draft, Effect, Outcome, State},
        write,
    },
};

impl Pass<'_> {
    /// Remembers that the user edited an entry.
    pub(super) async fn mark_edited(&self, tx: &mut Tx, effect: Option<&Effect>) -> Result<()> {
        let Some(effect) = effect.filter(|effect| !effect.edited) else {
            return Ok(());
        };
        let outcome = Outcome {
            state: State::Done,
            entry: None,
            edited: true,
            adopted: effect.adopted,
            answer_by: None,
            stale: false,
            note: "edited by the user: left alone",
        };
        effects::settle(tx, &effect.name, effect.sends, &outcome, self.app.db.now()).await?;
        Ok(())
    }

    /// Takes an entry over; `false` when somebody else changed the effect meanwhile.
    pub(super) async fn adopt(
        &self,
        tx: &mut Tx,
        conference: &str,
        desired: &Desired,
        effect: Option<&Effect>,
        entry: &Entry,
        how: Adoption,
    ) -> Result<bool> {
        let now = self.app.db.now();
        let Some(effect) = effect else {
            let (as_it_is, desired_hash) = (Wanted::of(entry), desired.hash());
            let hash = as_it_is.hash();
            let draft = Draft {
                sync: &self.sync.name.id,
                source_key: conference,
                payload: &as_it_is,
                payload_hash: &desired_hash,
                run: self.run_id(),
            };
            let account = &self.destination.account;
            return effects::adopt(
                tx,
                &self.sync.name.tenant,
                account,
                &draft,
                &entry.id,
                &hash,
                now,
            )
            .await;
        };
        self.adopt_known(tx, effect, entry, how).await
    }

    /// Takes an entry over for an effect that is known.
    pub(super) async fn adopt_known(
        &self,
        tx: &mut Tx,
        effect: &Effect,
        entry: &Entry,
        how: Adoption,
    ) -> Result<bool> {
        let now = self.app.db.now();
        let hash = Wanted::of(entry).hash();
        let was_sent = effect.entry_hash.is_some();
        let note = match how {
            Adoption::Ours if was_sent => write::UPDATED,
            Adoption::Ours => write::CREATED,
            Adoption::NotUpdated => "the update never arrived",
            Adoption::Theirs => "found at the destination",
        };
        let outcome = Outcome {
            state: State::Done,
            entry: Some((&entry.id, &hash)),
            edited: false,
            adopted: how == Adoption::Theirs,
            answer_by: None,
            stale: how == Adoption::NotUpdated,
            note,
        };
        effects::settle(tx, &effect.name, effect.sends, &outcome, now).await
    }

    /// Settles writes whose entries were found.
    pub async fn adopt_open(
        &self,
        view: &View,
        open: Vec<(&Effect, String, Adoption)>,
    ) -> Result<()> {
        let mut tx = self.app.db.write(self.scope()).await?;
        for (effect, entry_id, how) in open {
            if let Some(entry) = view.entries.get(&entry_id) {
                self.adopt_known(&mut tx, effect, entry, how).await?;
            }
        }
        tx.commit().await
    }

    /// Whether the entry that an effect remembers is not there any more.
    pub async fn is_gone(&self, effect: &Effect) -> Result<bool> {
        let Some(entry_id) = &effect.entry_id else {
            return Ok(false);
        };
        let workspace = &self.destination.account.workspace;
        Ok(self
            .destination
            .clockify
            .get_entry(workspace, entry_id)
            .await?
            .is_none())
    }

    /// Asks for an entry that the list does not show. `None` when it has to be looked at again.
    pub(super) async fn look_for(
        &self,
        effect: Option<&Effect>,
        entry_id: &str,
    ) -> Result<Option<Skip>> {
        let Some(effect) = effect else {
            return Ok(None);
        };
        let account = &self.destination.account;
        let found = self
            .destination
            .clockify
            .get_entry(&account.workspace, entry_id)
            .await?;
        let (state, edited, note, skip) = match &found {
            None => (
                State::Tombstoned,
                false,
                "deleted by the user: stays deleted",
                Skip::Deleted,
            ),
            Some(entry) if Some(Wanted::of(entry).hash()) == effect.entry_hash => {
                return Ok(Some(Skip::Unchanged));
            }
            Some(_) => (
                State::Done,
                true,
                "edited by the user: left alone",
                Skip::Edited,
            ),
        };
        let outcome = Outcome {
            state,
            entry: None,
            edited,
            adopted: effect.adopted,
            answer_by: None,
            stale: false,
            note,
        };
        let mut tx = self.app.db.write(self.scope()).await?;
        let settled = effects::settle(
            &mut tx,
            &effect.name,
            effect.sends,
            &outcome,
            self.app.db.now(),
        )
        .await?;
        tx.commit().await?;
        Ok(settled.then_some(skip))
    }
}

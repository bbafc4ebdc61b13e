//! Looking: the destination at one moment, beside what we remember of it.

use super::{Case, Pass};
use crate::{
    base::Result,
    connectors::clockify::Entry,
    syncs::{
        discover::Window,
        effect::{Effect, State},
        entry::Desired,
        marker,
        plan::{self, Action, Look, Wish},
        store,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;

/// The destination at one moment, beside what we remember of it.
pub struct View {
    pub(super) at: DateTime<Utc>,
    pub(super) entries: HashMap<String, Entry>,
    /// Ids by conference, oldest first.
    by_conference: HashMap<String, Vec<String>>,
    pub(super) effects: HashMap<String, Effect>,
}

impl View {
    fn new(at: DateTime<Utc>, entries: Vec<Entry>, effects: Vec<Effect>) -> Self {
        let mut by_conference: HashMap<String, Vec<String>> = HashMap::new();
        for entry in &entries {
            for conference in marker::found_in(&entry.description) {
                let ids = by_conference.entry(conference.to_owned()).or_default();
                if !ids.contains(&entry.id) {
                    ids.push(entry.id.clone());
                }
            }
        }
        for ids in by_conference.values_mut() {
            // An id begins with the second of its making.
            ids.sort_unstable();
        }
        Self {
            at,
            entries: entries
                .into_iter()
                .map(|entry| (entry.id.clone(), entry))
                .collect(),
            by_conference,
            effects: effects
                .into_iter()
                .map(|effect| (effect.source_key.clone(), effect))
                .collect(),
        }
    }

    /// Entries with the marker of a conference, and the one that its effect remembers, oldest first.
    fn found(&self, conference: &str) -> Vec<&Entry> {
        let remembered = self.entry_of(self.effects.get(conference));
        let mut found: Vec<&Entry> = self.marked_with(conference);
        if let Some(entry) = remembered
            && !found.iter().any(|known| known.id == entry.id)
        {
            found.push(entry);
        }
        found
    }

    fn marked_with(&self, conference: &str) -> Vec<&Entry> {
        self.by_conference
            .get(conference)
            .into_iter()
            .flatten()
            .filter_map(|id| self.entries.get(id))
            .collect()
    }

    /// The entry that an effect remembers, as it is now.
    pub fn entry_of(&self, effect: Option<&Effect>) -> Option<&Entry> {
        self.entries.get(effect?.entry_id.as_ref()?)
    }

    /// What we remember, by conference.
    pub fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.effects.values()
    }

    /// Marked entries that start in the window.
    pub fn marked(&self, window: Window) -> u64 {
        self.marked_entries()
            .filter(|entry| entry.start >= window.start && entry.start <= window.end)
            .count() as u64
    }

    /// All marked entries.
    pub fn marked_entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries
            .values()
            .filter(|entry| !marker::found_in(&entry.description).is_empty())
    }

    /// Conferences with more than one entry: the oldest, and the others. Entries per session, as the original's first
    /// version wrote them, are no copies of one another.
    pub fn duplicates(&self) -> Vec<(&str, &Entry, Vec<&Entry>)> {
        let mut duplicates: Vec<_> = self
            .by_conference
            .keys()
            .filter_map(|conference| {
                let marked = marker::of(conference);
                let mut whole = self
                    .marked_with(conference)
                    .into_iter()
                    .filter(|entry| entry.description.contains(&marked));
                let kept = whole.next()?;
                let extra: Vec<&Entry> = whole.collect();
                (!extra.is_empty()).then_some((conference.as_str(), kept, extra))
            })
            .collect();
        duplicates.sort_by_key(|(conference, _, _)| *conference);
        duplicates
    }
}

impl Pass<'_> {
    /// Looks at the destination: entries by the conferences that their markers name, oldest first, and what we remember.
    pub async fn look(&self, cases: &[Case]) -> Result<View> {
        let from = cases
            .iter()
            .map(|case| case.meeting.start)
            .min()
            .unwrap_or(self.window.start)
            .min(self.window.start);
        let at = self.app.db.now();
        let account = &self.destination.account;
        let entries = self
            .destination
            .clockify
            .list_entries(&account.workspace, &account.user, from, self.window.end)
            .await?;
        let mut tx = self.app.db.read(self.scope()).await?;
        let effects = store::effects::since(
            &mut tx,
            &self.sync.name.tenant,
            account,
            from - TimeDelta::days(1),
        )
        .await?;
        Ok(View::new(at, entries, effects))
    }

    /// Decides about one meeting whose entry is wanted.
    pub fn decide(&self, view: &View, conference: &str, desired: &Desired) -> Action {
        let look = Look {
            at: view.at,
            grace: self.grace(),
        };
        let wish = Wish {
            sync: &self.sync.name.id,
            hash: &desired.hash(),
        };
        plan::decide(
            wish,
            view.effects.get(conference),
            &view.found(conference),
            look,
        )
    }

    /// Decides about a write whose outcome is not known; `None` for every other effect.
    pub fn decide_open(&self, view: &View, effect: &Effect) -> Option<Action> {
        let look = Look {
            at: view.at,
            grace: self.grace(),
        };
        matches!(effect.state, State::Sending | State::Unknown).then(|| {
            let wish = Wish {
                sync: &effect.sync,
                hash: &effect.payload_hash,
            };
            plan::decide(wish, Some(effect), &view.found(&effect.source_key), look)
        })
    }
}

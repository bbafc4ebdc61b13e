//! One pass of a sync: reads the source, decides about each meeting, writes what is to be written, and goes on looking
//! until every write has a known outcome. Begun again at any moment, by any process, it comes to the same entries.

use crate::{
    app::App,
    base::{Error, Result},
    connectors::clockify::Entry,
    db::Scope,
    runs::Handle,
    syncs::{
        Sync,
        describe::{Surroundings, Template},
        destination::Destination,
        discover::{self, Window},
        entry::{Desired, Wanted},
        marker,
        meeting::Meeting,
        plan::{self, Action, Adoption, Look, Skip},
        rules::Rules,
        source::Source,
        store::{self, effects::{Effect, State}},
        summary::Summary,
        write,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::{
    collections::HashMap,
    time::Duration,
};
use uuid::Uuid;

/// Meetings whose details are read, and stored, together: what a crash costs at most.
const READ_TOGETHER: usize = 60;
/// Longest wait within a pass for an outcome or as a provider asks; longer ones park the run.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often a pass looks for outcomes before it leaves them to the next one.
const MOST_LOOKS: usize = 8;

/// A sync that is being passed through once.
pub struct Pass<'a> {
    /// Everything a room may use.
    pub app: &'a App,
    /// What is passed through.
    pub sync: &'a Sync,
    /// The run; `None` for previews and the like, which write nothing.
    pub handle: Option<&'a Handle>,
    /// Where entries go.
    pub destination: Destination,
    /// The stretch of time.
    pub window: Window,
    template: Template,
    rules: Rules,
}

/// A meeting with what the rules want of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The meeting.
    pub meeting: Meeting,
    /// The rule that decided; empty for the default target.
    pub rule: String,
    /// The entry, or why there is to be none.
    pub wish: std::result::Result<Desired, Skip>,
}

impl<'a> Pass<'a> {
    /// Opens the destination and compiles the definition.
    pub async fn open(app: &'a App, sync: &'a Sync, handle: Option<&'a Handle>, options: Options) -> Result<Self> {
        let definition = &sync.definition;
        let days = [options.days, definition.days, app.config.syncs.days].into_iter().find(|days| *days > 0).unwrap_or(30);
        let end = app.db.now();
        let start = end - TimeDelta::days(i64::from(days));
        let overlap = TimeDelta::from_std(app.config.syncs.overlap).unwrap_or(TimeDelta::hours(6));
        // A longer look back than before is not covered by the watermark.
        let unread_from = match sync.watermark {
            Some(watermark) if !options.full && options.days <= definition.days => (watermark - overlap).max(start),
            _ => start,
        };
        Ok(Self {
            app,
            sync,
            handle,
            destination: Destination::open(app, &sync.destination, definition).await?,
            window: Window { start, end, unread_from },
            template: Template::parse(&definition.description_template)
                .map_err(|why| Error::invalid("description_template", why))?,
            rules: Rules::of(definition)?,
        })
    }

    /// The scope of everything it reads and writes.
    pub fn scope(&self) -> Scope {
        Scope::Tenant(self.sync.name.tenant.clone())
    }

    /// The run's id.
    pub fn run_id(&self) -> Option<Uuid> {
        self.handle.map(|handle| handle.run.name.id)
    }

    /// How long after a write it may still be invisible.
    pub fn grace(&self) -> TimeDelta {
        TimeDelta::from_std(self.app.config.syncs.visibility_grace).unwrap_or(TimeDelta::seconds(5))
    }

    /// Fails when the run is to stop.
    pub fn check_stop(&self) -> Result<()> {
        match self.handle {
            Some(handle) if handle.stopping() => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }

    /// Waits as an error asks, where that is short; else, and for errors that ask for no wait, gives it back.
    pub async fn wait_as_asked(&self, error: Error) -> Result<()> {
        let until = match &error {
            Error::Unavailable { retry_at: Some(at), .. } => *at,
            Error::Exhausted { until, .. } => *until,
            _ => return Err(error),
        };
        let wait = (until - self.app.db.now()).to_std().unwrap_or_default();
        if wait > LONGEST_WAIT {
            return Err(error);
        }
        self.sleep(wait).await
    }

    async fn sleep(&self, wait: Duration) -> Result<()> {
        match self.handle {
            Some(handle) => {
                tokio::select! {
                    () = handle.stop.cancelled() => {}
                    () = tokio::time::sleep(wait) => {}
                }
            }
            None => tokio::time::sleep(wait).await,
        }
        self.check_stop()
    }

    async fn progress(&self, phase: &str, done: usize, total: usize) -> Result<()> {
        match self.handle {
            Some(handle) => handle.progress(phase, done, total).await,
            None => Ok(()),
        }
    }

    /// The meetings of the window, read as far as they are new. With `keep`, what is read is stored.
    pub async fn read(&self, keep: bool, summary: &mut Summary) -> Result<Vec<Meeting>> {
        let mut source = Source::open(self.app, &self.sync.source).await?;
        match self.read_with(&source, keep, summary).await {
            Err(Error::NeedsReauth { .. }) => {
                // Perhaps only the access token ended early: a fresh one tells.
                source.refresh(self.app, &self.sync.source).await?;
                self.read_with(&source, keep, summary).await
            }
            other => other,
        }
    }

    async fn read_with(&self, source: &Source, keep: bool, summary: &mut Summary) -> Result<Vec<Meeting>> {
        self.progress("reading meetings", 0, 0).await?;
        let tenant = &self.sync.name.tenant;
        let mut tx = self.app.db.read(self.scope()).await?;
        let stored = store::records::since(&mut tx, tenant, &source.account, self.window.start).await?;
        drop(tx);
        let mut meetings: HashMap<String, (Meeting, bool)> = stored
            .into_iter()
            .map(|record| (record.meeting.conference.clone(), (record.meeting, record.settled)))
            .collect();
        let discovery = discover::discover(source, &self.sync.definition.calendars(), self.window, &meetings).await?;
        if keep {
            source.remember(self.app, &self.sync.source, discovery.codes()).await?;
        }
        for notice in &discovery.notices {
            summary.notice(notice.as_str());
        }
        let total = discovery.to_read.len();
        let mut fresh = discovery.changed.clone();
        for (index, together) in discovery.to_read.chunks(READ_TOGETHER).enumerate() {
            self.check_stop()?;
            self.progress("reading meetings", index * READ_TOGETHER, total).await?;
            let read: Vec<Option<Meeting>> = stream::iter(together)
                .map(|conference| discovery.read(source, conference))
                .buffered(source.concurrency)
                .try_collect()
                .await?;
            fresh.extend(read.into_iter().flatten());
            if keep {
                self.store(source, &fresh).await?;
            }
            for meeting in fresh.drain(..) {
                meetings.insert(meeting.conference.clone(), (meeting, true));
            }
        }
        if keep {
            self.store(source, &fresh).await?;
            let mut tx = self.app.db.write(self.scope()).await?;
            store::syncs::advance(&mut tx, &self.sync.name, self.window.end).await?;
            tx.commit().await?;
        }
        meetings.extend(fresh.into_iter().map(|meeting| (meeting.conference.clone(), (meeting, true))));
        let mut meetings: Vec<Meeting> = meetings.into_values().map(|(meeting, _)| meeting).collect();
        meetings.sort_by(|a, b| (a.start, &a.conference).cmp(&(b.start, &b.conference)));
        Ok(meetings)
    }

    async fn store(&self, source: &Source, meetings: &[Meeting]) -> Result<()> {
        if meetings.is_empty() {
            return Ok(());
        }
        let mut tx = self.app.db.write(self.scope()).await?;
        for meeting in meetings {
            store::records::put(&mut tx, &self.sync.name.tenant, &source.account, meeting, self.app.db.now()).await?;
        }
        tx.commit().await
    }

    /// What the rules want of the meetings that I attended and that have ended.
    pub fn cases(&self, meetings: Vec<Meeting>) -> Vec<Case> {
        meetings
            .into_iter()
            .filter(|meeting| meeting.end.is_some_and(|end| end >= self.window.start))
            .filter_map(|meeting| self.case(meeting))
            .collect()
    }

    fn case(&self, meeting: Meeting) -> Option<Case> {
        let definition = &self.sync.definition;
        let span = meeting.span(definition.attended_time)?;
        let verdict = self.rules.decide(&meeting);
        let declined = meeting.event.as_ref().is_some_and(|event| event.declined);
        let wish = match verdict.target {
            _ if definition.skip_declined && declined => Err(Skip::Declined),
            _ if definition.skip_solo && meeting.others == 0 => Err(Skip::Solo),
            _ if span.length() < definition.shortest() => Err(Skip::TooShort),
            None => Err(Skip::Rule),
            Some(target) => {
                let surroundings = Surroundings {
                    project: &target.project,
                    zone: definition.zone(),
                    limit: self.app.config.syncs.description_limit,
                };
                let description = self.template.describe(&meeting, span, surroundings);
                Ok(Desired { start: span.start, end: span.end, description, target })
            }
        };
        Some(Case { meeting, rule: verdict.rule, wish })
    }

    /// The entry as it is written.
    pub async fn resolve(&self, desired: &Desired) -> Result<Wanted> {
        let ids = self.destination.resolve(&desired.target).await?;
        Ok(Wanted {
            start: desired.start,
            end: Some(desired.end),
            description: desired.description.clone(),
            project_id: ids.project,
            task_id: ids.task,
            tag_ids: ids.tags,
            billable: desired.target.billable,
        })
    }

    /// Looks at the destination: entries by the conferences that their markers name, oldest first, and what we remember.
    pub async fn look(&self, cases: &[Case]) -> Result<View> {
        let from = cases.iter().map(|case| case.meeting.start).min().unwrap_or(self.window.start).min(self.window.start);
        let at = self.app.db.now();
        let account = &self.destination.account;
        let entries = self.destination.clockify.list_entries(&account.workspace, &account.user, from, self.window.end).await?;
        let mut tx = self.app.db.read(self.scope()).await?;
        let effects = store::effects::since(&mut tx, &self.sync.name.tenant, account, from - TimeDelta::days(1)).await?;
        Ok(View::new(at, entries, effects))
    }

    /// Decides about one meeting whose entry is wanted.
    pub fn decide(&self, view: &View, conference: &str, desired: &Desired) -> Action {
        let look = Look { at: view.at, grace: self.grace() };
        plan::decide(&desired.hash(), view.effects.get(conference), &view.found(conference), look)
    }

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
            self.progress("comparing with what is there", 0, total).await?;
            let view = self.look(&cases).await?;
            summary.total_in_destination = view.marked(self.window);
            let outcome = self.settle_once(&view, open, total, summary).await?;
            open = outcome.open;
            if look == 1 {
                self.remove_second_copies(&view, summary).await?;
            }
            let Some(until) = outcome.look_at.filter(|_| !open.is_empty()) else {
                break;
            };
            let wait = (until - self.app.db.now()).to_std().unwrap_or_default();
            if wait > LONGEST_WAIT {
                return Err(Error::Exhausted { what: "time until unanswered writes can be looked for".to_owned(), until });
            }
            if look >= MOST_LOOKS {
                break;
            }
            self.progress("waiting to see what became of unanswered writes", total - open.len(), total).await?;
            self.sleep(wait.max(Duration::from_millis(20))).await?;
        }
        summary.unresolved = open.len() as u64;
        Ok(())
    }

    async fn settle_once(&self, view: &View, open: Vec<(String, Desired)>, total: usize, summary: &mut Summary) -> Result<Outcome> {
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
                Action::Create => orders.push(write::Order { conference, desired, effect: effect.cloned(), replaces: None }),
                Action::Update => {
                    let replaces = view.entry_of(effect).cloned();
                    orders.push(write::Order { conference, desired, effect: effect.cloned(), replaces });
                }
                Action::Adopt { entry_id, how } => {
                    let Some(entry) = view.entries.get(&entry_id) else {
                        continue;
                    };
                    if !self.adopt(&mut tx, &conference, &desired, effect, entry, how).await? {
                        outcome.look_again(view.at, conference, desired);
                    } else if how == Adoption::NotUpdated {
                        outcome.look_again(view.at, conference, desired);
                    } else if how == Adoption::Ours {
                        self.count_written(effect, summary);
                    } else {
                        summary.adopted += 1;
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
        let mut done = total - orders.len() - outcome.open.len();
        write::send(self, orders, async |order, sent| {
            match sent {
                write::Sent::Written(entry) if order.replaces.is_some() => {
                    tracing::debug!(entry.id = %entry.id, "brought an entry up to date");
                    summary.updated += 1;
                }
                write::Sent::Written(_) => {
                    summary.created += 1;
                    summary.total_in_destination += 1;
                }
                write::Sent::Refused(why) => summary.fail(&order.conference, &why),
                write::Sent::Deleted => summary.skip(Skip::Deleted.as_str()),
                write::Sent::Open(until) => {
                    outcome.look_again(until, order.conference, order.desired);
                    return Ok(());
                }
            }
            done += 1;
            self.progress("writing time entries", done, total).await
        })
        .await?;
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

    /// A write without an answer that was found to have arrived.
    fn count_written(&self, effect: Option<&Effect>, summary: &mut Summary) {
        if effect.is_some_and(|effect| effect.entry_hash.is_some()) {
            summary.updated += 1;
        } else {
            summary.created += 1;
        }
    }

    async fn mark_edited(&self, tx: &mut crate::db::Tx, effect: Option<&Effect>) -> Result<()> {
        let Some(effect) = effect.filter(|effect| !effect.edited) else {
            return Ok(());
        };
        let outcome = store::effects::Outcome {
            state: State::Done,
            entry: None,
            edited: true,
            adopted: effect.adopted,
            answer_by: None,
            stale: false,
            note: "edited by the user: left alone",
        };
        store::effects::settle(tx, &effect.name, effect.sends, &outcome, self.app.db.now()).await?;
        Ok(())
    }

    /// Takes an entry over; `false` when somebody else changed the effect meanwhile.
    async fn adopt(
        &self,
        tx: &mut crate::db::Tx,
        conference: &str,
        desired: &Desired,
        effect: Option<&Effect>,
        entry: &Entry,
        how: Adoption,
    ) -> Result<bool> {
        let now = self.app.db.now();
        let (as_it_is, desired_hash) = (Wanted::of(entry), desired.hash());
        let hash = as_it_is.hash();
        let Some(effect) = effect else {
            let draft = store::effects::Draft {
                sync: &self.sync.name.id,
                source_key: conference,
                payload: &as_it_is,
                payload_hash: &desired_hash,
                run: self.run_id(),
            };
            let account = &self.destination.account;
            return store::effects::adopt(tx, &self.sync.name.tenant, account, &draft, &entry.id, &hash, now).await;
        };
        let was_sent = effect.entry_hash.is_some();
        let note = match how {
            Adoption::Ours if was_sent => write::UPDATED,
            Adoption::Ours => write::CREATED,
            Adoption::NotUpdated => "the update never arrived",
            Adoption::Theirs => "found at the destination",
        };
        let outcome = store::effects::Outcome {
            state: State::Done,
            entry: Some((&entry.id, &hash)),
            edited: false,
            adopted: how == Adoption::Theirs,
            answer_by: None,
            stale: how == Adoption::NotUpdated,
            note,
        };
        store::effects::settle(tx, &effect.name, effect.sends, &outcome, now).await
    }

    /// Asks for an entry that the list does not show. `None` when it has to be looked at again.
    async fn look_for(&self, effect: Option<&Effect>, entry_id: &str) -> Result<Option<Skip>> {
        let Some(effect) = effect else {
            return Ok(None);
        };
        let account = &self.destination.account;
        let found = self.destination.clockify.get_entry(&account.workspace, entry_id).await?;
        let (state, edited, note, skip) = match &found {
            None => (State::Tombstoned, false, "deleted by the user: stays deleted", Skip::Deleted),
            Some(entry) if Some(Wanted::of(entry).hash()) == effect.entry_hash => return Ok(Some(Skip::Unchanged)),
            Some(_) => (State::Done, true, "edited by the user: left alone", Skip::Edited),
        };
        let outcome =
            store::effects::Outcome { state, entry: None, edited, adopted: effect.adopted, answer_by: None, stale: false, note };
        let mut tx = self.app.db.write(self.scope()).await?;
        let settled = store::effects::settle(&mut tx, &effect.name, effect.sends, &outcome, self.app.db.now()).await?;
        tx.commit().await?;
        Ok(settled.then_some(skip))
    }

    /// Second copies of an entry, which only a process that was frozen between its check and the socket can make: the
    /// oldest stays. Copies that are not ours to the letter are only told.
    pub async fn remove_second_copies(&self, view: &View, summary: &mut Summary) -> Result<()> {
        for (conference, kept, extra) in view.duplicates() {
            let ours = view.effects.get(conference).filter(|effect| effect.sends > extra.len() as i64);
            let same = |entry: &&Entry| ours.is_some_and(|effect| Wanted::of(entry) == effect.payload);
            if self.handle.is_none() || !same(&kept) || !extra.iter().all(same) {
                summary.notice(format!("{conference} has {} entries: `syncline sync duplicates` lists them", extra.len() + 1));
                continue;
            }
            for entry in extra {
                self.destination.clockify.delete_entry(&self.destination.account.workspace, &entry.id).await?;
                summary.duplicates_deleted += 1;
                summary.total_in_destination = summary.total_in_destination.saturating_sub(1);
            }
            summary.notice(format!("a second entry of {conference} was deleted: a process had stood still while it wrote"));
            if let Some(effect) = ours {
                let outcome = store::effects::Outcome {
                    state: State::Done,
                    entry: Some((&kept.id, &Wanted::of(kept).hash())),
                    edited: false,
                    adopted: false,
                    answer_by: None,
                    stale: false,
                    note: "a second copy was deleted",
                };
                let mut tx = self.app.db.write(self.scope()).await?;
                store::effects::settle(&mut tx, &effect.name, effect.sends, &outcome, self.app.db.now()).await?;
                tx.commit().await?;
            }
        }
        Ok(())
    }
}

/// What a pass may be told besides the definition.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Look back so many days; 0 as the definition says.
    pub days: u32,
    /// Read the whole window again.
    pub full: bool,
}

/// The destination at one moment, beside what we remember of it.
pub struct View {
    at: DateTime<Utc>,
    entries: HashMap<String, Entry>,
    /// Ids by conference, oldest first.
    by_conference: HashMap<String, Vec<String>>,
    effects: HashMap<String, Effect>,
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
            entries: entries.into_iter().map(|entry| (entry.id.clone(), entry)).collect(),
            by_conference,
            effects: effects.into_iter().map(|effect| (effect.source_key.clone(), effect)).collect(),
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

    fn entry_of(&self, effect: Option<&Effect>) -> Option<&Entry> {
        self.entries.get(effect?.entry_id.as_ref()?)
    }

    /// What we remember, by conference.
    pub fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.effects.values()
    }

    /// Marked entries that start in the window.
    pub fn marked(&self, window: Window) -> u64 {
        self.marked_entries().filter(|entry| entry.start >= window.start && entry.start <= window.end).count() as u64
    }

    /// All marked entries.
    pub fn marked_entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(|entry| !marker::found_in(&entry.description).is_empty())
    }

    /// Conferences with more than one entry: the oldest, and the others. Entries per session, as the original's first
    /// version wrote them, are no copies of one another.
    pub fn duplicates(&self) -> Vec<(&str, &Entry, Vec<&Entry>)> {
        let mut duplicates: Vec<_> = self
            .by_conference
            .keys()
            .filter_map(|conference| {
                let marked = marker::of(conference);
                let mut whole = self.marked_with(conference).into_iter().filter(|entry| entry.description.contains(&marked));
                let kept = whole.next()?;
                let extra: Vec<&Entry> = whole.collect();
                (!extra.is_empty()).then_some((conference.as_str(), kept, extra))
            })
            .collect();
        duplicates.sort_by_key(|(conference, _, _)| *conference);
        duplicates
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

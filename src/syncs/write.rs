//! Writes entries, each exactly once: announced in the database first, sent once, and what came of it stored. An answer
//! that did not come is left for looking, never for sending again.

use crate::{
    base::{Error, Result},
    connectors::clockify::{ClockifyError, Entity, Entry},
    outbound::{CallError, Permits},
    runs,
    syncs::{
        effect::{Effect, State},
        engine::{Listener, Pass},
        entry::{self, Desired, Wanted},
        store::effects::{self, Draft, Outcome},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Entries that are announced and sent together.
const BATCH: usize = 64;
/// A send begins at most so long after it was announced; whoever was frozen longer does not send any more.
const SLACK: Duration = Duration::from_secs(10);
/// Batches in a row in which the provider carried out nothing.
const MOST_UNSENT: u32 = 10;

/// Notes of effects that a run wrote, by which its result counts them, whichever attempt wrote them.
pub const CREATED: &str = "created";
/// See [`CREATED`].
pub const UPDATED: &str = "updated";

/// One entry to write.
#[derive(Clone, Debug)]
pub struct Order {
    /// The meeting it is for.
    pub conference: String,
    /// What the rules decided.
    pub desired: Desired,
    /// What we remember of it.
    pub effect: Option<Effect>,
    /// The entry that is to be brought up to date; `None` writes a new one.
    pub replaces: Option<Entry>,
}

/// What came of an order.
#[derive(Debug)]
pub enum Sent {
    /// It is at the destination.
    Written(Box<Entry>),
    /// Refused for good; why, for a person.
    Refused(String),
    /// The user deleted the entry that was to be brought up to date.
    Deleted,
    /// Nobody knows, or somebody else is writing it: look, not before that moment.
    Open(DateTime<Utc>),
}

/// What one send came to: told to the engine, or to be sent again.
enum Answer {
    Told(Sent),
    /// Surely not carried out; the effect as it is now.
    NotSent(Box<Effect>, Error),
}

/// Sends all orders, in batches as the budget allows, and tells about each as soon as it is stored. What the provider
/// surely did not carry out (429) is sent again, behind all others: as long as it carries anything out, only the account's
/// budget makes anybody wait. When it carries out nothing, all wait as it asks, where that is short. Stops with an error
/// when the wait would be long, the run is to stop, or the credential is refused; what was told stays.
pub async fn send(pass: &Pass<'_>, orders: Vec<Order>, listener: &mut Listener<'_>) -> Result<()> {
    let mut orders = VecDeque::from(orders);
    let mut unsent_in_a_row = 0;
    while !orders.is_empty() {
        pass.check_stop()?;
        let mut batch = resolve_some(pass, &mut orders, listener).await?;
        if batch.is_empty() {
            continue;
        }
        // Last of all before the announcement: permits are for now.
        let mut permits = reserve(pass, batch.len()).await?;
        let count = usize::try_from(permits.left())
            .unwrap_or(1)
            .clamp(1, batch.len());
        for (order, _) in batch.split_off(count).into_iter().rev() {
            orders.push_front(order);
        }
        let (mut carried_out, mut not_sent) = (false, None);
        let answers = send_batch(pass, batch, &mut permits).await?;
        drop(permits);
        for (mut order, answer) in answers {
            match answer {
                Answer::Told(sent) => {
                    carried_out = true;
                    listener.tell(pass, order, sent).await?;
                }
                // The entry may be edited while we wait: the next look decides about it anew.
                Answer::NotSent(_, error) if order.replaces.is_some() => {
                    listener
                        .tell(pass, order, Sent::Open(pass.app.db.now()))
                        .await?;
                    not_sent = Some(error);
                }
                Answer::NotSent(effect, error) => {
                    order.effect = Some(*effect);
                    orders.push_back(order);
                    not_sent = Some(error);
                }
            }
        }
        match not_sent {
            Some(error) if !carried_out => {
                unsent_in_a_row += 1;
                if unsent_in_a_row > MOST_UNSENT {
                    return Err(error);
                }
                pass.wait_as_asked(error).await?;
            }
            _ => unsent_in_a_row = 0,
        }
    }
    Ok(())
}

/// Permits for 1 to `wanted` entries; waits for the first where that is short.
async fn reserve(pass: &Pass<'_>, wanted: usize) -> Result<Permits> {
    let account = &pass.destination.access.account;
    let wanted = u32::try_from(wanted).unwrap_or(1);
    loop {
        match pass.app.outbound.reserve(account, wanted).await {
            Ok(permits) => return Ok(permits),
            Err(error) => pass.wait_as_asked(error.into()).await?,
        }
    }
}

/// The next orders with the ids of what they name. Finding those may take calls, and may fail: that is told.
async fn resolve_some(
    pass: &Pass<'_>,
    orders: &mut VecDeque<Order>,
    listener: &mut Listener<'_>,
) -> Result<Vec<(Order, Wanted)>> {
    let mut batch = Vec::new();
    for order in orders.drain(..orders.len().min(BATCH)) {
        match pass.resolve(&order.desired).await {
            Ok(wanted) => batch.push((order, wanted)),
            Err(
                error @ (Error::Refused { .. } | Error::Precondition { .. } | Error::Invalid(_)),
            ) => {
                let why = error.to_string();
                listener.tell(pass, order, Sent::Refused(why)).await?;
            }
            Err(other) => return Err(other),
        }
    }
    Ok(batch)
}

/// An order that was announced.
struct Announced {
    order: Order,
    effect: Effect,
}

async fn send_batch(
    pass: &Pass<'_>,
    batch: Vec<(Order, Wanted)>,
    permits: &mut Permits,
) -> Result<Vec<(Order, Answer)>> {
    let began = Instant::now();
    let lease =
        TimeDelta::from_std(pass.app.outbound.timeout() + SLACK).unwrap_or(TimeDelta::minutes(1));
    let (announced, mut results) = announce(pass, batch, pass.app.db.now() + lease).await?;
    let sends = announced.iter().map(|announced| {
        let mut permit = permits.split(1);
        async move { send_one(pass, announced, &mut permit, began).await }
    });
    let answers = join_all(sends).await;
    let mut fatal = None;
    let mut tx = pass.app.db.write(pass.scope()).await?;
    for (announced, answer) in announced.into_iter().zip(answers) {
        let (answer, stored) = read_answer(pass, &announced, answer, &mut fatal);
        effects::settle(
            &mut tx,
            &announced.effect.name,
            announced.effect.sends,
            &stored.as_outcome(),
            pass.app.db.now(),
        )
        .await?;
        results.push((announced.order, answer));
    }
    tx.commit().await?;
    fatal.map_or(Ok(results), Err)
}

async fn send_one(
    pass: &Pass<'_>,
    announced: &Announced,
    permit: &mut Permits,
    began: Instant,
) -> std::result::Result<Entry, ClockifyError> {
    // By both clocks: the monotonic one stands still while a machine sleeps.
    let timeout = TimeDelta::from_std(pass.app.outbound.timeout()).unwrap_or_default();
    let lease_outlasts = announced
        .effect
        .answer_by
        .is_some_and(|answer_by| pass.app.db.now() + timeout <= answer_by);
    if began.elapsed() > SLACK || !lease_outlasts {
        let why = "this process stood still for too long".to_owned();
        return Err(ClockifyError::Call(CallError::NotSent {
            why,
            retry_at: Some(pass.app.db.now()),
        }));
    }
    let clockify = &pass.destination.clockify;
    let workspace = &pass.destination.account.workspace;
    let wanted = &announced.effect.payload;
    match &announced.order.replaces {
        None => {
            clockify
                .create_entry_with(permit, workspace, &wanted.to_new_entry())
                .await
        }
        Some(old) => {
            clockify
                .replace_entry_with(permit, &wanted.applied_to(old))
                .await
        }
    }
}

/// Announces a batch in one transaction, which also makes sure that this worker still owns the run. What somebody else
/// announced meanwhile comes back as open.
async fn announce(
    pass: &Pass<'_>,
    batch: Vec<(Order, Wanted)>,
    answer_by: DateTime<Utc>,
) -> Result<(Vec<Announced>, Vec<(Order, Answer)>)> {
    let now = pass.app.db.now();
    let mut announced = Vec::with_capacity(batch.len());
    let mut taken = Vec::new();
    let mut tx = pass.app.db.write(pass.scope()).await?;
    if let Some(handle) = pass.handle
        && !runs::store::owns(&mut tx, &handle.run.name, handle.run.fence).await?
    {
        return Err(Error::Conflict {
            what: handle.run.name.to_string(),
        });
    }
    for (order, wanted) in batch {
        let hash = order.desired.hash();
        let draft = Draft {
            sync: &pass.sync.name.id,
            source_key: &order.conference,
            payload: &wanted,
            payload_hash: &hash,
            run: pass.run_id(),
        };
        let effect = match &order.effect {
            Some(effect) => {
                effects::announce_again(&mut tx, effect, &draft, answer_by, now).await?
            }
            None => {
                effects::announce(
                    &mut tx,
                    &pass.sync.name.tenant,
                    &pass.destination.account,
                    &draft,
                    answer_by,
                    now,
                )
                .await?
            }
        };
        match effect {
            Some(effect) => announced.push(Announced { order, effect }),
            None => taken.push((order, Answer::Told(Sent::Open(now)))),
        }
    }
    tx.commit().await?;
    Ok((announced, taken))
}

/// What is stored about a send; owns its texts.
struct Stored {
    state: State,
    entry: Option<(String, String)>,
    answer_by: Option<DateTime<Utc>>,
    /// An update is still to do.
    stale: bool,
    note: String,
}

impl Stored {
    fn as_outcome(&self) -> Outcome<'_> {
        Outcome {
            state: self.state,
            entry: self
                .entry
                .as_ref()
                .map(|(id, hash)| (id.as_str(), hash.as_str())),
            edited: false,
            adopted: false,
            answer_by: self.answer_by,
            stale: self.stale,
            note: &self.note,
        }
    }
}

fn read_answer(
    pass: &Pass<'_>,
    announced: &Announced,
    answer: std::result::Result<Entry, ClockifyError>,
    fatal: &mut Option<Error>,
) -> (Answer, Stored) {
    let now = pass.app.db.now();
    let updates = announced.order.replaces.is_some();
    let stored = |state, note: &str| Stored {
        state,
        entry: None,
        answer_by: None,
        stale: updates,
        note: note.to_owned(),
    };
    // What the effect goes back to when nothing was done: an update leaves the entry that is there.
    let undone = |refused| match (updates, refused) {
        (true, _) => State::Done,
        (false, true) => State::Failed,
        (false, false) => State::Planned,
    };
    match answer {
        Ok(entry) => {
            let kept = Stored {
                entry: Some((entry.id.clone(), entry::hash(&entry))),
                stale: false,
                ..stored(State::Done, if updates { UPDATED } else { CREATED })
            };
            (Answer::Told(Sent::Written(Box::new(entry))), kept)
        }
        Err(ClockifyError::Call(error @ CallError::Unanswered { .. })) => {
            // The sender lives and will not send again: only what is on its way may still arrive.
            let open = Sent::Open(now + pass.grace());
            let kept = Stored {
                answer_by: Some(now),
                ..stored(State::Unknown, &error.to_string())
            };
            (Answer::Told(open), kept)
        }
        Err(ClockifyError::Call(error)) => {
            let error = Error::from(error);
            let kept = stored(undone(false), &error.to_string());
            let effect = Effect {
                state: kept.state,
                answer_by: None,
                ..announced.effect.clone()
            };
            (Answer::NotSent(Box::new(effect), error), kept)
        }
        Err(ClockifyError::Gone {
            entity: Entity::TimeEntry,
        }) if updates => (
            Answer::Told(Sent::Deleted),
            stored(State::Tombstoned, "deleted by the user"),
        ),
        Err(ClockifyError::Gone { .. }) if !updates => {
            // A project, task or tag that was remembered is not there any more: found anew, the entry is sent again.
            pass.destination.doubt_names();
            let error = Error::Unavailable {
                reason: "NAMES_CHANGED",
                what: "a project, task or tag is not there any more".to_owned(),
                retry_at: Some(now),
            };
            let kept = stored(undone(false), &error.to_string());
            let effect = Effect {
                state: kept.state,
                answer_by: None,
                ..announced.effect.clone()
            };
            (Answer::NotSent(Box::new(effect), error), kept)
        }
        Err(error) => {
            if matches!(error, ClockifyError::Gone { .. }) {
                pass.destination.doubt_names();
            }
            let stops_the_run = matches!(error, ClockifyError::KeyWrong { .. });
            let error = Error::from(error);
            let kept = stored(undone(true), &error.to_string());
            let refused = Sent::Refused(kept.note.clone());
            if stops_the_run {
                fatal.get_or_insert(error);
            }
            (Answer::Told(refused), kept)
        }
    }
}

//! Writes how runs ended, many in one transaction: whatever ends while one is being committed goes into the next one. So
//! durability costs a busy worker one wait for the disk per batch, and an idle one no delay at all.

use crate::{
    app::App,
    base::{Error, Result},
    db::Scope,
    runs::{
        State,
        store::{self, Ending},
    },
};
use std::{collections::HashMap, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use uuid::Uuid;

/// Ended runs that one statement writes.
const LARGEST_BATCH: usize = 256;
/// How long to wait before writing is tried again.
const PAUSE: Duration = Duration::from_millis(300);

/// Takes ended runs.
pub(super) struct Finisher(mpsc::UnboundedSender<Pending>);

/// What became of the outcome of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It is committed, and the run is in this state.
    As(State),
    /// Somebody else has the run by now; nothing was written.
    TakenOver,
    /// The database could not be written for too long.
    Not,
}

struct Pending {
    ending: Ending,
    give_up: Instant,
    /// Tried before, and nobody knows what came of that.
    in_doubt: bool,
    answer: oneshot::Sender<Written>,
}

impl Finisher {
    /// Starts the task that writes; it ends when this is dropped.
    pub fn start(app: App) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(write_all(app, receiver));
        Self(sender)
    }

    /// Returns when the end is durable, or cannot be made so within the time after which others take over anyway.
    pub async fn write(&self, ending: Ending, patience: Duration) -> Written {
        let (answer, written) = oneshot::channel();
        let pending = Pending {
            ending,
            give_up: Instant::now() + patience,
            in_doubt: false,
            answer,
        };
        match self.0.send(pending) {
            Ok(()) => written.await.unwrap_or(Written::Not),
            Err(_) => Written::Not,
        }
    }
}

async fn write_all(app: App, mut receiver: mpsc::UnboundedReceiver<Pending>) {
    let mut batch = Vec::new();
    while receiver.recv_many(&mut batch, LARGEST_BATCH).await > 0 {
        if let Err((unwritten, error)) = write(&app, std::mem::take(&mut batch)).await {
            // One by one, so that one that cannot be written keeps no other from being written.
            for item in put_off(unwritten, &error).await {
                write_alone(&app, item).await;
            }
        }
    }
}

async fn write_alone(app: &App, item: Pending) {
    let mut left = vec![item];
    while let Err((unwritten, error)) = write(app, left).await {
        left = put_off(unwritten, &error).await;
        if left.is_empty() {
            return;
        }
    }
}

/// Writes a batch and answers. Gives it back where that failed.
async fn write(app: &App, batch: Vec<Pending>) -> std::result::Result<(), (Vec<Pending>, Error)> {
    let endings: Vec<Ending> = batch.iter().map(|item| item.ending.clone()).collect();
    let in_doubt: Vec<&Ending> = batch
        .iter()
        .filter(|item| item.in_doubt)
        .map(|item| &item.ending)
        .collect();
    match commit(app, &endings, &in_doubt).await {
        Ok(written) => {
            for item in batch {
                let state = written.get(&item.ending.name.id);
                let _ = item
                    .answer
                    .send(state.map_or(Written::TakenOver, |state| Written::As(*state)));
            }
            Ok(())
        }
        Err(error) => Err((batch, error)),
    }
}

async fn commit(
    app: &App,
    endings: &[Ending],
    in_doubt: &[&Ending],
) -> Result<HashMap<Uuid, State>> {
    let scope = Scope::System("write how runs of all tenants ended");
    let mut tx = app.db.write(scope).await?;
    let written = store::release(&mut tx, endings, app.db.now()).await?;
    let mut written: HashMap<_, _> = written.into_iter().collect();
    for ending in in_doubt {
        // An earlier commit may have been made although its answer was lost.
        if let Some(run) = store::get(&mut tx, &ending.name).await?
            && run.fence == ending.fence
            && run.state != State::Running
        {
            written.insert(ending.name.id, run.state);
        }
    }
    tx.commit().await?;
    Ok(written)
}

/// Waits a while, and gives up on what was tried for too long: the work was done and only its record is missing.
async fn put_off(batch: Vec<Pending>, error: &Error) -> Vec<Pending> {
    tracing::warn!(%error, runs = batch.len(), "could not store how runs ended; trying again");
    tokio::time::sleep(PAUSE).await;
    let now = Instant::now();
    let mut left = Vec::new();
    for mut item in batch {
        if item.give_up <= now {
            let _ = item.answer.send(Written::Not);
        } else {
            item.in_doubt = true;
            left.push(item);
        }
    }
    left
}

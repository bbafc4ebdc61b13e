//! Keeps Redis filled with runs that are to be run, so that workers get them quickly. The table stays the truth: whatever
//! happens to Redis, the next look at both puts right what is wrong there, and nothing here decides what becomes of a run.
//!
//! Of each tenant a bounded window of runs is in Redis, in an order in which tenants take turns; the rest waits in the
//! table. So one tenant's backlog neither fills Redis nor stands in anybody's way.

mod attach;
mod external;
mod fill;
mod job;
mod sight;

pub use job::{FINISHED_KEPT, name_of};

use crate::{
    app::App,
    base::{Error, Result},
    config::Files,
    queue::{Connection, ConnectionOptions, Queue},
    tls,
};
use fill::Known;
use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// The queues in which our own workers execute runs, each named after the kind.
pub use crate::config::OWN_QUEUES as QUEUES;

/// Whether runs of this kind are executed by workers of others.
pub fn is_external(kind: &str) -> bool {
    !QUEUES.contains(&kind)
}

/// How often Redis and the table are compared.
const COMPARE_EVERY: Duration = Duration::from_secs(1);
/// Shortest and longest pause between two looks at the table.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(250));
/// The pause is so many times what the look took: with long windows in many tenants a look is no small matter.
const REST: u32 = 3;
/// How often the server's settings are looked at.
const SETTINGS_EVERY: Duration = Duration::from_secs(30);
/// How long one command may take: longer, and Redis counts as away.
const COMMAND: Duration = Duration::from_secs(2);
/// How long a few commands in a row may take.
const LONGEST_TALK: Duration = Duration::from_secs(10);

/// What this process knows of Redis; shared by the relay, the worker and who asks.
pub struct Redis {
    /// The connection.
    pub connection: Connection,
    queues: Vec<Queue>,
    /// What our mark in Redis begins with.
    owner: OnceLock<String>,
    standing: Mutex<Standing>,
    /// When the server's settings were looked at, and what about them would lose jobs, a sentence each.
    settings: Mutex<(Option<Instant>, Vec<String>)>,
    /// Runs that Redis says somebody has, and the table says nobody: for a worker of this process to take directly.
    left_behind: Mutex<Vec<(String, Uuid)>>,
}

/// How we stand with Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does not answer, and why.
    Away(String),
    /// It belongs to another installation, whose mark this is; nothing is read or written there.
    Foreign(String),
    /// It is ours, and this is which of its lives: it has a new one whenever it may have forgotten something.
    Attached(String),
}

#[derive(Default)]
struct Slot(OnceLock<Arc<Redis>>);

impl Redis {
    /// Begins to connect to the Redis of the settings; `None` where there is none. One per process: another call gives the
    /// same. Redis need not be there.
    pub async fn open(app: &App) -> Result<Option<Arc<Self>>> {
        if let Some(known) = Self::of(app) {
            return Ok(Some(known));
        }
        let Some(url) = &app.config.redis.url else {
            return Ok(None);
        };
        let connection = Connection::open(ConnectionOptions {
            timeout: COMMAND,
            prefix: app.config.queue.prefix.clone(),
            tls: tls_of(&app.config.redis.files)?,
            ..ConnectionOptions::new(url.expose())
        })
        .await?;
        let names = app.config.queue.names();
        let queues = names.map(|name| Queue::new(&connection, name));
        let redis = Self {
            queues: queues.collect::<Result<_>>()?,
            owner: OnceLock::new(),
            standing: Mutex::new(Standing::Away("not looked at yet".to_owned())),
            settings: Mutex::default(),
            left_behind: Mutex::default(),
            connection,
        };
        let slot = app.memory.of::<Slot>();
        Ok(Some(slot.0.get_or_init(|| Arc::new(redis)).clone()))
    }

    /// What [`Redis::open`] opened before.
    pub fn of(app: &App) -> Option<Arc<Self>> {
        app.memory.of::<Slot>().0.get().cloned()
    }

    /// One of our queues.
    pub fn queue(&self, name: &str) -> Option<&Queue> {
        self.queues.iter().find(|queue| queue.name() == name)
    }

    /// The queues whose jobs workers of others execute.
    fn external(&self) -> impl Iterator<Item = &Queue> {
        self.queues.iter().filter(|queue| is_external(queue.name()))
    }

    /// How we stand with it.
    pub fn standing(&self) -> Standing {
        self.lock().clone()
    }

    /// Whether runs are handed out through it.
    pub fn is_attached(&self) -> bool {
        matches!(*self.lock(), Standing::Attached(_))
    }

    /// What is wrong with it: a reason of `docs/errors.md`. `None` where runs are handed out through it and its settings
    /// would lose none.
    pub fn trouble(&self) -> Option<&'static str> {
        match *self.lock() {
            Standing::Away(_) => Some("QUEUE_AWAY"),
            Standing::Foreign(_) => Some("QUEUE_FOREIGN"),
            Standing::Attached(_) => {
                let (_, complaints) = &*self.settings();
                (!complaints.is_empty()).then_some("QUEUE_UNSAFE")
            }
        }
    }

    /// Looks at the server's settings, now and then: somebody may change them while it runs.
    async fn look_at_settings(&self, at_once: bool) -> Result<()> {
        let seen = self.settings().0;
        if !at_once && seen.is_some_and(|at| at.elapsed() < SETTINGS_EVERY) {
            return Ok(());
        }
        let found = self.connection.complaints().await?;
        let mut settings = self.settings();
        for complaint in &found {
            if at_once || !settings.1.contains(complaint) {
                tracing::warn!("{complaint}");
            }
        }
        *settings = (Some(Instant::now()), found);
        Ok(())
    }

    fn settings(&self) -> std::sync::MutexGuard<'_, (Option<Instant>, Vec<String>)> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A command failed: until the relay finds it well again, runs come from the table.
    pub fn lost(&self, error: &Error) {
        self.set(Standing::Away(error.to_string()));
    }

    /// The runs that a worker should take directly.
    pub fn take_left_behind(&self) -> Vec<(String, Uuid)> {
        std::mem::take(
            &mut *self
                .left_behind
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    fn leave_behind(&self, runs: Vec<(String, Uuid)>) {
        *self
            .left_behind
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = runs;
    }

    fn set(&self, standing: Standing) {
        let mut now = self.lock();
        if *now != standing {
            match &standing {
                Standing::Away(why) => {
                    tracing::warn!(
                        why,
                        "Redis is away: runs are taken from the table until it is back"
                    );
                }
                Standing::Foreign(mark) => tracing::error!(
                    mark,
                    "Redis belongs to another installation: it is left alone; use another Redis, or another queue.prefix"
                ),
                Standing::Attached(_) => {
                    tracing::info!(redis.place = self.connection.place(), "attached to Redis");
                }
            }
            *now = standing;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that fills Redis. Every process that serves has one; they do the same, and do not disturb each other.
pub struct Relay {
    /// Whoever only drops it has it end, too.
    stop: DropGuard,
    task: JoinHandle<()>,
}

impl Relay {
    /// Starts it, where the settings name a Redis.
    pub async fn start(app: &App) -> Result<Option<Self>> {
        let Some(redis) = Redis::open(app).await? else {
            return Ok(None);
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(relay(app.clone(), redis, stop.clone()));
        let stop = stop.drop_guard();
        Ok(Some(Self { stop, task }))
    }

    /// Ends it. What is in Redis stays there.
    pub async fn stop(self) {
        drop(self.stop);
        let _ = self.task.await;
    }
}

async fn relay(app: App, redis: Arc<Redis>, stop: CancellationToken) {
    let mut known = Known::default();
    let mut compare_at = Instant::now();
    loop {
        let rung = app.work_arrived.notified();
        let began = Instant::now();
        let outcome = if Instant::now() >= compare_at {
            compare_at = Instant::now() + COMPARE_EVERY;
            in_time(compare(&app, &redis, &mut known)).await
        } else if let Standing::Attached(life) = redis.standing() {
            in_time(fill::top_up(&app, &redis, &life, &mut known)).await
        } else {
            Ok(())
        };
        match outcome {
            Ok(()) => {}
            Err(error) if is_of_database(&error) => {
                tracing::warn!(%error, "Redis and the table could not be compared");
            }
            Err(error) => redis.lost(&error),
        }
        let pause = (began.elapsed() * REST).clamp(LOOK_EVERY.0, LOOK_EVERY.1);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = rung => {}
            () = tokio::time::sleep_until(compare_at) => {}
        }
    }
}

fn is_of_database(error: &Error) -> bool {
    matches!(error, Error::Unavailable { reason, .. } if reason.starts_with("DATABASE_"))
}

/// A conversation with Redis that takes longer than this has failed, whatever hangs in it.
pub(super) async fn in_time<T>(talk: impl Future<Output = Result<T>>) -> Result<T> {
    let late = |_| {
        Err(Error::unavailable(
            "REDIS_TIMEOUT",
            "Redis did not answer in time",
        ))
    };
    tokio::time::timeout(LONGEST_TALK, talk)
        .await
        .unwrap_or_else(late)
}

async fn compare(app: &App, redis: &Redis, known: &mut Known) -> Result<()> {
    let standing = attach::look(app, redis).await?;
    if let Standing::Attached(life) = &standing {
        let is_new = redis.standing() != standing;
        redis.look_at_settings(is_new).await?;
        attach::mirror_pauses(app, redis, life).await?;
        fill::compare(app, redis, life, known).await?;
        match external::compare(app, redis, life).await {
            // What others wrote must not keep our own runs from being handed out.
            Err(error @ Error::Internal(_)) => {
                tracing::error!(%error, "runs of others could not be compared with their jobs");
            }
            outcome => outcome?,
        }
    }
    redis.set(standing);
    Ok(())
}

/// What `rediss://` goes by, where that is not the usual authorities.
fn tls_of(files: &Files) -> Result<Option<rustls::ClientConfig>> {
    let Some(ca) = &files.ca else {
        return Ok(None);
    };
    let identity = files.identity.as_ref();
    let identity = identity.map(|(cert, key)| (cert.as_path(), key.as_path()));
    tls::to_server("redis", ca, identity).map(Some)
}

//! Executes runs: claims what is due, says that it lives, takes over from workers that died, and hands back what it has
//! when it must stop.

mod adopt;
mod execute;
mod finisher;
mod heartbeat;
mod queue;
mod settle;
mod take;

use crate::{
    app::App,
    base::{Error, Result, RunName},
    db::Scope,
    queue::Queue,
    runs::{Job, Run, mirror::Mirror, relay::Redis, store},
};
use finisher::Finisher;
use settle::{Lease, Settler};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};
use tokio::{sync::Semaphore, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

/// A running worker. Dropping it does not stop it: call [`Worker::shut_down`].
pub struct Worker {
    inner: Arc<Inner>,
    tasks: TaskTracker,
}

/// Tells whether a worker lives.
pub struct Pulse(Arc<Inner>);

impl Pulse {
    /// Whether a heartbeat was stored within the time after which others take the worker for dead.
    pub fn is_felt(&self) -> bool {
        let beaten = *self.0.beaten.lock().unwrap_or_else(PoisonError::into_inner);
        beaten.elapsed() < self.0.app.config.runs.dead_after
    }
}

struct Inner {
    app: App,
    id: Uuid,
    label: String,
    jobs: Vec<Arc<dyn Job>>,
    /// Claim this run or nothing: for a command line that runs one sync.
    only: Option<RunName>,
    running: Mutex<HashMap<Uuid, Held>>,
    /// Heartbeats so far.
    beats: AtomicU64,
    /// Held while runs go from the table into `running`.
    claiming: tokio::sync::Mutex<()>,
    /// The tenant that had its turn last.
    turn: Mutex<String>,
    slots: Arc<Semaphore>,
    /// Runs whose ends are being written, at most as many as are executed.
    finishing: Semaphore,
    finisher: Finisher,
    settler: Settler,
    mirror: Mirror,
    tasks: TaskTracker,
    /// Nothing more is taken.
    stop: CancellationToken,
    /// When the last heartbeat that was committed began.
    beaten: Mutex<Instant>,
}

/// How long a worker that leaves waits for its own looks at the database when nothing runs.
const IDLE: Duration = Duration::from_secs(1);
/// How long it waits to say that it leaves.
const SIGN_OFF: Duration = Duration::from_secs(3);

/// A run that is executed here.
struct Held {
    stop: CancellationToken,
    /// The queue that handed it out.
    queue: Option<String>,
}

impl Worker {
    /// Starts to execute runs of the kinds of `jobs`.
    pub async fn start(app: App, jobs: Vec<Arc<dyn Job>>, only: Option<RunName>) -> Result<Self> {
        let tasks = TaskTracker::new();
        let id = Uuid::now_v7();
        let inner = Arc::new(Inner {
            id,
            label: format!("pid {}", std::process::id()),
            jobs,
            only,
            running: Mutex::default(),
            beats: AtomicU64::new(0),
            claiming: tokio::sync::Mutex::default(),
            turn: Mutex::default(),
            slots: Arc::new(Semaphore::new(app.config.runs.concurrency)),
            finishing: Semaphore::new(app.config.runs.concurrency),
            finisher: Finisher::start(app.clone()),
            settler: Settler::start(id.to_string()),
            mirror: Mirror::start(),
            tasks: tasks.clone(),
            stop: CancellationToken::new(),
            beaten: Mutex::new(Instant::now()),
            app,
        });
        inner.beat().await?;
        tasks.spawn(inner.clone().keep_alive());
        tasks.spawn(inner.clone().take_work());
        tasks.spawn(inner.clone().obey_cancels());
        inner.clone().take_from_redis();
        Ok(Self { inner, tasks })
    }

    /// Whether this worker lives, for those who must tell.
    pub fn pulse(&self) -> Pulse {
        Pulse(self.inner.clone())
    }

    /// Takes nothing more, lets running jobs go on for the grace period, then hands back what is left.
    pub async fn shut_down(self, grace: Duration) {
        self.inner.stop.cancel();
        self.inner.cancel_all();
        self.tasks.close();
        tokio::select! {
            ended = tokio::time::timeout(grace, self.tasks.wait()) => {
                if ended.is_err() {
                    tracing::warn!("some runs did not stop in time: another worker takes them over");
                }
            }
            // Nothing runs, and somebody still waits for a database that does not answer.
            () = self.inner.is_idle() => {}
        }
        // A courtesy, which a database that is gone must not make long.
        let signed_off = tokio::time::timeout(SIGN_OFF, self.inner.sign_off()).await;
        let late = |_| {
            Err(Error::unavailable(
                "DATABASE_BUSY",
                "the database does not answer",
            ))
        };
        if let Err(error) = signed_off.unwrap_or_else(late) {
            tracing::warn!(%error, "could not sign off; the runs are taken over after a while");
        }
    }
}

impl Inner {
    /// Leaves at once: what still runs here is free for others.
    async fn sign_off(&self) -> Result<()> {
        let now = self.app.db.now();
        let mut tx = self.app.db.write(Scope::System("sign off")).await?;
        store::remove_worker(&mut tx, self.id).await?;
        // Without its row this worker counts as dead; what it left behind goes back now, and not as a crash.
        store::hand_back(&mut tx, self.id, now).await?;
        tx.commit().await
    }

    /// Begins to take what Redis hands out, where it was opened. One who runs one run needs no Redis.
    fn take_from_redis(self: Arc<Self>) {
        let redis = Redis::of(&self.app).filter(|_| self.only.is_none());
        let Some(redis) = redis else {
            return;
        };
        let queues: Vec<Queue> = self
            .jobs
            .iter()
            .filter_map(|job| redis.queue(job.kind()).cloned())
            .collect();
        for queue in &queues {
            let taking = self.clone().take_from_queue(redis.clone(), queue.clone());
            self.tasks.spawn(taking);
        }
        self.tasks.spawn(self.clone().keep_locks(redis, queues));
    }

    /// Remembers a run that was claimed before anything else can happen to it.
    fn reserve(&self, run: &Run) {
        let held = Held {
            stop: CancellationToken::new(),
            queue: None,
        };
        self.running().insert(run.name.id, held);
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Uuid, Held>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn no_jobs(&self) -> bool {
        self.running().is_empty()
    }

    /// Returns when nothing has run here for a moment.
    async fn is_idle(&self) {
        loop {
            tokio::time::sleep(IDLE).await;
            if self.no_jobs() {
                return;
            }
        }
    }

    fn cancel_all(&self) {
        for held in self.running().values() {
            held.stop.cancel();
        }
    }
}

//! What works behind the faces: the application, its worker, and those who keep books. It comes together once the
//! database answers.

use crate::{
    app::App,
    audit,
    base::{Clock, Error, Result, Secret},
    config::{Config, Role},
    db::Target,
    people,
    runs::{Worker, relay::Relay},
    schedules::{
        Ticker, identity,
        ticker::{self, Chore},
    },
    serve::{
        health::{Board, Watcher},
        left_behind,
        notices::Operators,
        services,
    },
    startup::{
        self, Migrate,
        original::{self, Wanted},
    },
    syncs::alarm,
    telemetry, tenants, tokens,
};
use std::{
    io::{self, Write as _},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The wait between two attempts to reach the database, and the longest.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// The application of a server: there already, or still to be opened.
pub enum Start {
    /// It is there.
    Open(App),
    /// It is opened as the settings say; while a PostgreSQL server does not answer, again and again.
    Settings {
        /// The settings.
        config: Box<Config>,
        /// The time.
        clock: Clock,
        /// What becomes of an older database.
        migrate: Migrate,
        /// What the original's variables ask for.
        wanted: Option<Box<Wanted>>,
    },
}

impl Start {
    /// The settings.
    pub fn config(&self) -> &Config {
        match self {
            Self::Open(app) => &app.config,
            Self::Settings { config, .. } => config,
        }
    }

    /// Only a server may come back by itself; a file that cannot be opened needs a person.
    fn may_wait(&self) -> bool {
        match self {
            Self::Open(_) => false,
            Self::Settings { config, .. } => {
                let target = startup::database_options(config).target;
                matches!(target, Target::Postgres(_))
            }
        }
    }
}

/// Everybody who works.
pub(super) struct Crew {
    pub(super) app: App,
    worker: Option<Worker>,
    relay: Option<Relay>,
    ticker: Option<Ticker>,
    /// Cancelled when nothing is to fire any more.
    ticking: CancellationToken,
    others: TaskTracker,
    end: CancellationToken,
}

impl Crew {
    /// Comes together, however long the database takes. `told` hears of each attempt that failed.
    ///
    /// # Errors
    /// What does not pass by waiting: a database of another version, wrong keys, a file that cannot be opened.
    pub(super) async fn gather(
        start: &Start,
        board: &Board,
        told: impl Fn(&'static str, &str),
    ) -> Result<Self> {
        let may_wait = start.may_wait();
        let mut wait = AGAIN.0;
        loop {
            match Self::attempt(start, board).await {
                Err(Error::Unavailable { reason, what, .. }) if may_wait => {
                    tracing::warn!(
                        error.reason = reason,
                        retry.after_ms = millis(wait),
                        "waiting for the database: {what}"
                    );
                    told(reason, &what);
                    board.database_is_missing(reason).await;
                    // Replicas that lost the same database do not come back at the same moment.
                    tokio::time::sleep(wait.mul_f64(rand::random_range(0.5..=1.0))).await;
                    wait = (wait * 2).min(AGAIN.1);
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt(start: &Start, board: &Board) -> Result<Self> {
        let app = match start {
            Start::Open(app) => app.clone(),
            Start::Settings {
                config,
                clock,
                migrate,
                ..
            } => {
                let app = startup::open((**config).clone(), clock.clone(), *migrate).await?;
                left_behind::mention(&app).await;
                app
            }
        };
        let app = App {
            notify: Arc::new(Operators),
            ..app
        };
        let roles = &app.config.serve.roles;
        if (roles.has(Role::Rpc) || roles.has(Role::Web))
            && let Some(key) = tenants::keys::bootstrap(&app).await?
        {
            first_key(&key);
        }
        // Before anything fires, whoever of the replicas fires it.
        identity::check(&app).await?;
        // Whoever accepts or executes runs hands them to Redis.
        let relay = Relay::start(&app).await?;
        let worker = match roles.has(Role::Worker) {
            true => Some(Worker::start(app.clone(), services::jobs(), None).await?),
            false => None,
        };
        // Last of all: an attempt that failed would leave it behind, firing beside the next one's.
        let ticking = CancellationToken::new();
        let ticker = match roles.has(Role::Scheduler) {
            true => Some(Ticker::start(app.clone(), &chores(), ticking.clone()).await?),
            false => None,
        };
        let crew = Self {
            worker,
            relay,
            ticker,
            ticking,
            others: TaskTracker::new(),
            end: CancellationToken::new(),
            app,
        };
        let watcher = Watcher {
            app: crew.app.clone(),
            worker: crew.worker.as_ref().map(Worker::pulse),
            ticker: crew.ticker.as_ref().map(Ticker::pulse),
            board: board.clone(),
            problems: Mutex::default(),
        };
        watcher.look().await;
        if let Start::Settings {
            wanted: Some(wanted),
            ..
        } = start
        {
            let looking =
                original::look_after(crew.app.clone(), (**wanted).clone(), crew.ticking.clone());
            crew.others.spawn(looking);
        }
        crew.others.spawn(watcher.keep_looking(crew.end.clone()));
        crew.others
            .spawn(tokens::keep_books(crew.app.clone(), crew.end.clone()));
        crew.others.spawn(tenants::keys::keep_books(
            crew.app.clone(),
            crew.end.clone(),
        ));
        crew.others
            .spawn(audit::keep_books(crew.app.clone(), crew.end.clone()));
        crew.others
            .spawn(telemetry::metrics::keep_small(crew.end.clone()));
        Ok(crew)
    }

    /// Fires nothing and takes no more work, lets runs finish for the grace period and hands back the others.
    pub(super) async fn lay_down_work(&mut self) {
        self.ticking.cancel();
        if let Some(ticker) = self.ticker.take() {
            ticker.ended().await;
        }
        if let Some(worker) = self.worker.take() {
            worker.shut_down(self.app.config.runs.grace).await;
        }
        if let Some(relay) = self.relay.take() {
            relay.stop().await;
        }
    }

    /// Writes down what is left, and closes the database.
    pub(super) async fn go(self) {
        self.end.cancel();
        self.others.close();
        self.others.wait().await;
        self.app.db.close().await;
    }
}

/// Shows the first key to the person who starts the installation, this once: beside the log, which others keep and read.
fn first_key(key: &Secret) {
    let text = format!(
        "\nThe first key of this installation. It allows everything, and is shown only now:\n\n    {}\n\n",
        key.expose()
    );
    // Nobody listens: another key is made on this machine, as the documentation says.
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// What comes at fixed hours, and at the start: the chores of this floor's rooms, each on every replica.
fn chores() -> Vec<Chore> {
    let mut chores = [&ticker::CHORES[..], &alarm::CHORES].concat();
    chores.push(Chore {
        name: "forget sessions that are over",
        cron: "40 */5 * * * *",
        work: |app| Box::pin(async move { people::sweep(&app).await }),
    });
    chores
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

//! The settings: what there is to set, typed. They are layered from the built-in defaults, a file, `.env`, the
//! environment and flags; everything that is wrong is reported at once, before anything starts.

mod check;
mod database;
#[cfg(test)]
mod doc;
mod endpoint;
mod fault;
mod file;
mod keys;
mod layers;
mod levels;
mod list;
mod listen;
mod logs;
mod meet_clockify;
mod names;
pub mod originals;
mod people;
mod read;
mod roles;
mod sources;
#[cfg(test)]
mod tests;
mod transport;
pub mod units;
mod variables;

pub use check::OWN_QUEUES;
pub use fault::{EXIT_CONFIG, Fault, Faults, Notice, Origin};
pub use levels::Levels;
pub use list::Setting;
pub use logs::{Log, LogFormat, Otel};
pub use meet_clockify::MeetClockify;
pub use people::People;
pub use roles::{Role, Roles};
pub use sources::Sources;
pub use transport::{ClientAuth, Files, Limits, Tls};

use self::variables::Variables;
use crate::{base::Secret, outbound::Budget};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Longest window that a sync may look back, in days.
pub const MOST_DAYS: u32 = 1825;

/// All settings. `config.default.toml` says what each one means.
#[derive(Clone, Debug)]
pub struct Config {
    /// One or several base64 keys of 32 bytes, separated by commas; the first seals, all open. `None`: the key file.
    pub key: Option<Secret>,
    /// A program that prints such keys, with its arguments.
    pub key_command: Option<Vec<String>>,
    /// A name of this installation, for copies of a database.
    pub instance: Option<String>,
    /// Where files live.
    pub data: Data,
    /// Which parts of a server this process is.
    pub serve: Serve,
    /// The gRPC server.
    pub grpc: Grpc,
    /// The HTTP server.
    pub http: Http,
    /// The certificate that both show. `None`: they speak plainly.
    pub tls: Option<Tls>,
    /// How much callers may use up.
    pub limits: Limits,
    /// How the command line meets a server.
    pub client: Files,
    /// Who may call.
    pub auth: Auth,
    /// Users who log in.
    pub people: People,
    /// The database.
    pub database: Database,
    /// The Redis that hands out runs.
    pub redis: Redis,
    /// How runs are handed out through it.
    pub queue: Queue,
    /// Google's endpoints, client and budgets.
    pub google: Google,
    /// Clockify's endpoint and budget.
    pub clockify: Clockify,
    /// Calls to the outside.
    pub outbound: Outbound,
    /// Executing runs.
    pub runs: Runs,
    /// Credentials.
    pub tokens: Tokens,
    /// Who did what.
    pub audit: Audit,
    /// What syncs do when they do not say otherwise.
    pub syncs: Syncs,
    /// What is logged.
    pub log: Log,
    /// Traces.
    pub otel: Otel,
}

/// Where files live.
#[derive(Clone, Debug)]
pub struct Data {
    /// The data directory; not made by loading the settings.
    pub dir: PathBuf,
}

impl Data {
    /// The embedded database.
    pub fn sqlite_file(&self) -> PathBuf {
        self.dir.join("syncline.db")
    }

    /// The key that seals tokens, where no key is set.
    pub fn key_file(&self) -> PathBuf {
        self.dir.join("syncline.key")
    }
}

/// Which parts of a server this process is.
#[derive(Clone, Debug)]
pub struct Serve {
    /// At least one.
    pub roles: Roles,
}

/// The HTTP server.
#[derive(Clone, Debug)]
pub struct Http {
    /// Where it listens: loopback, unless callers must show who they are.
    pub addr: SocketAddr,
    /// What browsers reach it by, without a slash at its end. `None`: the address.
    pub public_url: Option<String>,
}

/// Who may call.
#[derive(Clone, Debug)]
pub struct Auth {
    /// Whether callers must show who they are. If not, only this machine can reach us.
    pub is_required: bool,
    /// A name and a password that allow everything.
    pub basic: Option<BasicAuth>,
    /// The key that the command line shows to a server.
    pub api_key: Option<Secret>,
    /// Calls in a minute with one key that says nothing else; 0 is no limit.
    pub key_rate_limit: u32,
    /// Wrong credentials from one address; `None` is no limit.
    pub attempts: Option<Budget>,
    /// A key that allows everything. `None`, and no password: one is made at the first start that needs it.
    pub admin_key: Option<Secret>,
}

/// A name and a password.
#[derive(Clone, Debug)]
pub struct BasicAuth {
    /// Without a colon.
    pub username: String,
    /// Not empty.
    pub password: Secret,
}

/// The gRPC server.
#[derive(Clone, Debug)]
pub struct Grpc {
    /// Where it listens: loopback, unless callers must show who they are.
    pub addr: SocketAddr,
    /// Whether it describes itself.
    pub reflection: bool,
    /// Largest message that is accepted.
    pub max_message_bytes: usize,
    /// Largest message that is sent.
    pub max_answer_bytes: usize,
}

/// What stands between us and PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooler {
    /// Nothing, or a pooler in session mode: statements may be kept prepared.
    None,
    /// A pooler in transaction mode: no statement outlives its transaction.
    Transaction,
}

/// The database.
#[derive(Clone, Debug)]
pub struct Database {
    /// `postgres://…` or `sqlite:…`, without the parameters that became settings here. `None`: [`Data::sqlite_file`].
    pub url: Option<Secret>,
    /// The URL for migrations, in the same form. `None`: the same as `url`.
    pub migrate_url: Option<Secret>,
    /// The PostgreSQL schema: a plain lower-case identifier that needs no quotes.
    pub schema: String,
    /// What stands between us and PostgreSQL.
    pub pooler: Pooler,
    /// Whether the user may be one whom row-level security does not bind.
    pub allow_superuser: bool,
    /// Largest number of connections of this process.
    pub max_connections: u32,
    /// When an unused connection is closed.
    pub idle_timeout: Duration,
    /// How long a call waits for a free connection.
    pub acquire_timeout: Duration,
    /// How long one attempt to connect may take.
    pub connect_timeout: Duration,
    /// Whether a PostgreSQL on another machine may be spoken to without TLS.
    pub allow_plaintext: bool,
}

/// The Redis that hands out runs.
#[derive(Clone, Debug)]
pub struct Redis {
    /// `redis://…` or `rediss://…`. `None`: runs are claimed from the database.
    pub url: Option<Secret>,
    /// For `rediss://…`.
    pub files: Files,
}

/// How runs are handed out through Redis.
#[derive(Clone, Debug)]
pub struct Queue {
    /// What all keys begin with.
    pub prefix: String,
    /// Runs of one tenant, kind and priority that are in Redis at a time.
    pub window: u32,
    /// Queues whose jobs workers of others execute, in the order of their names.
    pub external: Vec<String>,
}

impl Queue {
    /// All queues of the installation: our own, and those of others.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        OWN_QUEUES
            .into_iter()
            .chain(self.external.iter().map(String::as_str))
    }
}

/// Google. URLs have no slash at their end.
#[derive(Clone, Debug)]
pub struct Google {
    /// Where a person gives consent.
    pub auth_url: String,
    /// Where codes and refresh tokens are exchanged.
    pub token_url: String,
    /// Where a grant is given back.
    pub revoke_url: String,
    /// Who a token belongs to.
    pub userinfo_url: String,
    /// What stands before `/v2`.
    pub meet_url: String,
    /// Ends in `/calendar/v3`.
    pub calendar_url: String,
    /// The OAuth client.
    pub client_id: Option<String>,
    /// Its secret.
    pub client_secret: Option<Secret>,
    /// Requests to Meet for one account; `None` is no limit.
    pub meet_budget: Option<Budget>,
    /// Requests to Calendar for one account; `None` is no limit.
    pub calendar_budget: Option<Budget>,
}

/// Clockify.
#[derive(Clone, Debug)]
pub struct Clockify {
    /// Ends in `/api/v1`.
    pub url: String,
    /// Requests for one account; `None` is no limit.
    pub budget: Option<Budget>,
}

/// Calls to the outside.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// How long one call may take, connecting included.
    pub timeout: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How often a call that is safe to repeat is repeated.
    pub retries: u32,
    /// Waiting time before the first repetition.
    pub backoff_base: Duration,
    /// Longest waiting time between two repetitions.
    pub backoff_max: Duration,
    /// Longest time to wait in place for a budget.
    pub max_inline_wait: Duration,
    /// Calls at the same time, over all providers.
    pub concurrency: usize,
    /// Failures in a row after which a provider is left alone.
    pub breaker_failures: u32,
    /// How long it is left alone.
    pub breaker_open: Duration,
    /// Largest answer that is read.
    pub max_body_bytes: usize,
    /// What we call ourselves.
    pub user_agent: String,
    /// Whether `http://` is allowed to hosts other than loopback.
    pub allow_plain_http: bool,
}

/// Executing runs.
#[derive(Clone, Debug)]
pub struct Runs {
    /// How often a process says that it is alive.
    pub heartbeat: Duration,
    /// A process that was silent this long is dead.
    pub dead_after: Duration,
    /// How often the table is looked at.
    pub poll: Duration,
    /// Runs at the same time in this process.
    pub concurrency: usize,
    /// Runs of one tenant at the same time; 0 is no limit.
    pub tenant_concurrency: u32,
    /// Runs of one lane at the same time; 0 is no limit.
    pub account_concurrency: u32,
    /// How long work may go on after SIGTERM.
    pub grace: Duration,
    /// How long a run that must stop may take to do so by itself.
    pub cancel_grace: Duration,
    /// Attempts of one run.
    pub max_attempts: u32,
    /// How long finished runs are kept.
    pub retention: Duration,
}

/// Credentials.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// How long events are kept.
    pub history_retention: Duration,
}

/// Who did what.
#[derive(Clone, Debug)]
pub struct Audit {
    /// How long entries are kept.
    pub retention: Duration,
}

/// What syncs do when they do not say otherwise.
#[derive(Clone, Debug)]
pub struct Syncs {
    /// Days that a sync looks back, 1 to [`MOST_DAYS`].
    pub days: u32,
    /// How far before the newest record the next run starts reading.
    pub overlap: Duration,
    /// How long an unanswered write may still be invisible.
    pub visibility_grace: Duration,
    /// Longest description of a time entry, in characters.
    pub description_limit: usize,
    /// Whether runs only say what they would do.
    pub dry_run: bool,
}

impl Config {
    /// Reads and checks everything. Nothing is written, no connection is made, and the process's own environment is
    /// not touched.
    ///
    /// # Errors
    /// What there is to say where other machines reach the server, and the network hears keys and passwords.
    pub fn in_clear(&self) -> Option<&'static str> {
        let addresses = [self.grpc.addr, self.http.addr];
        let is_reached = addresses.iter().any(|address| !address.ip().is_loopback());
        (is_reached && self.tls.is_none()).then_some(
            "other machines reach this server without TLS, so keys and passwords cross the network as they are: set SYNCLINE_TLS_CERT and \
             SYNCLINE_TLS_KEY, or let nobody but a proxy with TLS reach it",
        )
    }

    /// All faults at once; the process should end with [`EXIT_CONFIG`].
    pub fn load(sources: &Sources) -> Result<(Self, Vec<Notice>), Faults> {
        let mut faults = Faults::default();
        let (config, notices, _) = Self::gather(sources, &mut faults);
        match faults.0.is_empty() {
            true => Ok((config, notices)),
            false => Err(faults),
        }
    }

    fn gather(sources: &Sources, faults: &mut Faults) -> (Self, Vec<Notice>, Variables) {
        let mut notices = Vec::new();
        let variables = Variables::of(sources, faults);
        names::judge(&variables, sources.obeys_original, faults, &mut notices);
        let values = layers::gather(sources, &variables, faults);
        let config = check::config(&values, faults);
        (config, notices, variables)
    }

    /// The built-in defaults with the data directory `dir`: what tests and the demo start from.
    pub fn with_defaults(dir: impl Into<PathBuf>) -> Self {
        let mut faults = Faults::default();
        let mut config = check::config(&layers::defaults(), &mut faults);
        config.data.dir = dir.into();
        config
    }
}

//! The database: one handle over SQLite and PostgreSQL, transactions that carry their scope, and migrations.
//!
//! Every statement runs inside a transaction, because its first statement sets role, tenant and schema (on PostgreSQL),
//! and so it also works behind a pooler. SQL is one text for both engines: `$1` binds, `ON CONFLICT`, `RETURNING`, `CASE`.
//! Lists go in as one JSON text, an array of objects, read with `json_each($1)`: SQLite has that function and migration
//! 0001 gives it to PostgreSQL. A JSONB column holds no bare number: SQLite would keep it as a number, not as JSON.

mod connect;
mod encryption;
mod error;
pub mod guard;
mod lock;
pub mod migrate;
mod sources;
mod tx;

pub use error::on_constraint;
#[doc(hidden)]
pub use tx::{Inner, in_time};
pub use tx::{Scope, Tx, execute, fetch_all, fetch_one, fetch_optional, run};

use crate::base::{Clock, Error, Result, Secret, reach};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{AssertSqlSafe, PgPool, Row as _, SqlitePool};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// Which database, and how to hold on to it.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the data is.
    pub target: Target,
    /// The URL for migrations, where the runtime's user may not change the schema.
    pub migrate_url: Option<Secret>,
    /// PostgreSQL schema that holds everything; also the prefix of the two roles, `<schema>_app` and `<schema>_system`.
    pub schema: String,
    /// Whether statements may stay prepared between transactions: not behind a transaction pooler.
    pub persistent: bool,
    /// Most connections at a time. SQLite uses one of its own for writing besides.
    pub max_connections: u32,
    /// A connection that was not used for so long is closed.
    pub idle_timeout: Duration,
    /// How long to wait for a free connection.
    pub acquire_timeout: Duration,
    /// How long one attempt to connect to a server may take: the first one of a pool, and the migrator's. A pool that is
    /// open makes further ones within `acquire_timeout`.
    pub connect_timeout: Duration,
    /// Whether a server on another machine may be spoken to without TLS.
    pub allow_plaintext: bool,
    /// How long SQLite waits for another process that is writing before it says that the database is locked.
    pub busy_timeout: Duration,
    /// For one test, and set by no setting: statements forget their conditions about a tenant, to show that PostgreSQL
    /// keeps tenants apart all the same.
    #[doc(hidden)]
    pub forgets_tenants: bool,
}

/// Where the data is.
#[derive(Clone, Debug)]
pub enum Target {
    /// A file, made when it is not there.
    Sqlite(PathBuf),
    /// A server.
    Postgres(Secret),
}

/// A handle on the database, cheap to clone.
#[derive(Clone, Debug)]
pub struct Db(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pool: Pool,
    options: Options,
    clock: Clock,
    /// How far the database's clock is ahead of ours, in microseconds.
    offset: AtomicI64,
    /// Cloned by each transaction, so that its count tells how many there are.
    open: Arc<()>,
}

#[derive(Debug)]
enum Pool {
    Postgres(PgPool),
    /// SQLite has one writer at a time. Giving it one connection makes our own tasks queue in order for it, where the
    /// engine's busy handler would let them starve each other; other processes still meet at the busy handler.
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
    },
}

/// Which of the two engines it is, for the few places where they must differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A PostgreSQL server.
    Postgres,
    /// A SQLite file.
    Sqlite,
}

impl Db {
    /// Opens the database, without migrating it: see [`migrate`]. Fails when it cannot be reached within the acquire
    /// time-out; an SQLite file that does not exist is made.
    pub async fn connect(options: Options, clock: Clock) -> Result<Self> {
        let pool = connect::open(&options).await?;
        let db = Self(Arc::new(Shared {
            pool,
            options,
            clock,
            offset: AtomicI64::new(0),
            open: Arc::default(),
        }));
        db.measure_offset().await?;
        Ok(db)
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        match self.0.pool {
            Pool::Postgres(_) => Engine::Postgres,
            Pool::Sqlite { .. } => Engine::Sqlite,
        }
    }

    /// What the database was opened with.
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// The clock that times are taken from.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The present as the database sees it. Leases and due times use this, so that machines whose clocks differ agree.
    pub fn now(&self) -> DateTime<Utc> {
        self.0.clock.now() + self.skew()
    }

    /// How far the database's clock is ahead of this machine's.
    pub fn skew(&self) -> TimeDelta {
        TimeDelta::microseconds(self.0.offset.load(Ordering::Relaxed))
    }

    /// Measures the database's clock again; call it every 10 s. A file has the clock of its machine.
    pub async fn measure_offset(&self) -> Result<()> {
        let Pool::Postgres(pool) = &self.0.pool else {
            return Ok(());
        };
        if self.0.clock.is_fixed() {
            return Ok(());
        }
        let before = self.0.clock.now();
        // One round trip: outside of a transaction a pooler could send the second one elsewhere.
        let asked = sqlx::raw_sql("SELECT clock_timestamp()").fetch_one(pool);
        let row = in_time(asked).await;
        let row = row.map_err(|cause| self.no_connection(cause))?;
        let theirs: DateTime<Utc> = row.try_get(0)?;
        let after = self.0.clock.now();
        let offset = theirs - (before + (after - before) / 2);
        // Half the round trip is what the measurement cannot see; less than that is not a difference.
        let offset = if offset.abs() <= (after - before) / 2 {
            TimeDelta::zero()
        } else {
            offset
        };
        self.0.offset.store(
            offset.num_microseconds().unwrap_or_default(),
            Ordering::Relaxed,
        );
        Ok(())
    }

    /// Begins a transaction that only reads. Drop it when done.
    pub async fn read(&self, scope: Scope) -> Result<Tx> {
        self.begin(scope, Mode::Read).await
    }

    /// Begins a transaction that may write. Nothing of it stays unless [`Tx::commit`] returns `Ok`. Never hold one over
    /// I/O to the outside: on SQLite nobody else can write meanwhile.
    pub async fn write(&self, scope: Scope) -> Result<Tx> {
        self.begin(scope, Mode::Write).await
    }

    async fn begin(&self, scope: Scope, mode: Mode) -> Result<Tx> {
        if let Scope::Tenant(tenant) = &scope {
            reach::check(tenant)?;
        }
        // The whole of it is meant where somebody says that he sees everything.
        let forgets = self.0.options.forgets_tenants && matches!(scope, Scope::Tenant(_));
        match &self.0.pool {
            Pool::Postgres(pool) => {
                let sql = tx::postgres_begin(&self.0.options.schema, &scope, mode);
                // Safe: the schema was checked to be an identifier and a tenant id has no quote in it.
                let begun = in_time(pool.begin_with(AssertSqlSafe(sql))).await;
                let tx = begun.map_err(|cause| self.no_connection(cause))?;
                let inner = Inner::Postgres(tx, self.0.options.persistent);
                Ok(Tx::new(inner, &self.0.open, forgets))
            }
            Pool::Sqlite { write, read } => {
                let inner = match mode {
                    Mode::Read => read.begin_with("BEGIN DEFERRED").await?,
                    Mode::Write => write.begin_with("BEGIN IMMEDIATE").await?,
                };
                Ok(Tx::new(Inner::Sqlite(inner), &self.0.open, forgets))
            }
        }
    }

    /// The pool says the same when all its connections are in use and when none can be made.
    fn no_connection(&self, cause: sqlx::Error) -> Error {
        let in_use = Arc::strong_count(&self.0.open) - 1;
        match cause {
            sqlx::Error::PoolTimedOut if in_use < self.0.options.max_connections as usize => {
                Error::unavailable(
                    "DATABASE_UNREACHABLE",
                    "the database does not answer in time",
                )
            }
            cause => cause.into(),
        }
    }

    /// Closes all connections; a clean end writes SQLite's log back into its file.
    pub async fn close(&self) {
        match &self.0.pool {
            Pool::Postgres(pool) => pool.close().await,
            Pool::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
        }
    }
}

/// Whether a transaction may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Read,
    Write,
}

impl Options {
    /// An SQLite file with the usual settings.
    pub fn sqlite(file: impl Into<PathBuf>) -> Self {
        Self::new(Target::Sqlite(file.into()))
    }

    /// A PostgreSQL server with the usual settings.
    pub fn postgres(url: impl Into<Secret>) -> Self {
        Self::new(Target::Postgres(url.into()))
    }

    /// The usual settings.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            migrate_url: None,
            schema: "syncline".to_owned(),
            persistent: true,
            max_connections: 10,
            idle_timeout: Duration::from_secs(600),
            acquire_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            allow_plaintext: false,
            busy_timeout: Duration::from_secs(10),
            forgets_tenants: false,
        }
    }
}

/// Refuses a schema name that would have to be quoted.
pub(crate) fn check_schema(schema: &str) -> Result<()> {
    let fine = schema.len() <= 50
        && schema.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && schema
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if fine {
        Ok(())
    } else {
        Err(Error::invalid(
            "database.schema",
            "expected lower-case letters, digits and underscores, at most 50",
        ))
    }
}

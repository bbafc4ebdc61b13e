//! Opens the pools of either engine.

use crate::{
    base::{Error, Result},
    db::{Options, Pool, Target, check_schema, encryption, lock},
};
use sqlx::{
    ConnectOptions, Connection, PgConnection, Row,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    io::ErrorKind, os::unix::fs::OpenOptionsExt as _, path::Path, str::FromStr, time::Duration,
};

/// How long the attempt may take that only finds out why the others failed.
const ONCE_MORE: Duration = Duration::from_secs(1);
/// A connection that does not answer a mere question within this time leads nowhere: the network may have lost it
/// without a word, and nobody would ever be told.
const SILENT_AFTER: Duration = Duration::from_secs(2);

/// A connection that was put back so lately is taken as it is: it was looked at then.
const FRESH_FOR: Duration = Duration::from_secs(1);

pub(super) async fn open(options: &Options) -> Result<Pool> {
    check_schema(&options.schema)?;
    match &options.target {
        Target::Postgres(url) => {
            let connect =
                postgres_options(url.expose(), options.persistent, options.allow_plaintext)?;
            answers(&connect, options.connect_timeout).await?;
            let pool = PgPoolOptions::new()
                .max_connections(options.max_connections)
                .acquire_timeout(options.acquire_timeout)
                .idle_timeout(options.idle_timeout)
                // In place of the pool's own tests, which do not see a transaction that was left open, wait for ever, and
                // keep the connection's place meanwhile.
                .test_before_acquire(false)
                .before_acquire(|connection, about| {
                    Box::pin(async move {
                        Ok(about.idle_for < FRESH_FOR || is_outside_transactions(connection).await)
                    })
                })
                .after_release(|connection, _| {
                    Box::pin(async { Ok(is_outside_transactions(connection).await) })
                })
                .connect_with(connect.clone())
                .await;
            match pool {
                Ok(pool) => Ok(Pool::Postgres(pool)),
                Err(cause) => Err(cannot_reach(cause, &connect).await),
            }
        }
        Target::Sqlite(file) => {
            let connect = sqlite_options(file, options);
            let pool = |connections| {
                SqlitePoolOptions::new()
                    .max_connections(connections)
                    .acquire_timeout(options.acquire_timeout)
                    // SQLite ends a transaction by itself when the disk is full; sqlx 0.9 then counts one that is not
                    // there, and refuses to begin another.
                    .before_acquire(|connection, _| {
                        Box::pin(std::future::ready(Ok(!connection.is_in_transaction())))
                    })
            };
            // Where no lock can be made, as in a folder that is read-only, nobody switches anything either.
            let lock = lock::take(file).await.ok();
            make_private(file);
            // The writer comes first: it makes the file and switches it to write-ahead logging, which readers cannot.
            let write = pool(1)
                .connect_with(connect.clone())
                .await
                .map_err(|cause| cannot_open(file, cause))?;
            drop(lock);
            let read = pool(options.max_connections)
                .idle_timeout(options.idle_timeout)
                .connect_lazy_with(connect.create_if_missing(false).pragma("query_only", "ON"));
            Ok(Pool::Sqlite { write, read })
        }
    }
}

/// Parses a PostgreSQL URL. The text of a bad one is not repeated: it may hold a password.
pub(super) fn postgres_options(
    url: &str,
    persistent: bool,
    allow_plaintext: bool,
) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| {
            Error::invalid(
                "database.url",
                "expected postgres://user:password@host:port/database",
            )
        })?
        .application_name("syncline")
        .disable_statement_logging();
    let options = encryption::checked(options, allow_plaintext)?;
    Ok(if persistent {
        options
    } else {
        options.statement_cache_capacity(0)
    })
}

/// Makes the file, if it is not there, for its owner alone: it holds people's addresses and hashes of their passwords. What
/// SQLite puts beside it gets the same rights. Where that fails, opening it says why.
fn make_private(file: &Path) {
    let mut make = std::fs::OpenOptions::new();
    let _ = make.write(true).create_new(true).mode(0o600).open(file);
}

fn sqlite_options(file: &Path, options: &Options) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // An accepted run must survive a power cut, not only a crash of the process.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(options.busy_timeout)
        .foreign_keys(true)
        .disable_statement_logging()
}

/// A caller may go away, or the role be refused, between `BEGIN` and the moment where sqlx counts the transaction as
/// begun; sqlx 0.9 then does not roll it back. Such a connection still has the role of its transaction, or fails here, as
/// does one that is broken: both are closed in silence, because what matters is whether a new one can be made.
async fn is_outside_transactions(connection: &mut PgConnection) -> bool {
    const SQL: &str = "SELECT current_setting('role') = 'none'";
    let row = tokio::time::timeout(SILENT_AFTER, sqlx::raw_sql(SQL).fetch_one(connection)).await;
    row.is_ok_and(|row| row.is_ok_and(|row| row.try_get(0).unwrap_or(false)))
}

/// Refuses a server that takes a connection and says nothing, or is silent altogether. Everything else that is wrong is the
/// pool's to find out.
async fn answers(connect: &PgConnectOptions, patience: Duration) -> Result<()> {
    match within(patience, connect).await {
        Err(silent) => Err(silent),
        Ok(Ok(connection)) => {
            // It only was to be seen; whether its end is heard of does not matter.
            let _ = connection.close().await;
            Ok(())
        }
        Ok(Err(_)) => Ok(()),
    }
}

/// One attempt to connect. The outer error is that it took too long.
pub(super) async fn within(
    patience: Duration,
    connect: &PgConnectOptions,
) -> Result<sqlx::Result<PgConnection>> {
    let attempt = tokio::time::timeout(patience, PgConnection::connect_with(connect)).await;
    attempt.map_err(|_| too_slow(&address(connect)))
}

fn too_slow(address: &str) -> Error {
    let what = format!("the database at {address} does not answer in time");
    Error::unavailable("DATABASE_UNREACHABLE", what)
}

fn address(connect: &PgConnectOptions) -> String {
    match connect.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", connect.get_host(), connect.get_port()),
    }
}

/// The pool repeats a refused connection until its time is up, and then only says that: what is wrong is found out by one
/// more attempt.
async fn cannot_reach(cause: sqlx::Error, connect: &PgConnectOptions) -> Error {
    if let Some(error) = encryption::failure(&cause, connect) {
        return error;
    }
    let sqlx::Error::PoolTimedOut = cause else {
        return cause.into();
    };
    let address = address(connect);
    let once_more = tokio::time::timeout(ONCE_MORE, PgConnection::connect_with(connect));
    let what = match once_more.await {
        Ok(Err(sqlx::Error::Io(cause))) if cause.kind() == ErrorKind::ConnectionRefused => {
            format!("the connection to {address} is refused: is PostgreSQL running there?")
        }
        Ok(Err(sqlx::Error::Io(cause))) => {
            format!("the database at {address} cannot be reached: {cause}")
        }
        Ok(Err(cause)) => return cause.into(),
        // Reachable after all, or silent: either way it was too slow.
        Ok(Ok(_)) | Err(_) => return too_slow(&address),
    };
    Error::unavailable("DATABASE_UNREACHABLE", what)
}

fn cannot_open(file: &Path, cause: sqlx::Error) -> Error {
    let shown = file.display();
    match Error::from(cause) {
        Error::Internal(cause) => Error::unavailable(
            "DATABASE_UNREACHABLE",
            format!("the SQLite file {shown} cannot be opened: {cause}"),
        ),
        Error::Unavailable {
            reason,
            what,
            retry_at,
        } => Error::Unavailable {
            reason,
            what: format!("{what} ({shown})"),
            retry_at,
        },
        other => other,
    }
}

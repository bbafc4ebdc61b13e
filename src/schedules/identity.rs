//! Whether this database is the one that it was: a copy that is started beside the original, or a backup that was
//! restored, must not act for the original. Nothing fires in it until a person says so.

use crate::{
    app::App,
    base::{Error, Result},
    db::{Engine, Scope, Target, Tx, execute, fetch_one, fetch_optional},
    schedules::{change, schedule::PausedBy, store},
};
use chrono::{DateTime, Utc};
use std::os::unix::fs::MetadataExt as _;

/// The fact that holds where the database was when it was last opened.
const IDENTITY: &str = "instance.identity";
/// The fact that is there while nobody has said that a copy may act.
const UNCONFIRMED: &str = "instance.unconfirmed_copy";
/// Schedules that are resumed in one transaction.
const BATCH: i64 = 200;

/// What a database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The one that it was, or a new one.
    Itself,
    /// A copy, or one that was restored, and nobody has said yet that it may act.
    UnconfirmedCopy,
}

/// Looks who this database is, and pauses every schedule when it is not the one that it was. To be called at start,
/// before anything fires.
pub async fn check(app: &App) -> Result<Standing> {
    let now = app.db.now();
    let place = place(app).await?;
    let name = app.config.instance.as_deref().unwrap_or_default();
    let identity = format!("{name} @ {place}");
    let mut tx = app
        .db
        .write(Scope::System("compare the instance's identity"))
        .await?;
    // Written first, so that of several processes that start at once the others wait here.
    let known = replace(&mut tx, IDENTITY, &identity, now).await?;
    if known.is_some_and(|known| known != identity) {
        let note = "this database is a copy, or was restored: confirm that it may act instead of the original";
        let paused = store::pause_all(&mut tx, PausedBy::Copy, note, now).await?;
        replace(&mut tx, UNCONFIRMED, &identity, now).await?;
        tracing::warn!(
            schedules.paused = paused,
            "this database is a copy of another installation's, or was restored: its schedules are paused until somebody confirms it"
        );
    }
    tx.commit().await?;
    standing(app).await
}

/// Whether the database may act.
pub async fn standing(app: &App) -> Result<Standing> {
    let mut tx = app
        .db
        .read(Scope::System("read the instance's standing"))
        .await?;
    Ok(match value(&mut tx, UNCONFIRMED).await? {
        Some(_) => Standing::UnconfirmedCopy,
        None => Standing::Itself,
    })
}

/// Says that this copy may act from now on: resumes what was paused because of it. Returns how many schedules; 0 where
/// nothing was to be confirmed.
pub async fn confirm(app: &App) -> Result<usize> {
    let mut resumed = 0;
    loop {
        let mut tx = app
            .db
            .write(Scope::System("resume the schedules of a confirmed copy"))
            .await?;
        let paused = store::paused(&mut tx, PausedBy::Copy, BATCH).await?;
        for schedule in &paused {
            change::resume(app, &mut tx, &schedule.key).await?;
        }
        if paused.is_empty() {
            execute!(
                tx,
                "DELETE FROM instance_facts WHERE name = $1",
                UNCONFIRMED
            )?;
            tx.commit().await?;
            return Ok(resumed);
        }
        tx.commit().await?;
        resumed += paused.len();
    }
}

/// Where the data is, in words that a copy does not share.
async fn place(app: &App) -> Result<String> {
    if let Target::Sqlite(file) = &app.db.options().target {
        let about = std::fs::metadata(file).map_err(|cause| {
            Error::unavailable(
                "DATABASE_UNREACHABLE",
                format!("the file {} cannot be looked at: {cause}", file.display()),
            )
        })?;
        // A file that is moved keeps its inode, a copied one has another. Devices are numbered anew at every boot.
        return Ok(format!("inode {}", about.ino()));
    }
    const DATABASE: &str =
        "SELECT CAST(oid AS TEXT) FROM pg_database WHERE datname = current_database()";
    const SYSTEM: &str = "SELECT CAST(system_identifier AS TEXT) FROM pg_control_system()";
    let scope = || Scope::System("read the server's identity");
    let mut tx = app.db.read(scope()).await?;
    let (database,): (String,) = fetch_one!(tx, (String,), DATABASE)?;
    drop(tx);
    // Some hosts do not let everybody read it; then a physical copy is only known by its name.
    let mut tx = app.db.read(scope()).await?;
    let system =
        fetch_one!(tx, (String,), SYSTEM).map_or_else(|_| "unknown".to_owned(), |(system,)| system);
    Ok(format!("system {system} database {database}"))
}

async fn value(tx: &mut Tx, name: &str) -> Result<Option<String>> {
    const SQL: &str = "SELECT value FROM instance_facts WHERE name = $1";
    Ok(fetch_optional!(tx, (String,), SQL, name)?.map(|(value,)| value))
}

/// Stores a fact and returns what was stored before.
async fn replace(tx: &mut Tx, name: &str, new: &str, now: DateTime<Utc>) -> Result<Option<String>> {
    // Differs by necessity: SQLite has one writer, and no clause to wait for a row.
    const MAKE: &str = "INSERT INTO instance_facts (name, value, updated_at) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO NOTHING";
    const LOCK: &str = "SELECT value FROM instance_facts WHERE name = $1 FOR UPDATE";
    const SET: &str = "UPDATE instance_facts SET value = $2, updated_at = $3 WHERE name = $1";
    if execute!(tx, MAKE, name, new, now)? == 1 {
        return Ok(None);
    }
    let known = match tx.engine() {
        Engine::Postgres => fetch_optional!(tx, (String,), LOCK, name)?.map(|(value,)| value),
        Engine::Sqlite => value(tx, name).await?,
    };
    execute!(tx, SET, name, new, now)?;
    Ok(known)
}

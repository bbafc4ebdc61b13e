//! Opens an application as the settings say: database, migrations, keys, the way to the providers; and makes what the
//! variables of the original ask for.

pub mod original;

use crate::{
    app::App,
    base::{Clock, Error, Result},
    config::{Config, Pooler},
    db::{self, Db, Target},
    outbound::{self, Outbound},
    telemetry, tokens,
};
use std::{path::PathBuf, sync::Arc};

/// What to do with a database that is not at this version's schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migrate {
    /// Bring it there.
    Apply,
    /// Refuse to start.
    Refuse,
}

/// Opens the database, migrates it or refuses, finds the keys, and makes sure that they open what is stored.
pub async fn open(config: Config, clock: Clock, migrate: Migrate) -> Result<App> {
    let options = database_options(&config);
    match (migrate, &options.target) {
        (Migrate::Apply, _) => make_folder(&options)?,
        // Connecting would make an empty file, and refuse that.
        (Migrate::Refuse, Target::Sqlite(file)) if !file.exists() => {
            let file = file.display();
            return Err(Error::precondition(
                "DATABASE_NOT_MIGRATED",
                format!("there is no database yet: make {file} with `syncline db migrate`"),
            ));
        }
        (Migrate::Refuse, _) => {}
    }
    let db = Db::connect(options, clock).await?;
    match migrate {
        Migrate::Apply => {
            if !config.database.allow_superuser {
                db::guard::check_user(&db).await?;
            }
            db::migrate::run(&db).await?.check()?;
        }
        Migrate::Refuse => db::migrate::status(&db).await?.check()?,
    }
    db::guard::check(&db, config.database.allow_superuser).await?;
    assemble(config, db).await
}

/// Puts the parts together on a database that is at this version's schema.
pub async fn assemble(config: Config, db: Db) -> Result<App> {
    let keys = tokens::open_keyring(&config, &db).await?;
    let outbound = Outbound::new(db.clone(), outbound_options(&config))?;
    Ok(App::new(Arc::new(config), db, outbound, keys))
}

/// How the settings say that the database is to be opened. Makes nothing.
pub fn database_options(config: &Config) -> db::Options {
    let settings = &config.database;
    let target = match &settings.url {
        None => Target::Sqlite(config.data.sqlite_file()),
        Some(url) => match sqlite_path(url.expose()) {
            Some(path) => Target::Sqlite(path),
            None => Target::Postgres(url.clone()),
        },
    };
    db::Options {
        migrate_url: settings.migrate_url.clone(),
        schema: settings.schema.clone(),
        persistent: settings.pooler == Pooler::None,
        max_connections: settings.max_connections,
        idle_timeout: settings.idle_timeout,
        acquire_timeout: settings.acquire_timeout,
        connect_timeout: settings.connect_timeout,
        allow_plaintext: settings.allow_plaintext,
        ..db::Options::new(target)
    }
}

/// Makes the folder that an embedded database is in.
pub fn make_folder(options: &db::Options) -> Result<()> {
    if let Target::Sqlite(file) = &options.target
        && let Some(folder) = file.parent()
        && !folder.as_os_str().is_empty()
    {
        std::fs::create_dir_all(folder).map_err(|cause| {
            Error::unavailable(
                "DATABASE_UNREACHABLE",
                format!("the folder {} cannot be made: {cause}", folder.display()),
            )
        })?;
    }
    Ok(())
}

/// The file of `sqlite:path`, `sqlite://path` or `file:path`; `None` for another kind of URL.
fn sqlite_path(url: &str) -> Option<PathBuf> {
    let rest = url
        .strip_prefix("sqlite:")
        .or_else(|| url.strip_prefix("file:"))?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let path = rest.split(['?', '#']).next().unwrap_or(rest);
    Some(PathBuf::from(path))
}

fn outbound_options(config: &Config) -> outbound::Options {
    let settings = &config.outbound;
    outbound::Options {
        timeout: settings.timeout,
        connect_timeout: settings.connect_timeout,
        retries: settings.retries,
        backoff_base: settings.backoff_base,
        backoff_max: settings.backoff_max,
        max_inline_wait: settings.max_inline_wait,
        breaker_failures: settings.breaker_failures,
        breaker_open: settings.breaker_open,
        max_body_bytes: settings.max_body_bytes,
        user_agent: settings.user_agent.clone(),
        allow_plain_http: settings.allow_plain_http,
        trace: telemetry::inject,
    }
}

//! Brings a database to this version's schema, once over all processes that start at the same time.

use crate::{
    base::{Error, ResourceId, Result},
    db::{
        Db, Pool, Scope, Target,
        connect::{postgres_options, within},
        error::login_refused,
        lock,
        sources::{SOURCES, Source},
    },
};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

/// The table that remembers what was applied; sqlx's own name may be taken in a shared SQLite file.
pub(super) const TABLE: &str = "syncline_migrations";

/// How a database stands to this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The newest migration that was applied; 0 in an empty database.
    pub applied: i64,
    /// The newest migration that this program knows.
    pub known: i64,
}

impl Status {
    /// Whether the database is exactly at this version.
    pub fn is_current(&self) -> bool {
        self.applied == self.known
    }

    /// `Ok` when the program may work on the database.
    pub fn check(&self) -> Result<()> {
        if self.applied > self.known {
            Err(newer(self.applied))
        } else if self.applied < self.known {
            Err(Error::precondition(
                "DATABASE_NOT_MIGRATED",
                format!(
                    "the database is at schema {} and this version needs {}: run `syncline db migrate`",
                    self.applied, self.known
                ),
            ))
        } else {
            Ok(())
        }
    }
}

/// Reads how the database stands, changing nothing.
pub async fn status(db: &Db) -> Result<Status> {
    let known = SOURCES.last().map_or(0, |source| source.version);
    let applied: Option<i64> = match &db.0.pool {
        Pool::Postgres(pool) => {
            let schema = &db.options().schema;
            // A pooler keeps the connection as long as a transaction goes on.
            let mut tx = pool.begin().await?;
            let there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
                .persistent(false)
                .bind(format!("{schema}.{TABLE}"))
                .fetch_one(&mut *tx)
                .await?;
            if there {
                // Safe: the schema was checked to be an identifier.
                sqlx::query_scalar(AssertSqlSafe(format!(
                    "SELECT max(version) FROM {schema}.{TABLE} WHERE success"
                )))
                .persistent(false)
                .fetch_one(&mut *tx)
                .await?
            } else {
                None
            }
        }
        Pool::Sqlite { write, .. } => {
            let there: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'syncline_migrations'",
            )
            .fetch_one(write)
            .await?;
            if there > 0 {
                sqlx::query_scalar("SELECT max(version) FROM syncline_migrations WHERE success")
                    .fetch_one(write)
                    .await?
            } else {
                None
            }
        }
    };
    Ok(Status {
        applied: applied.unwrap_or(0),
        known,
    })
}

/// Applies what is missing. Processes that start together wait for one another. Fails, leaving the database as it is,
/// when it was made by a newer version or holds tables of somebody else under our names.
pub async fn run(db: &Db) -> Result<Status> {
    match &db.0.pool {
        Pool::Postgres(_) => postgres(db).await?,
        Pool::Sqlite { write, .. } => {
            let Target::Sqlite(file) = &db.options().target else {
                return Err(Error::internal("an SQLite pool without a file"));
            };
            let lock = lock::take(file).await?;
            // All of it or nothing, the migrator's own table too: the file may be somebody else's.
            let mut tx = write.begin_with("BEGIN IMMEDIATE").await?;
            migrator(Source::sqlite)
                .run_direct(None, &mut *tx, false)
                .await
                .map_err(failed)?;
            tx.commit().await?;
            drop(lock);
        }
    }
    let status = status(db).await?;
    status.check()?;
    Ok(status)
}

fn migrator(text: impl Fn(&Source) -> String) -> Migrator {
    let migrations = SOURCES
        .iter()
        .map(|source| {
            let sql = AssertSqlSafe(text(source)).into_sql_str();
            Migration::new(
                source.version,
                source.description.into(),
                MigrationType::Simple,
                sql,
                false,
            )
        })
        .collect();
    let mut migrator = Migrator::with_migrations(migrations);
    migrator.dangerous_set_table_name(TABLE);
    // Ours begins earlier: it covers roles and grants too.
    migrator.set_locking(false);
    migrator
}

async fn postgres(db: &Db) -> Result<()> {
    let options = db.options();
    let Target::Postgres(runtime_url) = &options.target else {
        return Err(Error::internal("a PostgreSQL pool without a URL"));
    };
    // A runtime user without the right to change anything starts all the same when there is nothing to change.
    if options.migrate_url.is_none() && is_ready(db).await {
        return Ok(());
    }
    let url = options.migrate_url.as_ref().unwrap_or(runtime_url);
    let runtime_user = postgres_options(runtime_url.expose(), false, true)?
        .get_username()
        .to_owned();
    let schema = &options.schema;
    let connect = postgres_options(url.expose(), true, options.allow_plaintext)?;
    let connected = within(options.connect_timeout, &connect).await?;
    let mut connection = connected.map_err(|cause| match options.migrate_url {
        Some(_) => login_refused(cause, connect.get_username()),
        None => cause.into(),
    })?;
    // Held until the connection closes. Without it two processes would change the same row of the catalogue at once,
    // which PostgreSQL refuses ("tuple concurrently updated").
    sqlx::query("SELECT pg_advisory_lock(hashtextextended($1, 0))")
        .bind(format!("{schema}.{TABLE}"))
        .execute(&mut connection)
        .await?;
    prepare_schema_and_roles(&mut connection, schema, &runtime_user).await?;
    check_schema(&mut connection, schema).await?;
    migrator(Source::postgres)
        .run_direct(None, &mut connection, false)
        .await
        .map_err(failed)?;
    let grants = format!(
        "GRANT USAGE ON SCHEMA {schema} TO {schema}_app, {schema}_system;
         GRANT SELECT ON {schema}.{TABLE} TO {schema}_app, {schema}_system, {quoted};
         GRANT USAGE ON SCHEMA {schema} TO {quoted}",
        quoted = quote(&runtime_user)
    );
    sqlx::raw_sql(AssertSqlSafe(grants))
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}

/// Whether the schema is at this version and the runtime's user may take both roles.
async fn is_ready(db: &Db) -> bool {
    let scopes = [
        Scope::System("looking whether there is anything to migrate"),
        Scope::Tenant(ResourceId::default_tenant()),
    ];
    for scope in scopes {
        if db.read(scope).await.is_err() {
            return false;
        }
    }
    status(db).await.is_ok_and(|status| status.is_current())
}

/// Makes the schema and the two roles, unless they are there, and lets the runtime's user take the roles.
async fn prepare_schema_and_roles(
    connection: &mut PgConnection,
    schema: &str,
    runtime_user: &str,
) -> Result<()> {
    const LOST_RACE: [&str; 4] = ["42710", "23505", "42P06", "XX000"];
    let statements = [
        format!("CREATE SCHEMA IF NOT EXISTS {schema}"),
        format!("SET search_path TO {schema}"),
        role(&format!("{schema}_app")),
        role(&format!("{schema}_system")),
        membership(&format!("{schema}_app"), runtime_user),
        membership(&format!("{schema}_system"), runtime_user),
    ];
    for statement in statements {
        // Roles belong to the whole cluster, our lock to one database: somebody else may make the same role at the same
        // moment. Then it is there, and asking again shows it.
        let mut tries = 0;
        loop {
            let outcome = sqlx::raw_sql(AssertSqlSafe(statement.clone()))
                .execute(&mut *connection)
                .await;
            match outcome {
                Ok(_) => break,
                Err(sqlx::Error::Database(cause))
                    if tries < 5
                        && cause.code().is_some_and(|code| LOST_RACE.contains(&&*code)) =>
                {
                    tries += 1;
                }
                Err(other) => return Err(other.into()),
            }
        }
    }
    Ok(())
}

/// Refuses a schema of somebody else, in which nothing can be made.
async fn check_schema(connection: &mut PgConnection, schema: &str) -> Result<()> {
    const SQL: &str = "SELECT CAST(current_user AS TEXT), CAST(pg_get_userbyid(nspowner) AS TEXT) FROM pg_namespace
        WHERE nspname = $1 AND NOT has_schema_privilege(oid, 'CREATE')";
    let found = sqlx::query_as(SQL).bind(schema);
    let Some((user, owner)): Option<(String, String)> = found.fetch_optional(connection).await?
    else {
        return Ok(());
    };
    Err(Error::precondition(
        "DATABASE_RIGHTS_MISSING",
        format!(
            "the schema {schema} belongs to {owner}, and {user} may not make anything in it: name its owner in SYNCLINE_MIGRATE_URL, or \
             let an administrator type: ALTER SCHEMA {schema} OWNER TO {user}"
        ),
    ))
}

fn role(name: &str) -> String {
    format!(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') THEN
             CREATE ROLE {name} NOLOGIN; END IF; END $$"
    )
}

/// Since PostgreSQL 16 who makes a role is a member of it without being able to take it.
fn membership(role: &str, user: &str) -> String {
    format!(
        "DO $$ BEGIN IF NOT pg_has_role({literal}, '{role}',
                 CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN
             GRANT {role} TO {user}; END IF; END $$",
        literal = quote_literal(user),
        user = quote(user)
    )
}

fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn newer(version: i64) -> Error {
    Error::precondition(
        "DATABASE_NEWER",
        format!(
            "the database is at schema {version}, which a newer version of Syncline made: use that version"
        ),
    )
}

fn failed(error: MigrateError) -> Error {
    match error {
        MigrateError::VersionMissing(version) => newer(version),
        MigrateError::VersionMismatch(version) => Error::precondition(
            "DATABASE_FOREIGN",
            format!("migration {version} of the database is not the one of this version"),
        ),
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => {
            match Error::from(cause) {
                Error::Internal(cause) if cause.contains("already exists") => Error::precondition(
                    "DATABASE_FOREIGN",
                    format!(
                        "the database holds something of somebody else under a name of ours, and was left as it is: {cause}"
                    ),
                ),
                Error::Internal(cause) => Error::precondition(
                    "DATABASE_MIGRATION_FAILED",
                    format!("a migration failed and nothing of it was kept: {cause}"),
                ),
                other => other,
            }
        }
        other => Error::internal(other),
    }
}

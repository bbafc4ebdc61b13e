//! Whether PostgreSQL keeps tenants apart as it is set up to: asked of its catalogue at every start, because whoever
//! administers the server can change it.

use crate::{
    base::{Error, Result},
    db::{Db, Pool, migrate},
};
use sqlx::PgPool;

/// `Ok` where row-level security binds the user we connect as and both roles that transactions take, and where every table
/// of our schema has it. With `allow_superuser` the user may be anybody: then only the role of each transaction is bound.
/// A file has no users, and always passes.
///
/// # Errors
/// `DATABASE_ROLE_UNSAFE` and `DATABASE_TABLE_UNPROTECTED` say what to type.
pub async fn check(db: &Db, allow_superuser: bool) -> Result<()> {
    let Pool::Postgres(pool) = &db.0.pool else {
        return Ok(());
    };
    let schema = &db.options().schema;
    if !allow_superuser {
        check_user(pool, schema).await?;
    }
    check_roles(pool, schema).await?;
    check_tables(pool, schema).await
}

async fn check_user(pool: &PgPool, schema: &str) -> Result<()> {
    const SQL: &str = "SELECT CAST(rolname AS TEXT), rolsuper, rolbypassrls FROM pg_roles WHERE rolname = session_user";
    let user = sqlx::query_as(SQL).persistent(false).fetch_one(pool);
    let (name, is_super, bypasses): (String, bool, bool) = user.await?;
    let what = match (is_super, bypasses) {
        (true, _) => "is a superuser",
        (false, true) => "has BYPASSRLS",
        (false, false) => return Ok(()),
    };
    Err(Error::precondition(
        "DATABASE_ROLE_UNSAFE",
        format!(
            "the database user {name} {what}, so row-level security does not bind it. Make another one \
             (CREATE ROLE {schema}_login LOGIN PASSWORD '…'), name it in DATABASE_URL, and keep {name} in \
             SYNCLINE_MIGRATE_URL, which lets the new one in; or set SYNCLINE_DATABASE_ALLOW_SUPERUSER=true"
        ),
    ))
}

async fn check_roles(pool: &PgPool, schema: &str) -> Result<()> {
    const SQL: &str = "SELECT CAST(rolname AS TEXT) FROM pg_roles
        WHERE rolname = ANY ($1) AND (rolsuper OR rolbypassrls OR rolcanlogin) ORDER BY rolname";
    let roles = vec![format!("{schema}_app"), format!("{schema}_system")];
    let unsafe_ones = sqlx::query_scalar(SQL).persistent(false).bind(roles);
    let unsafe_ones: Vec<String> = unsafe_ones.fetch_all(pool).await?;
    let Some(role) = unsafe_ones.first() else {
        return Ok(());
    };
    Err(Error::precondition(
        "DATABASE_ROLE_UNSAFE",
        format!(
            "the role {role} can log in, or goes around row-level security. Somebody changed it; as an administrator type: \
             ALTER ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS"
        ),
    ))
}

async fn check_tables(pool: &PgPool, schema: &str) -> Result<()> {
    const SQL: &str = "SELECT CAST(t.relname AS TEXT) FROM pg_class t
        WHERE t.relnamespace = to_regnamespace($1) AND t.relkind IN ('r', 'p') AND t.relname <> $2
            AND NOT (t.relrowsecurity AND t.relforcerowsecurity
                AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid))
        ORDER BY t.relname";
    let open = sqlx::query_scalar(SQL).persistent(false).bind(schema);
    let open: Vec<String> = open.bind(migrate::TABLE).fetch_all(pool).await?;
    if open.is_empty() {
        return Ok(());
    }
    let table = &open[0];
    Err(Error::precondition(
        "DATABASE_TABLE_UNPROTECTED",
        format!(
            "without row-level security in the schema {schema}: {}. Whoever owns them types: ALTER TABLE {schema}.{table} \
             ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, and makes its policies again; a table that is not \
             Syncline's belongs into another schema",
            open.join(", ")
        ),
    ))
}

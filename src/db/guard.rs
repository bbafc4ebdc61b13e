//! Whether PostgreSQL keeps tenants apart as it is set up to: asked of its catalogue at every start, because whoever
//! administers the server can change it.

use crate::{
    base::{Error, Result},
    db::{Db, Pool, migrate},
};
use sqlx::PgConnection;

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
    // A pooler keeps the connection as long as a transaction goes on.
    let mut tx = pool.begin().await?;
    if !allow_superuser {
        user_is_bound(&mut tx, schema).await?;
    }
    check_roles(&mut tx, schema).await?;
    check_tables(&mut tx, schema).await
}

/// The part of [`check`] that can be asked before there is anything of ours: a user who is refused must not have made the
/// schema, which would be theirs.
///
/// # Errors
/// `DATABASE_ROLE_UNSAFE` says what to type.
pub async fn check_user(db: &Db) -> Result<()> {
    let Pool::Postgres(pool) = &db.0.pool else {
        return Ok(());
    };
    let mut tx = pool.begin().await?;
    user_is_bound(&mut tx, &db.options().schema).await
}

async fn user_is_bound(connection: &mut PgConnection, schema: &str) -> Result<()> {
    // Who is a member of a role may take it, and has what it has: so members of such roles count as well.
    const SQL: &str =
        "SELECT CAST(session_user AS TEXT), CAST(rolname AS TEXT), rolsuper FROM pg_roles
        WHERE (rolsuper OR rolbypassrls) AND pg_has_role(session_user, oid, 'MEMBER')
        ORDER BY rolname <> session_user, rolname LIMIT 1";
    let user = sqlx::query_as(SQL)
        .persistent(false)
        .fetch_optional(&mut *connection);
    let Some((name, role, is_super)): Option<(String, String, bool)> = user.await? else {
        return Ok(());
    };
    let what = match (role == name, is_super) {
        (true, true) => "is a superuser".to_owned(),
        (true, false) => "has BYPASSRLS".to_owned(),
        (false, true) => format!("is a member of {role}, which is a superuser"),
        (false, false) => format!("is a member of {role}, which has BYPASSRLS"),
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

async fn check_roles(connection: &mut PgConnection, schema: &str) -> Result<()> {
    const SQL: &str = "SELECT CAST(rolname AS TEXT) FROM pg_roles
        WHERE rolname = ANY ($1) AND (rolsuper OR rolbypassrls OR rolcanlogin) ORDER BY rolname";
    const MEMBERS: &str = "SELECT CAST(ours.rolname AS TEXT), CAST(other.rolname AS TEXT)
        FROM pg_roles AS ours JOIN pg_roles AS other ON other.oid <> ours.oid
        WHERE ours.rolname = ANY ($1) AND pg_has_role(ours.oid, other.oid, 'MEMBER')
            AND (other.rolsuper OR other.rolbypassrls OR other.rolname = $2)
        ORDER BY ours.rolname, other.rolname";
    let system = format!("{schema}_system");
    let roles = vec![format!("{schema}_app"), system.clone()];
    let unsafe_ones = sqlx::query_scalar(SQL).persistent(false).bind(&roles);
    let unsafe_ones: Vec<String> = unsafe_ones.fetch_all(&mut *connection).await?;
    if let Some(role) = unsafe_ones.first() {
        return Err(Error::precondition(
            "DATABASE_ROLE_UNSAFE",
            format!(
                "the role {role} can log in, or goes around row-level security. Somebody changed it; as an administrator type: \
                 ALTER ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS"
            ),
        ));
    }
    let members = sqlx::query_as(MEMBERS).persistent(false).bind(&roles);
    let members: Vec<(String, String)> = members.bind(&system).fetch_all(&mut *connection).await?;
    let Some((role, other)) = members.first() else {
        return Ok(());
    };
    Err(Error::precondition(
        "DATABASE_ROLE_UNSAFE",
        format!(
            "the role {role} is a member of {other}, which sees the rows of all tenants. Somebody let it in; as an administrator \
             type: REVOKE {other} FROM {role}"
        ),
    ))
}

/// A table of the schema.
#[derive(sqlx::FromRow)]
struct Table {
    name: String,
    is_protected: bool,
    /// A policy that is not one of ours: for others than our roles, or about more than the tenant's rows.
    open_policy: Option<String>,
    /// Neither of ours, by its owner, nor about tenants.
    is_foreign: bool,
}

/// What a tenant's policy says, as PostgreSQL writes it, but for blanks and brackets.
const OF_THE_TENANT: &str = "tenant_id=current_setting'syncline.tenant'::text,true";

async fn check_tables(connection: &mut PgConnection, schema: &str) -> Result<()> {
    const SQL: &str = "SELECT CAST(t.relname AS TEXT) AS name,
            t.relrowsecurity AND t.relforcerowsecurity
                AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid) AS is_protected,
            (SELECT min(CAST(p.polname AS TEXT)) FROM pg_policy p
                WHERE p.polrelid = t.oid AND p.polpermissive
                    AND NOT (p.polroles = ARRAY[system.oid] OR p.polroles = ARRAY[app.oid] AND (NOT tenants.has
                        OR COALESCE(translate(pg_get_expr(p.polqual, t.oid), ' ()', ''), $3) = $3
                            AND COALESCE(translate(pg_get_expr(p.polwithcheck, t.oid), ' ()', ''), $3) = $3))
            ) AS open_policy,
            t.relowner <> ours.relowner AND NOT tenants.has AS is_foreign
        FROM pg_class t JOIN pg_class ours ON ours.relnamespace = t.relnamespace AND ours.relname = $2
            JOIN pg_roles app ON app.rolname = $1 || '_app'
            JOIN pg_roles system ON system.rolname = $1 || '_system'
            CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM pg_attribute a
                WHERE a.attrelid = t.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped) AS has) AS tenants
        WHERE t.relnamespace = to_regnamespace($1) AND t.relkind IN ('r', 'p') AND t.oid <> ours.oid
        ORDER BY t.relname";
    let tables = sqlx::query_as(SQL).persistent(false).bind(schema);
    let tables: Vec<Table> = tables
        .bind(migrate::TABLE)
        .bind(OF_THE_TENANT)
        .fetch_all(&mut *connection)
        .await?;
    let (foreign, ours): (Vec<_>, Vec<_>) = tables.into_iter().partition(|table| table.is_foreign);
    for table in foreign.iter().filter(|table| !table.is_protected) {
        tracing::warn!(
            table = table.name,
            "a table of somebody else is in the schema of Syncline, which may have one of its own"
        );
    }
    let open: Vec<&str> = ours
        .iter()
        .filter(|table| !table.is_protected)
        .map(|table| table.name.as_str())
        .collect();
    if let Some(table) = open.first() {
        return Err(Error::precondition(
            "DATABASE_TABLE_UNPROTECTED",
            format!(
                "without row-level security in the schema {schema}: {}. Whoever owns them types: ALTER TABLE {schema}.{table} \
                 ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, and makes its policies again; a table that is not \
                 Syncline's belongs into another schema",
                open.join(", ")
            ),
        ));
    }
    for table in &ours {
        if let Some(policy) = &table.open_policy {
            let table = &table.name;
            return Err(Error::precondition(
                "DATABASE_TABLE_UNPROTECTED",
                format!(
                    "the policy {policy} of {schema}.{table} shows a tenant more than its own rows, or is for others than the two roles \
                     of Syncline. Somebody made it; whoever owns the table types: DROP POLICY \"{policy}\" ON {schema}.{table}"
                ),
            ));
        }
    }
    Ok(())
}

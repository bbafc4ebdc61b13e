//! The SQL of this room: people themselves. Memberships, sessions and logins are in the files below. All of it is for the
//! system role: people belong to the installation.

mod logins;
mod memberships;
mod sessions;

pub(super) use logins::{add_login, count_logins, forget_logins};
pub(super) use memberships::{memberships, memberships_between, missing_tenants, put_memberships};
pub(super) use sessions::{
    NewSession, SessionRow, add_session, count_sessions, end_session, end_sessions,
    forget_sessions, list_sessions, session_addresses, session_by_token, use_session,
};

use crate::{
    base::{Error, Result},
    db::{self, Inner, Scope, Tx, execute, fetch_all, fetch_one, fetch_optional},
    people::{Person, Provider},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Why transactions here see everything.
pub(super) const SCOPE: Scope = Scope::System("people belong to the installation");

macro_rules! columns {
    () => {
        "person_id, username, email, email_confirmed, display_name, provider, google_subject, password_hash, \
         instance_role, source_id, version, created_at, updated_at, login_at"
    };
}

/// Somebody who is not there yet.
pub(super) struct New<'a> {
    pub id: Uuid,
    pub username: Option<&'a str>,
    pub email: Option<&'a str>,
    pub email_confirmed: bool,
    pub display_name: &'a str,
    pub provider: Provider,
    pub google_subject: Option<&'a str>,
    pub password_hash: Option<&'a str>,
    pub instance_role: Option<&'a str>,
    /// Where it was imported from, and its id there.
    pub source: Option<(&'a str, &'a str)>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Adds a person; `None` when a name, an address or an id of it is taken.
pub(super) async fn insert(tx: &mut Tx, new: &New<'_>) -> Result<Option<Person>> {
    const SQL: &str = concat!(
        "INSERT INTO people (person_id, username, username_key, email, email_key, email_confirmed, display_name, provider,
             google_subject, password_hash, instance_role, source, source_id, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1, $14, $15)
         ON CONFLICT DO NOTHING RETURNING ",
        columns!()
    );
    fetch_optional!(
        tx,
        Person,
        SQL,
        new.id,
        new.username,
        new.username.map(super::rules::key),
        new.email,
        new.email.map(super::rules::key),
        new.email_confirmed,
        new.display_name,
        new.provider.as_str(),
        new.google_subject,
        new.password_hash,
        new.instance_role,
        new.source.map(|(source, _)| source),
        new.source.map(|(_, id)| id),
        new.created_at,
        new.updated_at,
    )
}

/// Reads a person; `None` when there is none.
pub(super) async fn get(tx: &mut Tx, id: Uuid) -> Result<Option<Person>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM people WHERE person_id = $1");
    fetch_optional!(tx, Person, SQL, id)
}

/// Whoever logs in by this: a user name or an address, as [`super::rules::key`] makes it.
pub(super) async fn by_login(tx: &mut Tx, key: &str) -> Result<Option<Person>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM people WHERE username_key = $1 OR email_key = $1"
    );
    fetch_optional!(tx, Person, SQL, key)
}

/// Whoever Google calls this.
pub(super) async fn by_google(tx: &mut Tx, subject: &str) -> Result<Option<Person>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM people WHERE google_subject = $1"
    );
    fetch_optional!(tx, Person, SQL, subject)
}

/// Whoever an import brought under this id.
pub(super) async fn by_source(tx: &mut Tx, source: &str, id: &str) -> Result<Option<Person>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM people WHERE source = $1 AND source_id = $2"
    );
    fetch_optional!(tx, Person, SQL, source, id)
}

/// What a list shows; `None` is everybody.
#[derive(Default)]
pub(super) struct Wanted {
    pub provider: Option<Provider>,
    pub username_key: Option<String>,
    pub email_key: Option<String>,
}

/// Up to `limit` people by creation, after the one that was made then.
pub(super) async fn list(
    tx: &mut Tx,
    wanted: &Wanted,
    after: (DateTime<Utc>, Uuid),
    limit: i64,
) -> Result<Vec<Person>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM people WHERE (created_at, person_id) > ($1, $2)
             AND (CAST($3 AS TEXT) IS NULL OR provider = $3)
             AND (CAST($4 AS TEXT) IS NULL OR username_key = $4)
             AND (CAST($5 AS TEXT) IS NULL OR email_key = $5)
         ORDER BY created_at, person_id LIMIT $6"
    );
    fetch_all!(
        tx,
        Person,
        SQL,
        after.0,
        after.1,
        wanted.provider.map(Provider::as_str),
        wanted.username_key.as_deref(),
        wanted.email_key.as_deref(),
        limit,
    )
}

/// What is changed of a person; the outer `None` leaves as it is, the inner one takes away.
#[derive(Default)]
pub(super) struct Change<'a> {
    pub username: Option<Option<&'a str>>,
    /// With whether it is confirmed.
    pub email: Option<(Option<&'a str>, bool)>,
    pub display_name: Option<&'a str>,
    pub password_hash: Option<&'a str>,
    pub instance_role: Option<Option<&'a str>>,
}

/// Changes a person that still has this version; `None` when it has another, or is gone. [`Error::Exists`] when a name is
/// taken.
pub(super) async fn change(
    tx: &mut Tx,
    id: Uuid,
    version: i64,
    change: &Change<'_>,
    at: DateTime<Utc>,
) -> Result<Option<Person>> {
    const SQL: &str = concat!(
        "UPDATE people SET version = version + 1, updated_at = $3,
             username = CASE WHEN $4 THEN $5 ELSE username END,
             username_key = CASE WHEN $4 THEN $6 ELSE username_key END,
             email = CASE WHEN $7 THEN $8 ELSE email END,
             email_key = CASE WHEN $7 THEN $9 ELSE email_key END,
             email_confirmed = CASE WHEN $7 THEN $10 ELSE email_confirmed END,
             display_name = COALESCE($11, display_name),
             password_hash = COALESCE($12, password_hash),
             instance_role = CASE WHEN $13 THEN $14 ELSE instance_role END
         WHERE person_id = $1 AND version = $2 RETURNING ",
        columns!()
    );
    let username = change.username.flatten();
    let (email, confirmed) = change.email.unwrap_or_default();
    macro_rules! run_on {
        ($tx:expr) => {
            sqlx::query_as::<_, Person>(SQL)
                .bind(id)
                .bind(version)
                .bind(at)
                .bind(change.username.is_some())
                .bind(username)
                .bind(username.map(super::rules::key))
                .bind(change.email.is_some())
                .bind(email)
                .bind(email.map(super::rules::key))
                .bind(confirmed)
                .bind(change.display_name)
                .bind(change.password_hash)
                .bind(change.instance_role.is_some())
                .bind(change.instance_role.flatten())
                .fetch_optional(&mut **$tx)
                .await
        };
    }
    let changed = match &mut tx.0 {
        Inner::Postgres(tx, _) => run_on!(tx),
        Inner::Sqlite(tx) => run_on!(tx),
    };
    // PostgreSQL names the index, SQLite the column.
    let taken = |name: Option<&str>| Error::Exists {
        kind: "user",
        name: name.unwrap_or_default().to_owned(),
    };
    changed.map_err(|cause| match &cause {
        sqlx::Error::Database(told)
            if names(told.as_ref(), "people_by_username", "username_key") =>
        {
            db::on_constraint(cause, &[""], || taken(username))
        }
        sqlx::Error::Database(told) if names(told.as_ref(), "people_by_email", "email_key") => {
            db::on_constraint(cause, &[""], || taken(email))
        }
        _ => cause.into(),
    })
}

fn names(told: &dyn sqlx::error::DatabaseError, index: &str, column: &str) -> bool {
    told.is_unique_violation()
        && (told.constraint() == Some(index) || told.message().contains(column))
}

/// Notes that a person logged in; a hash of an old kind is replaced, if it is still the one that was compared with.
pub(super) async fn logged_in(
    tx: &mut Tx,
    id: Uuid,
    renewed: Option<(&str, &str)>,
    at: DateTime<Utc>,
) -> Result<Option<Person>> {
    const SQL: &str = concat!(
        "UPDATE people SET login_at = $2,
             password_hash = CASE WHEN password_hash = $3 THEN $4 ELSE password_hash END
         WHERE person_id = $1 RETURNING ",
        columns!()
    );
    let (old, new) = renewed.unzip();
    fetch_optional!(tx, Person, SQL, id, at, old, new)
}

/// Notes Google's name for a person.
pub(super) async fn link_google(tx: &mut Tx, id: Uuid, subject: &str) -> Result<bool> {
    const SQL: &str =
        "UPDATE people SET google_subject = $2, email_confirmed = TRUE, version = version + 1
        WHERE person_id = $1 AND google_subject IS NULL";
    Ok(execute!(tx, SQL, id, subject)? > 0)
}

/// Removes a person with all that is its own, if it still has this version.
pub(super) async fn remove(tx: &mut Tx, id: Uuid, version: i64) -> Result<bool> {
    const SQL: &str = "DELETE FROM people WHERE person_id = $1 AND version = $2";
    Ok(execute!(tx, SQL, id, version)? > 0)
}

/// People, counted: all, by provider, and by when they were made.
#[derive(sqlx::FromRow)]
pub(super) struct Counts {
    pub total: i64,
    pub local: i64,
    pub google: i64,
    pub firebase: i64,
    pub last_week: i64,
    pub last_month: i64,
}

/// Counts people; those made at `week` and `month`, or later.
pub(super) async fn count(
    tx: &mut Tx,
    week: DateTime<Utc>,
    month: DateTime<Utc>,
) -> Result<Counts> {
    const SQL: &str = "SELECT COUNT(*) AS total,
            COUNT(CASE WHEN provider = 'local' THEN 1 END) AS local,
            COUNT(CASE WHEN provider = 'google' THEN 1 END) AS google,
            COUNT(CASE WHEN provider = 'firebase-google' THEN 1 END) AS firebase,
            COUNT(CASE WHEN created_at >= $1 THEN 1 END) AS last_week,
            COUNT(CASE WHEN created_at >= $2 THEN 1 END) AS last_month
        FROM people";
    fetch_one!(tx, Counts, SQL, week, month)
}

//! Sessions.

use crate::{
    base::Result,
    db::{Tx, execute, fetch_all, fetch_one, fetch_optional},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// More sessions of one person are not kept: the oldest end.
const MOST: i64 = 100;

/// A session, without what shows it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(in crate::people) struct SessionRow {
    pub session_id: Uuid,
    pub person_id: Uuid,
    pub address: String,
    pub user_agent: String,
    pub created_at: DateTime<Utc>,
    pub used_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// A session that begins.
pub(in crate::people) struct NewSession<'a> {
    pub id: Uuid,
    pub person: Uuid,
    pub token_hash: &'a [u8],
    pub address: &'a str,
    pub user_agent: &'a str,
    pub at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// Begins a session.
pub(in crate::people) async fn add_session(tx: &mut Tx, new: &NewSession<'_>) -> Result<()> {
    const SQL: &str = "INSERT INTO person_sessions
            (session_id, person_id, token_hash, address, user_agent, created_at, used_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $6, $7)";
    const TRIM: &str = "DELETE FROM person_sessions WHERE person_id = $1 AND session_id NOT IN
            (SELECT session_id FROM person_sessions WHERE person_id = $1 ORDER BY session_id DESC LIMIT $2)";
    execute!(
        tx,
        SQL,
        new.id,
        new.person,
        new.token_hash,
        new.address,
        new.user_agent,
        new.at,
        new.expires_at,
    )?;
    execute!(tx, TRIM, new.person, MOST).map(drop)
}

/// The session that is shown by what has this hash.
pub(in crate::people) async fn session_by_token(
    tx: &mut Tx,
    token_hash: &[u8],
) -> Result<Option<SessionRow>> {
    const SQL: &str =
        "SELECT session_id, person_id, address, user_agent, created_at, used_at, expires_at
        FROM person_sessions WHERE token_hash = $1";
    fetch_optional!(tx, SessionRow, SQL, token_hash)
}

/// Notes that a session is used.
pub(in crate::people) async fn use_session(tx: &mut Tx, id: Uuid, at: DateTime<Utc>) -> Result<()> {
    const SQL: &str =
        "UPDATE person_sessions SET used_at = $2 WHERE session_id = $1 AND used_at < $2";
    execute!(tx, SQL, id, at).map(drop)
}

/// Up to `limit` sessions of a person, newest first, made before `before`, that are not over: their end is after `now`,
/// and their last use after `idle_since`.
pub(in crate::people) async fn list_sessions(
    tx: &mut Tx,
    person: Uuid,
    before: Uuid,
    now: DateTime<Utc>,
    idle_since: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<SessionRow>> {
    const SQL: &str =
        "SELECT session_id, person_id, address, user_agent, created_at, used_at, expires_at
        FROM person_sessions
        WHERE person_id = $1 AND session_id < $2 AND expires_at > $3 AND used_at > $4
        ORDER BY session_id DESC LIMIT $5";
    fetch_all!(tx, SessionRow, SQL, person, before, now, idle_since, limit)
}

/// From where the sessions of a person began that are not over.
pub(in crate::people) async fn session_addresses(
    tx: &mut Tx,
    person: Uuid,
    now: DateTime<Utc>,
    idle_since: DateTime<Utc>,
) -> Result<Vec<String>> {
    const SQL: &str = "SELECT DISTINCT address FROM person_sessions
        WHERE person_id = $1 AND expires_at > $2 AND used_at > $3";
    let rows = fetch_all!(tx, (String,), SQL, person, now, idle_since)?;
    Ok(rows.into_iter().map(|(address,)| address).collect())
}

/// Ends a session of a person; returns whether there was one.
pub(in crate::people) async fn end_session(tx: &mut Tx, person: Uuid, id: Uuid) -> Result<bool> {
    const SQL: &str = "DELETE FROM person_sessions WHERE person_id = $1 AND session_id = $2";
    Ok(execute!(tx, SQL, person, id)? > 0)
}

/// Ends all sessions of a person but this one.
pub(in crate::people) async fn end_sessions(
    tx: &mut Tx,
    person: Uuid,
    but: Option<Uuid>,
) -> Result<u64> {
    const SQL: &str = "DELETE FROM person_sessions WHERE person_id = $1 AND session_id <> $2";
    execute!(tx, SQL, person, but.unwrap_or(Uuid::nil()))
}

/// How many sessions are not over.
pub(in crate::people) async fn count_sessions(
    tx: &mut Tx,
    now: DateTime<Utc>,
    idle_since: DateTime<Utc>,
) -> Result<i64> {
    const SQL: &str =
        "SELECT COUNT(*) AS sessions FROM person_sessions WHERE expires_at > $1 AND used_at > $2";
    Ok(fetch_one!(tx, (i64,), SQL, now, idle_since)?.0)
}

/// Forgets sessions that are over.
pub(in crate::people) async fn forget_sessions(
    tx: &mut Tx,
    now: DateTime<Utc>,
    idle_since: DateTime<Utc>,
) -> Result<u64> {
    const SQL: &str = "DELETE FROM person_sessions WHERE expires_at <= $1 OR used_at <= $2";
    execute!(tx, SQL, now, idle_since)
}

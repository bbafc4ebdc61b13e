//! Logins, to be counted.

use crate::{
    base::Result,
    db::{Tx, execute, fetch_one},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Counts a login.
pub(in crate::people) async fn add_login(
    tx: &mut Tx,
    person: Uuid,
    at: DateTime<Utc>,
) -> Result<()> {
    const SQL: &str = "INSERT INTO person_logins (login_id, person_id, at) VALUES ($1, $2, $3)";
    execute!(tx, SQL, Uuid::now_v7(), person, at).map(drop)
}

/// How many there were at `week` or later, and at `month` or later.
pub(in crate::people) async fn count_logins(
    tx: &mut Tx,
    week: DateTime<Utc>,
    month: DateTime<Utc>,
) -> Result<(i64, i64)> {
    const SQL: &str = "SELECT COUNT(CASE WHEN at >= $1 THEN 1 END) AS week, COUNT(*) AS month
        FROM person_logins WHERE at >= $2";
    fetch_one!(tx, (i64, i64), SQL, week, month)
}

/// Forgets logins before `before`.
pub(in crate::people) async fn forget_logins(tx: &mut Tx, before: DateTime<Utc>) -> Result<u64> {
    const SQL: &str = "DELETE FROM person_logins WHERE at < $1";
    execute!(tx, SQL, before)
}

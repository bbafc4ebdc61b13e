//! The SQL of budgets and breakers. Both belong to the installation, not to a tenant, so transactions have the system's scope.

use crate::{
    base::Result,
    db::{Tx, execute, fetch_all, fetch_one, fetch_optional},
    outbound::budget::Slice,
};
use chrono::{DateTime, Utc};

/// Makes everybody else who books for `account` wait until the transaction ends; tells until when the provider wants to
/// be left alone.
pub(super) async fn lock_account(
    tx: &mut Tx,
    account: &str,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>> {
    const SQL: &str = "INSERT INTO budgets (account, updated_at) VALUES ($1, $2)
         ON CONFLICT (account) DO UPDATE SET updated_at = excluded.updated_at
         RETURNING blocked_until";
    let (blocked_until,) = fetch_one!(tx, (Option<DateTime<Utc>>,), SQL, account, now)?;
    Ok(blocked_until)
}

/// Keeps `account` from being used until then, unless it is blocked for longer already.
pub(super) async fn block_account(
    tx: &mut Tx,
    account: &str,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<()> {
    const SQL: &str = "INSERT INTO budgets (account, blocked_until, updated_at) VALUES ($1, $2, $3)
         ON CONFLICT (account) DO UPDATE SET
             blocked_until = CASE WHEN budgets.blocked_until > excluded.blocked_until
                 THEN budgets.blocked_until ELSE excluded.blocked_until END,
             updated_at = excluded.updated_at";
    execute!(tx, SQL, account, until, now)?;
    Ok(())
}

/// Forgets `account` and its slices.
pub(super) async fn forget_account(tx: &mut Tx, account: &str) -> Result<()> {
    const SQL: &str = "DELETE FROM budgets WHERE account = $1";
    execute!(tx, SQL, account)?;
    Ok(())
}

/// All slices of `account` that are kept, oldest first.
pub(super) async fn slices(tx: &mut Tx, account: &str) -> Result<Vec<Slice>> {
    const SQL: &str =
        "SELECT ends_at, used FROM budget_slices WHERE account = $1 ORDER BY ends_at LIMIT 1000";
    let rows = fetch_all!(tx, (DateTime<Utc>, i64), SQL, account)?;
    Ok(rows
        .into_iter()
        .map(|(ends_at, used)| Slice {
            ends_at,
            used: u32::try_from(used).unwrap_or(u32::MAX),
        })
        .collect())
}

/// Sets how much of a slice is used.
pub(super) async fn put_slice(tx: &mut Tx, account: &str, slice: Slice) -> Result<()> {
    const SQL: &str = "INSERT INTO budget_slices (account, ends_at, used) VALUES ($1, $2, $3)
         ON CONFLICT (account, ends_at) DO UPDATE SET used = excluded.used";
    execute!(tx, SQL, account, slice.ends_at, i64::from(slice.used))?;
    Ok(())
}

/// Forgets a slice.
pub(super) async fn delete_slice(tx: &mut Tx, account: &str, ends_at: DateTime<Utc>) -> Result<()> {
    const SQL: &str = "DELETE FROM budget_slices WHERE account = $1 AND ends_at = $2";
    execute!(tx, SQL, account, ends_at)?;
    Ok(())
}

/// How a breaker that is not closed stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opened {
    /// How often in a row.
    pub openings: u32,
    /// When somebody may try.
    pub until: DateTime<Utc>,
}

/// `None` when the breaker is closed.
pub(super) async fn breaker(tx: &mut Tx, name: &str) -> Result<Option<Opened>> {
    const SQL: &str = "SELECT openings, open_until FROM breakers WHERE name = $1";
    let row = fetch_optional!(tx, (i64, DateTime<Utc>), SQL, name)?;
    Ok(row.map(|(openings, until)| Opened {
        openings: u32::try_from(openings).unwrap_or(u32::MAX),
        until,
    }))
}

/// Opens the breaker, unless somebody did so for longer already.
pub(super) async fn open_breaker(
    tx: &mut Tx,
    name: &str,
    opened: Opened,
    now: DateTime<Utc>,
) -> Result<()> {
    const SQL: &str =
        "INSERT INTO breakers (name, openings, open_until, updated_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (name) DO UPDATE SET
             openings = excluded.openings, open_until = excluded.open_until, updated_at = excluded.updated_at
         WHERE breakers.open_until < excluded.open_until OR breakers.openings < excluded.openings";
    let openings = i64::from(opened.openings);
    execute!(tx, SQL, name, openings, opened.until, now)?;
    Ok(())
}

/// Takes the one try that a breaker gives after its time, until `lease`. `false` when somebody else has it.
pub(super) async fn claim_breaker(
    tx: &mut Tx,
    name: &str,
    seen: DateTime<Utc>,
    lease: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool> {
    const SQL: &str = "UPDATE breakers SET open_until = $3, updated_at = $4
         WHERE name = $1 AND open_until = $2";
    Ok(execute!(tx, SQL, name, seen, lease, now)? == 1)
}

/// Closes the breaker.
pub(super) async fn close_breaker(tx: &mut Tx, name: &str) -> Result<()> {
    const SQL: &str = "DELETE FROM breakers WHERE name = $1";
    execute!(tx, SQL, name)?;
    Ok(())
}

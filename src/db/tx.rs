//! A transaction on either engine, the scope it runs in, and the four macros by which stores run their SQL.

use crate::{
    base::{Result, TenantId},
    db::Mode,
};
use regex::Regex;
use sqlx::{AssertSqlSafe, Postgres, SqlSafeStr, SqlStr, Sqlite, Transaction};
use std::{
    io::ErrorKind,
    sync::{Arc, LazyLock},
    time::Duration,
};

/// On whose behalf a transaction runs. PostgreSQL enforces it by row-level security, even where a statement forgets to
/// name the tenant.
#[derive(Clone, Debug)]
pub enum Scope {
    /// Sees and writes only this tenant's rows.
    Tenant(TenantId),
    /// Sees everything; says why it has to.
    System(&'static str),
}

/// A running transaction. Dropped without [`Tx::commit`], it leaves nothing.
#[derive(Debug)]
pub struct Tx(
    #[doc(hidden)] pub Inner,
    #[expect(dead_code, reason = "counted while it is held, never read")] Arc<()>,
    /// Whether it forgets which tenant statements are about: [`crate::db::Options::forgets_tenants`].
    bool,
);

/// The two engines. Only the macros look in here.
#[doc(hidden)]
#[derive(Debug)]
pub enum Inner {
    /// With whether statements may stay prepared.
    Postgres(Transaction<'static, Postgres>, bool),
    /// SQLite always keeps statements.
    Sqlite(Transaction<'static, Sqlite>),
}

impl Tx {
    /// Holds a clone of `open` as long as it uses a connection.
    pub(crate) fn new(inner: Inner, open: &Arc<()>, forgets_tenants: bool) -> Self {
        Self(inner, open.clone(), forgets_tenants)
    }

    /// The text of a statement as it is run: as it stands.
    #[doc(hidden)]
    pub fn text(&self, sql: impl SqlSafeStr) -> SqlStr {
        let sql = sql.into_sql_str();
        match self.2 {
            false => sql,
            true => forget_tenants(sql.as_str()),
        }
    }

    /// Which engine it runs on, for the few statements that must differ.
    pub fn engine(&self) -> super::Engine {
        match self.0 {
            Inner::Postgres(..) => super::Engine::Postgres,
            Inner::Sqlite(_) => super::Engine::Sqlite,
        }
    }

    /// Makes everything of it durable, or fails and leaves nothing. When the connection breaks during the commit the
    /// outcome is not known: the caller must look, not repeat.
    pub async fn commit(self) -> Result<()> {
        match self.0 {
            Inner::Postgres(tx, _) => in_time(tx.commit()).await?,
            Inner::Sqlite(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

/// No statement here takes so long, not even one that waits for somebody else's lock: the connection leads nowhere.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Waits for PostgreSQL's answer, but not for one that will never come because the network lost the connection without
/// a word.
#[doc(hidden)]
pub async fn in_time<T>(answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let silent = |_| Err(sqlx::Error::Io(ErrorKind::TimedOut.into()));
    let answer = tokio::time::timeout(ANSWER_WITHIN, answer).await;
    answer.unwrap_or_else(silent)
}

/// The same statement without its conditions about a tenant, as somebody would write it who forgot them. The parameters
/// keep their places and types.
fn forget_tenants(sql: &str) -> SqlStr {
    static CONDITION: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\b(?:\w+\.)?tenant_id\s*=\s*(\$\d+)").expect("a fixed expression is valid")
    });
    let forgetful = CONDITION.replace_all(sql, "CAST($1 AS TEXT) IS NOT NULL");
    AssertSqlSafe(forgetful.into_owned()).into_sql_str()
}

/// The text that begins a transaction on PostgreSQL: one round trip for `BEGIN`, role, tenant and schema.
pub(crate) fn postgres_begin(schema: &str, scope: &Scope, mode: Mode) -> String {
    // Not READ WRITE: a standby refuses that as a feature it lacks, but refuses a plain one's first write as read-only.
    let begin = match mode {
        Mode::Read => "BEGIN READ ONLY",
        Mode::Write => "BEGIN",
    };
    let (role, tenant) = match scope {
        Scope::Tenant(tenant) => ("app", tenant.as_str()),
        Scope::System(_) => ("system", ""),
    };
    // A process that stands still must not hold the others' rows for ever, nor wait for such a one. Statements here are
    // short, but those that read a list look long to the planner: compiling them would take a thousand times as long.
    format!(
        "{begin}; SELECT set_config('role', '{schema}_{role}', true), \
         set_config('syncline.tenant', '{tenant}', true), set_config('search_path', '{schema}', true), \
         set_config('lock_timeout', '10s', true), set_config('idle_in_transaction_session_timeout', '15s', true), set_config('jit', 'off', true)"
    )
}

/// Runs a statement for its rows or its count, on whichever engine the transaction is.
#[macro_export]
macro_rules! run {
    ($tx:expr, $query:expr, [$($bind:expr),*], $fetch:ident) => {
        match &mut ($tx).0 {
            $crate::db::Inner::Postgres(tx, persistent) =>
                $crate::db::in_time($query.persistent(*persistent)$(.bind($bind))*.$fetch(&mut **tx)).await,
            $crate::db::Inner::Sqlite(tx) => $query$(.bind($bind))*.$fetch(&mut **tx).await,
        }.map_err($crate::base::Error::from)
    };
}

/// `fetch_optional!(tx, Row, SQL, binds…)`: the row, or `None`.
#[macro_export]
macro_rules! fetch_optional {
    ($tx:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let text = $tx.text($sql);
        $crate::db::run!($tx, sqlx::query_as::<_, $row>(text), [$($bind),*], fetch_optional)
    }};
}

/// `fetch_one!(tx, Row, SQL, binds…)`: the row; for statements that always have one.
#[macro_export]
macro_rules! fetch_one {
    ($tx:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let text = $tx.text($sql);
        $crate::db::run!($tx, sqlx::query_as::<_, $row>(text), [$($bind),*], fetch_one)
    }};
}

/// `fetch_all!(tx, Row, SQL, binds…)`: all rows; bound the number in the SQL.
#[macro_export]
macro_rules! fetch_all {
    ($tx:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let text = $tx.text($sql);
        $crate::db::run!($tx, sqlx::query_as::<_, $row>(text), [$($bind),*], fetch_all)
    }};
}

/// `execute!(tx, SQL, binds…)`: how many rows it changed.
#[macro_export]
macro_rules! execute {
    ($tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let text = $tx.text($sql);
        match &mut ($tx).0 {
            $crate::db::Inner::Postgres(tx, persistent) => $crate::db::in_time(
                sqlx::query(text).persistent(*persistent)$(.bind($bind))*.execute(&mut **tx)
            ).await.map(|done| done.rows_affected()),
            $crate::db::Inner::Sqlite(tx) => sqlx::query(text)
                $(.bind($bind))*.execute(&mut **tx).await.map(|done| done.rows_affected()),
        }.map_err($crate::base::Error::from)
    }};
}

#[doc(inline)]
pub use {execute, fetch_all, fetch_one, fetch_optional, run};

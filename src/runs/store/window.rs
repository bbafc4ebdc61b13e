//! The SQL of the relay: which runs belong into Redis now, which are there, and which queues are paused.

use super::{
    Row,
    claim::{classes, front, heads, of_class, ranked, turns},
    columns, names, runs,
};
use crate::{
    base::{ResourceId, Result, RunName},
    db::{Engine, Tx, execute, fetch_all},
    runs::{Priority, Run},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A run at the front of its tenant's line.
#[derive(Clone, Debug)]
pub struct InFront {
    /// Which one.
    pub name: RunName,
    /// Which job executes it.
    pub kind: String,
    /// Which of a tenant's runs go first.
    pub priority: Priority,
    /// The life of Redis in which it was put there.
    pub put_epoch: String,
}

/// The first `most` runs of each of these tenants, kinds and priorities that are due and that nothing of their own sync
/// keeps from running, those that go first first.
pub async fn window(
    tx: &mut Tx,
    kinds: &[&str],
    tenants: &[String],
    most: i64,
    now: DateTime<Utc>,
) -> Result<Vec<InFront>> {
    macro_rules! window {
        ($engine:ident) => {
            concat!(
                heads!(front!($engine)),
                " SELECT h.tenant_id, h.run_id, h.kind, h.priority, h.put_epoch FROM heads h ",
                "ORDER BY h.tenant_id, h.priority DESC, h.due_at, h.run_id"
            )
        };
    }
    const POSTGRES: &str = window!(postgres);
    const SQLITE: &str = window!(sqlite);
    let sql = match tx.engine() {
        Engine::Postgres => POSTGRES,
        Engine::Sqlite => SQLITE,
    };
    type Found = (String, Uuid, String, i64, String);
    let rows = fetch_all!(tx, Found, sql, now, turns(tenants), classes(kinds), most)?;
    let in_front = |(tenant, id, kind, priority, put_epoch): Found| {
        let tenant = ResourceId::parse("tenant_id", &tenant)?;
        Ok(InFront {
            name: RunName::new(tenant, id),
            kind,
            priority: Priority::from_rank(priority),
            put_epoch,
        })
    };
    rows.into_iter().map(in_front).collect()
}

/// Remembers that runs that nobody has yet were put into Redis in this life of it.
pub async fn mark_put(tx: &mut Tx, of: &[(String, Uuid)], epoch: &str) -> Result<u64> {
    // Differs by necessity: SQLite keeps ids as bytes.
    macro_rules! mark {
        ($id:literal) => {
            concat!(
                "UPDATE runs SET put_epoch = $2 FROM json_each($1) AS n WHERE runs.tenant_id = n.value ->> 'tenant' ",
                "AND runs.run_id = ",
                $id,
                " AND runs.state IN ('queued', 'retrying', 'waiting')"
            )
        };
    }
    const POSTGRES: &str = mark!("CAST(n.value ->> 'run' AS UUID)");
    const SQLITE: &str = mark!("unhex(n.value ->> 'run')");
    let sql = match tx.engine() {
        Engine::Postgres => POSTGRES,
        Engine::Sqlite => SQLITE,
    };
    execute!(tx, sql, names(of), epoch)
}

/// These runs as they are now; those that are not there any more are left out.
pub async fn get_these(tx: &mut Tx, of: &[(String, Uuid)]) -> Result<Vec<Run>> {
    // Differs by necessity: SQLite keeps ids as bytes.
    macro_rules! get {
        ($id:literal) => {
            concat!(
                "SELECT ",
                columns!(),
                " FROM runs WHERE (tenant_id, run_id) IN (SELECT n.value ->> 'tenant', ",
                $id,
                " FROM json_each($1) AS n)"
            )
        };
    }
    const POSTGRES: &str = get!("CAST(n.value ->> 'run' AS UUID)");
    const SQLITE: &str = get!("unhex(n.value ->> 'run')");
    let sql = match tx.engine() {
        Engine::Postgres => POSTGRES,
        Engine::Sqlite => SQLITE,
    };
    runs(fetch_all!(tx, Row, sql, names(of))?)
}

/// Whether a queue is paused, and what Redis and the table agreed on last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    /// Nothing is taken from it.
    pub is_paused: bool,
    /// As Redis knew it when both were compared last.
    pub mirrored: bool,
}

/// The pause of each queue that was ever paused.
pub async fn pauses(tx: &mut Tx) -> Result<Vec<(String, Pause)>> {
    let rows = fetch_all!(
        tx,
        (String, bool, bool),
        "SELECT queue, paused, mirrored FROM queues ORDER BY queue"
    )?;
    let pause = |(queue, is_paused, mirrored)| {
        (
            queue,
            Pause {
                is_paused,
                mirrored,
            },
        )
    };
    Ok(rows.into_iter().map(pause).collect())
}

/// Writes the pause of a queue.
pub async fn set_pause(tx: &mut Tx, queue: &str, pause: Pause, now: DateTime<Utc>) -> Result<()> {
    const SQL: &str = "INSERT INTO queues (queue, paused, mirrored, updated_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (queue) DO UPDATE SET paused = excluded.paused, mirrored = excluded.mirrored, \
         updated_at = excluded.updated_at";
    execute!(tx, SQL, queue, pause.is_paused, pause.mirrored, now)?;
    Ok(())
}

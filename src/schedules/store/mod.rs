//! The SQL of schedules; of their occurrences in the file beside.

mod occurrences;

pub use occurrences::{forget, insert_all as insert_occurrences, outcomes, replace, resolve};

use crate::{
    base::{Error, ResourceId, Result, TenantId},
    db::{Engine, Tx, execute, fetch_all, fetch_one, fetch_optional},
    schedules::{
        Spec,
        schedule::{Key, Pause, PausedBy, Schedule},
    },
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use sqlx::types::Json;
use uuid::Uuid;

/// All columns of a schedule `s`, in the order of [`Row`].
macro_rules! columns {
    () => {
        "s.tenant_id, s.kind, s.subject, s.lane, s.arguments, s.spec, s.version, s.next_nominal, s.next_at, \
         s.buffered_at, s.watched_run, s.paused_at, s.paused_by, s.note, s.created_at, s.updated_at"
    };
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: String,
    kind: String,
    subject: String,
    lane: String,
    arguments: Json<Value>,
    spec: Json<Spec>,
    version: i64,
    next_nominal: Option<DateTime<Utc>>,
    next_at: Option<DateTime<Utc>>,
    buffered_at: Option<DateTime<Utc>>,
    watched_run: Option<Uuid>,
    paused_at: Option<DateTime<Utc>>,
    paused_by: String,
    note: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Schedule {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let pause = row.paused_at.map(|since| Pause {
            since,
            by: PausedBy::parse(&row.paused_by).unwrap_or(PausedBy::User),
            note: row.note,
        });
        Ok(Self {
            key: Key {
                tenant: ResourceId::parse("tenant_id", &row.tenant_id)?,
                kind: row.kind,
                subject: row.subject,
            },
            lane: row.lane,
            arguments: row.arguments.0,
            spec: row.spec.0,
            version: row.version,
            next_nominal: row.next_nominal,
            next_at: row.next_at,
            buffered_at: row.buffered_at,
            watched_run: row.watched_run,
            pause,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

fn schedules(rows: Vec<Row>) -> Result<Vec<Schedule>> {
    rows.into_iter().map(Schedule::try_from).collect()
}

/// Picks the text of the engine. Differs by necessity: on PostgreSQL many processes look at once and must pass over, or
/// wait for, each other's rows; SQLite has one writer, and no such clauses.
macro_rules! locking {
    ($tx:expr, $lock:literal, $($sql:expr),+) => {{
        const POSTGRES: &str = concat!($($sql),+, $lock);
        const SQLITE: &str = concat!($($sql),+);
        match $tx.engine() {
            Engine::Postgres => POSTGRES,
            Engine::Sqlite => SQLITE,
        }
    }};
}

/// The schedule, or `None`.
pub async fn get(tx: &mut Tx, key: &Key) -> Result<Option<Schedule>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM schedules s WHERE s.tenant_id = $1 AND s.kind = $2 AND s.subject = $3"
    );
    let row = fetch_optional!(
        tx,
        Row,
        SQL,
        key.tenant.as_str(),
        key.kind.as_str(),
        key.subject.as_str()
    )?;
    row.map(Schedule::try_from).transpose()
}

/// The schedule, or `None`; nobody else changes it before the transaction ends.
pub async fn lock(tx: &mut Tx, key: &Key) -> Result<Option<Schedule>> {
    let sql = locking!(
        tx,
        " FOR UPDATE",
        "SELECT ",
        columns!(),
        " FROM schedules s WHERE s.tenant_id = $1 AND s.kind = $2 AND s.subject = $3"
    );
    let row = fetch_optional!(
        tx,
        Row,
        sql,
        key.tenant.as_str(),
        key.kind.as_str(),
        key.subject.as_str()
    )?;
    row.map(Schedule::try_from).transpose()
}

/// The schedules of a tenant for runs of `kind`, of these subjects where they have one.
pub async fn of_subjects(
    tx: &mut Tx,
    tenant: &TenantId,
    kind: &str,
    subjects: &[&str],
) -> Result<Vec<Schedule>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM json_each($3) AS e JOIN schedules s ON s.tenant_id = $1 AND s.kind = $2 AND s.subject = e.value ->> 'id'"
    );
    let list: Vec<_> = subjects.iter().map(|id| json!({"id": id})).collect();
    schedules(fetch_all!(
        tx,
        Row,
        SQL,
        tenant.as_str(),
        kind,
        Value::from(list).to_string()
    )?)
}

/// Whether anything is to be done now: a time is due, a buffered one may run, or a run ended that is watched.
pub async fn anything_to_do(tx: &mut Tx, now: DateTime<Utc>) -> Result<bool> {
    const SQL: &str = "SELECT CASE WHEN EXISTS (SELECT 1 FROM schedules WHERE next_at <= $1) \
         OR EXISTS (SELECT 1 FROM schedules WHERE buffered_at IS NOT NULL AND paused_at IS NULL) \
         OR EXISTS (SELECT 1 FROM schedules WHERE watched_run IS NOT NULL) THEN 1 ELSE 0 END";
    let (any,): (i32,) = fetch_one!(tx, (i32,), SQL, now)?;
    Ok(any == 1)
}

/// The schedules with a time that is due, those that wait longest first, without those that another process has.
pub async fn due(tx: &mut Tx, now: DateTime<Utc>, limit: i64) -> Result<Vec<Schedule>> {
    let sql = locking!(
        tx,
        " FOR UPDATE SKIP LOCKED",
        "SELECT ",
        columns!(),
        " FROM schedules s WHERE s.next_at <= $1 ORDER BY s.next_at LIMIT $2"
    );
    schedules(fetch_all!(tx, Row, sql, now, limit)?)
}

/// The schedules whose buffered time may run, because they are not paused and no run of their subject is open.
pub async fn ready(tx: &mut Tx, limit: i64) -> Result<Vec<Schedule>> {
    let sql = locking!(
        tx,
        " FOR UPDATE OF s SKIP LOCKED",
        "SELECT ",
        columns!(),
        " FROM schedules s WHERE s.buffered_at IS NOT NULL AND s.paused_at IS NULL AND NOT EXISTS (SELECT 1 FROM runs r ",
        "WHERE r.tenant_id = s.tenant_id AND r.kind = s.kind AND r.subject = s.subject ",
        "AND r.state IN ('queued', 'running', 'retrying', 'waiting')) ORDER BY s.buffered_at LIMIT $1"
    );
    schedules(fetch_all!(tx, Row, sql, limit)?)
}

/// The schedules whose watched run came to an end, with how it failed where it did.
pub async fn ended(tx: &mut Tx, limit: i64) -> Result<Vec<(Schedule, Option<String>)>> {
    #[derive(sqlx::FromRow)]
    struct Ended {
        #[sqlx(flatten)]
        schedule: Row,
        failure: Option<String>,
    }
    let sql = locking!(
        tx,
        " FOR UPDATE OF s SKIP LOCKED",
        "SELECT ",
        columns!(),
        ", CASE WHEN r.state = 'failed' THEN COALESCE(r.error_message, 'no reason given') END AS failure ",
        "FROM schedules s LEFT JOIN runs r ON r.tenant_id = s.tenant_id AND r.run_id = s.watched_run ",
        "WHERE s.watched_run IS NOT NULL ",
        "AND (r.state IS NULL OR r.state IN ('succeeded', 'partial', 'failed', 'cancelled')) LIMIT $1"
    );
    let rows = fetch_all!(tx, Ended, sql, limit)?;
    rows.into_iter()
        .map(|row| Ok((Schedule::try_from(row.schedule)?, row.failure)))
        .collect()
}

/// How long the schedule that waits longest is overdue, in seconds; 0 when nothing is.
pub async fn lag(tx: &mut Tx, now: DateTime<Utc>) -> Result<i64> {
    const SQL: &str = "SELECT min(next_at) FROM schedules WHERE next_at <= $1";
    let (oldest,): (Option<DateTime<Utc>>,) = fetch_one!(tx, (Option<DateTime<Utc>>,), SQL, now)?;
    Ok(oldest.map_or(0, |oldest| (now - oldest).num_seconds()))
}

/// Stores a schedule with everything about it, and remembers its spec.
pub async fn put(tx: &mut Tx, schedule: &Schedule) -> Result<()> {
    const SQL: &str = "INSERT INTO schedules (tenant_id, kind, subject, lane, arguments, spec, version, paused_by, \
         note, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, '', '', $8, $9) \
         ON CONFLICT (tenant_id, kind, subject) DO UPDATE SET lane = excluded.lane, arguments = excluded.arguments, \
         spec = excluded.spec, version = excluded.version, updated_at = excluded.updated_at";
    const REMEMBER: &str = "INSERT INTO schedule_specs (tenant_id, kind, subject, version, spec, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, kind, subject, version) DO NOTHING";
    let key = &schedule.key;
    let (tenant, kind, subject) = (key.tenant.as_str(), key.kind.as_str(), key.subject.as_str());
    execute!(
        tx,
        SQL,
        tenant,
        kind,
        subject,
        schedule.lane.as_str(),
        Json(&schedule.arguments),
        Json(&schedule.spec),
        schedule.version,
        schedule.created_at,
        schedule.updated_at
    )?;
    let at = schedule.updated_at;
    execute!(
        tx,
        REMEMBER,
        tenant,
        kind,
        subject,
        schedule.version,
        Json(&schedule.spec),
        at
    )?;
    save(tx, std::slice::from_ref(schedule)).await
}

/// From now on the runs of `key`'s schedule, where it has one, count for this lane.
pub async fn set_lane(tx: &mut Tx, key: &Key, lane: &str) -> Result<()> {
    const SQL: &str =
        "UPDATE schedules SET lane = $1 WHERE tenant_id = $2 AND kind = $3 AND subject = $4";
    let (tenant, kind, subject) = (key.tenant.as_str(), key.kind.as_str(), key.subject.as_str());
    execute!(tx, SQL, lane, tenant, kind, subject)?;
    Ok(())
}

/// Stores where schedules are: what they wait for, and whether they are paused.
pub async fn save(tx: &mut Tx, schedules: &[Schedule]) -> Result<()> {
    // Differs by necessity: SQLite has no types for ids and times, and keeps ids as bytes.
    macro_rules! update {
        ($id:literal, $id_end:literal, $time:literal, $time_end:literal) => {
            concat!(
                "UPDATE schedules SET next_nominal = ", $time, "e.value ->> 'next_nominal'", $time_end,
                ", next_at = ", $time, "e.value ->> 'next_at'", $time_end,
                ", buffered_at = ", $time, "e.value ->> 'buffered_at'", $time_end,
                ", watched_run = ", $id, "e.value ->> 'watched_run'", $id_end,
                ", paused_at = ", $time, "e.value ->> 'paused_at'", $time_end,
                ", paused_by = e.value ->> 'paused_by', note = e.value ->> 'note' FROM json_each($1) AS e ",
                "WHERE schedules.tenant_id = e.value ->> 'tenant' AND schedules.kind = e.value ->> 'kind' ",
                "AND schedules.subject = e.value ->> 'subject'"
            )
        };
    }
    const POSTGRES: &str = update!("CAST(", " AS UUID)", "CAST(", " AS TIMESTAMPTZ)");
    const SQLITE: &str = update!("unhex(", ")", "(", ")");
    let sql = match tx.engine() {
        Engine::Postgres => POSTGRES,
        Engine::Sqlite => SQLITE,
    };
    let list: Vec<_> = schedules.iter().map(saved).collect();
    execute!(tx, sql, Value::from(list).to_string())?;
    Ok(())
}

fn saved(schedule: &Schedule) -> Value {
    let pause = schedule.pause.as_ref();
    json!({
        "tenant": schedule.key.tenant,
        "kind": schedule.key.kind,
        "subject": schedule.key.subject,
        "next_nominal": schedule.next_nominal.map(text),
        "next_at": schedule.next_at.map(text),
        "buffered_at": schedule.buffered_at.map(text),
        "watched_run": schedule.watched_run.map(|id| id.simple().to_string()),
        "paused_at": pause.map(|pause| text(pause.since)),
        "paused_by": pause.map_or("", |pause| pause.by.as_str()),
        "note": pause.map_or("", |pause| pause.note.as_str()),
    })
}

/// A time in a JSON list, as SQLite keeps and compares those that are bound.
fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

/// A spec that the schedule had, or has.
pub async fn spec(tx: &mut Tx, key: &Key, version: i64) -> Result<Option<Spec>> {
    const SQL: &str = "SELECT spec FROM schedule_specs WHERE tenant_id = $1 AND kind = $2 AND subject = $3 AND version = $4";
    let row = fetch_optional!(
        tx,
        (Json<Spec>,),
        SQL,
        key.tenant.as_str(),
        key.kind.as_str(),
        key.subject.as_str(),
        version
    )?;
    Ok(row.map(|(spec,)| spec.0))
}

/// Forgets a schedule with everything about it; `false` when there is none.
pub async fn remove(tx: &mut Tx, key: &Key) -> Result<bool> {
    const SQL: &str = "DELETE FROM schedules WHERE tenant_id = $1 AND kind = $2 AND subject = $3";
    let removed = execute!(
        tx,
        SQL,
        key.tenant.as_str(),
        key.kind.as_str(),
        key.subject.as_str()
    )?;
    Ok(removed == 1)
}

/// Pauses every schedule that is not paused; how many.
pub async fn pause_all(tx: &mut Tx, by: PausedBy, note: &str, now: DateTime<Utc>) -> Result<u64> {
    const SQL: &str = "UPDATE schedules SET next_at = NULL, paused_at = $1, paused_by = $2, note = $3 \
         WHERE paused_at IS NULL";
    execute!(tx, SQL, now, by.as_str(), note)
}

/// The schedules that were paused by `by`.
pub async fn paused(tx: &mut Tx, by: PausedBy, limit: i64) -> Result<Vec<Schedule>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM schedules s WHERE s.paused_at IS NOT NULL AND s.paused_by = $1 LIMIT $2"
    );
    schedules(fetch_all!(tx, Row, SQL, by.as_str(), limit)?)
}

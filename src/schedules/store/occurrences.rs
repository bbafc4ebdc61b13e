//! The SQL of occurrences: what became of times.

use super::text;
use crate::{
    base::{Result, RunName},
    db::{Engine, Tx, execute, fetch_all},
    schedules::schedule::{Key, Occurrence, Outcome},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

#[derive(sqlx::FromRow)]
struct Row {
    version: i64,
    nominal_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    outcome: String,
    run_id: Option<Uuid>,
    note: String,
    decided_at: DateTime<Utc>,
}

/// Stores what became of times. One that has an outcome already is an error.
pub async fn insert_all(tx: &mut Tx, occurrences: &[Occurrence]) -> Result<()> {
    // Differs by necessity: SQLite has no types for ids and times, and keeps ids as bytes.
    macro_rules! insert {
        ($id:literal, $id_end:literal, $time:literal, $time_end:literal) => {
            concat!(
                "INSERT INTO occurrences (tenant_id, kind, subject, version, nominal_at, last_at, outcome, run_id, ",
                "note, decided_at) SELECT e.value ->> 'tenant', e.value ->> 'kind', e.value ->> 'subject', ",
                "CAST(e.value ->> 'version' AS BIGINT), ",
                $time, "e.value ->> 'first'", $time_end, ", ",
                $time, "e.value ->> 'last'", $time_end, ", e.value ->> 'outcome', ",
                $id, "e.value ->> 'run'", $id_end, ", e.value ->> 'note', ",
                $time, "e.value ->> 'decided_at'", $time_end, " FROM json_each($1) AS e WHERE true"
            )
        };
    }
    const POSTGRES: &str = insert!("CAST(", " AS UUID)", "CAST(", " AS TIMESTAMPTZ)");
    const SQLITE: &str = insert!("unhex(", ")", "(", ")");
    if occurrences.is_empty() {
        return Ok(());
    }
    let sql = match tx.engine() {
        Engine::Postgres => POSTGRES,
        Engine::Sqlite => SQLITE,
    };
    let list: Vec<_> = occurrences
        .iter()
        .map(|occurrence| {
            json!({
                "tenant": occurrence.key.tenant,
                "kind": occurrence.key.kind,
                "subject": occurrence.key.subject,
                "version": occurrence.version,
                "first": text(occurrence.first),
                "last": text(occurrence.last),
                "outcome": occurrence.outcome.as_str(),
                "run": occurrence.run.as_ref().map(|run| run.id.simple().to_string()),
                "note": occurrence.note,
                "decided_at": text(occurrence.decided_at),
            })
        })
        .collect();
    execute!(tx, sql, Value::from(list).to_string())?;
    Ok(())
}

/// Says what became of a time that was buffered.
pub async fn resolve(
    tx: &mut Tx,
    key: &Key,
    at: DateTime<Utc>,
    outcome: Outcome,
    run: Option<&RunName>,
    now: DateTime<Utc>,
) -> Result<()> {
    const SQL: &str = "UPDATE occurrences SET outcome = $1, run_id = $2, decided_at = $3 \
         WHERE tenant_id = $4 AND kind = $5 AND subject = $6 AND nominal_at = $7 AND outcome = 'buffered'";
    execute!(
        tx,
        SQL,
        outcome.as_str(),
        run.map(|run| run.id),
        now,
        key.tenant.as_str(),
        key.kind.as_str(),
        key.subject.as_str(),
        at
    )?;
    Ok(())
}

/// What became of the times in `[from, to)`, newest first; stretches that reach into it are whole.
pub async fn outcomes(
    tx: &mut Tx,
    key: &Key,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Occurrence>> {
    const SQL: &str = "SELECT version, nominal_at, last_at, outcome, run_id, note, decided_at FROM occurrences \
         WHERE tenant_id = $1 AND kind = $2 AND subject = $3 AND last_at >= $4 AND nominal_at < $5 \
         ORDER BY last_at DESC LIMIT $6";
    let rows = fetch_all!(
        tx,
        Row,
        SQL,
        key.tenant.as_str(),
        key.kind.as_str(),
        key.subject.as_str(),
        from,
        to,
        limit
    )?;
    rows.into_iter()
        .map(|row| {
            Ok(Occurrence {
                key: key.clone(),
                version: row.version,
                first: row.nominal_at,
                last: row.last_at,
                outcome: Outcome::parse(&row.outcome)?,
                run: row.run_id.map(|id| RunName::new(key.tenant.clone(), id)),
                note: row.note,
                decided_at: row.decided_at,
            })
        })
        .collect()
}

/// Puts others in the place of one, as when some times of a stretch were made up for.
pub async fn replace(tx: &mut Tx, old: &Occurrence, new: &[Occurrence]) -> Result<()> {
    const SQL: &str = "DELETE FROM occurrences WHERE tenant_id = $1 AND kind = $2 AND subject = $3 AND version = $4 \
         AND nominal_at = $5";
    execute!(
        tx,
        SQL,
        old.key.tenant.as_str(),
        old.key.kind.as_str(),
        old.key.subject.as_str(),
        old.version,
        old.first
    )?;
    insert_all(tx, new).await
}

/// Forgets what became of times before `before`, and specs that no time needs any more.
pub async fn forget(tx: &mut Tx, before: DateTime<Utc>) -> Result<u64> {
    const SPECS: &str = "DELETE FROM schedule_specs WHERE created_at < $1 \
         AND version < (SELECT s.version FROM schedules s WHERE s.tenant_id = schedule_specs.tenant_id \
         AND s.kind = schedule_specs.kind AND s.subject = schedule_specs.subject) \
         AND NOT EXISTS (SELECT 1 FROM occurrences o WHERE o.tenant_id = schedule_specs.tenant_id \
         AND o.kind = schedule_specs.kind AND o.subject = schedule_specs.subject AND o.version = schedule_specs.version)";
    let forgotten = execute!(tx, "DELETE FROM occurrences WHERE last_at < $1", before)?;
    execute!(tx, SPECS, before)?;
    Ok(forgotten)
}

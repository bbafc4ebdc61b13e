//! The SQL by which workers let go of runs: many in one statement, because each commit waits for the disk.

use crate::{
    base::{Result, RunName},
    db::{Engine, Tx, fetch_all},
    runs::{Failure, State},
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

/// What a worker writes when it lets go of a run.
#[derive(Clone, Debug)]
pub struct Release {
    /// The state it goes to.
    pub state: State,
    /// When it may be taken again.
    pub due_at: DateTime<Utc>,
    /// When it fails if it has not ended.
    pub deadline_at: Option<DateTime<Utc>>,
    /// Why it waits.
    pub wait_reason: String,
    /// What came of it; `None` keeps what is there.
    pub result: Option<Value>,
    /// Why it failed.
    pub failure: Option<Failure>,
}

/// The end of one attempt.
#[derive(Clone, Debug)]
pub struct Ending {
    /// The run.
    pub name: RunName,
    /// The claim under which the worker has it.
    pub fence: i64,
    /// What is written.
    pub release: Release,
    /// Whether the run becomes cancelled instead, where somebody asked for that: there was more to do.
    pub cancellable: bool,
}

impl Ending {
    fn json(&self, now: DateTime<Utc>) -> Value {
        let release = &self.release;
        let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, false);
        let mut value = json!({
            "tenant": self.name.tenant.as_str(),
            "run": self.name.id.simple().to_string(),
            "fence": self.fence,
            "state": release.state.as_str(),
            "due_at": text(release.due_at),
            "deadline_at": release.deadline_at.map(text),
            "wait_reason": release.wait_reason,
            "error_reason": release.failure.as_ref().map(|failure| &failure.reason),
            "error_message": release.failure.as_ref().map(|failure| &failure.message),
            "finished_at": release.state.is_final().then(|| text(now)),
            "cancellable": i32::from(self.cancellable),
        });
        if let Some(result) = &release.result {
            value["result"] = result.clone();
        }
        without_nul(&mut value);
        value
    }
}

/// PostgreSQL has no character 0 in its texts; one that a provider sent must not keep a run from ending.
pub fn without_nul(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = text.replace('\0', "\u{fffd}"),
        Value::Array(values) => values.iter_mut().for_each(without_nul),
        Value::Object(values) => values.values_mut().for_each(without_nul),
        _ => {}
    }
}

/// Lets go of runs, except those that somebody else owns by now: gives the runs that were written, with their new states.
pub async fn release(
    tx: &mut Tx,
    endings: &[Ending],
    now: DateTime<Utc>,
) -> Result<Vec<(Uuid, State)>> {
    // Differs by necessity: SQLite keeps ids as bytes, and times and JSON as text.
    macro_rules! release {
        ($id:literal, $time:literal) => {
            concat!(
                "UPDATE runs SET state = CASE WHEN ",
                release!(cancelled),
                " THEN 'cancelled' ELSE e.value ->> 'state' END, due_at = CAST(e.value ->> 'due_at' AS ",
                $time,
                "), deadline_at = CAST(e.value ->> 'deadline_at' AS ",
                $time,
                "), wait_reason = CASE WHEN ",
                release!(cancelled),
                " THEN '' ELSE e.value ->> 'wait_reason' END, result = COALESCE(e.value -> 'result', result), ",
                "error_reason = CASE WHEN ",
                release!(cancelled),
                " THEN NULL ELSE e.value ->> 'error_reason' END, error_message = CASE WHEN ",
                release!(cancelled),
                " THEN NULL ELSE e.value ->> 'error_message' END, worker_id = NULL, updated_at = $2, finished_at = CASE WHEN ",
                release!(cancelled),
                " THEN $2 ELSE CAST(e.value ->> 'finished_at' AS ",
                $time,
                ") END FROM json_each($1) AS e WHERE runs.tenant_id = e.value ->> 'tenant' AND runs.run_id = ",
                $id,
                " AND runs.fence = CAST(e.value ->> 'fence' AS BIGINT) AND runs.state = 'running' ",
                "RETURNING run_id, state"
            )
        };
        (cancelled) => {
            "cancel_requested_at IS NOT NULL AND CAST(e.value ->> 'cancellable' AS BIGINT) = 1"
        };
    }
    const POSTGRES: &str = release!("CAST(e.value ->> 'run' AS UUID)", "TIMESTAMPTZ");
    const SQLITE: &str = release!("unhex(e.value ->> 'run')", "TEXT");
    let sql = match tx.engine() {
        Engine::Postgres => POSTGRES,
        Engine::Sqlite => SQLITE,
    };
    let list: Vec<_> = endings.iter().map(|ending| ending.json(now)).collect();
    let rows = fetch_all!(tx, (Uuid, String), sql, json!(list).to_string(), now)?;
    rows.into_iter()
        .map(|(id, state)| Ok((id, State::try_from(state)?)))
        .collect()
}

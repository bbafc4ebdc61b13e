//! A run as a job in Redis, and back.

use crate::{
    base::RunName,
    queue::{Backoff, Job, Keep, Put},
    runs::{Priority, Run},
};
use serde_json::{Value, json};
use std::time::Duration;

/// Finished jobs that stay in Redis, of each queue and outcome: for people who look there. The table keeps all of them.
pub const FINISHED_KEPT: Keep = Keep::Newest {
    count: Some(1_000),
    age: Some(Duration::from_secs(7 * 86_400)),
    limit: None,
};

/// How long a worker of others lets a failed job wait first; each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Turns that fit into the priorities of the layout.
const LAST_TURN: usize = 500_000;

/// The job of a run that is the `turn`-th of its tenant and urgency, counted from 0.
///
/// The first run of every tenant goes before the second of any: the turn is what Redis orders by, and urgency decides
/// within a turn. Urgent runs count their turns apart, so they also go before what their tenant has waiting.
pub(super) fn of(run: &Run, turn: usize) -> Put {
    let urgency = match run.priority {
        Priority::High => 1,
        Priority::Normal => 2,
        Priority::Low => 3,
    };
    let turn = u32::try_from(turn.min(LAST_TURN)).unwrap_or_default();
    let mut put = Put::new(
        run.name.id.to_string(),
        "run",
        json!({"run": run.name.to_string()}),
    );
    put.priority = 3 * turn + urgency;
    put.added_at = Some(run.created_at);
    put.attempts_made = u32::try_from(run.attempt).unwrap_or_default();
    put.options.attempts = u32::try_from(run.max_attempts).unwrap_or_default();
    // A worker of somebody else that removes what it finishes would look like a person who removes a run; what the job
    // says goes before what its worker says.
    put.options.keep_completed = Some(FINISHED_KEPT);
    put.options.keep_failed = Some(FINISHED_KEPT);
    put.options.trace_context = run
        .traceparent
        .as_ref()
        .map(|parent| json!({"traceparent": parent}).to_string());
    put
}

/// The job of a run that a worker of others executes: it sees the name and the data that were asked for. It stays when it
/// is finished, whatever its worker says, until its run has the result.
pub(super) fn external(run: &Run, turn: usize) -> Put {
    let mut put = of(run, turn);
    put.name = run.arguments["name"].as_str().unwrap_or("run").to_owned();
    put.data = run.arguments["data"].clone();
    put.options.backoff = Some(Backoff {
        kind: "exponential".to_owned(),
        delay: FIRST_PAUSE,
        jitter: 0.0,
    });
    put.options.keep_completed = Some(Keep::All);
    put.options.keep_failed = Some(Keep::All);
    put
}

/// The run that a job of ours stands for; `None` for a job of somebody else.
pub fn name_of(job: &Job) -> Option<RunName> {
    let data: Value = serde_json::from_str(&job.data).ok()?;
    let name = RunName::parse("run", data.get("run")?.as_str()?).ok()?;
    (name.id.to_string() == job.id).then_some(name)
}

//! What a job that a worker of others executes says of its run.

use crate::{
    queue::{Job, JobState},
    runs::{
        Failure, Progress, Run, State,
        store::{Sight, without_nul},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

/// Characters of what others wrote that a run keeps as a message.
const LONGEST: usize = 2_000;

/// As the job shows it.
pub(super) fn seen(
    run: &Run,
    put_epoch: &str,
    job: &Job,
    state: JobState,
    now: DateTime<Utc>,
) -> Sight {
    let made = i64::from(job.attempts_made);
    let reason = job.failed_reason.as_deref().filter(|why| !why.is_empty());
    let failure = || {
        Failure::new(
            "EXTERNAL_JOB_FAILED",
            short(reason.unwrap_or("no reason was given")),
        )
    };
    let sight = Sight {
        state: State::Running,
        attempt: i64::from(job.attempts_started).max(1),
        at: run.due_at,
        wait_reason: String::new(),
        progress: job.progress.as_ref().map(progress),
        result: None,
        failure: None,
        put_epoch: put_epoch.to_owned(),
    };
    match state {
        JobState::Active | JobState::WaitingChildren => sight,
        JobState::Completed => Sight {
            state: State::Succeeded,
            at: now,
            result: Some(result(job.result.as_deref())),
            ..sight
        },
        JobState::Failed => Sight {
            state: State::Failed,
            at: now,
            failure: Some(failure()),
            ..sight
        },
        // Between two attempts; or a worker gave it back, or died of it.
        _ if made > 0 || reason.is_some() => Sight {
            state: State::Retrying,
            at: match state {
                JobState::Delayed => now + delay(job),
                _ => run.due_at,
            },
            wait_reason: short(reason.unwrap_or_default()),
            failure: Some(failure()),
            ..sight
        },
        _ => Sight {
            state: State::Queued,
            attempt: made,
            ..sight
        },
    }
}

/// It had not ended by its deadline.
pub(super) fn late(run: &Run, put_epoch: &str, now: DateTime<Utc>) -> Sight {
    let failure = Failure::new("DEADLINE_EXCEEDED", "it had not ended by its deadline");
    Sight {
        failure: Some(failure),
        put_epoch: put_epoch.to_owned(),
        ..end(run, State::Failed, now)
    }
}

/// Somebody removed the job.
pub(super) fn removed(run: &Run, now: DateTime<Utc>) -> Sight {
    end(run, State::Cancelled, now)
}

fn end(run: &Run, state: State, now: DateTime<Utc>) -> Sight {
    Sight {
        state,
        attempt: run.attempt,
        at: now,
        wait_reason: String::new(),
        progress: None,
        result: None,
        failure: None,
        put_epoch: String::new(),
    }
}

/// It is put once more; an attempt that Redis forgot does not count.
pub(super) fn again(run: &Run, now: DateTime<Utc>) -> Sight {
    let forgotten = i64::from(run.state == State::Running);
    Sight {
        attempt: (run.attempt - forgotten).max(0),
        ..end(run, State::Queued, now)
    }
}

fn delay(job: &Job) -> TimeDelta {
    let millis = i64::try_from(job.delay_ms).unwrap_or(i64::MAX);
    TimeDelta::try_milliseconds(millis).unwrap_or_default()
}

/// What it gave back, JSON by agreement; in an object, because SQLite would take a bare number for one.
fn result(text: Option<&str>) -> Value {
    let text = text.unwrap_or("null");
    let mut value: Value = serde_json::from_str(text).unwrap_or_else(|_| text.into());
    without_nul(&mut value);
    json!({ "value": value })
}

/// A number counts as a percentage; of an object the parts that ours has, else its text.
fn progress(value: &Value) -> Progress {
    let count = |name: &str| value[name].as_f64().unwrap_or_default() as u64;
    match value {
        Value::Number(percent) => Progress {
            phase: String::new(),
            done: percent.as_f64().unwrap_or_default() as u64,
            total: 100,
        },
        Value::Object(parts) if parts.contains_key("phase") => Progress {
            phase: short(value["phase"].as_str().unwrap_or_default()),
            done: count("done"),
            total: count("total"),
        },
        Value::String(phase) => Progress {
            phase: short(phase),
            done: 0,
            total: 0,
        },
        other => Progress {
            phase: short(&other.to_string()),
            done: 0,
            total: 0,
        },
    }
}

/// As much as a message may have. PostgreSQL has no character 0 in its texts.
pub(super) fn short(text: &str) -> String {
    text.chars()
        .take(LONGEST)
        .map(|c| if c == '\0' { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_progress_of_others_is_one_of_ours() {
        let told = |value| {
            let Progress { phase, done, total } = progress(&value);
            (phase, done, total)
        };
        assert_eq!(told(json!(42.5)), (String::new(), 42, 100));
        let ours = json!({"phase": "drawing", "done": 1, "total": 2});
        assert_eq!(told(ours), ("drawing".to_owned(), 1, 2));
        assert_eq!(told(json!({"page": 3})), (r#"{"page":3}"#.to_owned(), 0, 0));
        assert_eq!(told(json!("half")), ("half".to_owned(), 0, 0));
    }

    #[test]
    fn what_is_no_json_is_text_and_nothing_of_it_breaks_a_database() {
        assert_eq!(result(Some(r#"{"n":1}"#)), json!({"value": {"n": 1}}));
        assert_eq!(result(Some("oops")), json!({"value": "oops"}));
        assert_eq!(result(None), json!({"value": null}));
        assert_eq!(
            result(Some(r#""a\u0000b""#)),
            json!({"value": "a\u{fffd}b"})
        );
        assert_eq!(short("a\0b"), "a\u{fffd}b");
    }
}

//! Runs as clients see them. The calls themselves belong to `SyncService`.

use crate::{
    api::v1,
    runs::{LogLine, Priority, Progress, Run, State, relay::is_external},
};

impl From<State> for v1::RunState {
    fn from(state: State) -> Self {
        match state {
            State::Queued => Self::Queued,
            State::Running => Self::Running,
            State::Retrying => Self::Retrying,
            State::Waiting => Self::Waiting,
            State::Succeeded => Self::Succeeded,
            State::Partial => Self::Partial,
            State::Failed => Self::Failed,
            State::Cancelled => Self::Cancelled,
        }
    }
}

impl From<Priority> for v1::RunPriority {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::Low => Self::Low,
            Priority::Normal => Self::Normal,
            Priority::High => Self::High,
        }
    }
}

impl From<v1::RunPriority> for Priority {
    fn from(priority: v1::RunPriority) -> Self {
        match priority {
            v1::RunPriority::Low => Self::Low,
            v1::RunPriority::Normal | v1::RunPriority::Unspecified => Self::Normal,
            v1::RunPriority::High => Self::High,
        }
    }
}

impl From<Run> for v1::Run {
    fn from(run: Run) -> Self {
        let waits = matches!(run.state, State::Queued | State::Retrying | State::Waiting);
        Self {
            name: run.name.to_string(),
            sync: subject(&run),
            state: v1::RunState::from(run.state).into(),
            dry_run: run.arguments["dry_run"].as_bool().unwrap_or_default(),
            cause: run.cause,
            attempt: small(run.attempt),
            max_attempts: small(run.max_attempts),
            create_time: Some(run.created_at.into()),
            start_time: run.started_at.map(Into::into),
            finish_time: run.finished_at.map(Into::into),
            due_time: waits.then(|| run.due_at.into()),
            wait_reason: run.wait_reason,
            progress: run.progress.map(Into::into),
            // A result of another version that does not read as one is left out rather than failing the whole run.
            result: run
                .result
                .filter(|_| !is_external(&run.kind))
                .and_then(|result| serde_json::from_value(result).ok()),
            error: run.failure.map(|failure| v1::RunError {
                reason: failure.reason,
                message: failure.message,
            }),
            cancel_requested: run.cancel_requested,
            priority: v1::RunPriority::from(run.priority).into(),
            deadline_time: run.deadline_at.map(Into::into),
        }
    }
}

impl From<Progress> for v1::RunProgress {
    fn from(progress: Progress) -> Self {
        Self {
            phase: progress.phase,
            done: progress.done.try_into().unwrap_or(i64::MAX),
            total: progress.total.try_into().unwrap_or(i64::MAX),
        }
    }
}

/// What is run; nothing for what workers of others execute.
pub(super) fn subject(run: &Run) -> String {
    match is_external(&run.kind) {
        true => String::new(),
        false => run.sync.to_string(),
    }
}

impl From<LogLine> for v1::RunLog {
    fn from(line: LogLine) -> Self {
        Self {
            time: Some(line.at.into()),
            level: line.level,
            message: line.message,
        }
    }
}

fn small(number: i64) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

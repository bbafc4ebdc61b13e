//! What becomes of a run when an attempt of it has ended.

use crate::runs::{
    Ended, Failure, Run, State, backoff,
    store::{Ending, Release},
};
use chrono::{DateTime, Utc};

/// What is to be written. What was done so far is kept, however the attempt ended.
pub(super) fn of(run: &Run, ended: Ended, now: DateTime<Utc>) -> Ending {
    // Where everything was done or nothing more can be, it is too late to cancel.
    let cancellable = matches!(
        ended,
        Ended::Stopped(_) | Ended::Wait(..) | Ended::Retry(..)
    );
    Ending {
        name: run.name.clone(),
        fence: run.fence,
        release: release(run, ended, now),
        cancellable,
    }
}

/// The run after its end was written, in the state in which it was.
pub(super) fn applied(run: &Run, release: Release, state: State) -> Run {
    Run {
        state,
        due_at: release.due_at,
        failure: release.failure.filter(|_| state != State::Cancelled),
        result: release.result.or_else(|| run.result.clone()),
        ..run.clone()
    }
}

fn release(run: &Run, ended: Ended, now: DateTime<Utc>) -> Release {
    let last = |state, result, failure| Release {
        state,
        due_at: now,
        deadline_at: run.deadline_at,
        wait_reason: String::new(),
        result,
        failure,
    };
    let overdue = run.deadline_at.is_some_and(|at| at <= now);
    let late = || Failure::new("DEADLINE_EXCEEDED", "it had not ended by its deadline");
    match ended {
        Ended::Succeeded(result) => last(State::Succeeded, Some(result), None),
        Ended::Partial(result, failure) => last(State::Partial, Some(result), Some(failure)),
        Ended::Fail(failure, result) => last(State::Failed, result, Some(failure)),
        Ended::Stopped(result) if overdue => last(State::Failed, result, Some(late())),
        // The process ends, not the run: it goes back as it was, for whoever comes next.
        Ended::Stopped(result) => Release {
            wait_reason: "handed back".to_owned(),
            ..last(State::Queued, result, None)
        },
        // A deadline is for work, and this is none.
        Ended::Wait(until, why, result) => Release {
            due_at: until,
            deadline_at: run
                .deadline_at
                .map(|at| at + (until - now).max(chrono::TimeDelta::zero())),
            wait_reason: why,
            ..last(State::Waiting, result, None)
        },
        Ended::Retry(failure, not_before, result) => {
            let failed_attempts = run.attempt - run.crashes;
            let due = now + backoff::after(failed_attempts);
            let due = not_before.map_or(due, |at| at.max(due));
            if failed_attempts >= run.max_attempts {
                last(State::Failed, result, Some(failure))
            } else if run.deadline_at.is_some_and(|at| at <= due) {
                last(State::Failed, result, Some(failure))
            } else {
                Release {
                    due_at: due,
                    wait_reason: failure.message.clone(),
                    ..last(State::Retrying, result, Some(failure))
                }
            }
        }
    }
}

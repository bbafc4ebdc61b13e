//! What becomes of a run when an attempt of it has ended.

use crate::runs::{
    Ended, Failure, Run, State, backoff,
    store::{Ending, Release},
};
use chrono::{DateTime, TimeDelta, Utc};

/// When a run that met trouble of our own database looks again. Short, because nobody else need be spared.
const OWN_TROUBLE: TimeDelta = TimeDelta::seconds(5);

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
                .map(|at| at + (until - now).max(TimeDelta::zero())),
            wait_reason: why,
            ..last(State::Waiting, result, None)
        },
        // Our database is in trouble, not the run: that costs no attempt.
        Ended::Retry(failure, _, result) if failure.reason.starts_with("DATABASE_") => Release {
            due_at: now + OWN_TROUBLE,
            wait_reason: failure.message,
            ..last(State::Waiting, result, None)
        },
        Ended::Retry(failure, not_before, result) => {
            let failed_attempts = run.attempt - run.crashes;
            let due = now + backoff::after(failed_attempts);
            let due = not_before.map_or(due, |at| at.max(due));
            let comes_too_late = run.deadline_at.is_some_and(|at| at <= due);
            if failed_attempts >= run.max_attempts || comes_too_late {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{ResourceId, RunName, SyncName},
        runs::Priority,
    };
    use serde_json::{Value, json};
    use uuid::Uuid;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn run(attempt: i64, crashes: i64) -> Run {
        let tenant = ResourceId::default_tenant();
        Run {
            name: RunName::new(tenant.clone(), Uuid::nil()),
            kind: "sync".into(),
            sync: SyncName::new(tenant.clone(), tenant),
            cause: String::new(),
            state: State::Running,
            priority: Priority::Normal,
            lane: String::new(),
            arguments: Value::Null,
            attempt,
            max_attempts: 3,
            crashes,
            fence: 1,
            due_at: NOW,
            deadline_at: None,
            wait_reason: String::new(),
            cancel_requested: false,
            progress: None,
            result: None,
            failure: None,
            traceparent: None,
            created_at: NOW,
            started_at: None,
            finished_at: None,
            updated_at: NOW,
        }
    }

    fn unfinished(result: &Value) -> [Ended; 4] {
        let failure = || Failure::new("X", "x");
        [
            Ended::Retry(failure(), None, None),
            Ended::Fail(failure(), None),
            Ended::Wait(NOW, String::new(), None),
            Ended::Stopped(None),
        ]
        .map(|ended| ended.with_result(result.clone()))
    }

    #[test]
    fn what_was_done_is_kept_however_the_attempt_ended() {
        let done = json!({"created": 7});
        for attempt in [1, 3] {
            for ended in unfinished(&done) {
                let text = format!("{ended:?} {attempt}");
                let ending = of(&run(attempt, 0), ended, NOW);
                assert_eq!(ending.release.result.as_ref(), Some(&done), "{text}");
            }
        }
    }

    #[test]
    fn only_a_run_with_more_to_do_can_be_cancelled() {
        let cancellable =
            unfinished(&Value::Null).map(|ended| of(&run(1, 0), ended, NOW).cancellable);
        assert_eq!(cancellable, [true, false, true, true]);
        assert!(!of(&run(1, 0), Ended::Succeeded(Value::Null), NOW).cancellable);
    }

    #[test]
    fn deaths_of_workers_use_up_no_attempt() {
        let state = |attempt, crashes| {
            let failed = Ended::Retry(Failure::new("X", "x"), None, None);
            of(&run(attempt, crashes), failed, NOW).release.state
        };
        assert_eq!(state(3, 0), State::Failed);
        assert_eq!(state(3, 1), State::Retrying);
    }

    #[test]
    fn trouble_of_our_own_database_costs_no_attempt() {
        let full = Failure::new("DATABASE_FULL", "the database's disk is full");
        for attempt in [1, 3] {
            let ended = Ended::Retry(full.clone(), None, None);
            let release = of(&run(attempt, 0), ended, NOW).release;
            assert_eq!(
                (release.state, &release.wait_reason),
                (State::Waiting, &full.message)
            );
            assert_eq!(release.due_at, NOW + OWN_TROUBLE);
        }
    }

    #[test]
    fn waiting_moves_a_deadline_and_another_attempt_after_it_is_not_made() {
        let late = Run {
            deadline_at: Some(NOW + TimeDelta::seconds(1)),
            ..run(1, 0)
        };
        let until = NOW + TimeDelta::minutes(1);
        let waits = of(&late, Ended::Wait(until, String::new(), None), NOW).release;
        assert_eq!(waits.deadline_at, Some(until + TimeDelta::seconds(1)));
        let failed = Ended::Retry(Failure::new("X", "x"), Some(until), None);
        let failed = of(&late, failed, NOW).release;
        assert_eq!(
            (failed.state, failed.failure.unwrap().reason),
            (State::Failed, "X".to_owned())
        );
    }
}

//! What becomes of a run when an attempt of it has ended.

use crate::runs::{Ended, Run, State, backoff, store::Release};
use chrono::{DateTime, TimeDelta, Utc};

/// When a run that met trouble of our own database looks again. Short, because nobody else need be spared.
const OWN_TROUBLE: TimeDelta = TimeDelta::seconds(5);

/// What is to be written. `cancelled`: somebody asked for the run to stop; that counts where there was more to do. What
/// was done so far is kept, however the attempt ended.
pub(super) fn of<'a>(
    run: &Run,
    ended: &'a Ended,
    cancelled: bool,
    now: DateTime<Utc>,
) -> Release<'a> {
    let (result, failure) = match ended {
        Ended::Succeeded(result) => (Some(result), None),
        Ended::Partial(result, failure) => (Some(result), Some(failure)),
        Ended::Retry(failure, _, result) | Ended::Fail(failure, result) => {
            (result.as_ref(), Some(failure))
        }
        Ended::Wait(_, _, result) | Ended::Stopped(result) => (result.as_ref(), None),
    };
    let last = |state| Release {
        state,
        due_at: now,
        wait_reason: "",
        result,
        failure,
    };
    match ended {
        Ended::Succeeded(_) => last(State::Succeeded),
        Ended::Partial(..) => last(State::Partial),
        Ended::Fail(..) => last(State::Failed),
        _ if cancelled => Release {
            failure: None,
            ..last(State::Cancelled)
        },
        // The process ends, not the run: it goes back as it was, for whoever comes next.
        Ended::Stopped(_) => Release {
            wait_reason: "handed back",
            ..last(State::Queued)
        },
        Ended::Wait(until, why, _) => Release {
            due_at: *until,
            wait_reason: why,
            ..last(State::Waiting)
        },
        // Our database is in trouble, not the run: that costs no attempt.
        Ended::Retry(failure, ..) if failure.reason.starts_with("DATABASE_") => Release {
            due_at: now + OWN_TROUBLE,
            wait_reason: &failure.message,
            failure: None,
            ..last(State::Waiting)
        },
        Ended::Retry(failure, not_before, _) => {
            let failed_attempts = run.attempt - run.crashes;
            if failed_attempts >= run.max_attempts {
                return last(State::Failed);
            }
            let due = now + backoff::after(failed_attempts);
            Release {
                due_at: not_before.map_or(due, |at| at.max(due)),
                wait_reason: &failure.message,
                ..last(State::Retrying)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{ResourceId, RunName, SyncName},
        runs::Failure,
    };
    use serde_json::{Value, json};
    use uuid::Uuid;

    fn run(attempt: i64, crashes: i64) -> Run {
        let tenant = ResourceId::default_tenant();
        Run {
            name: RunName::new(tenant.clone(), Uuid::nil()),
            kind: "sync".into(),
            sync: SyncName::new(tenant.clone(), tenant),
            cause: String::new(),
            state: State::Running,
            arguments: Value::Null,
            attempt,
            max_attempts: 3,
            crashes,
            fence: 1,
            due_at: DateTime::UNIX_EPOCH,
            wait_reason: String::new(),
            cancel_requested: false,
            progress: None,
            result: None,
            failure: None,
            traceparent: None,
            created_at: DateTime::UNIX_EPOCH,
            started_at: None,
            finished_at: None,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    fn unfinished(result: &Value) -> [Ended; 4] {
        let failure = || Failure::new("X", "x");
        let soon = DateTime::UNIX_EPOCH;
        [
            Ended::Retry(failure(), None, None),
            Ended::Fail(failure(), None),
            Ended::Wait(soon, String::new(), None),
            Ended::Stopped(None),
        ]
        .map(|ended| ended.with_result(result.clone()))
    }

    #[test]
    fn what_was_done_is_kept_however_the_attempt_ended() {
        let done = json!({"created": 7});
        for ended in unfinished(&done) {
            for (attempt, cancelled) in [(1, false), (3, false), (1, true), (3, true)] {
                let run = run(attempt, 0);
                let release = of(&run, &ended, cancelled, DateTime::UNIX_EPOCH);
                assert_eq!(
                    release.result,
                    Some(&done),
                    "{ended:?} {attempt} {cancelled}"
                );
            }
        }
    }

    #[test]
    fn a_cancelled_run_with_more_to_do_is_cancelled_and_a_failed_one_has_failed() {
        let states = unfinished(&Value::Null)
            .map(|ended| of(&run(1, 0), &ended, true, DateTime::UNIX_EPOCH).state);
        let cancelled = State::Cancelled;
        assert_eq!(states, [cancelled, State::Failed, cancelled, cancelled]);
    }

    #[test]
    fn deaths_of_workers_use_up_no_attempt() {
        let failed = Ended::Retry(Failure::new("X", "x"), None, None);
        let state = |attempt, crashes| {
            of(&run(attempt, crashes), &failed, false, DateTime::UNIX_EPOCH).state
        };
        assert_eq!(state(3, 0), State::Failed);
        assert_eq!(state(3, 1), State::Retrying);
    }

    #[test]
    fn trouble_of_our_own_database_costs_no_attempt() {
        let full = Failure::new("DATABASE_FULL", "the database's disk is full");
        let release = |attempt| {
            let ended = Ended::Retry(full.clone(), None, None);
            let run = run(attempt, 0);
            let release = of(&run, &ended, false, DateTime::UNIX_EPOCH);
            (
                release.state,
                release.due_at,
                release.wait_reason.to_owned(),
            )
        };
        for attempt in [1, 3] {
            let (state, due_at, why) = release(attempt);
            assert_eq!((state, why), (State::Waiting, full.message.clone()));
            assert_eq!(due_at, DateTime::UNIX_EPOCH + OWN_TROUBLE);
        }
    }
}

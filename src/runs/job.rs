//! What a worker executes: a job of some kind, which says itself whether a failure is worth another attempt.

use crate::{
    app::App,
    base::{Error, Result},
    runs::{Handle, accept::Request},
};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// A kind of work. Jobs are idempotent: one may be begun again at any moment, by another process.
#[tonic::async_trait]
pub trait Job: Send + Sync {
    /// The kind of runs it executes.
    fn kind(&self) -> &'static str;

    /// Reads a job that others put into the queue of this kind: what they ask for, with what is wrong as the error. By
    /// default nobody outside may ask.
    async fn asked(&self, _app: &App, _payload: &Value) -> Result<Request> {
        Err(Error::invalid(
            "queue",
            format!("expected no jobs from outside in the queue {}", self.kind()),
        ))
    }

    /// Executes one attempt. Looks at [`Handle::stopping`] between steps that must not be torn.
    async fn run(&self, handle: &Handle) -> Ended;
}

/// How an attempt ended.
#[derive(Debug)]
pub enum Ended {
    /// Everything was done.
    Succeeded(Value),
    /// Something was done and something failed.
    Partial(Value, Failure),
    /// It failed in a way that may pass; begin again, not before the moment where one is given. With what was done so far.
    Retry(Failure, Option<DateTime<Utc>>, Option<Value>),
    /// It failed, and would again. With what was done so far.
    Fail(Failure, Option<Value>),
    /// Nothing is wrong, but it can only go on at that moment; the text says why, for a person. With what was done so far.
    Wait(DateTime<Utc>, String, Option<Value>),
    /// It stopped because [`Handle::stopping`] said so, with what was done so far.
    Stopped(Option<Value>),
}

impl Ended {
    /// The same end, with what was done until then.
    pub fn with_result(self, result: Value) -> Self {
        match self {
            Self::Succeeded(_) => Self::Succeeded(result),
            Self::Partial(_, failure) => Self::Partial(result, failure),
            Self::Retry(failure, not_before, _) => Self::Retry(failure, not_before, Some(result)),
            Self::Fail(failure, _) => Self::Fail(failure, Some(result)),
            Self::Wait(until, why, _) => Self::Wait(until, why, Some(result)),
            Self::Stopped(_) => Self::Stopped(Some(result)),
        }
    }
}

/// Why something failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// UPPER_SNAKE, listed in `docs/errors.md`.
    pub reason: String,
    /// For a person; no secret.
    pub message: String,
}

impl Failure {
    /// Puts a failure together.
    pub fn new(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            message: message.into(),
        }
    }
}

/// What an error means for the attempt that met it.
impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Exhausted { until, .. } => Self::Wait(until, message, None),
            Error::Unavailable {
                reason, retry_at, ..
            } => Self::Retry(Failure::new(reason, message), retry_at, None),
            Error::Limited { reason, .. } => Self::Retry(Failure::new(reason, message), None, None),
            Error::Conflict { .. } => {
                Self::Retry(Failure::new("CHANGED_MEANWHILE", message), None, None)
            }
            Error::Cancelled => Self::Stopped(None),
            Error::Precondition { reason, .. }
            | Error::Refused { reason, .. }
            | Error::Unauthenticated { reason, .. }
            | Error::Denied { reason, .. } => Self::Fail(Failure::new(reason, message), None),
            Error::NeedsReauth { .. } => Self::Fail(Failure::new("NEEDS_REAUTH", message), None),
            Error::Invalid(_) => Self::Fail(Failure::new("INVALID_ARGUMENT", message), None),
            Error::NotFound { .. } => Self::Fail(Failure::new("NOT_FOUND", message), None),
            Error::Exists { .. } => Self::Fail(Failure::new("ALREADY_EXISTS", message), None),
            Error::Late { .. } => {
                Self::Retry(Failure::new("DEADLINE_EXCEEDED", message), None, None)
            }
            Error::Internal(_) => Self::Retry(Failure::new("INTERNAL", message), None, None),
        }
    }
}

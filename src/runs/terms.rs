//! On which terms a run starts, as requests of every service write them.

use crate::{
    api::{Timestamp, v1},
    base::{Error, Result, Violation, name::shown},
    runs::Priority,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Most attempts that may be asked for.
pub const MOST_ATTEMPTS: u32 = 100;

/// Keeps the value, or the violations for one error with all of them; other errors end the call.
pub fn collect<T>(read: Result<T>, wrong: &mut Vec<Violation>) -> Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(Error::Invalid(more)) => {
            wrong.extend(more);
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

/// The client's own id of a request; empty is none.
pub fn read_request_id(text: &str) -> Result<Option<Uuid>> {
    if text.is_empty() {
        return Ok(None);
    }
    Uuid::parse_str(text).map(Some).map_err(|_| {
        Error::invalid(
            "request_id",
            format!("expected a UUID, got {}", shown(text)),
        )
    })
}

/// Which of a tenant's runs go first.
pub fn read_priority(priority: i32) -> Result<Priority> {
    v1::RunPriority::try_from(priority)
        .map(Into::into)
        .map_err(|_| {
            Error::invalid(
                "priority",
                format!("expected LOW, NORMAL or HIGH, got {priority}"),
            )
        })
}

/// `None` is what the settings say.
pub fn read_max_attempts(attempts: i32) -> Result<Option<u32>> {
    match u32::try_from(attempts) {
        Ok(0) => Ok(None),
        Ok(read) if read <= MOST_ATTEMPTS => Ok(Some(read)),
        _ => Err(Error::invalid(
            "max_attempts",
            format!("expected 0 to {MOST_ATTEMPTS}, got {attempts}"),
        )),
    }
}

/// A moment; not set is none.
pub fn read_time(field: &str, time: Option<Timestamp>) -> Result<Option<DateTime<Utc>>> {
    let Some(time) = time else {
        return Ok(None);
    };
    DateTime::<Utc>::try_from(time)
        .ok()
        .filter(|at| (1970..10_000).contains(&chrono::Datelike::year(at)))
        .map(Some)
        .ok_or_else(|| Error::invalid(field, "expected a time between the years 1970 and 9999"))
}

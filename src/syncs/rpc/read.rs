//! Reading the plain fields of requests.

pub use crate::runs::terms::{
    collect, read_max_attempts, read_priority, read_request_id, read_time,
};

use crate::{
    base::{Error, Result},
    syncs::definition::MOST_DAYS,
};

/// What is wrong with the value of a condition, as a fault of the filter that it stands in.
pub fn in_filter<T>(read: Result<T>) -> Result<T> {
    read.map_err(|error| match error {
        Error::Invalid(_) => Error::invalid("filter", error.to_string()),
        other => other,
    })
}

pub fn read_days(days: i32) -> Result<u32> {
    match u32::try_from(days) {
        Ok(read) if read <= MOST_DAYS => Ok(read),
        _ => Err(Error::invalid(
            "days",
            format!("expected 0 to {MOST_DAYS}, got {days}"),
        )),
    }
}

//! Where a page of this room begins: the keys inside page tokens.

use crate::{
    api::page::Page,
    base::{Error, Result},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

fn not_ours() -> Error {
    Error::invalid(
        "page_token",
        "expected next_page_token of the page before, with the same arguments",
    )
}

/// The key in a page's token, read; absent on the first page, and where the page itself is wrong.
pub fn after<T>(page: Option<&Page>, read: impl FnOnce(&str) -> Result<T>) -> Result<Option<T>> {
    let key = page.and_then(|page| page.after.as_deref());
    key.map(read).transpose()
}

/// An id.
pub fn id(key: &str) -> Result<Uuid> {
    Uuid::parse_str(key).map_err(|_| not_ours())
}

/// A start and an id, as [`of`] writes them.
pub fn start_and_id(key: &str) -> Result<(DateTime<Utc>, Uuid)> {
    let (micros, uuid) = key.split_once(' ').ok_or_else(not_ours)?;
    let start = micros
        .parse()
        .ok()
        .and_then(DateTime::from_timestamp_micros)
        .ok_or_else(not_ours)?;
    Ok((start, id(uuid)?))
}

/// The key of a row that is ordered by its start.
pub fn of(start: DateTime<Utc>, id: Uuid) -> String {
    format!("{} {id}", start.timestamp_micros())
}

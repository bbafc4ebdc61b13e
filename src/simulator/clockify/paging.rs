//! Clockify's paging: `page` from 1, `page-size`, a bare array and a `Last-Page` header.

use serde_json::{Value, json};

use super::errors;
use crate::simulator::faults::Tweak;
use crate::simulator::http::{Reply, Request};

const DEFAULT_SIZE: usize = 50;
const MAX_SIZE: usize = 5000;

/// The page that the request asks for; past the end an empty one.
pub(super) fn page<T>(
    request: &Request,
    all: Vec<T>,
    json_of: impl Fn(T) -> Value,
) -> Result<Reply, Reply> {
    let number = positive(request, "page")?.unwrap_or(1);
    let size = positive(request, "page-size")?
        .unwrap_or(DEFAULT_SIZE)
        .min(MAX_SIZE);
    let size = match request.tweak {
        Some(Tweak::ShortPages { size: short }) => size.min(short.max(1)),
        _ => size,
    };
    let empty = request.tweak == Some(Tweak::EmptyList);
    let start = (number - 1).saturating_mul(size);
    let last = empty || start.saturating_add(size) >= all.len();
    let items: Vec<Value> = if empty {
        Vec::new()
    } else {
        all.into_iter()
            .skip(start)
            .take(size)
            .map(json_of)
            .collect()
    };
    Ok(Reply::ok(&json!(items)).with_header("last-page", last.to_string()))
}

fn positive(request: &Request, parameter: &str) -> Result<Option<usize>, Reply> {
    let Some(text) = request.query(parameter) else {
        return Ok(None);
    };
    match text.parse::<usize>() {
        Ok(number) if number > 0 => Ok(Some(number)),
        Ok(_) => Err(errors::invalid(&format!(
            "You entered invalid value for field: [{parameter}]. Minimum value is 1"
        ))),
        Err(_) => Err(errors::not_convertible(parameter, text)),
    }
}

//! Taking the replies of scripts apart.

use crate::base::{Error, Result};
use fred::types::Value;

/// The items of a list; nothing is an empty one.
pub(super) fn list(reply: Value) -> Result<Vec<Value>> {
    match reply {
        Value::Array(items) => Ok(items),
        Value::Null => Ok(Vec::new()),
        other => Err(odd(&other)),
    }
}

/// A list of a known length.
pub(super) fn fixed<const N: usize>(reply: Value) -> Result<[Value; N]> {
    list(reply)?
        .try_into()
        .map_err(|items| odd(&Value::Array(items)))
}

/// A number.
pub(super) fn integer(reply: &Value) -> Result<i64> {
    reply.as_i64().ok_or_else(|| odd(reply))
}

/// The kind alone: what is inside belongs to users.
fn odd(reply: &Value) -> Error {
    Error::internal(format!("a script of the queue answered {:?}", reply.kind()))
}

//! API keys: made once, kept as hashes.

use crate::{
    app::App,
    base::{Caller, Error, Result, Secret},
};
use std::net::IpAddr;

/// Who shows this key. [`Error::Unauthenticated`] alike for an unknown, a revoked and an expired one.
pub async fn authenticate(_: &App, _: &Secret, _: Option<IpAddr>) -> Result<Caller> {
    Err(Error::Unauthenticated {
        reason: "CREDENTIALS_WRONG",
        message: "the key is unknown, was revoked, or has ended".to_owned(),
    })
}

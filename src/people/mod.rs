//! People: users who log in, what they may do where, and their sessions.

mod rpc;

pub use rpc::Accounts;

use crate::{
    app::App,
    base::{Caller, Error, Result, Secret},
};
use http::HeaderMap;
use std::net::IpAddr;

/// What the id of a session begins with, so that it is told from a key without asking anybody.
const SESSION: &str = "sl_session_";

/// Whether this is the id of a session, right or wrong.
pub fn is_session(text: &Secret) -> bool {
    text.expose().starts_with(SESSION)
}

/// Who has this session. [`Error::Unauthenticated`] alike for an unknown one and one that is over.
pub async fn authenticate(_: &App, _: &Secret, _: Option<IpAddr>) -> Result<Caller> {
    Err(Error::Unauthenticated {
        reason: "CREDENTIALS_WRONG",
        message: "there is no such session, or it is over: log in again".to_owned(),
    })
}

/// The id of a session in the cookies of a request.
pub fn session_of(_: &HeaderMap) -> Option<Secret> {
    None
}

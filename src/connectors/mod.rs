//! Clients of the systems outside: they speak each provider's wire format and say what its errors mean, and know no
//! rules of ours. All of them call through [`Outbound`](crate::outbound::Outbound), so time-outs, budgets and repeats
//! are not their matter; how many calls run at once is the caller's.

pub mod clockify;
pub mod google;
mod said;
mod wire;

use crate::{
    base::{Secret, TokenName},
    outbound::Account,
};

/// What a client needs to act for somebody: made anew from a token whenever its secret changes.
#[derive(Clone, Debug)]
pub struct Access {
    /// The token that the secret comes from, for messages.
    pub token: TokenName,
    /// Whose budget is used.
    pub account: Account,
    /// The access token, or the API key.
    pub secret: Secret,
}

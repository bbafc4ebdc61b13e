//! What is known already of the account that is to be connected: whether its refresh token will do, and whether an answer is
//! of the same account.

use crate::{
    app::App,
    base::{Error, Result, Secret},
    tokens::{Scopes, State, Token, grant::Grant},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

/// The refresh token that is there already.
pub(super) fn refresh_token(app: &App, token: &Token) -> Result<Option<Secret>> {
    Ok(match Grant::open(&app.keys, token)? {
        Some(Grant::OAuth { refresh_token, .. }) => Some(refresh_token),
        _ => None,
    })
}

/// Whether the token has a refresh token that works as far as is known, of the client of the settings, for all of `scopes`, and
/// of an account that an answer can be compared with: only such a one may be kept where Google gives none.
pub(super) fn has_refresh_token(app: &App, token: &Token, scopes: &Scopes) -> Result<bool> {
    let asked: Vec<&str> = scopes.as_slice().iter().map(String::as_str).collect();
    let granted = token.scopes.as_slice();
    let will_do = token.state == State::Active
        && token.client_id == app.config.google.client_id
        && token.account_id.is_some()
        && asked
            .iter()
            .all(|scope| granted.iter().any(|granted| granted == scope));
    Ok(will_do && refresh_token(app, token)?.is_some())
}

/// Refuses to put an access token of one account beside the refresh token of another.
pub(super) fn check_same(token: &Token, id_token: Option<&Secret>) -> Result<()> {
    let answered = id_token.and_then(subject);
    match (&token.account_id, answered) {
        (Some(known), Some(answered)) if *known != answered => Err(Error::precondition(
            "REFRESH_TOKEN_MISSING",
            format!(
                "another Google account was chosen than the one of {}, and Google gave no refresh token for it; begin again, \
                 and have it ask again (ask_again, or --ask-again on the command line)",
                token.name()
            ),
        )),
        _ => Ok(()),
    }
}

/// Who an id token is about. Its signature is not looked at: it came straight from the provider, and decides only what is kept.
fn subject(id_token: &Secret) -> Option<String> {
    let payload = id_token.expose().split('.').nth(1)?;
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    Some(claims.get("sub")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_read_from_an_id_token_and_nothing_else_is_taken_for_one() {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(r#"{"sub":"1177"}"#);
        assert_eq!(
            subject(&format!("e30.{payload}.c2ln").into()).as_deref(),
            Some("1177")
        );
        for text in ["", "e30", "e30.e30.c2ln", "e30.!.c2ln", "e30.eA.c2ln"] {
            assert_eq!(subject(&text.into()), None, "{text}");
        }
    }
}

//! The address of Google's consent page, and what to keep until the user comes back from it.

use super::OAuth;
use crate::base::{Error, Result, Secret};
use oauth2::{
    AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, RedirectUrl, Scope, basic::BasicClient,
};
use std::borrow::Cow;
use url::Url;

/// Random bytes in a state: it is all that stands between a stranger's redirect and a stored token.
const STATE_BYTES: u32 = 32;

/// What the user is asked for.
#[derive(Clone, Copy, Debug)]
pub struct ConsentRequest<'a> {
    /// Where Google sends the browser afterwards; registered, or a loopback address of an installed application.
    pub redirect_uri: &'a str,
    /// All that is needed, see [`scopes`](super::super::scopes).
    pub scopes: &'a [&'a str],
    /// The account to choose, where it is known.
    pub login_hint: Option<&'a str>,
    /// Whether to show the consent page also to a person who consented before: only then Google gives a refresh token again.
    pub ask_again: bool,
}

/// An authorization that has begun.
#[derive(Clone, Debug)]
pub struct Consent {
    /// For the user's browser. Holds the state and, where given, a mail address: do not log it.
    pub url: Url,
    /// The redirect must bring it back; what does not is somebody else's.
    pub state: Secret,
    /// Goes with the code ([`OAuth::exchange`]), and nowhere else.
    pub verifier: Secret,
}

impl OAuth {
    /// Begins an authorization: offline, PKCE with S256. Makes no call. Fails when `redirect_uri` is not a URL.
    pub fn consent(&self, request: &ConsentRequest<'_>) -> Result<Consent> {
        let redirect = RedirectUrl::new(request.redirect_uri.to_owned())
            .map_err(|error| Error::invalid("redirect_uri", format!("expected a URL: {error}")))?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_auth_uri(AuthUrl::from_url(self.endpoints.auth_url.clone()));
        let mut page = client
            .authorize_url(|| CsrfToken::new_random_len(STATE_BYTES))
            .set_redirect_uri(Cow::Owned(redirect))
            .set_pkce_challenge(challenge)
            .add_scopes(request.scopes.iter().map(|&scope| Scope::new(scope.into())))
            .add_extra_param("access_type", "offline")
            .add_extra_param("include_granted_scopes", "true");
        if request.ask_again {
            page = page.add_extra_param("prompt", "consent");
        }
        if let Some(hint) = request.login_hint {
            page = page.add_extra_param("login_hint", hint);
        }
        let (url, state) = page.url();
        Ok(Consent {
            url,
            state: state.into_secret().into(),
            verifier: verifier.into_secret().into(),
        })
    }
}

//! OAuth 2.0 with Google: the consent page, tokens for codes and refresh tokens, and giving them back.
//!
//! Calls to the token endpoint are made once: a code and, at some providers, a refresh token can be used only once,
//! so whoever repeats one must have looked first what became of it ([`OAuthError::Unanswered`]).

mod consent;
mod errors;
mod grant;

pub use consent::{Consent, ConsentRequest};
pub use errors::OAuthError;
pub use grant::Grant;

use super::Endpoints;
use crate::{
    base::Secret,
    outbound::{Account, Auth, Body, Call, CallError, Outbound, Repeat, Reply, only_429},
};
use http::Method;
use url::Url;

/// One OAuth client, as registered in the Google Cloud console.
#[derive(Clone, Debug)]
pub struct OAuth {
    outbound: Outbound,
    endpoints: Endpoints,
    client_id: String,
    client_secret: Secret,
}

/// What came of giving a token back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The provider took it back.
    Now,
    /// The provider did not know it (any more).
    Before,
}

type Form = Vec<(&'static str, Secret)>;

impl OAuth {
    /// An empty `client_secret` is not sent: installed applications may have none.
    pub fn new(
        outbound: Outbound,
        endpoints: Endpoints,
        client_id: impl Into<String>,
        client_secret: Secret,
    ) -> Self {
        Self {
            outbound,
            endpoints,
            client_id: client_id.into(),
            client_secret,
        }
    }

    /// Turns the code of the redirect into tokens. `redirect_uri` must be, letter by letter, the one of the consent
    /// request. A code works once: [`OAuthError::NeedsReauth`] means that it is wrong, used, or too old.
    pub async fn exchange(
        &self,
        code: &Secret,
        verifier: &Secret,
        redirect_uri: &str,
    ) -> Result<Grant, OAuthError> {
        let form = vec![
            ("grant_type", "authorization_code".into()),
            ("code", code.clone()),
            ("code_verifier", verifier.clone()),
            ("redirect_uri", redirect_uri.into()),
        ];
        self.token("google.token.exchange", form).await
    }

    /// A new access token. Keep the old refresh token where [`Grant::refresh_token`] is absent; store a new one before
    /// the access token is used.
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<Grant, OAuthError> {
        let form = vec![
            ("grant_type", "refresh_token".into()),
            ("refresh_token", refresh_token.clone()),
        ];
        self.token("google.token.refresh", form).await
    }

    /// Gives an access or refresh token back; both of the pair, and all its scopes, end with it.
    pub async fn revoke(&self, token: &Secret) -> Result<Revoked, OAuthError> {
        let form = vec![("token", token.clone())];
        let url = self.endpoints.revoke_url.clone();
        // Taking a token back twice is the same as once.
        match self
            .post("google.revoke", url, form.clone(), Repeat::Safe)
            .await
        {
            Ok(_) => Ok(Revoked::Now),
            Err(CallError::Refused(refusal)) if errors::is(&refusal.body, "invalid_token") => {
                Ok(Revoked::Before)
            }
            Err(error) => Err(OAuthError::new(error, &sent(&form))),
        }
    }

    async fn token(&self, endpoint: &'static str, mut form: Form) -> Result<Grant, OAuthError> {
        form.push(("client_id", self.client_id.as_str().into()));
        if !self.client_secret.is_empty() {
            form.push(("client_secret", self.client_secret.clone()));
        }
        let url = self.endpoints.token_url.clone();
        let answer = self.post(endpoint, url, form.clone(), Repeat::Never).await;
        answer
            .and_then(|reply| reply.json())
            .and_then(|json| {
                Grant::from_json(&json).ok_or_else(|| CallError::Unanswered {
                    why: format!("{endpoint} answered without an access token"),
                })
            })
            .map_err(|error| OAuthError::new(error, &sent(&form)))
    }

    async fn post(
        &self,
        endpoint: &'static str,
        url: Url,
        form: Form,
        repeat: Repeat,
    ) -> Result<Reply, CallError> {
        let account = Account {
            key: format!("google.oauth:{}", self.client_id),
            budget: None,
        };
        let call = Call {
            endpoint,
            method: Method::POST,
            url,
            auth: Auth::None,
            body: Body::Form(form),
            repeat,
            throttled: only_429,
        };
        self.outbound.call(&account, call).await
    }
}

/// The values of a form that no message may hold.
fn sent(form: &Form) -> Vec<&Secret> {
    const SECRET: [&str; 5] = [
        "code",
        "code_verifier",
        "refresh_token",
        "token",
        "client_secret",
    ];
    form.iter()
        .filter(|(field, _)| SECRET.contains(field))
        .map(|(_, value)| value)
        .collect()
}

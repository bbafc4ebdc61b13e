//! A credential as somebody gives it: checked, so that nothing that cannot work is ever stored.

use crate::{
    app::App,
    base::{Error, Result, Secret, TokenName, Violation, error::all_valid, name::shown},
    config::units,
    tokens::{
        Kind, Provider, Scopes,
        grant::{Grant, seal_access},
        import, store,
    },
};
use chrono::{DateTime, Utc};

/// Longest API key, refresh token and client secret, in bytes; Google documents 512 for its own.
const LONGEST_SECRET: usize = 2048;
/// Longest access token in bytes; Google documents 2048, others put whole documents in.
const LONGEST_ACCESS: usize = 16_384;
/// Longest client id in bytes.
const LONGEST_CLIENT_ID: usize = 256;
/// Most scopes of a grant, and the longest one in bytes.
const MOST_SCOPES: usize = 100;
const LONGEST_SCOPE: usize = 256;
/// Longest display name in characters.
const LONGEST_DISPLAY_NAME: usize = 100;

/// A new secret.
#[derive(Clone, Debug)]
pub enum Given {
    /// A key of the provider.
    ApiKey(Secret),
    /// A grant in its parts.
    Grant(OauthGrant),
    /// A `token.json`.
    TokenJson(Secret),
}

/// An OAuth grant that was obtained elsewhere.
#[derive(Clone, Debug, Default)]
pub struct OauthGrant {
    /// What new access tokens are fetched with.
    pub refresh_token: Secret,
    /// The current one.
    pub access_token: Option<Secret>,
    /// When it ends; `None` means that it has ended.
    pub access_expires_at: Option<DateTime<Utc>>,
    /// When the grant itself ends, where that is known.
    pub grant_expires_at: Option<DateTime<Utc>>,
    /// The client it belongs to; `None` is the configured one.
    pub client_id: Option<String>,
    /// Its secret; `None` is the configured one.
    pub client_secret: Option<Secret>,
    /// What was granted, as far as known.
    pub scopes: Scopes,
    /// What of it could not even be read; named with everything else that is wrong.
    pub unreadable: Vec<Violation>,
}

/// A credential that may be stored.
#[derive(Debug)]
pub(super) struct Checked {
    client_id: Option<String>,
    scopes: Scopes,
    grant: Grant,
    access: Option<(Secret, DateTime<Utc>)>,
    grant_expires_at: Option<DateTime<Utc>>,
}

impl Given {
    /// The field of the request that holds it.
    pub(super) fn field(&self) -> &'static str {
        match self {
            Self::ApiKey(_) => "api_key",
            Self::Grant(_) => "oauth_grant",
            Self::TokenJson(_) => "token_json",
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::ApiKey(_) => Kind::ApiKey,
            Self::Grant(_) | Self::TokenJson(_) => Kind::OAuth,
        }
    }

    /// The provider whose credentials are of this kind.
    pub(super) fn usual_provider(&self) -> Provider {
        match self.kind() {
            Kind::ApiKey => Provider::Clockify,
            Kind::OAuth => Provider::Google,
        }
    }

    /// Checks it as a credential at `provider`. Fails with everything that is wrong.
    pub(super) fn check(&self, app: &App, provider: Provider) -> Result<Checked> {
        if self.kind() != provider.kind() {
            return Err(Error::invalid(
                self.field(),
                match provider {
                    Provider::Google => {
                        "a Google token is an OAuth grant, not a key: give oauth_grant or token_json"
                    }
                    Provider::Clockify => "a Clockify token is a key: give api_key",
                },
            ));
        }
        match self {
            Self::ApiKey(key) => {
                let mut wrong = Vec::new();
                secret(&mut wrong, "api_key", key, LONGEST_SECRET);
                all_valid(wrong)?;
                Ok(Checked {
                    client_id: None,
                    scopes: Scopes::default(),
                    grant: Grant::ApiKey(key.clone()),
                    access: None,
                    grant_expires_at: None,
                })
            }
            Self::Grant(grant) => grant.check(app, "oauth_grant"),
            Self::TokenJson(text) => {
                let token_url = &app.config.google.token_url;
                let grant = import::parse(text.expose(), token_url)
                    .map_err(|reason| Error::invalid("token_json", reason))?;
                grant.check(app, "token_json")
            }
        }
    }
}

impl OauthGrant {
    /// Checks the parts; `field` is where they stand in the request.
    pub(super) fn check(&self, app: &App, field: &str) -> Result<Checked> {
        let mut wrong = self.unreadable.clone();
        let at = |part: &str| format!("{field}.{part}");
        secret(
            &mut wrong,
            &at("refresh_token"),
            &self.refresh_token,
            LONGEST_SECRET,
        );
        if let Some(access) = &self.access_token {
            secret(&mut wrong, &at("access_token"), access, LONGEST_ACCESS);
        }
        if let Some(client_secret) = &self.client_secret {
            secret(
                &mut wrong,
                &at("client_secret"),
                client_secret,
                LONGEST_SECRET,
            );
        }
        let client_id = self
            .client_id
            .as_ref()
            .or(app.config.google.client_id.as_ref());
        match client_id {
            None => wrong.push(Violation::new(
                at("client_id"),
                "it names no OAuth client, and google.client_id is not set: set it and google.client_secret",
            )),
            Some(id) if id.len() > LONGEST_CLIENT_ID || !is_visible(id) => {
                wrong.push(Violation::new(
                    at("client_id"),
                    format!(
                        "expected printable characters, at most {LONGEST_CLIENT_ID}, got {}",
                        shown(id)
                    ),
                ));
            }
            Some(_) => {}
        }
        if let Err(reason) = check_scopes(self.scopes.as_slice()) {
            wrong.push(Violation::new(at("scopes"), reason));
        }
        all_valid(wrong)?;
        Ok(Checked {
            client_id: client_id.cloned(),
            scopes: self.scopes.clone(),
            grant: Grant::OAuth {
                refresh_token: self.refresh_token.clone(),
                client_secret: self.client_secret.clone(),
            },
            access: self.access_token.clone().zip(self.access_expires_at),
            grant_expires_at: self.grant_expires_at,
        })
    }
}

impl Checked {
    /// Seals it for the row of `name`.
    pub(super) fn seal(self, app: &App, name: &TokenName) -> Result<store::Secrets> {
        let (access_sealed, access_expires_at) = match &self.access {
            Some((access, end)) => (Some(seal_access(&app.keys, name, access)?), Some(*end)),
            None => (None, None),
        };
        Ok(store::Secrets {
            client_id: self.client_id,
            scopes: self.scopes,
            grant_sealed: self.grant.seal(&app.keys, name)?,
            access_sealed,
            access_expires_at,
            grant_expires_at: self.grant_expires_at,
        })
    }
}

/// Checks a display name: one line, not too long.
pub(super) fn check_display_name(wrong: &mut Vec<Violation>, text: &str) {
    let fine = text.chars().count() <= LONGEST_DISPLAY_NAME && !text.chars().any(char::is_control);
    if !fine {
        wrong.push(Violation::new(
            "token.display_name",
            format!(
                "expected one line of at most {LONGEST_DISPLAY_NAME} characters, got {}",
                shown(text)
            ),
        ));
    }
}

/// Checks a request budget; empty means the provider's setting.
pub(super) fn check_budget(wrong: &mut Vec<Violation>, text: &str) {
    if text.is_empty() {
        return;
    }
    if let Err(reason) = units::budget(text) {
        wrong.push(Violation::new(
            "token.request_budget",
            format!("{reason}, got {}", shown(text)),
        ));
    }
}

/// Checks a list of scopes.
pub(super) fn check_scopes(scopes: &[String]) -> std::result::Result<(), String> {
    let odd = |scope: &&String| scope.len() > LONGEST_SCOPE || !is_visible(scope);
    if scopes.len() > MOST_SCOPES {
        Err(format!(
            "expected at most {MOST_SCOPES}, got {}",
            scopes.len()
        ))
    } else if let Some(scope) = scopes.iter().find(odd) {
        Err(format!(
            "expected printable characters without spaces, at most {LONGEST_SCOPE}, got {}",
            shown(scope)
        ))
    } else {
        Ok(())
    }
}

/// Checks a secret without repeating it.
fn secret(wrong: &mut Vec<Violation>, field: &str, secret: &Secret, longest: usize) {
    let text = secret.expose();
    let reason = if text.is_empty() {
        "it is empty".to_owned()
    } else if text.len() > longest {
        format!("expected at most {longest} bytes, got {}", text.len())
    } else if !is_visible(text) {
        "expected printable ASCII without spaces or line breaks".to_owned()
    } else {
        return;
    };
    wrong.push(Violation::new(field, reason));
}

fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())
}

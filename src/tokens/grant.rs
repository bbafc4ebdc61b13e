//! What is sealed of a token: the grant itself, and the current access token.

use crate::{
    app::App,
    base::{Error, Result, Secret, TokenName},
    tokens::{Token, place},
    vault::{Keyring, OpenError, Place},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub(super) const GRANT: &str = "grant_sealed";
pub(super) const ACCESS: &str = "access_sealed";

/// What lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Grant {
    ApiKey(Secret),
    OAuth {
        refresh_token: Secret,
        /// `None`: the configured client's.
        client_secret: Option<Secret>,
    },
}

/// The sealed text, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Text {
    ApiKey(String),
    Oauth {
        refresh_token: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_secret: Option<String>,
    },
}

impl Grant {
    pub(super) fn seal(&self, keys: &Keyring, name: &TokenName) -> Result<Vec<u8>> {
        let text = match self {
            Self::ApiKey(key) => Text::ApiKey(key.expose().to_owned()),
            Self::OAuth {
                refresh_token,
                client_secret,
            } => Text::Oauth {
                refresh_token: refresh_token.expose().to_owned(),
                client_secret: client_secret
                    .as_ref()
                    .map(|secret| secret.expose().to_owned()),
            },
        };
        let json = serde_json::to_vec(&text).map(Zeroizing::new);
        text.wipe();
        keys.seal(place(name, GRANT), &json.map_err(Error::internal)?)
    }

    /// Opens the grant of `token`; `None` when it has none.
    pub(super) fn open(keys: &Keyring, token: &Token) -> Result<Option<Self>> {
        let Some(sealed) = &token.grant_sealed else {
            return Ok(None);
        };
        let name = token.name();
        let plain = open(keys, &name, place(&name, GRANT), sealed)?;
        // The cause is left out: it could quote what was read.
        let text =
            serde_json::from_slice(&plain).map_err(|_| damaged(&name, &OpenError::Damaged))?;
        Ok(Some(match text {
            Text::ApiKey(key) => Self::ApiKey(key.into()),
            Text::Oauth {
                refresh_token,
                client_secret,
            } => Self::OAuth {
                refresh_token: refresh_token.into(),
                client_secret: client_secret.map(Secret::from),
            },
        }))
    }
}

impl Text {
    fn wipe(self) {
        let (first, second) = match self {
            Self::ApiKey(key) => (key, None),
            Self::Oauth {
                refresh_token,
                client_secret,
            } => (refresh_token, client_secret),
        };
        drop((Secret::from(first), second.map(Secret::from)));
    }
}

pub(super) fn seal_access(keys: &Keyring, name: &TokenName, access: &Secret) -> Result<Vec<u8>> {
    keys.seal(place(name, ACCESS), access.expose().as_bytes())
}

/// Opens the current access token; `None` when there is none.
pub(super) fn open_access(app: &App, token: &Token) -> Result<Option<Secret>> {
    let Some(sealed) = &token.access_sealed else {
        return Ok(None);
    };
    let name = token.name();
    let plain = open(&app.keys, &name, place(&name, ACCESS), sealed)?;
    match std::str::from_utf8(&plain) {
        Ok(text) => Ok(Some(Secret::new(text))),
        Err(_) => Err(damaged(&name, &OpenError::Damaged)),
    }
}

fn open(
    keys: &Keyring,
    name: &TokenName,
    place: Place<'_>,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    keys.open(place, sealed)
        .map_err(|cause| damaged(name, &cause))
}

fn damaged(name: &TokenName, cause: &OpenError) -> Error {
    match cause {
        OpenError::UnknownKey(_) => Error::precondition(
            "KEY_MISSING",
            format!("the secret of {name} cannot be opened: {cause}; put the key back"),
        ),
        OpenError::Damaged => Error::precondition(
            "SECRET_DAMAGED",
            format!("the secret of {name} cannot be opened: {cause}; give the credential again"),
        ),
    }
}

//! Puts the clients of the providers together from the settings and a token.

use crate::{
    app::App,
    base::{Error, Result, Secret},
    connectors::{
        Access,
        clockify::Clockify,
        google::{Endpoints, OAuth},
    },
    tokens::Token,
};
use url::Url;

/// Where Google is, by the settings.
pub fn google_endpoints(app: &App) -> Result<Endpoints> {
    let google = &app.config.google;
    Ok(Endpoints {
        auth_url: url(&google.auth_url)?,
        token_url: url(&google.token_url)?,
        revoke_url: url(&google.revoke_url)?,
        userinfo_url: url(&google.userinfo_url)?,
        meet_url: url(&google.meet_url)?,
        calendar_url: url(&google.calendar_url)?,
    })
}

/// Clockify, where the settings say it is.
pub fn clockify(app: &App, access: Access) -> Result<Clockify> {
    let base = url(&app.config.clockify.url)?;
    Ok(Clockify::new(app.outbound.clone(), base, access))
}

/// The settings were checked when they were loaded.
fn url(text: &str) -> Result<Url> {
    Url::parse(text).map_err(Error::internal)
}

/// The OAuth client of the settings. CLIENT_MISSING when none is set.
pub(super) fn configured_client(app: &App) -> Result<OAuth> {
    let google = &app.config.google;
    let id = google.client_id.as_deref().ok_or_else(|| {
        Error::precondition(
            "CLIENT_MISSING",
            "no OAuth client is set: set google.client_id and google.client_secret",
        )
    })?;
    oauth(app, id, google.client_secret.clone())
}

/// The OAuth client that the grant of `token` belongs to: with the secret that came with it, else the configured one's.
pub(super) fn client_of(app: &App, token: &Token, secret: Option<Secret>) -> Result<OAuth> {
    let google = &app.config.google;
    let id = token
        .client_id
        .as_deref()
        .or(google.client_id.as_deref())
        .ok_or_else(|| {
            Error::precondition(
                "CLIENT_MISSING",
                format!(
                    "{} names no OAuth client, and none is set: set google.client_id and google.client_secret",
                    token.name()
                ),
            )
        })?;
    let secret = match secret {
        Some(secret) => Some(secret),
        None if google.client_id.as_deref() == Some(id) => google.client_secret.clone(),
        None => {
            return Err(Error::precondition(
                "CLIENT_MISSING",
                format!(
                    "{} belongs to the OAuth client {id}, whose secret is not known: set google.client_id and \
                     google.client_secret to that client, or connect the account again",
                    token.name()
                ),
            ));
        }
    };
    oauth(app, id, secret)
}

/// A client for what needs no client at all: whoever has a token may give it back.
pub(super) fn any_client(app: &App) -> Result<OAuth> {
    oauth(
        app,
        app.config.google.client_id.as_deref().unwrap_or_default(),
        None,
    )
}

fn oauth(app: &App, id: &str, secret: Option<Secret>) -> Result<OAuth> {
    Ok(OAuth::new(
        app.outbound.clone(),
        google_endpoints(app)?,
        id,
        secret.unwrap_or_default(),
    ))
}

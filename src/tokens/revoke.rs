//! Gives a credential back to its provider, and forgets it.

use crate::{
    app::App,
    base::{Error, Result, TokenName},
    connectors::google::OAuthError,
    db::Scope,
    tokens::{EventKind, State, Token, grant::Grant, memory, provider, store, view},
};

/// Revokes the grant at the provider, then forgets the secrets; the row stays. When the provider does not answer, nothing
/// is forgotten and the call can be made again. A token that was revoked before stays as it is.
pub async fn revoke(app: &App, name: &TokenName) -> Result<Token> {
    let token = view::get(app, name).await?;
    if token.state == State::Revoked {
        return Ok(token);
    }
    let reason = match Grant::open(&app.keys, &token)? {
        Some(Grant::OAuth { refresh_token, .. }) => {
            let client = provider::any_client(app)?;
            client
                .revoke(&refresh_token)
                .await
                .map_err(|cause| refused(cause, name))?;
            "revoked at the provider"
        }
        Some(Grant::ApiKey(_)) => {
            "forgotten here; keys cannot be revoked from outside, so delete it in Clockify's settings"
        }
        None => "it had no secret",
    };
    let now = app.db.now();
    let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
    let token = store::revoke(&mut tx, name, reason, now)
        .await?
        .ok_or_else(|| name.not_found())?;
    store::add_event(&mut tx, name, EventKind::Revoked, reason, now).await?;
    tx.commit().await?;
    memory::of(app).forget(name);
    tracing::info!(token = %name, "a token was revoked");
    Ok(token)
}

fn refused(cause: OAuthError, name: &TokenName) -> Error {
    match cause {
        OAuthError::Transient { retry_at, .. } => Error::Unavailable {
            reason: "PROVIDER_UNAVAILABLE",
            what: format!("{name} was not revoked: {cause}"),
            retry_at,
        },
        OAuthError::Unanswered { .. } => Error::unavailable(
            "PROVIDER_UNAVAILABLE",
            format!("it is not known whether {name} was revoked: {cause}; try again"),
        ),
        _ => Error::Refused {
            reason: "PROVIDER_REFUSED",
            what: format!("{name} was not revoked: {cause}"),
        },
    }
}

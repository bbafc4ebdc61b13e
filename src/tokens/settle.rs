//! What the provider's answer to a refresh means for the row.

use crate::{
    app::App,
    base::{Error, Result, TokenName},
    connectors::google::{OAuthError, oauth},
    db::Scope,
    telemetry::metrics,
    tokens::{
        EventKind, Scopes, Token,
        grant::{Grant, seal_access},
        keys, notice,
        refresh::{Answer, Sent},
        store, view,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use std::time::{Duration, Instant};

/// How long an answer is kept while the database cannot take it. It may hold the only refresh token that works.
const STORE_PATIENCE: Duration = Duration::from_secs(60);

/// The wait between two tries to store it.
const STORE_AGAIN: Duration = Duration::from_millis(250);

/// The first wait after a failure, and the longest; each further failure doubles it.
const BACKOFF: (TimeDelta, TimeDelta) = (TimeDelta::seconds(1), TimeDelta::minutes(5));

/// Writes down what came of a refresh: the row with its new access token, or an error that the caller may hear. `None`
/// when somebody else changed the row meanwhile, so that the answer does not count: look again.
pub(super) async fn settle(app: &App, sent: &Sent, answer: Answer) -> Result<Option<Token>> {
    let result = match &answer {
        Ok(_) => "refreshed",
        Err(OAuthError::NeedsReauth { .. }) => "needs_reauth",
        Err(_) => "failed",
    };
    metrics::token_refreshed(sent.leased.provider.as_str(), result);
    match answer {
        Ok(grant) => renewed(app, sent, grant).await,
        Err(OAuthError::NeedsReauth { .. }) => given_up(app, sent, answer).await,
        Err(error) => put_off(app, sent, error).await,
    }
}

async fn renewed(app: &App, sent: &Sent, grant: oauth::Grant) -> Result<Option<Token>> {
    let name = sent.leased.name();
    let after = |duration: Duration| {
        TimeDelta::from_std(duration)
            .ok()
            .and_then(|life| sent.at.checked_add_signed(life))
    };
    let seal = || -> Result<store::Renewed> {
        Ok(store::Renewed {
            scopes: grant.scope.clone().map(Scopes::new),
            grant_sealed: match &grant.refresh_token {
                Some(refresh_token) => Some(
                    Grant::OAuth {
                        refresh_token: refresh_token.clone(),
                        client_secret: sent.client_secret.clone(),
                    }
                    .seal(&app.keys, &name)?,
                ),
                None => None,
            },
            access_sealed: seal_access(&app.keys, &name, &grant.access_token)?,
            // Counted from before the call, so that it never seems to live longer than it does.
            access_expires_at: after(grant.expires_in).unwrap_or(sent.at),
            grant_expires_at: grant.refresh_token_expires_in.and_then(after),
        })
    };
    let mut renewed = seal()?;
    let give_up_at = Instant::now() + STORE_PATIENCE;
    loop {
        match store_renewed(app, sent, &name, &renewed).await {
            Err(error @ Error::Unavailable { .. }) if Instant::now() < give_up_at => {
                tracing::warn!(token = %name, error = %error, "a refreshed token cannot be stored yet");
                tokio::time::sleep(STORE_AGAIN).await;
                if keys::is_retired(&error) {
                    keys::refresh(app).await;
                    renewed = seal()?;
                }
            }
            other => return other,
        }
    }
}

async fn store_renewed(
    app: &App,
    sent: &Sent,
    name: &TokenName,
    renewed: &store::Renewed,
) -> Result<Option<Token>> {
    let now = app.db.now();
    let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
    if let Some(token) = store::renew(&mut tx, &sent.leased, renewed, now).await? {
        let rotated = match renewed.grant_sealed {
            Some(_) => ", with a new refresh token",
            None => "",
        };
        let detail = format!("good until {}{rotated}", renewed.access_expires_at);
        store::add_event(&mut tx, name, EventKind::Refreshed, &detail, now).await?;
        tx.commit().await?;
        tracing::info!(token = %name, "a token was refreshed");
        return Ok(Some(token));
    }
    // A commit whose confirmation got lost looks like this, too: then the row is ours.
    let Some(current) = store::get(&mut tx, name).await? else {
        return Err(name.not_found());
    };
    if current.access_sealed.as_deref() == Some(renewed.access_sealed.as_slice()) {
        return Ok(Some(current));
    }
    store::release(&mut tx, &sent.leased).await?;
    let detail = "an answer came too late and was dropped: the credential had changed meanwhile";
    store::add_event(&mut tx, name, EventKind::RefreshFailed, detail, now).await?;
    tx.commit().await?;
    tracing::warn!(token = %name, "a late answer to a refresh was dropped");
    Ok(None)
}

async fn given_up(app: &App, sent: &Sent, answer: Answer) -> Result<Option<Token>> {
    let Err(refusal) = answer else {
        return Err(Error::internal("a grant is no reason to give up"));
    };
    let mut reason = refusal.to_string();
    if sent.after_unknown() {
        reason.push_str(
            "; the refresh before got no answer, so the provider may have used the refresh token up in it",
        );
    }
    let now = app.db.now();
    let name = sent.leased.name();
    let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
    if !store::give_up(&mut tx, &sent.leased, &reason, now).await? {
        store::release(&mut tx, &sent.leased).await?;
        let detail = format!("a refusal came too late to count: {refusal}");
        store::add_event(&mut tx, &name, EventKind::RefreshFailed, &detail, now).await?;
        tx.commit().await?;
        return Ok(None);
    }
    notice::note(&mut tx, &name, &reason, now).await?;
    tx.commit().await?;
    notice::tell(app, &name, &reason);
    tracing::warn!(token = %name, "a token needs a new consent");
    view::get(app, &name).await?.check_usable()?;
    // A new consent came in between.
    Ok(None)
}

/// Nothing was gained and nothing is known to be lost: the state stays, and everybody waits a while.
async fn put_off(app: &App, sent: &Sent, error: OAuthError) -> Result<Option<Token>> {
    let now = app.db.now();
    let leased = &sent.leased;
    let name = leased.name();
    let (kind, asked_for) = match &error {
        OAuthError::Unanswered { .. } => (EventKind::UnknownOutcome, None),
        OAuthError::Transient { retry_at, .. } => (EventKind::RefreshFailed, *retry_at),
        _ => (EventKind::RefreshFailed, None),
    };
    let unknown_since = match kind {
        EventKind::UnknownOutcome => leased.refresh_sent_at,
        // This attempt changed nothing, so what was unknown before it still is.
        _ => leased.refresh_sent_at.filter(|first| *first < sent.at),
    };
    let retry_at = (now + backoff(leased.refresh_failures)).max(asked_for.unwrap_or(now));
    let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
    let lease_until = sent.after_a_death.then_some(now);
    if !store::put_off(&mut tx, leased, unknown_since, lease_until, retry_at).await? {
        return Ok(None);
    }
    store::add_event(&mut tx, &name, kind, &error.to_string(), now).await?;
    tx.commit().await?;
    tracing::warn!(token = %name, error = %error, "a token was not refreshed");
    Err(heard(error, &name, retry_at))
}

/// What the caller hears of it.
fn heard(error: OAuthError, name: &TokenName, retry_at: DateTime<Utc>) -> Error {
    match error {
        OAuthError::ClientWrong { .. } => Error::precondition(
            "CLIENT_REJECTED",
            format!("{name} cannot be refreshed: {error}"),
        ),
        error => Error::Unavailable {
            reason: "PROVIDER_UNAVAILABLE",
            what: format!("{name} cannot be refreshed just now: {error}"),
            retry_at: Some(retry_at),
        },
    }
}

/// Doubles with each failure, and is spread so that replicas do not come back together.
fn backoff(failures: i64) -> TimeDelta {
    let doublings = u32::try_from(failures).unwrap_or(u32::MAX).min(16);
    let limit = (BACKOFF.0 * 2_i32.pow(doublings)).min(BACKOFF.1);
    let micros = limit.num_microseconds().unwrap_or(i64::MAX / 2);
    TimeDelta::microseconds(rand::random_range(micros / 2..=micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_are_never_nothing() {
        for failures in 0..100 {
            let wait = backoff(failures);
            assert!(wait >= TimeDelta::milliseconds(500) && wait <= BACKOFF.1);
        }
        assert!(backoff(20) >= BACKOFF.1 / 2);
    }
}

//! Renews an access token: one refresher at a time over all replicas, and no answer of the provider is ever lost to a
//! slower one.
//!
//! Who refreshes takes a lease on the row, with a fence, and commits that the refresh counts as sent before it calls.
//! The lease outlasts the call. The answer is stored only where the grant is still the one that was sent
//! (`grant_version`); a rotated refresh token goes into the same transaction as its access token, before either is
//! handed out. That decides all races:
//!
//! * A refresher that was frozen beyond its lease may still bring its answer, as long as nobody stored another one. With
//!   a single-use refresh token its answer is the only good one, and the one who took over got `invalid_grant`.
//! * If somebody did store something newer (an answer, a new consent, a revocation), the late answer is dropped and
//!   noted as an event. It never overwrites.
//! * Bad news (`invalid_grant`, an outage) counts only from who holds the lease: it says nothing about a refresh that
//!   somebody else has under way.

use crate::{
    app::App,
    base::{Error, Result, Secret, TokenName},
    connectors::google::{OAuthError, oauth},
    db::Scope,
    tokens::{Token, grant::Grant, keys, memory, provider, settle, store, view},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::time::{Duration, Instant};
use tracing::Instrument as _;

/// A refresh takes no longer than one attempt of a call and this: waiting for a throttled provider included.
const CALL_SLACK: Duration = Duration::from_secs(5);

/// The lease outlasts the call by this: time to store the answer.
const LEASE_SLACK: Duration = Duration::from_secs(5);

/// How often a process looks whether another one is done refreshing: at first, and at most.
const POLL: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));

/// What a caller needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Want {
    /// An access token that is good for so long.
    Validity(TimeDelta),
    /// Another one than that of this grant version.
    NewerThan(i64),
    /// The same, even while the provider is left alone after failures.
    Insist(i64),
}

impl Want {
    fn is_met(self, token: &Token, now: DateTime<Utc>) -> bool {
        match self {
            // The margin is that of the token as it is by now: one that lives shortly has a short one, and another
            // refresh would bring no longer life either.
            Self::Validity(validity) => {
                let margin = token.margin();
                token.is_good_for(validity.max(margin), now)
                    || (token.lives_shorter_than(validity) && token.is_good_for(margin, now))
            }
            Self::NewerThan(version) | Self::Insist(version) => {
                token.grant_version > version && token.is_good_for(TimeDelta::zero(), now)
            }
        }
    }
}

/// Refreshes now, however fresh the access token is.
pub async fn refresh(app: &App, name: &TokenName) -> Result<Token> {
    let token = view::get(app, name).await?;
    token.check_usable()?;
    if token.kind == super::Kind::ApiKey {
        return Err(Error::precondition(
            "NOT_REFRESHABLE",
            format!("{name} is a key: it does not expire, and cannot be refreshed"),
        ));
    }
    renew(app, name, Want::Insist(token.grant_version)).await
}

/// The token, renewed unless it meets `want` by then. Callers of one process take turns, and each looks first whether the
/// one before brought what it wants. The refresh itself goes on when the caller goes away.
pub(super) async fn renew(app: &App, name: &TokenName, want: Want) -> Result<Token> {
    let turn = memory::of(app).turn(name).lock_owned().await;
    let (app, name) = (app.clone(), name.clone());
    let refreshes = memory::of(&app).refreshes().clone();
    let refresh = async move {
        let _turn = turn;
        let token = one_at_a_time(&app, &name, want).await;
        memory::of(&app).forget(&name);
        token
    };
    let task = refreshes.spawn(refresh.in_current_span());
    task.await
        .map_err(|_| Error::unavailable("SHUTTING_DOWN", "the refresh was stopped half way"))?
}

async fn one_at_a_time(app: &App, name: &TokenName, want: Want) -> Result<Token> {
    let give_up_at = Instant::now() + lease_time(app) + LEASE_SLACK;
    let mut poll = POLL.0;
    loop {
        let token = view::get(app, name).await?;
        token.check_usable()?;
        let now = app.db.now();
        if want.is_met(&token, now) {
            return Ok(token);
        }
        if !token.is_leased(now) {
            if let Some(settled) = attempt(app, &token, want).await? {
                return Ok(settled);
            }
            continue;
        }
        if Instant::now() >= give_up_at {
            return Err(Error::Unavailable {
                reason: "REFRESH_UNDER_WAY",
                what: format!("{name} is being refreshed, and that takes long"),
                retry_at: token.refresh_lease_until,
            });
        }
        tokio::time::sleep(poll).await;
        poll = (poll * 2).min(POLL.1);
    }
}

/// Takes the lease, calls, and settles what came. `None`: somebody was quicker, so look again.
async fn attempt(app: &App, token: &Token, want: Want) -> Result<Option<Token>> {
    let now = app.db.now();
    if let Some(retry_at) = token.refresh_retry_at
        && retry_at > now
        && !matches!(want, Want::Insist(_))
    {
        return Err(Error::Unavailable {
            reason: "PROVIDER_UNAVAILABLE",
            what: format!(
                "{} gives no access token for {} just now",
                token.provider.label(),
                token.name()
            ),
            retry_at: Some(retry_at),
        });
    }
    // Everything that can fail without the provider fails before the refresh counts as sent.
    let Some(Grant::OAuth {
        refresh_token,
        client_secret,
    }) = Grant::open(&app.keys, token)?
    else {
        return Err(Error::internal(
            "an active OAuth token has no refresh token",
        ));
    };
    let client = provider::client_of(app, token, client_secret.clone())?;

    let until = now + TimeDelta::from_std(lease_time(app)).map_err(Error::internal)?;
    let mut tx = app.db.write(Scope::Tenant(token.tenant_id.clone())).await?;
    let key = app.keys.newest();
    let Some(leased) = store::lease(&mut tx, token, key, now, until).await? else {
        return Ok(None);
    };
    // Asked after the lease was written: from then on nobody retires it.
    if store::is_retired(&mut tx, key).await? {
        drop(tx);
        keys::refresh(app).await;
        return match app.keys.newest() == key {
            true => Err(store::key_retired()),
            false => Ok(None),
        };
    }
    tx.commit().await?;
    let sent = Sent {
        leased,
        at: now,
        after_a_death: token.is_unanswered(now),
        client_secret,
    };

    let call = tokio::time::timeout(call_time(app), client.refresh(&refresh_token));
    let answer = call.await.unwrap_or_else(|_| {
        Err(OAuthError::Unanswered {
            why: "google.token.refresh: no answer in time".to_owned(),
        })
    });
    settle::settle(app, &sent, answer).await
}

/// A refresh that was sent.
pub(super) struct Sent {
    /// The row under our lease.
    pub leased: Token,
    /// When, by the database's clock.
    pub at: DateTime<Utc>,
    /// Whether a refresher before us died between sending and hearing.
    pub after_a_death: bool,
    /// The client's secret that came with the grant; kept when the refresh token is rotated.
    pub client_secret: Option<Secret>,
}

impl Sent {
    /// Whether the outcome of an earlier attempt is unknown, so that the refresh token may have been used up by it.
    pub fn after_unknown(&self) -> bool {
        self.leased
            .refresh_sent_at
            .is_some_and(|first| first < self.at)
    }
}

/// What the provider said to a refresh.
pub(super) type Answer = Result<oauth::Grant, OAuthError>;

fn call_time(app: &App) -> Duration {
    app.outbound.timeout() + CALL_SLACK
}

fn lease_time(app: &App) -> Duration {
    call_time(app) + LEASE_SLACK
}

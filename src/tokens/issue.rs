//! Hands out credentials that work: from memory, from the row, or freshly refreshed.

use crate::{
    app::App,
    audit::{self, By, Counted},
    base::{Error, Result, Secret, TokenName, reach},
    db::Scope,
    tokens::{
        Kind, Scopes, Token,
        grant::{Grant, open_access},
        memory::{self, Warm},
        notice,
        refresh::{self, Want},
        store, view,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{sync::Arc, time::Instant};

/// Nobody may ask for more: access tokens live for an hour.
pub const LONGEST_VALIDITY: TimeDelta = TimeDelta::minutes(30);

/// Who reads, where it is this program's own work.
const OURSELVES: &str = "syncline";
/// What the audit calls it.
const READ: &str = "token.read";

/// A credential in clear.
#[derive(Clone, Debug)]
pub struct Issued {
    /// What to send to the provider.
    pub secret: Secret,
    /// An access token, or a key.
    pub kind: Kind,
    /// When it ends; `None` for a key.
    pub expires_at: Option<DateTime<Utc>>,
    /// What it is good for.
    pub scopes: Scopes,
}

/// Refuses what no access token may be asked to last.
pub(super) fn check_validity(min_validity: TimeDelta) -> Result<()> {
    match (TimeDelta::zero()..=LONGEST_VALIDITY).contains(&min_validity) {
        true => Ok(()),
        false => Err(Error::invalid(
            "min_validity",
            format!("expected 0s to {}s", LONGEST_VALIDITY.num_seconds()),
        )),
    }
}

/// A credential that is good for at least `min_validity`, refreshed first when needed: once, however many ask. A
/// provider that does not answer shows only when the current access token does not last that long. `required` scopes
/// that were not granted are SCOPE_MISSING. The audit counts who reads.
pub async fn issue(
    app: &App,
    name: &TokenName,
    min_validity: TimeDelta,
    required: &[String],
    by: By<'_>,
) -> Result<Arc<Issued>> {
    check_validity(min_validity)?;
    // What is remembered asks no database, which would ask this.
    reach::check(&name.tenant)?;
    let warm = match memory::of(app).recall(app, name).await? {
        Some(warm) if warm.is_good_for(min_validity, app.db.now()) => warm,
        // In a box, because it is rare: every call's future would be as large, and be moved about with it.
        _ => Box::pin(read(app, name, min_validity)).await?,
    };
    let required: Vec<&str> = required.iter().map(String::as_str).collect();
    let missing = warm.issued.scopes.missing(&required);
    if !missing.is_empty() {
        return Err(Error::precondition(
            "SCOPE_MISSING",
            format!(
                "{name} was not granted {}; connect the account again and leave every box ticked",
                missing.join(" ")
            ),
        ));
    }
    let read = Counted::done(Some(&name.tenant), READ, warm.name.as_str(), by);
    audit::count(app, read);
    Ok(Arc::clone(&warm.issued))
}

/// Counts that a token that is there was not handed out. What is not there is not counted: callers make up names.
pub(super) fn count_refused(app: &App, name: &TokenName, by: By<'_>, error: &Error) {
    let reason = match error {
        Error::Precondition { reason, .. } | Error::Unavailable { reason, .. } => reason,
        Error::NeedsReauth { .. } => "NEEDS_REAUTH",
        _ => return,
    };
    let read = Counted::done(Some(&name.tenant), READ, name.to_string(), by);
    audit::count(app, read.refused(reason));
}

/// The secret that other rooms send to the provider: good for at least `min_validity`.
pub async fn credential(app: &App, name: &TokenName, min_validity: TimeDelta) -> Result<Secret> {
    let issued = issue(app, name, min_validity, &[], OURSELVES.into()).await?;
    Ok(issued.secret.clone())
}

/// The provider answered 401 to `used`: gives the credential to try once more with. Where somebody has replaced it
/// already, that is the current one; else an OAuth token is refreshed, and a key is marked as one that a person has to
/// replace.
pub async fn rejected(app: &App, name: &TokenName, used: &Secret) -> Result<Secret> {
    memory::of(app).forget(name);
    let token = view::get(app, name).await?;
    token.check_usable()?;
    match token.kind {
        Kind::OAuth if open_access(app, &token)?.as_ref() == Some(used) => {
            let want = Want::NewerThan(token.grant_version);
            let token = refresh::renew(app, name, want).await?;
            let warm = remember(app, &token, Instant::now())?;
            Ok(warm.issued.secret.clone())
        }
        Kind::ApiKey if key(app, &token)? == *used => Err(reject_key(app, &token).await?),
        _ => credential(app, name, TimeDelta::zero()).await,
    }
}

async fn reject_key(app: &App, token: &Token) -> Result<Error> {
    let now = app.db.now();
    let name = token.name();
    let reason = format!(
        "{} does not accept the key; give a new one",
        token.provider.label()
    );
    let mut tx = app.db.write(Scope::Tenant(token.tenant_id.clone())).await?;
    if store::give_up(&mut tx, token, &reason, now).await? {
        notice::note(&mut tx, &name, &reason, now).await?;
        tx.commit().await?;
        notice::tell(app, &name, &reason);
        tracing::warn!(token = %name, "a provider does not accept a key any more");
    }
    Ok(Error::NeedsReauth {
        token: name.to_string(),
        message: format!("{name} cannot be used: {reason}"),
    })
}

impl Warm {
    fn is_good_for(&self, validity: TimeDelta, now: DateTime<Utc>) -> bool {
        self.issued
            .expires_at
            .is_none_or(|end| end - now >= validity.max(self.margin) && end > now)
    }
}

/// From the row, refreshed where it is about to end.
async fn read(app: &App, name: &TokenName, min_validity: TimeDelta) -> Result<Arc<Warm>> {
    let read_at = Instant::now();
    let token = view::get(app, name).await?;
    token.check_usable()?;
    let now = app.db.now();
    if token.kind == Kind::ApiKey || token.is_good_for(min_validity.max(token.margin()), now) {
        return remember(app, &token, read_at);
    }
    let too_long = || {
        Error::precondition(
            "VALIDITY_TOO_LONG",
            format!("the access tokens of {name} do not live as long as min_validity asks for"),
        )
    };
    // A refresh would not help, and each further call would cost another one.
    if token.lives_shorter_than(min_validity) && token.is_good_for(token.margin(), now) {
        return Err(too_long());
    }
    match refresh::renew(app, name, Want::Validity(min_validity)).await {
        Ok(token) if token.is_good_for(min_validity, app.db.now()) => {
            remember(app, &token, Instant::now())
        }
        Ok(_) => Err(too_long()),
        // It is still good for what was asked; the refresh was only early.
        Err(Error::Unavailable { .. } | Error::Exhausted { .. })
            if token.is_good_for(min_validity, app.db.now()) =>
        {
            remember(app, &token, read_at)
        }
        Err(error) => Err(error),
    }
}

fn remember(app: &App, token: &Token, read_at: Instant) -> Result<Arc<Warm>> {
    let name = token.name();
    let (secret, expires_at) = match token.kind {
        Kind::ApiKey => (key(app, token)?, None),
        Kind::OAuth => {
            let access = open_access(app, token)?
                .ok_or_else(|| Error::internal("a fresh token has no access token"))?;
            (access, token.access_expires_at)
        }
    };
    let warm = Arc::new(Warm {
        name: name.to_string(),
        issued: Arc::new(Issued {
            secret,
            kind: token.kind,
            expires_at,
            scopes: token.scopes.clone(),
        }),
        margin: token.margin(),
        version: token.version,
    });
    memory::of(app).remember(&name, Arc::clone(&warm), read_at);
    Ok(warm)
}

fn key(app: &App, token: &Token) -> Result<Secret> {
    match Grant::open(&app.keys, token)? {
        Some(Grant::ApiKey(key)) => Ok(key),
        _ => Err(Error::internal("a key's row holds no key")),
    }
}

//! OAuth consent with PKCE: where to send the person, and what comes back.
//!
//! The state is 256 random bits, kept as a hash, good for ten minutes, one use, and one token; the verifier is sealed.
//! A redirect that nobody here asked for, or that comes twice, changes nothing.

mod redirect;

pub use redirect::Redirected;

use crate::{
    app::App,
    audit::{self, Entry},
    base::{Error, Result, Secret, TokenName, Violation, error::all_valid, sha256},
    connectors::google::{OAuthError, oauth},
    db::Scope,
    tokens::{
        EventKind, Kind, NEEDED_SCOPES, Provider, Scopes, Token, gather,
        given::check_scopes,
        grant::{Grant, seal_access},
        memory, provider, store,
        update::changed_meanwhile,
    },
    vault::Place,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::fmt::Write as _;

/// How long a person has for the consent page.
const OPEN_FOR: TimeDelta = TimeDelta::minutes(10);

/// How often storing is tried again when somebody else's change comes in between.
const TRIES: usize = 5;

/// Longest account hint in characters.
const LONGEST_HINT: usize = 320;

/// A consent to begin.
#[derive(Clone, Debug, Default)]
pub struct Begin {
    /// The token's full name; it need not be there.
    pub name: String,
    /// Where the provider sends the browser.
    pub redirect_uri: String,
    /// More than [`NEEDED_SCOPES`].
    pub extra_scopes: Vec<String>,
    /// Account to suggest.
    pub login_hint: String,
}

/// Where to send the person.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// For a browser. Holds the state: do not log it.
    pub url: String,
    /// Comes back with the redirect.
    pub state: Secret,
    /// Until when it can be completed.
    pub expires_at: DateTime<Utc>,
}

/// What came back from a consent.
#[derive(Clone, Debug)]
pub struct Complete {
    /// The token's full name.
    pub name: String,
    /// Code and state, or the refusal.
    pub redirected: Redirected,
}

/// Begins a consent. Makes no call.
pub async fn begin(app: &App, begin: Begin) -> Result<Authorization> {
    let mut wrong = Vec::new();
    let name = gather(&mut wrong, TokenName::parse("name", &begin.name));
    gather(&mut wrong, redirect::check_uri(&begin.redirect_uri));
    if let Err(reason) = check_scopes(&begin.extra_scopes) {
        wrong.push(Violation::new("extra_scopes", reason));
    }
    if begin.login_hint.chars().count() > LONGEST_HINT
        || begin.login_hint.chars().any(char::is_control)
    {
        wrong.push(Violation::new(
            "login_hint",
            format!("expected one line of at most {LONGEST_HINT} characters"),
        ));
    }
    all_valid(wrong)?;
    let name = name.ok_or_else(|| Error::internal("a valid request lacks its name"))?;
    let client = provider::configured_client(app)?;
    let extra = begin.extra_scopes.iter().map(String::as_str);
    let scopes = Scopes::new(NEEDED_SCOPES.into_iter().chain(extra));
    let asked: Vec<&str> = scopes.as_slice().iter().map(String::as_str).collect();
    let consent = client.consent(&oauth::ConsentRequest {
        redirect_uri: &begin.redirect_uri,
        scopes: &asked,
        login_hint: Some(begin.login_hint.as_str()).filter(|hint| !hint.is_empty()),
    })?;

    let hash = hash(&consent.state);
    let now = app.db.now();
    let row = store::Consent {
        redirect_uri: begin.redirect_uri.clone(),
        scopes: scopes.to_string(),
        client_id: app.config.google.client_id.clone().unwrap_or_default(),
        verifier_sealed: app.keys.seal(
            verifier_place(&name, &hash),
            consent.verifier.expose().as_bytes(),
        )?,
        expires_at: now + OPEN_FOR,
    };
    let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
    if let Some(token) = store::get(&mut tx, &name).await? {
        check_oauth(&token)?;
    }
    store::drop_old_consents(&mut tx, &name.tenant, now).await?;
    store::add_consent(&mut tx, &name, &hash, &row, now).await?;
    let entry = Entry::new(
        Some(name.tenant.clone()),
        "token.begin_authorization",
        &name,
    );
    audit::record(&mut tx, entry, now).await?;
    tx.commit().await?;
    Ok(Authorization {
        url: consent.url.into(),
        state: consent.state,
        expires_at: row.expires_at,
    })
}

/// Ends a consent: stores the grant, in a new token if there is none of that name. What was not granted shows in
/// [`Token::missing_scopes`]. AUTHORIZATION_UNKNOWN when the state is not ours, used, or too old; `Denied` when the
/// person refused.
pub async fn complete(app: &App, complete: Complete) -> Result<Token> {
    let mut wrong = Vec::new();
    let name = gather(&mut wrong, TokenName::parse("name", &complete.name));
    let answer = gather(&mut wrong, complete.redirected.read());
    all_valid(wrong)?;
    let (Some(name), Some(answer)) = (name, answer) else {
        return Err(Error::internal("a valid request lacks a part"));
    };

    let hash = hash(&answer.state);
    let now = app.db.now();
    let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
    let consent = store::take_consent(&mut tx, &name, &hash).await?;
    tx.commit().await?;
    let consent = consent
        .filter(|consent| consent.expires_at > now)
        .filter(|consent| app.config.google.client_id.as_deref() == Some(consent.client_id.as_str()))
        .ok_or_else(|| {
            unknown("the state is not one of ours for this token, was used, or is older than ten minutes")
        })?;
    let code = answer.outcome?;

    let verifier = app
        .keys
        .open(verifier_place(&name, &hash), &consent.verifier_sealed)
        .map_err(|cause| unknown(&format!("its verifier cannot be opened ({cause})")))?;
    let verifier = Secret::new(String::from_utf8_lossy(&verifier).into_owned());
    let asked_at = app.db.now();
    let grant = provider::configured_client(app)?
        .exchange(&code, &verifier, &consent.redirect_uri)
        .await
        .map_err(|cause| exchange_failed(cause, &name))?;
    store_grant(app, &name, &consent, grant, asked_at).await
}

/// Stores what the code was exchanged for. Where no refresh token came, the old one of the same client is kept.
async fn store_grant(
    app: &App,
    name: &TokenName,
    consent: &store::Consent,
    grant: oauth::Grant,
    asked_at: DateTime<Utc>,
) -> Result<Token> {
    let after = |life: std::time::Duration| {
        TimeDelta::from_std(life)
            .ok()
            .and_then(|life| asked_at.checked_add_signed(life))
    };
    let scopes = match &grant.scope {
        Some(granted) => Scopes::new(granted.iter().cloned()),
        None => Scopes::parse(&consent.scopes),
    };
    for _ in 0..TRIES {
        let now = app.db.now();
        let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
        let token = store::get(&mut tx, name).await?;
        let refresh_token = match (&grant.refresh_token, &token) {
            (Some(new), _) => new.clone(),
            (None, Some(token)) if token.client_id.as_ref() == Some(&consent.client_id) => {
                kept(app, token)?.ok_or_else(|| no_refresh_token(name))?
            }
            _ => return Err(no_refresh_token(name)),
        };
        let sealed = Grant::OAuth {
            refresh_token,
            client_secret: None,
        }
        .seal(&app.keys, name)?;
        let secrets = store::Secrets {
            client_id: Some(consent.client_id.clone()),
            scopes: scopes.clone(),
            grant_sealed: sealed,
            access_sealed: Some(seal_access(&app.keys, name, &grant.access_token)?),
            access_expires_at: after(grant.expires_in),
            grant_expires_at: grant.refresh_token_expires_in.and_then(after),
        };
        match &token {
            Some(token) => {
                check_oauth(token)?;
                if !store::touch(&mut tx, name, token.version, now).await? {
                    continue;
                }
            }
            None => {
                store::insert(&mut tx, &new_token(name, now)).await?;
            }
        }
        let token = store::put_secrets(&mut tx, name, &secrets, now).await?;
        let mut detail = "a person gave their consent".to_owned();
        if !token.missing_scopes().is_empty() {
            let _ = write!(detail, ", without {}", token.missing_scopes().join(" "));
        }
        store::add_event(&mut tx, name, EventKind::Authorized, &detail, now).await?;
        tx.commit().await?;
        memory::of(app).forget(name);
        tracing::info!(token = %name, "a consent was completed");
        return Ok(token);
    }
    Err(changed_meanwhile(name))
}

fn new_token(name: &TokenName, at: DateTime<Utc>) -> store::New<'_> {
    store::New {
        name,
        provider: Provider::Google,
        kind: Kind::OAuth,
        display_name: name.id.as_str(),
        request_budget: None,
        state_reason: "",
        at,
    }
}

/// The refresh token that is there already.
fn kept(app: &App, token: &Token) -> Result<Option<Secret>> {
    Ok(match Grant::open(&app.keys, token)? {
        Some(Grant::OAuth { refresh_token, .. }) => Some(refresh_token),
        _ => None,
    })
}

fn check_oauth(token: &Token) -> Result<()> {
    match token.kind {
        Kind::OAuth => Ok(()),
        Kind::ApiKey => Err(Error::precondition(
            "NOT_OAUTH",
            format!("{} is a key: there is no consent for it", token.name()),
        )),
    }
}

fn no_refresh_token(name: &TokenName) -> Error {
    Error::precondition(
        "REFRESH_TOKEN_MISSING",
        format!(
            "Google gave no refresh token for {name}, and there is no older one; remove this app's access in the \
             Google account's settings, then connect again"
        ),
    )
}

fn exchange_failed(cause: OAuthError, name: &TokenName) -> Error {
    match cause {
        OAuthError::NeedsReauth { .. } => {
            unknown(&format!("Google does not accept the code: {cause}"))
        }
        OAuthError::ClientWrong { .. } => Error::precondition(
            "CLIENT_REJECTED",
            format!("{name} cannot be connected: {cause}"),
        ),
        OAuthError::Transient { .. } | OAuthError::Unanswered { .. } => Error::unavailable(
            "PROVIDER_UNAVAILABLE",
            format!("{name} cannot be connected just now: {cause}; begin again later"),
        ),
    }
}

fn unknown(why: &str) -> Error {
    Error::precondition("AUTHORIZATION_UNKNOWN", format!("{why}; begin again"))
}

fn hash(state: &Secret) -> String {
    let mut text = String::with_capacity(64);
    for byte in sha256(state.expose()) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

pub(super) fn verifier_place<'a>(name: &'a TokenName, state_hash: &'a str) -> Place<'a> {
    Place {
        table: "token_authorizations",
        tenant: &name.tenant,
        row: state_hash,
        column: "verifier_sealed",
    }
}

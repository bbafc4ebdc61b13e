//! OAuth consent with PKCE: where to send the person, and what comes back.
//!
//! The state is 256 random bits, kept as a hash, good for ten minutes, one use, and one token; the verifier is sealed.
//! A redirect that nobody here asked for, or that comes twice, changes nothing.

mod account;
mod backing;
mod link;
mod redirect;

pub use backing::on_behalf_of;
pub use link::{Link, find_link, follow_link, link};
pub use redirect::Redirected;

use crate::{
    app::App,
    audit::{self, Entry},
    base::{
        Error, Result, Secret, TokenName, Violation, error::all_valid, random_bytes, reach, sha256,
    },
    connectors::google::{OAuthError, oauth},
    db::Scope,
    tenants::tenant::check_served,
    tokens::{
        EventKind, Kind, NEEDED_SCOPES, Provider, Scopes, Token, gather,
        given::check_scopes,
        grant::{Grant, seal_access},
        memory, provider, store,
        update::changed_meanwhile,
    },
    vault::Place,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
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
    /// Show the consent page also where a refresh token is there that will do.
    pub ask_again: bool,
    /// Whether it belongs to a browser, which alone may end it; otherwise the caller brings the answer.
    pub for_browser: bool,
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
    /// What only the browser that began it is to know, where it belongs to one.
    pub browser: Option<Secret>,
}

/// What came back from a consent.
#[derive(Clone, Debug)]
pub struct Complete {
    /// The token's full name.
    pub name: String,
    /// Code and state, or the refusal.
    pub redirected: Redirected,
    /// What the browser shows: see [`Authorization::browser`].
    pub browser: Option<Secret>,
}

/// Everything that is wrong with what is to be begun, or the token it is for.
fn check_begin(begin: &Begin) -> Result<TokenName> {
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
    name.ok_or_else(|| Error::internal("a valid request lacks its name"))
}

/// Begins a consent. The person is asked again, although they agreed before, only where a refresh token is missing. Makes no
/// call. TENANT_DISABLED for a tenant that is not served.
pub async fn begin(app: &App, begin: Begin) -> Result<Authorization> {
    let name = check_begin(&begin)?;
    let client = provider::configured_client(app)?;
    let extra = begin.extra_scopes.iter().map(String::as_str);
    let scopes = Scopes::new(NEEDED_SCOPES.into_iter().chain(extra));
    let asked: Vec<&str> = scopes.as_slice().iter().map(String::as_str).collect();
    let mut tx = app.db.read(Scope::Tenant(name.tenant.clone())).await?;
    check_served(&mut tx, &name.tenant).await?;
    let token = store::get(&mut tx, &name).await?;
    drop(tx);
    let has_refresh_token = match &token {
        Some(token) => account::has_refresh_token(app, token, &scopes)?,
        None => false,
    };
    let known_account = token.and_then(|token| token.account_label);
    let hint = match begin.login_hint.as_str() {
        "" => known_account.filter(|_| has_refresh_token),
        hint => Some(hint.to_owned()),
    };
    let consent = client.consent(&oauth::ConsentRequest {
        redirect_uri: &begin.redirect_uri,
        scopes: &asked,
        login_hint: hint.as_deref(),
        ask_again: begin.ask_again || !has_refresh_token,
    })?;

    let hash = hash(&consent.state);
    let browser = match begin.for_browser {
        true => Some(random_secret()?),
        false => None,
    };
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
        browser_hash: browser.as_ref().map(self::hash),
        begun_by: reach::caller().map_or_else(String::new, |caller| caller.name.clone()),
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
        browser,
    })
}

/// Ends a consent: stores the grant, in a new token if there is none of that name. What was not granted shows in
/// [`Token::missing_scopes`]. AUTHORIZATION_UNKNOWN when the state is not ours, used, or too old; `Denied` when the
/// person refused, when the tenant was disabled meanwhile, or when whoever began it has no role admin there any more.
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
    let browser = complete.browser.as_ref().map(self::hash);
    let consent = store::take_consent(&mut tx, &name, &hash, browser.as_deref()).await?;
    if consent.is_some() {
        // Told only to who began it: others do not learn which tenants there are.
        check_served(&mut tx, &name.tenant).await?;
    }
    tx.commit().await?;
    let consent = consent
        .filter(|consent| consent.expires_at > now)
        .filter(|consent| app.config.google.client_id.as_deref() == Some(consent.client_id.as_str()))
        .ok_or_else(|| {
            unknown("the state is not one of ours for this token, was used, or is older than ten minutes")
        })?;
    backing::check(app, &name.tenant, &consent.begun_by).await?;
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
    let stored = store_grant(app, &name, &consent, grant, asked_at);
    match consent.browser_hash {
        // Whoever asked for it is who did it, not the browser that came back.
        Some(_) => on_behalf_of(&name, &consent.begun_by).contain(stored).await,
        None => stored.await,
    }
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
                account::check_same(token, grant.id_token.as_ref())?;
                account::refresh_token(app, token)?.ok_or_else(|| no_refresh_token(name))?
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

/// 256 random bits as text.
fn random_secret() -> Result<Secret> {
    Ok(Secret::new(BASE64_URL_SAFE_NO_PAD.encode(random_bytes()?)))
}

pub(super) fn verifier_place<'a>(name: &'a TokenName, state_hash: &'a str) -> Place<'a> {
    Place {
        table: "token_authorizations",
        tenant: &name.tenant,
        row: state_hash,
        column: "verifier_sealed",
    }
}

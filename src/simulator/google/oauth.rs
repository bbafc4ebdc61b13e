//! Consent, code exchange, refresh and revocation.

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use url::Url;

use super::errors::oauth as error;
use crate::simulator::faults::Tweak;
use crate::simulator::http::{Reply, Request};
use crate::simulator::world::{CLIENT_ID, CLIENT_SECRET, Challenge, Consent, World};

/// How long a code can be exchanged.
const CODE_LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// Google drops the oldest refresh token of a person and client beyond this number.
const MAX_REFRESH_TOKENS: usize = 100;

/// `GET /o/oauth2/v2/auth`: the user agrees at once and is sent back. With `prompt=select_account`, or with an `Accept` header
/// and `_page=1` in the query, a page is shown instead whose link does the same.
pub(in crate::simulator) fn authorize(world: &mut World, request: &Request) -> Reply {
    if request.query("client_id") != Some(CLIENT_ID) {
        return page(
            StatusCode::UNAUTHORIZED,
            "Error 401: invalid_client",
            "The OAuth client was not found.",
        );
    }
    let Some(mut redirect) = request.query("redirect_uri").and_then(loopback) else {
        return page(
            StatusCode::BAD_REQUEST,
            "Error 400: redirect_uri_mismatch",
            "Only loopback addresses are registered.",
        );
    };
    if request.query("response_type") != Some("code") {
        return page(
            StatusCode::BAD_REQUEST,
            "Error 400: invalid_request",
            "response_type must be code.",
        );
    }
    let mut scopes: Vec<String> = request
        .query("scope")
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    if scopes.is_empty() {
        return page(
            StatusCode::BAD_REQUEST,
            "Error 400: invalid_request",
            "Missing required parameter: scope.",
        );
    }
    if request.query("_page") == Some("1") {
        return consent_page(request);
    }
    let state = request.query("state").map(str::to_owned);
    if request.tweak == Some(Tweak::AccessDenied) {
        redirect
            .query_pairs_mut()
            .append_pair("error", "access_denied");
        append(&mut redirect, "state", state.as_deref());
        return found(&redirect);
    }
    if request.tweak == Some(Tweak::ReducedScope) {
        let mut kept = false;
        scopes.retain(|scope| is_identity(scope) || !std::mem::replace(&mut kept, true));
    }
    let challenge = request.query("code_challenge").map(|value| Challenge {
        value: value.to_owned(),
        hashed: request.query("code_challenge_method") == Some("S256"),
    });
    let me = world.me();
    let person = request
        .query("login_hint")
        .and_then(|hint| {
            world
                .google
                .people
                .iter()
                .find(|person| person.email == hint || person.id == hint)
                .cloned()
        })
        .unwrap_or(me);
    // Without asking for consent again, a person who consented before gives no second refresh token.
    let first = !world
        .google
        .grants
        .iter()
        .any(|grant| grant.person == person.id && grant.refresh_token.is_some());
    let consented = first
        || request
            .query("prompt")
            .is_some_and(|prompt| prompt.split(' ').any(|word| word == "consent"));
    let code = world.new_code();
    let consent = Consent {
        code: code.clone(),
        person: person.id,
        scopes: scopes.clone(),
        redirect_uri: request.query("redirect_uri").unwrap_or_default().to_owned(),
        challenge,
        offline: request.query("access_type") == Some("offline") && consented,
        asked_at: world.now(),
    };
    world.google.consents.push(consent);
    append(&mut redirect, "state", state.as_deref());
    redirect
        .query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("scope", &scopes.join(" "));
    found(&redirect)
}

/// `POST /token`.
pub(in crate::simulator) fn token(world: &mut World, request: &Request) -> Reply {
    let form = request.form();
    let field = |name: &str| {
        form.iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .unwrap_or_default()
    };
    let basic = request.basic();
    let (id, secret) = match &basic {
        Some((id, secret)) => (id.as_str(), secret.as_str()),
        None => (field("client_id"), field("client_secret")),
    };
    if id != CLIENT_ID {
        return error(401, "invalid_client", "The OAuth client was not found.");
    }
    // PKCE does not replace the secret: Google wants it from desktop clients, too.
    if secret != CLIENT_SECRET {
        return error(401, "invalid_client", "Unauthorized");
    }
    match field("grant_type") {
        "authorization_code" => exchange(
            world,
            request,
            field("code"),
            field("redirect_uri"),
            field("code_verifier"),
        ),
        "refresh_token" => refresh(world, request, field("refresh_token"), field("scope")),
        "" => error(
            400,
            "invalid_request",
            "Missing required parameter: grant_type",
        ),
        other => error(
            400,
            "unsupported_grant_type",
            &format!("Invalid grant_type: {other}"),
        ),
    }
}

fn exchange(
    world: &mut World,
    request: &Request,
    code: &str,
    redirect_uri: &str,
    verifier: &str,
) -> Reply {
    let now = world.now();
    let consents = &mut world.google.consents;
    let Some(at) = consents.iter().position(|consent| consent.code == code) else {
        return error(400, "invalid_grant", "Bad Request");
    };
    if consents[at].redirect_uri != redirect_uri {
        return error(400, "redirect_uri_mismatch", "Bad Request");
    }
    // A code is spent by the first attempt that gets this far, right or wrong.
    let consent = consents.remove(at);
    if consent.asked_at + CODE_LIFETIME <= now {
        return error(400, "invalid_grant", "Bad Request");
    }
    match &consent.challenge {
        Some(challenge) if !challenge.is_met_by(verifier) => {
            let description = if verifier.is_empty() {
                "Missing code verifier."
            } else {
                "Invalid code verifier."
            };
            return error(400, "invalid_grant", description);
        }
        None if !verifier.is_empty() => {
            return error(
                400,
                "invalid_grant",
                "code_verifier or verifier is not needed.",
            );
        }
        _ => {}
    }
    let offline = consent.offline && request.tweak != Some(Tweak::NoRefreshToken);
    let openid = consent.scopes.iter().any(|scope| scope == "openid");
    let grant = world.add_grant(&consent.person, consent.scopes, offline);
    drop_oldest(world, &consent.person);
    let grant = grant.min(world.google.grants.len() - 1);
    let mut body = access(world, grant, None);
    if let Some(token) = &world.google.grants[grant].refresh_token {
        body.insert("refresh_token".to_owned(), json!(token));
    }
    if openid {
        body.insert(
            "id_token".to_owned(),
            json!(id_token(world, &consent.person)),
        );
    }
    Reply::ok(&Value::Object(body))
}

fn refresh(world: &mut World, request: &Request, refresh_token: &str, scope: &str) -> Reply {
    let known = |grant: &super::Grant| grant.refresh_token.as_deref() == Some(refresh_token);
    let Some(grant) = world.google.grants.iter().position(known) else {
        if world.google.reuse_ends_grants {
            let is_spent = |spent: &String| spent == refresh_token;
            world
                .google
                .grants
                .retain(|grant| !grant.spent.iter().any(is_spent));
        }
        return error(400, "invalid_grant", "Token has been expired or revoked.");
    };
    let asked: Vec<&str> = scope.split_whitespace().collect();
    if asked.iter().any(|scope| {
        !world.google.grants[grant]
            .scopes
            .iter()
            .any(|granted| granted == scope)
    }) {
        return error(400, "invalid_scope", "Bad Request");
    }
    let mut body = access(world, grant, (!asked.is_empty()).then(|| asked.join(" ")));
    if world.google.rotate_refresh_tokens || request.tweak == Some(Tweak::RotateRefreshToken) {
        let new = world.new_refresh_token();
        body.insert("refresh_token".to_owned(), json!(new));
        let old = world.google.grants[grant].refresh_token.replace(new);
        world.google.grants[grant].spent.extend(old);
    }
    Reply::ok(&Value::Object(body))
}

/// The part of a token answer that every grant type has.
fn access(world: &mut World, grant: usize, scope: Option<String>) -> Map<String, Value> {
    let token = world.issue_access_token(grant);
    let scope = scope.unwrap_or_else(|| world.google.grants[grant].scopes.join(" "));
    let body = json!({
        "access_token": token,
        "expires_in": world.google.access_token_seconds,
        "scope": scope,
        "token_type": "Bearer",
    });
    match body {
        Value::Object(body) => body,
        _ => Map::new(),
    }
}

fn drop_oldest(world: &mut World, person: &str) {
    let holds = |grant: &super::Grant| grant.person == person && grant.refresh_token.is_some();
    if world
        .google
        .grants
        .iter()
        .filter(|grant| holds(grant))
        .count()
        > MAX_REFRESH_TOKENS
        && let Some(oldest) = world.google.grants.iter().position(holds)
    {
        world.google.grants.remove(oldest);
    }
}

/// `POST /revoke`: an access or refresh token in the query or the form; all tokens of its grant die.
pub(in crate::simulator) fn revoke(world: &mut World, request: &Request) -> Reply {
    let form = request.form();
    let from_form = form
        .iter()
        .find(|(name, _)| name == "token")
        .map(|(_, value)| value.as_str());
    let token = request.query("token").or(from_form).unwrap_or_default();
    let holds = |grant: &super::Grant| {
        grant.refresh_token.as_deref() == Some(token)
            || grant.access_tokens.iter().any(|(known, _)| known == token)
    };
    let Some(grant) = world.google.grants.iter().position(holds) else {
        return error(400, "invalid_token", "Token expired or revoked");
    };
    world.google.grants.remove(grant);
    Reply::ok(&json!({}))
}

/// A token in the form of a JWT. Its signature is nonsense, as nobody could check it without Google's keys.
fn id_token(world: &World, person: &str) -> String {
    let now = world.now().timestamp();
    let email = world.person(person).map(|person| person.email.clone());
    let claims = json!({
        "iss": "https://accounts.google.com", "aud": CLIENT_ID, "azp": CLIENT_ID, "sub": person,
        "email": email, "email_verified": true, "iat": now, "exp": now + 3600,
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.c2ln",
        part(&json!({"alg": "RS256", "kid": "simulator", "typ": "JWT"})),
        part(&claims)
    )
}

impl Challenge {
    fn is_met_by(&self, verifier: &str) -> bool {
        if self.hashed {
            URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) == self.value
        } else {
            verifier == self.value
        }
    }
}

fn is_identity(scope: &str) -> bool {
    matches!(scope, "openid" | "email" | "profile") || scope.contains("/auth/userinfo.")
}

/// Redirect addresses of desktop clients: any port and path on loopback.
fn loopback(uri: &str) -> Option<Url> {
    let url = Url::parse(uri).ok()?;
    let local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    (local && url.scheme() == "http").then_some(url)
}

fn append(url: &mut Url, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        url.query_pairs_mut().append_pair(name, value);
    }
}

fn found(url: &Url) -> Reply {
    Reply::empty(StatusCode::FOUND).with_header("location", url.as_str())
}

fn consent_page(request: &Request) -> Reply {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(request.query.iter().filter(|(name, _)| name != "_page"));
    // Form encoding leaves nothing that could end the attribute but the ampersand, which HTML wants escaped.
    let link = format!("{}?{}", request.path, query.finish().replace('&', "&amp;"));
    page(
        StatusCode::OK,
        "Sign in with the simulated Google",
        &format!("<a id=\"allow\" href=\"{link}\">Allow</a>"),
    )
}

fn page(status: StatusCode, title: &str, body: &str) -> Reply {
    Reply::html(
        status,
        format!(
            "<!DOCTYPE html>\n<html lang=en><title>{title}</title><h1>{title}</h1><p>{body}</p>"
        ),
    )
}

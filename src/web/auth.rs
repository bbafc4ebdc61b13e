//! `/auth` and `/oauth2callback`: Google's consent in a browser, for who may administer the tenant or follows a link that such a
//! one made. What is begun belongs to the browser that began it: by a cookie, without which nobody can end it.

use crate::{
    app::App,
    base::{Error, Needs, ResourceId, Result, Role, Secret, TokenName, sha256},
    tokens::{self, Authorization, Begin, Complete, Redirected, Token},
    web::{
        Site, access, login, origin,
        page::{self, Page},
        problem::Problem,
    },
};
use axum::{
    extract::{Query, Request, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
};
use cookie::{Cookie, SameSite};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use std::fmt::Write as _;
use url::Url;

/// What is connected when nothing else is named.
pub const USUAL: &str = "tenants/default/tokens/google";
/// What the names of our cookies begin with; what follows tells consents of one browser apart.
const COOKIE: &str = "syncline_consent_";
/// As long as a consent is open.
const OPEN_FOR: cookie::time::Duration = cookie::time::Duration::minutes(10);

/// What is to be connected.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    token: Option<String>,
    link: Option<String>,
    login_hint: String,
    ask_again: bool,
}

/// `GET /auth`: sends the browser to Google.
pub async fn begin(
    State(site): State<Site>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    let begun = match (request.method() == Method::GET, wanted) {
        // Who only looks whether a link is there must not use it up.
        (false, _) => Err(Problem::wrong_method()),
        (true, Err(error)) => Err(Error::invalid("query", error.body_text()).into()),
        (true, Ok(Query(wanted))) => begun(&site, wanted, request).await.map_err(Problem::from),
    };
    match begun {
        Ok(redirect) => redirect,
        Err(problem) => page::answer(&headers, Err(problem)),
    }
}

async fn begun(site: &Site, wanted: Wanted, request: Request) -> Result<Response> {
    if let Some(url) = other_name_of_this_machine(&site.door.app().await?, &request) {
        return Ok((StatusCode::FOUND, [(header::LOCATION, url)]).into_response());
    }
    let (begin, reach) = match wanted.link {
        Some(link) => {
            let app = site.door.app().await?;
            let (begin, made_by) = tokens::follow_link(&app, &link.into()).await?;
            let name = TokenName::parse("link", &begin.name)?;
            (begin, tokens::on_behalf_of(&name, &made_by))
        }
        None => {
            let cookie = site.cookies.session(request.headers());
            let admitted = site.guard.admit(
                request.headers(),
                cookie,
                request.extensions(),
                Needs::Tenant(Role::Admin),
                access::page(request.extensions()),
            );
            let (_, reach) = match admitted.await {
                Ok(admitted) => admitted,
                Err(Error::Unauthenticated { .. } | Error::Limited { .. })
                    if site.asks_people(&request) =>
                {
                    return Ok(login::first(request.uri()));
                }
                Err(error) => return Err(error),
            };
            let begin = Begin {
                name: wanted.token.unwrap_or_else(|| USUAL.to_owned()),
                login_hint: wanted.login_hint,
                ask_again: wanted.ask_again,
                ..Begin::default()
            };
            (begin, reach)
        }
    };
    let app = site.door.app().await?;
    let name = TokenName::parse("token", &begin.name)?;
    let begin = Begin {
        redirect_uri: app.config.redirect_uri(),
        for_browser: true,
        ..begin
    };
    let begun = reach.contain(tokens::begin(&app, begin)).await?;
    let cookie = keep(&name, &begun, &app.config.public_url());
    let location = HeaderValue::from_str(&begun.url).map_err(Error::internal)?;
    let headers = [
        (header::LOCATION, location),
        (header::SET_COOKIE, cookie?),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
    ];
    Ok((StatusCode::FOUND, headers).into_response())
}

/// The same page by the name of this machine that Google sends browsers back to, where it was asked for by another one: a
/// browser keeps cookies by names. Only for names of this machine; before any other there may be a proxy that changes names.
fn other_name_of_this_machine(app: &App, request: &Request) -> Option<HeaderValue> {
    let public = app.config.public_url();
    let expected = Url::parse(&public).ok()?;
    let asked = request.headers().get(header::HOST)?.to_str().ok()?;
    let asked = Url::parse(&format!("http://{asked}")).ok()?;
    let is_local = |url: &Url| url.host_str().is_some_and(origin::is_this_machine);
    if asked.host_str() == expected.host_str() || !is_local(&asked) || !is_local(&expected) {
        return None;
    }
    let path = request.uri().path_and_query()?;
    HeaderValue::from_str(&format!("{public}{path}")).ok()
}

/// `GET /oauth2callback`: the browser is back.
pub async fn complete(State(site): State<Site>, request: Request) -> Response {
    let headers = request.headers().clone();
    let query = request.uri().query().unwrap_or_default();
    let state = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "state")
        .map(|(_, value)| Secret::new(value.into_owned()));
    let outcome = match (request.method() == Method::GET, &state) {
        (false, _) => Err(Problem::wrong_method()),
        (true, None) => {
            let why = "expected the address that Google sends browsers to, with a state and a code: begin at /auth";
            Err(Error::invalid("state", why).into())
        }
        (true, Some(state)) => {
            let token = completed(&site, &headers, query, state).await;
            token.map(|token| told(&token)).map_err(Problem::from)
        }
    };
    let mut response = page::answer(&headers, outcome);
    // Whatever came of it, it is over.
    if let Some(kept) = state.as_ref().and_then(|state| kept(&headers, state))
        && let Ok(app) = site.door.now()
        && let Ok(gone) = forget(kept.cookie, &app.config.public_url())
    {
        response.headers_mut().append(header::SET_COOKIE, gone);
    }
    response
}

async fn completed(site: &Site, headers: &HeaderMap, query: &str, state: &Secret) -> Result<Token> {
    let kept = kept(headers, state).ok_or_else(|| Error::Denied {
        reason: "CONSENT_OF_ANOTHER_BROWSER",
        message: "this browser did not begin this consent, or began it more than ten minutes ago: begin at /auth, in the \
                  browser that is to end it"
            .to_owned(),
    })?;
    let app = site.door.app().await?;
    let complete = Complete {
        name: kept.name.to_string(),
        redirected: Redirected::Address(Secret::new(query)),
        browser: Some(kept.secret),
    };
    let reach = tokens::on_behalf_of(&kept.name, "");
    reach.contain(tokens::complete(&app, complete)).await
}

/// What was granted, and what is missing.
fn told(token: &Token) -> Page {
    let name = token.name().to_string();
    let missing: Vec<String> = token
        .missing_scopes()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let granted = token.scopes.as_slice().to_vec();
    let mut paragraphs = vec![format!("{name} is connected. This page can be closed.")];
    if !missing.is_empty() {
        paragraphs.push(
            "Not everything was granted, and syncs need it: connect once more, and leave all boxes ticked.".to_owned(),
        );
    }
    Page {
        title: match missing.is_empty() {
            true => "Connected",
            false => "Connected in part",
        },
        paragraphs,
        document: json!({ "status": "success", "token": name, "granted": granted, "missing": missing }),
        lists: vec![("Missing", missing), ("Granted", granted)],
    }
}

fn cookie_of(state: &Secret) -> String {
    let mut name = COOKIE.to_owned();
    for byte in &sha256(state.expose())[..8] {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// The cookie by which the browser shows that it began this consent: for which token, and what only it knows.
fn keep(name: &TokenName, begun: &Authorization, public_url: &str) -> Result<HeaderValue> {
    let secret = begun.browser.as_ref();
    let secret = secret.ok_or_else(|| Error::internal("a consent for a browser has its secret"))?;
    let value = format!("{}.{}.{}", name.tenant, name.id, secret.expose());
    set(cookie_of(&begun.state), value, OPEN_FOR, public_url)
}

/// Has the browser forget a cookie of ours.
fn forget(name: String, public_url: &str) -> Result<HeaderValue> {
    let at_once = cookie::time::Duration::ZERO;
    set(name, String::new(), at_once, public_url)
}

/// A browser takes a cookie for another one where its path differs.
fn set(
    name: String,
    value: String,
    life: cookie::time::Duration,
    public_url: &str,
) -> Result<HeaderValue> {
    let page = Url::parse(public_url).map_err(Error::internal)?;
    let cookie = Cookie::build((name, value))
        .path(format!(
            "{}/oauth2callback",
            page.path().trim_end_matches('/')
        ))
        .http_only(true)
        .secure(page.scheme() == "https")
        .same_site(SameSite::Lax)
        .max_age(life)
        .build();
    let mut value = HeaderValue::from_str(&cookie.to_string()).map_err(Error::internal)?;
    value.set_sensitive(true);
    Ok(value)
}

struct Kept {
    cookie: String,
    name: TokenName,
    secret: Secret,
}

/// What this browser kept of the consent with this state.
fn kept(headers: &HeaderMap, state: &Secret) -> Option<Kept> {
    let wanted = cookie_of(state);
    let lines = headers.get_all(header::COOKIE).iter();
    let cookie = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(|cookie| cookie.ok())
        .find(|cookie| cookie.name() == wanted)?;
    let mut parts = cookie.value().splitn(3, '.');
    let tenant = ResourceId::parse("cookie", parts.next()?).ok()?;
    let id = ResourceId::parse("cookie", parts.next()?).ok()?;
    Some(Kept {
        cookie: wanted,
        name: TokenName::new(tenant, id),
        secret: Secret::new(parts.next().filter(|secret| !secret.is_empty())?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn begun(browser: &str) -> Authorization {
        Authorization {
            url: String::new(),
            state: "composed-state".into(),
            expires_at: chrono::DateTime::UNIX_EPOCH,
            browser: Some(browser.into()),
        }
    }

    fn shown(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(cookie).unwrap())])
    }

    #[test]
    fn a_browser_shows_what_it_kept_and_for_that_state_alone() {
        let name = TokenName::parse("name", "tenants/a/tokens/b").unwrap();
        let cookie = keep(&name, &begun("nonce"), "https://example.org/sync").unwrap();
        let text = cookie.to_str().unwrap();
        for part in [
            "HttpOnly",
            "Secure",
            "SameSite=Lax",
            "Path=/sync/oauth2callback",
            "Max-Age=600",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let pair = text.split(';').next().unwrap();
        let headers = shown(&format!("other=1; {pair}"));
        let found = kept(&headers, &"composed-state".into()).unwrap();
        assert_eq!((found.name, found.secret), (name, "nonce".into()));
        assert!(kept(&headers, &"another-state".into()).is_none());
        assert!(cookie.is_sensitive());
    }

    #[test]
    fn without_tls_the_cookie_may_travel_without_it() {
        let name = TokenName::parse("name", USUAL).unwrap();
        let cookie = keep(&name, &begun("nonce"), "http://127.0.0.1:3000").unwrap();
        let text = cookie.to_str().unwrap();
        assert!(
            !text.contains("Secure") && text.contains("Path=/oauth2callback;"),
            "{text}"
        );
    }

    proptest! {
        #[test]
        fn no_cookie_makes_the_reader_panic(value in "[ -~]{0,80}") {
            let line = format!("{}={value}", cookie_of(&"s".into()));
            let _ = kept(&shown(&line), &"s".into());
        }
    }
}

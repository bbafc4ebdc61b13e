//! `/auth` and `/oauth2callback`: Google's consent in a browser, for who may administer the tenant or follows a link that such a
//! one made. What is begun belongs to the browser that began it.
//!
//! Programs look at addresses to show what is behind them, and other sites send browsers here: a link, and whoever comes from
//! another site, get a page with one button, and only that begins something.

mod kept;

use crate::{
    app::App,
    base::{Error, Needs, Result, Role, Secret, TokenName},
    tokens::{self, Begin, Complete, Redirected, Token},
    web::{
        Site, access, login, origin,
        page::{self, Button, Page},
        problem::Problem,
    },
};
use axum::{
    extract::{Query, Request, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use kept::{forget, keep, kept};
use serde::Deserialize;
use serde_json::json;
use url::Url;

/// What is connected when nothing else is named.
pub const USUAL: &str = "tenants/default/tokens/google";

/// What is to be connected.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    token: Option<String>,
    link: Option<String>,
    login_hint: String,
    ask_again: bool,
}

/// `GET /auth` and `POST /auth`: sends the browser to Google, or asks first.
pub async fn begin(
    State(site): State<Site>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    let is_known = matches!(*request.method(), Method::GET | Method::POST);
    let begun = match (is_known, wanted) {
        (false, _) => Err(Problem::wrong_method()),
        (true, Err(error)) => Err(Error::invalid("query", error.body_text()).into()),
        (true, Ok(Query(wanted))) => begun(&site, wanted, request).await.map_err(Problem::from),
    };
    match begun {
        Ok(answer) => answer,
        Err(problem) => page::answer(&headers, Err(problem)),
    }
}

async fn begun(site: &Site, wanted: Wanted, request: Request) -> Result<Response> {
    let app = site.door.app().await?;
    if let Some(url) = other_name_of_this_machine(&app, &request) {
        return Ok((StatusCode::FOUND, [(header::LOCATION, url)]).into_response());
    }
    let is_pressed = *request.method() == Method::POST;
    let (begin, reach) = match wanted.link {
        Some(link) => {
            let link = Secret::new(link);
            if !is_pressed {
                let name = tokens::find_link(&app, &link).await?;
                return Ok(page::answer(request.headers(), Ok(ask(&app, &name)?)));
            }
            let (begin, made_by) = tokens::follow_link(&app, &link).await?;
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
            if !is_pressed && origin::is_sent_by_another_site(request.headers()) {
                let name = TokenName::parse("token", &begin.name)?;
                return Ok(page::answer(request.headers(), Ok(ask(&app, &name)?)));
            }
            (begin, reach)
        }
    };
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
    let status = match is_pressed {
        true => StatusCode::SEE_OTHER,
        false => StatusCode::FOUND,
    };
    Ok((status, headers).into_response())
}

/// The page with the button, which sends the same address once more, with POST.
fn ask(app: &App, name: &TokenName) -> Result<Page> {
    let google = Url::parse(&app.config.google.auth_url).map_err(Error::internal)?;
    // Some browsers take where the form's answer sends them for where the form goes; Google sends some on to their employer's
    // login.
    let leads_to = format!("'self' https: {}", google.origin().ascii_serialization());
    Ok(Page {
        title: "Connect a Google account",
        paragraphs: vec![
            format!(
                "{name} is to be connected to a Google account of yours. Google asks you next which account that is, and \
                 whether you agree."
            ),
            "If you do not know who sent you here, close this page: nothing has happened yet."
                .to_owned(),
        ],
        lists: Vec::new(),
        button: Some(Button {
            label: "Go on to Google",
            leads_to,
        }),
        document: json!({
            "status": "waiting",
            "message": "nothing has begun: send POST to this address to be sent to Google; a link is used up by that",
            "token": name.to_string(),
            "method": "POST",
        }),
    })
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
        button: None,
        document: json!({ "status": "success", "token": name, "granted": granted, "missing": missing }),
        lists: vec![("Missing", missing), ("Granted", granted)],
    }
}

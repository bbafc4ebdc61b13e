//! `/login` and `/logout`, for people in front of a browser. They work without scripts.

use crate::{
    base::{Error, Secret},
    people::{self, Login, Origin},
    web::{Site, page::escaped, problem::Problem},
};
use axum::{
    Form, Router,
    extract::{
        Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode, Uri,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE,
        USER_AGENT, X_CONTENT_TYPE_OPTIONS,
    },
};
use serde::Deserialize;
use url::form_urlencoded;

const PAGE: &str = include_str!("login.html");
/// Where somebody goes who wanted nothing else.
const HOME: &str = "/";
/// Longer addresses are not gone back to.
const LONGEST: usize = 2000;

/// Nothing of others is shown here, nobody shows it within a page of theirs, and nobody keeps it. The origin has to come along
/// with the form, so referrers stay within the site.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ),
];

/// The pages, for whoever comes.
pub fn pages() -> Router<Site> {
    Router::new()
        .route("/login", get(show).post(enter))
        .route("/logout", post(leave))
}

/// Sends somebody who is not logged in to the form, from where the way leads back.
pub fn first(wanted: &Uri) -> Response {
    let path = wanted.path_and_query().map_or(HOME, |path| path.as_str());
    let form = match path {
        HOME => "/login".to_owned(),
        path => {
            let to: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
            format!("/login?to={to}")
        }
    };
    (HEADERS, Redirect::to(&form)).into_response()
}

/// Where somebody wants to go.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wish {
    to: String,
}

/// What the form sends.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Filled {
    login: String,
    password: String,
    to: String,
}

/// The form, or who is logged in.
async fn show(
    State(site): State<Site>,
    wish: Result<Query<Wish>, QueryRejection>,
) -> Result<Response, Problem> {
    let app = site.door.app().await?;
    let to = wish.map(|Query(wish)| wish.to).unwrap_or_default();
    let body = match people::me(&app).await {
        Ok(Some(profile)) => logged_in(&profile.person),
        _ => form(&to, "", None),
    };
    Ok(page(StatusCode::OK, &body))
}

/// Logs in, and goes where somebody wanted to go.
async fn enter(
    State(site): State<Site>,
    headers: HeaderMap,
    filled: Result<Form<Filled>, FormRejection>,
) -> Result<Response, Problem> {
    let app = site.door.app().await?;
    let Form(filled) =
        filled.map_err(|error| Problem::of_body(error.status(), error.body_text()))?;
    let agent = headers
        .get(USER_AGENT)
        .and_then(|agent| agent.to_str().ok());
    let origin = Origin {
        user_agent: agent.unwrap_or_default().to_owned(),
    };
    let login = Login {
        login: filled.login.trim().to_owned(),
        password: Secret::new(filled.password),
        google_id_token: Secret::default(),
    };
    let name = login.login.clone();
    let begun = match people::login(&app, login, &origin).await {
        Ok((_, begun)) => begun,
        Err(error) => return refused(error, &filled.to, &name),
    };
    let cookie = site.cookies.hand_out(&headers, &begun.token);
    let target = local(&filled.to);
    Ok((HEADERS, [(SET_COOKIE, cookie)], Redirect::to(target)).into_response())
}

/// Logs out, whether somebody was logged in or not.
async fn leave(State(site): State<Site>) -> Result<Response, Problem> {
    let app = site.door.app().await?;
    match people::logout(&app).await {
        Ok(()) | Err(Error::Precondition { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let mut answer = (HEADERS, Redirect::to("/login")).into_response();
    for cookie in site.cookies.take_back() {
        let cookie = HeaderValue::from_str(&cookie).map_err(Error::internal)?;
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(answer)
}

/// The form once more, with what a person needs to know.
fn refused(error: Error, to: &str, name: &str) -> Result<Response, Problem> {
    let (status, message) = match &error {
        Error::Unauthenticated { .. } => (
            StatusCode::UNAUTHORIZED,
            "The name or the password is wrong.".to_owned(),
        ),
        Error::Invalid(_) => (
            StatusCode::BAD_REQUEST,
            "Type your name and your password.".to_owned(),
        ),
        Error::Limited { .. } => {
            let wait = crate::api::status::Refusal::from(error).retry_after;
            let seconds = wait.unwrap_or_default().as_secs() + 1;
            let message = format!("Too many wrong passwords. Try again in {seconds} s.");
            let mut answer = page(
                StatusCode::TOO_MANY_REQUESTS,
                &form(to, name, Some(&message)),
            );
            answer.headers_mut().insert(RETRY_AFTER, seconds.into());
            return Ok(answer);
        }
        _ => return Err(error.into()),
    };
    Ok(page(status, &form(to, name, Some(&message))))
}

fn form(to: &str, name: &str, message: Option<&str>) -> String {
    let message = message.map_or(String::new(), |message| {
        format!("<p role=\"alert\">{}</p>\n", escaped(message))
    });
    format!(
        "{message}<form method=\"post\" action=\"/login\">\n\
         <input type=\"hidden\" name=\"to\" value=\"{}\">\n\
         <label>Name or e-mail address\n<input name=\"login\" value=\"{}\" autocomplete=\"username\" autocapitalize=\"none\" required autofocus></label>\n\
         <label>Password\n<input name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label>\n\
         <button>Log in</button>\n</form>",
        escaped(to),
        escaped(name),
    )
}

fn logged_in(person: &people::Person) -> String {
    let name = person.username.as_deref().or(person.email.as_deref());
    format!(
        "<p>You are logged in as <b>{}</b>.</p>\n<form method=\"post\" action=\"/logout\"><button>Log out</button></form>",
        escaped(name.unwrap_or_default())
    )
}

fn page(status: StatusCode, body: &str) -> Response {
    (status, HEADERS, Html(PAGE.replace("{{body}}", body))).into_response()
}

/// A path on this site; anything else is home. Browsers read `\` as `/`, and two of them as another host.
fn local(to: &str) -> &str {
    let mut letters = to.chars();
    let fine = to.len() <= LONGEST
        && letters.next() == Some('/')
        && !matches!(letters.next(), Some('/' | '\\'))
        && !to.contains(|c: char| c.is_control() || c == '\\' || c.is_whitespace())
        && to.is_ascii();
    match fine {
        true => to,
        false => HOME,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use url::Url;

    #[test]
    fn only_paths_of_this_site_are_gone_to() {
        for fine in [
            "/",
            "/admin/queues",
            "/a?b=c&d=%2F%2Fe",
            "/?x=https://example.org/",
        ] {
            assert_eq!(local(fine), fine);
        }
        for foreign in [
            "",
            "//example.org",
            "/\\example.org",
            "\\\\example.org",
            "https://example.org/",
            "javascript:alert(1)",
            "/\t/example.org",
            "/a\nSet-Cookie: x=y",
            " /a",
            "é",
        ] {
            assert_eq!(local(foreign), "/", "{foreign:?}");
        }
    }

    #[test]
    fn nothing_of_a_visitor_becomes_markup() {
        let form = form("\"><script>", "'><b>&", None);
        assert!(
            !form.contains("<script>") && !form.contains("<b>"),
            "{form}"
        );
    }

    proptest! {
        /// As a browser reads it.
        #[test]
        fn a_redirect_never_leaves_the_site(to in "[/\\\\a-z:@.?#%\t\n ]{0,20}") {
            let base = Url::parse("https://syncline.example.org/login").unwrap();
            let gone = base.join(local(&to)).unwrap();
            prop_assert_eq!(gone.origin(), base.origin());
        }
    }
}

//! What a browser keeps of a consent that it began: a cookie, without which nobody can end it.

use crate::{
    base::{Error, ResourceId, Result, Secret, TokenName, sha256},
    tokens::Authorization,
};
use cookie::{Cookie, SameSite};
use http::{HeaderMap, HeaderValue, header};
use std::fmt::Write as _;
use url::Url;

/// What the names of our cookies begin with; what follows tells consents of one browser apart.
const COOKIE: &str = "syncline_consent_";
/// As long as a consent is open.
const OPEN_FOR: cookie::time::Duration = cookie::time::Duration::minutes(10);

fn cookie_of(state: &Secret) -> String {
    let mut name = COOKIE.to_owned();
    for byte in &sha256(state.expose())[..8] {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// The cookie by which the browser shows that it began this consent: for which token, and what only it knows.
pub(super) fn keep(
    name: &TokenName,
    begun: &Authorization,
    public_url: &str,
) -> Result<HeaderValue> {
    let secret = begun.browser.as_ref();
    let secret = secret.ok_or_else(|| Error::internal("a consent for a browser has its secret"))?;
    let value = format!("{}.{}.{}", name.tenant, name.id, secret.expose());
    set(cookie_of(&begun.state), value, OPEN_FOR, public_url)
}

/// Has the browser forget a cookie of ours.
pub(super) fn forget(name: String, public_url: &str) -> Result<HeaderValue> {
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

/// What a browser shows.
pub(super) struct Kept {
    pub(super) cookie: String,
    pub(super) name: TokenName,
    pub(super) secret: Secret,
}

/// What this browser kept of the consent with this state.
pub(super) fn kept(headers: &HeaderMap, state: &Secret) -> Option<Kept> {
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
        let name = TokenName::parse("name", "tenants/default/tokens/google").unwrap();
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

//! The cookie that keeps the session of a browser.

use crate::{base::Secret, config::Config, people::is_session};
use cookie::{Cookie, SameSite};
use http::{HeaderMap, header::COOKIE};

const PLAIN: &str = "syncline_session";
/// Browsers take such a cookie over HTTPS only, and from this very host: no neighbour under the same domain can put one.
const SECURE: &str = "__Host-syncline_session";
/// What a proxy says about how a request came to it.
const FORWARDED: &str = "x-forwarded-proto";

/// How cookies are made and read.
#[derive(Clone, Copy, Debug)]
pub struct Cookies {
    /// `None`: as the request came.
    secure: Option<bool>,
}

impl Cookies {
    /// As the settings say.
    pub fn of(config: &Config) -> Self {
        let public = config.http.public_url.as_deref();
        let is_https =
            config.tls.is_some() || public.is_some_and(|url| url.starts_with("https://"));
        Self {
            secure: config.people.cookie_secure.or(is_https.then_some(true)),
        }
    }

    /// The id of a session in the cookies of a request; `None` where there is none that looks like one.
    pub fn session(self, headers: &HeaderMap) -> Option<Secret> {
        let named = |wanted: &str| {
            let texts = headers.get_all(COOKIE).iter();
            let texts = texts.filter_map(|text| text.to_str().ok());
            let mut cookies = texts.flat_map(Cookie::split_parse).filter_map(Result::ok);
            let found = cookies.find(|cookie| cookie.name() == wanted)?;
            let session = Secret::new(found.value());
            is_session(&session).then_some(session)
        };
        // Where it must be the secure one, the other may have been put by anybody.
        let plain = || match self.is_secure(headers) {
            true => None,
            false => named(PLAIN),
        };
        named(SECURE).or_else(plain)
    }

    /// The header that hands a browser its session. It keeps it until it is closed: the session ends by itself.
    pub fn hand_out(self, headers: &HeaderMap, session: &Secret) -> String {
        let is_secure = self.is_secure(headers);
        let name = if is_secure { SECURE } else { PLAIN };
        cookie(name, session.expose(), is_secure).to_string()
    }

    /// The headers that take it back, whichever it was.
    pub fn take_back(self) -> [String; 2] {
        [(SECURE, true), (PLAIN, false)].map(|(name, is_secure)| {
            let mut cookie = cookie(name, "", is_secure);
            cookie.make_removal();
            cookie.to_string()
        })
    }

    fn is_secure(self, headers: &HeaderMap) -> bool {
        self.secure.unwrap_or_else(|| {
            headers
                .get(FORWARDED)
                .and_then(|scheme| scheme.to_str().ok())
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
        })
    }
}

fn cookie<'a>(name: &'a str, value: &'a str, is_secure: bool) -> Cookie<'a> {
    Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(is_secure)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANY: Cookies = Cookies { secure: None };

    fn shown(text: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, text.parse().unwrap())])
    }

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let headers = shown("theme=dark; syncline_session=sl_session_abc; x=1");
        assert_eq!(ANY.session(&headers), Some("sl_session_abc".into()));
        for other in ["syncline_session=abc", "session=sl_session_abc", "", ";;=;"] {
            assert_eq!(ANY.session(&shown(other)), None, "{other}");
        }
    }

    #[test]
    fn a_neighbour_under_the_same_domain_puts_no_session() {
        let both =
            shown("syncline_session=sl_session_evil; __Host-syncline_session=sl_session_own");
        assert_eq!(ANY.session(&both), Some("sl_session_own".into()));
        let strict = Cookies { secure: Some(true) };
        assert_eq!(
            strict.session(&shown("syncline_session=sl_session_evil")),
            None
        );
    }

    #[test]
    fn over_https_the_plain_cookie_is_nobodys() {
        let mut headers = shown("syncline_session=sl_session_evil");
        assert!(ANY.session(&headers).is_some());
        headers.insert(FORWARDED, "https".parse().unwrap());
        assert_eq!(ANY.session(&headers), None);
    }

    #[test]
    fn flags_are_those_of_a_session() {
        let session = Secret::new("sl_session_abc");
        let plain = ANY.hand_out(&HeaderMap::new(), &session);
        assert_eq!(
            plain,
            "syncline_session=sl_session_abc; HttpOnly; SameSite=Lax; Path=/"
        );
        let proxied =
            HeaderMap::from_iter([(FORWARDED.parse().unwrap(), "https".parse().unwrap())]);
        let secure = ANY.hand_out(&proxied, &session);
        assert_eq!(
            secure,
            "__Host-syncline_session=sl_session_abc; HttpOnly; SameSite=Lax; Secure; Path=/"
        );
        for taken in ANY.take_back() {
            assert!(taken.contains("Max-Age=0"), "{taken}");
        }
    }

    proptest! {
        #[test]
        fn no_cookie_makes_the_parser_panic(text in "(syncline_session=)?[ -~]{0,60}") {
            ANY.session(&shown(&text));
        }
    }
}

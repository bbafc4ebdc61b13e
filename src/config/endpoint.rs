//! Rules for the URLs that we call. Their text is not repeated in messages, because it may carry a password.

use super::Config;
use std::net::IpAddr;
use url::{Host, Url};

/// A base URL without a slash at its end. Plain HTTP is for loopback, unless it is allowed: tokens travel in it.
pub(super) fn base_url(text: &str, allow_plain_http: bool) -> Result<String, String> {
    let url = whole_url(text, allow_plain_http)?;
    if text.contains('?') {
        return Err("expected a URL without a query".to_owned());
    }
    Ok(url)
}

/// A whole URL, which may have a query.
pub(super) fn whole_url(text: &str, allow_plain_http: bool) -> Result<String, String> {
    let url = http_url(text)?;
    if url.scheme() == "http" && !is_loopback(&url) && !allow_plain_http {
        return Err(
            "expected https://; http:// is for loopback, unless outbound.allow_plain_http is true"
                .to_owned(),
        );
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Any http(s) URL with a host and without a password.
pub(super) fn http_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("expected a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
        return Err("expected a URL that starts with https:// or http://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("expected a URL without user and password".to_owned());
    }
    if url.fragment().is_some() {
        return Err("expected a URL without a fragment (#)".to_owned());
    }
    Ok(url)
}

/// Where browsers come back from a consent, below the public URL.
const CALLBACK: &str = "/oauth2callback";

/// What browsers reach us by; the original's variable names the page they come back to.
pub(super) fn public_url(text: &str) -> Result<String, String> {
    http_url(text)?;
    if text.contains('?') {
        return Err("expected a URL without a query".to_owned());
    }
    let url = text.trim_end_matches('/');
    let url = url.strip_suffix(CALLBACK).unwrap_or(url);
    Ok(url.trim_end_matches('/').to_owned())
}

impl Config {
    /// What browsers reach the HTTP server by, without a slash at its end.
    pub fn public_url(&self) -> String {
        let scheme = match self.tls.is_some() {
            true => "https",
            false => "http",
        };
        let addr = self.http.addr;
        let address = || match (addr.ip().is_unspecified(), addr.port()) {
            (true, port) => format!("{scheme}://localhost:{port}"),
            (false, _) => format!("{scheme}://{addr}"),
        };
        self.http.public_url.clone().unwrap_or_else(address)
    }

    /// Where Google sends browsers after a consent that our page began.
    pub fn redirect_uri(&self) -> String {
        format!("{}{}", self.public_url(), CALLBACK)
    }
}

/// Clockify's base: the original's variable ends in `/api`, ours in `/api/v1`.
pub(super) fn clockify_url(text: &str, allow_plain_http: bool) -> Result<String, String> {
    let url = base_url(text, allow_plain_http)?;
    match url.ends_with("/api") {
        true => Ok(format!("{url}/v1")),
        false => Ok(url),
    }
}

/// Whether all hosts of a URL of any scheme are this machine; further ones stand in parameters called `node`.
pub(super) fn is_here(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    let node =
        |value: &str| is_loopback_name(value.rsplit_once(':').map_or(value, |(host, _)| host));
    let mut pairs = url.query_pairs();
    is_loopback(&url) && pairs.all(|(name, value)| name != "node" || node(&value))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => is_loopback_name(name),
        None => false,
    }
}

/// In URLs that are not the web's, addresses are names, too.
fn is_loopback_name(name: &str) -> bool {
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
    name == "localhost"
        || name.ends_with(".localhost")
        || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn another_machine_is_told_from_this_one() {
        for here in [
            "redis://127.0.0.1:1",
            "redis://:p@localhost",
            "redis://[::1]:2/0",
        ] {
            assert!(is_here(here), "{here}");
        }
        for there in [
            "redis://127.0.0.1.example.org",
            "redis://redis:6379",
            "redis://10.0.0.1",
            "redis://localhost?node=10.0.0.1:6379",
            "redis://localhost@10.0.0.1",
            "",
        ] {
            assert!(!is_here(there), "{there}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback_unless_allowed() {
        for local in [
            "http://127.0.0.1:8080",
            "http://localhost:1",
            "http://[::1]:9",
            "http://a.localhost",
        ] {
            assert_eq!(base_url(local, false), Ok(local.to_owned()));
        }
        for far in [
            "http://example.org",
            "http://localhost.example.org",
            "http://10.0.0.1",
            "http://0.0.0.0",
        ] {
            assert!(base_url(far, false).is_err(), "{far}");
            assert!(base_url(far, true).is_ok(), "{far}");
        }
    }

    #[test]
    fn slashes_at_the_end_are_cut() {
        assert_eq!(
            base_url("https://example.org/api//", false).as_deref(),
            Ok("https://example.org/api")
        );
    }

    #[test]
    fn the_original_page_of_the_consent_is_below_the_public_url() {
        for text in [
            "https://sync.example.org/oauth2callback",
            "https://sync.example.org/oauth2callback/",
            "https://sync.example.org/",
            "https://sync.example.org",
        ] {
            assert_eq!(public_url(text).as_deref(), Ok("https://sync.example.org"));
        }
        assert_eq!(
            public_url("https://example.org/sync/oauth2callback").as_deref(),
            Ok("https://example.org/sync")
        );
        assert!(public_url("sync.example.org").is_err());
    }

    #[test]
    fn the_original_base_of_clockify_gets_its_version() {
        for text in [
            "https://api.clockify.me/api",
            "https://api.clockify.me/api/",
            "https://api.clockify.me/api/v1",
        ] {
            assert_eq!(
                clockify_url(text, false).as_deref(),
                Ok("https://api.clockify.me/api/v1")
            );
        }
    }

    #[test]
    fn what_is_no_base_is_refused_without_repeating_it() {
        for wrong in [
            "",
            "canary",
            "ftp://example.org/canary",
            "https://canary@example.org",
            "https://u:canary@example.org",
            "https://example.org/#canary",
            "https://example.org/?canary",
            "mailto:canary@example.org",
            "https://",
        ] {
            let error = base_url(wrong, true).unwrap_err();
            assert!(!error.contains("canary"), "{wrong}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(https?|ftp)?:?/{0,3}.{0,40}") {
            let _ = (base_url(&text, true), whole_url(&text, false), clockify_url(&text, true));
        }
    }
}

//! Which pages may show a tenant's widget: a list of hosts, and whether the origin that a browser names is on it. Pure.

use std::fmt;
use url::{Host, Url};

/// What an entry looks like, for messages.
const FORM: &str = "expected a host as in example.org, its subdomains as in *.example.org, or either with a scheme and a port \
                    as in https://shop.example.net:8443";

/// Longest entry in bytes: a name has at most 253.
const LONGEST: usize = 300;

/// An entry of the list.
///
/// * `example.org`: that host, by http or https, at the usual port
/// * `example.org:8443`: that host at that port
/// * `https://example.org`: that origin, and no other scheme
/// * `*.example.org`, also with scheme or port: every host below it, and not itself
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// `None` is http and https.
    scheme: Option<String>,
    /// Whether the hosts below are meant.
    below: bool,
    /// As browsers write it: lower case, punycode.
    host: String,
    /// `None` is the usual one of the scheme.
    port: Option<u16>,
}

impl Domain {
    /// Reads what a person typed: in any case, with or without a slash at the end.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(FORM);
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (below, authority) = match rest.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        if !matches!(scheme.as_deref(), None | Some("http" | "https"))
            || authority.is_empty()
            || authority.contains(['/', '\\', '?', '#', '@', '*', ',', '%'])
            || authority.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return Err(FORM);
        }
        let url = format!("{}://{authority}", scheme.as_deref().unwrap_or("https"));
        let url = Url::parse(&url).map_err(|_| FORM)?;
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.ends_with('.') && !name.contains("..") => {
                name.to_owned()
            }
            Some(address @ (Host::Ipv4(_) | Host::Ipv6(_))) if !below => address.to_string(),
            _ => return Err(FORM),
        };
        // All of a top-level domain is everybody.
        if below && !host.contains('.') && host != "localhost" {
            return Err(FORM);
        }
        // The parser hides a port that is usual, and that is what is meant where a scheme says which one is.
        let port = match scheme {
            Some(_) => url.port(),
            None => written_port(authority),
        };
        Ok(Self {
            scheme,
            below,
            host,
            port,
        })
    }

    /// Whether a page of this origin may.
    fn covers(&self, origin: &Origin) -> bool {
        let host = match self.below {
            false => origin.host == self.host,
            // The dot belongs to it: evilexample.org is not below example.org.
            true => origin
                .host
                .strip_suffix(&self.host)
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|below| !below.is_empty()),
        };
        let scheme = self
            .scheme
            .as_ref()
            .is_none_or(|scheme| *scheme == origin.scheme);
        let usual = match origin.scheme.as_str() {
            "http" => 80,
            _ => 443,
        };
        host && scheme && self.port.unwrap_or(usual) == origin.port.unwrap_or(usual)
    }
}

fn written_port(authority: &str) -> Option<u16> {
    let after = authority
        .rsplit_once(']')
        .map_or(authority, |(_, after)| after);
    after.rsplit_once(':')?.1.parse().ok()
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = &self.scheme {
            write!(f, "{scheme}://")?;
        }
        if self.below {
            f.write_str("*.")?;
        }
        f.write_str(&self.host)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// `None` for everything that is not written exactly as a browser writes an origin, but for its case: `null`, an
    /// address with a path, a name in front of an `@`.
    fn parse(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let url = Url::parse(&lower).ok()?;
        if !matches!(url.scheme(), "http" | "https") || url.origin().ascii_serialization() != lower
        {
            return None;
        }
        Some(Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str()?.to_owned(),
            port: url.port(),
        })
    }
}

/// Whether a page of `origin`, as a browser's `Origin` header names it, is on the list. An empty list allows every page.
/// An entry that is no [`Domain`] allows nothing.
pub fn matches(list: &[String], origin: &str) -> bool {
    let Some(origin) = Origin::parse(origin) else {
        return list.is_empty();
    };
    list.is_empty()
        || list
            .iter()
            .filter_map(|entry| Domain::parse(entry).ok())
            .any(|domain| domain.covers(&origin))
}

/// The origin of the page with this address, as a `Referer` header names it.
pub fn origin_of(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allows(entry: &str, origin: &str) -> bool {
        matches(&[entry.to_owned()], origin)
    }

    #[test]
    fn a_star_is_for_what_is_below_and_for_nothing_that_only_looks_like_it() {
        let list = ["example.org".to_owned(), "*.example.org".to_owned()];
        for origin in [
            "https://example.org",
            "https://a.example.org",
            "http://b.a.example.org",
        ] {
            assert!(matches(&list, origin), "{origin}");
        }
        for origin in [
            "https://evilexample.org",
            "https://example.org.evil.example.com",
            "https://example.org@evil.example.com",
            "https://evil.example.com/https://example.org",
            "https://evil.example.com#.example.org",
            "https://.example.org",
            "https://example.org.",
            "null",
            "",
            "example.org",
            "file://example.org",
        ] {
            assert!(!matches(&list, origin), "{origin}");
        }
        assert!(
            !allows("*.example.org", "https://example.org"),
            "itself is not below itself"
        );
    }

    #[test]
    fn scheme_and_port_match_exactly_where_they_are_given() {
        let entry = "https://shop.example.net:8443";
        assert!(allows(entry, "https://shop.example.net:8443"));
        for origin in [
            "http://shop.example.net:8443",
            "https://shop.example.net",
            "https://shop.example.net:8444",
        ] {
            assert!(!allows(entry, origin), "{origin}");
        }
        assert!(allows("localhost:5173", "http://localhost:5173"));
        assert!(
            !allows("localhost", "http://localhost:5173"),
            "the usual port is meant"
        );
        assert!(allows("example.org:443", "https://example.org"));
        assert!(!allows("example.org:443", "http://example.org"));
        assert!(allows("http://example.org:80", "http://example.org"));
        assert!(allows("https://*.example.org:1", "https://a.example.org:1"));
        assert!(allows("[::1]:8080", "http://[::1]:8080"));
        assert!(allows("127.0.0.1:8080", "http://127.0.0.1:8080"));
    }

    #[test]
    fn case_and_a_slash_at_the_end_mean_nothing() {
        for entry in ["EXAMPLE.org", " example.ORG/ ", "https://Example.Org/"] {
            assert!(allows(entry, "https://example.org"), "{entry}");
            assert!(allows(entry, "HTTPS://EXAMPLE.ORG"), "{entry}");
        }
        assert_eq!(
            Domain::parse("BÜCHER.example").unwrap().to_string(),
            "xn--bcher-kva.example"
        );
    }

    #[test]
    fn an_empty_list_allows_every_page_and_a_broken_entry_none() {
        assert!(matches(&[], "https://anybody.example.com") && matches(&[], "null"));
        for entry in [
            "",
            "*",
            "*.",
            "*.org",
            "a b",
            "ftp://example.org",
            "https://example.org/path",
            "u@example.org",
            "*example.org",
            "a.*.example.org",
            "example.org.",
            "example.org:99999",
            "example.org:x",
            "https://",
            "*.127.0.0.1",
            "exa%6dple.org",
        ] {
            assert!(Domain::parse(entry).is_err(), "{entry}");
            assert!(!allows(entry, "https://example.org"), "{entry}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_the_matcher_panic(entry in ".{0,60}", origin in ".{0,60}") {
            let _ = allows(&entry, &origin);
            let _ = origin_of(&origin);
        }

        #[test]
        fn an_entry_survives_its_own_text(
            scheme in "(http://|https://)?", star in "(\\*\\.)?", host in "[a-z]{1,8}\\.[a-z]{2,4}", port in "(:[1-9][0-9]{0,3})?"
        ) {
            let domain = Domain::parse(&format!("{scheme}{star}{host}{port}")).unwrap();
            prop_assert_eq!(Domain::parse(&domain.to_string()).unwrap(), domain);
        }

        /// Whatever stands in front of the host without a dot of its own is another site.
        #[test]
        fn only_a_dot_makes_a_subdomain(before in "[a-z0-9-]{0,10}[a-z0-9]", dotted in any::<bool>()) {
            let dot = if dotted { "." } else { "" };
            let origin = format!("https://{before}{dot}example.org");
            prop_assert_eq!(allows("*.example.org", &origin), dotted && Origin::parse(&origin).is_some());
        }
    }
}

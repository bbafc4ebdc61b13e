//! Keeps pages of other sites from using the browser of somebody who may call us: a browser shows the stored password
//! by itself, and it reaches this machine where no password is asked for.

use crate::{
    base::{Error, name::shown},
    web::{Site, problem::Problem},
};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName, Method, Uri, header};
use std::net::IpAddr;
use url::Url;

/// Browsers say by it whose page sends the request.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what a page of another site sends.
pub async fn check(
    State(site): State<Site>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let reads = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if !reads {
        let app = site.door.now().ok();
        let public = app
            .as_ref()
            .and_then(|app| app.config.http.public_url.as_deref());
        same_site(request.headers(), public)?;
    }
    if !site.guarded {
        this_machine(request.uri(), request.headers())?;
    }
    Ok(next.run(request).await)
}

/// A request that changes something must come from our own pages, or from a program. What the browser says of the page
/// decides; only where it says nothing are the names compared, of which a proxy may have changed ours: then the page is at
/// `public`.
fn same_site(headers: &HeaderMap, public: Option<&str>) -> Result<(), Error> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_ours = |origin: &str| {
        let host = origin.split_once("://").map(|(_, host)| host);
        let is_public = || {
            let public = public.and_then(|public| Url::parse(public).ok());
            public.is_some_and(|public| public.origin().ascii_serialization() == origin)
        };
        host.is_some() && host == text(header::HOST) || is_public()
    };
    let is_foreign = match (text(SITE), text(header::ORIGIN)) {
        (Some(site), _) => !matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => !is_ours(origin),
        (None, None) => false,
    };
    match is_foreign {
        true => Err(Error::Denied {
            reason: "CROSS_SITE",
            message: "a page of another site may not do this".to_owned(),
        }),
        false => Ok(()),
    }
}

/// Whether a page of another site, as far as the browser says it, is where somebody comes from.
pub fn is_sent_by_another_site(headers: &HeaderMap) -> bool {
    let site = headers.get(SITE).and_then(|site| site.to_str().ok());
    site.is_some_and(|site| !matches!(site, "same-origin" | "none"))
}

/// Without a password the name must be one of this machine: a name of somebody else's that leads here would make a page
/// of theirs look like ours.
fn this_machine(uri: &Uri, headers: &HeaderMap) -> Result<(), Error> {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .or_else(|| uri.authority().map(|authority| authority.as_str()))
        .unwrap_or_default();
    match is_this_machine(host) {
        true => Ok(()),
        false => Err(Error::Denied {
            reason: "CROSS_SITE",
            message: format!(
                "nobody is asked for a password here, so the host must be one of this machine, not {}",
                shown(host)
            ),
        }),
    }
}

/// Whether a name, with or without a port, is one of this machine.
pub fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_taken_for_it() {
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "127.0.0.1:1",
            "127.0.0.2",
            "[::1]:3000",
            "[::1]",
        ] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "",
            "example.org",
            "localhost.example.org:3000",
            "127.0.0.1.example.org",
            "0.0.0.0",
            "10.0.0.1:3000",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    const PUBLIC: Option<&str> = Some("https://public.example.org/sync");

    #[test]
    fn a_program_and_our_own_page_may_and_another_site_may_not() {
        let headers = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(name, value)| {
                    (
                        name.parse::<HeaderName>().unwrap(),
                        http::HeaderValue::from_str(value).unwrap(),
                    )
                })
                .collect::<HeaderMap>()
        };
        let host = ("host", "example.org:3000");
        for fine in [
            &[host][..],
            &[host, ("origin", "http://example.org:3000")],
            &[host, ("sec-fetch-site", "same-origin")],
            &[host, ("sec-fetch-site", "none")],
            &[host, ("origin", "https://public.example.org")],
            &[
                host,
                ("origin", "https://public.example.org"),
                ("sec-fetch-site", "same-origin"),
            ],
        ] {
            assert!(same_site(&headers(fine), PUBLIC).is_ok(), "{fine:?}");
        }
        for foreign in [
            &[host, ("origin", "http://example.com:3000")][..],
            &[host, ("origin", "http://example.org")],
            &[host, ("origin", "null")],
            &[host, ("origin", "http://public.example.org")],
            &[host, ("sec-fetch-site", "cross-site")],
            &[host, ("sec-fetch-site", "same-site")],
        ] {
            assert!(same_site(&headers(foreign), PUBLIC).is_err(), "{foreign:?}");
        }
    }
}

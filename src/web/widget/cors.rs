//! What a browser is told about whether a page of another site may read an answer.
//!
//! A preflight carries no key, so it cannot be decided by the key's tenant, unless the key stands in the query. It is answered
//! by the lists of all tenants with a widget: all that it allows is to send the real request, and that one is decided by the key.
//! The widget itself puts the key into the query, which needs no preflight.

use crate::tenants::domains;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};

/// How long a browser may believe a preflight, in seconds.
const BELIEVED: HeaderValue = HeaderValue::from_static("600");

/// The origin of the page that asks, as far as its browser says it: by itself, or else by the address of the page.
pub fn origin(headers: &HeaderMap) -> Option<String> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let named = text(header::ORIGIN).map(str::to_owned);
    named.or_else(|| domains::origin_of(text(header::REFERER)?))
}

/// Whether a page may show a widget whose tenant allows these. Who does not say where the page is may where every page may.
pub fn allows(list: &[String], origin: Option<&str>) -> bool {
    match origin {
        Some(origin) => domains::matches(list, origin),
        None => list.is_empty(),
    }
}

/// Lets the page of this request read the answer, where the list allows it.
pub fn mark(response: &mut Response, list: &[String], headers: &HeaderMap) {
    let allowed = match (headers.get(header::ORIGIN), list) {
        (Some(_), []) => Some(HeaderValue::from_static("*")),
        (Some(origin), list) => origin
            .to_str()
            .ok()
            .filter(|origin| domains::matches(list, origin))
            .map(|_| origin.clone()),
        (None, _) => None,
    };
    let answered = response.headers_mut();
    // Whoever keeps answers must not hand that of one page to another.
    answered.insert(header::VARY, HeaderValue::from_static("Origin, X-Api-Key"));
    if let Some(allowed) = allowed {
        answered.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    }
}

/// Says what a page may send.
pub fn mark_preflight(response: &mut Response) {
    response.headers_mut().extend([
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET"),
        ),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("x-api-key"),
        ),
        (header::ACCESS_CONTROL_MAX_AGE, BELIEVED),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().cloned();
        pairs
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn the_page_is_known_by_its_origin_or_else_by_its_address() {
        let both = [
            (header::ORIGIN, "https://a.example.org"),
            (header::REFERER, "https://b.example.org/page"),
        ];
        assert_eq!(
            origin(&headers(&both)).as_deref(),
            Some("https://a.example.org")
        );
        assert_eq!(
            origin(&headers(&both[1..])).as_deref(),
            Some("https://b.example.org")
        );
        assert_eq!(
            origin(&headers(&[(header::ORIGIN, "null")])).as_deref(),
            Some("null")
        );
        assert_eq!(origin(&headers(&[])), None);
    }

    #[test]
    fn who_does_not_say_where_the_page_is_may_only_where_every_page_may() {
        let list = ["example.org".to_owned()];
        assert!(allows(&[], None) && allows(&[], Some("null")));
        assert!(!allows(&list, None) && !allows(&list, Some("null")));
        assert!(allows(&list, Some("https://example.org")));
    }
}

//! The two files that a page embeds.

use crate::base::sha256;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use std::{fmt::Write as _, sync::LazyLock};

/// How long a page may use a file without asking again.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=3600");

struct Asset {
    kind: &'static str,
    content: &'static str,
    /// Changes exactly when the content does.
    etag: LazyLock<HeaderValue>,
}

static SCRIPT: Asset = Asset {
    kind: "text/javascript; charset=utf-8",
    content: include_str!("widget.js"),
    etag: LazyLock::new(|| etag(SCRIPT.content)),
};

static STYLE: Asset = Asset {
    kind: "text/css; charset=utf-8",
    content: include_str!("widget.css"),
    etag: LazyLock::new(|| etag(STYLE.content)),
};

/// `GET /widget/v1/widget.js`.
pub async fn script(headers: HeaderMap) -> Response {
    SCRIPT.answer(&headers)
}

/// `GET /widget/v1/widget.css`.
pub async fn style(headers: HeaderMap) -> Response {
    STYLE.answer(&headers)
}

impl Asset {
    fn answer(&self, headers: &HeaderMap) -> Response {
        let etag = LazyLock::force(&self.etag).clone();
        let mut response = match is_known(headers, &etag) {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false => ([(header::CONTENT_TYPE, self.kind)], self.content).into_response(),
        };
        // Files for everybody: a page may say which one it expects (integrity), and isolate itself from all others.
        let open = HeaderValue::from_static("*");
        let shared = HeaderValue::from_static("cross-origin");
        response.headers_mut().extend([
            (header::ETAG, etag),
            (header::CACHE_CONTROL, CACHED),
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, open),
            (
                header::HeaderName::from_static("cross-origin-resource-policy"),
                shared,
            ),
            (
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            ),
        ]);
        response
    }
}

fn etag(content: &str) -> HeaderValue {
    let mut text = String::from("\"");
    for byte in sha256(content) {
        let _ = write!(text, "{byte:02x}");
    }
    text.push('"');
    HeaderValue::from_str(&text).expect("a hash is of letters and digits")
}

/// Whether the visitor has this very content already.
fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter();
    lists.filter_map(|list| list.to_str().ok()).any(|list| {
        list.split(',').map(str::trim).any(|known| {
            known == "*" || known.strip_prefix("W/").unwrap_or(known).as_bytes() == etag.as_bytes()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_content_has_another_etag() {
        assert_ne!(etag("a"), etag("b"));
        assert_eq!(etag("a"), etag("a"));
        assert_ne!(*SCRIPT.etag, *STYLE.etag);
    }

    #[test]
    fn who_knows_the_content_is_not_sent_it_again() {
        let etag = etag("a");
        let text = etag.to_str().unwrap().to_owned();
        let asks =
            |value: &str| HeaderMap::from_iter([(header::IF_NONE_MATCH, value.parse().unwrap())]);
        for known in [text.clone(), format!("\"x\", W/{text}"), "*".to_owned()] {
            assert!(is_known(&asks(&known), &etag), "{known}");
        }
        assert!(!is_known(&asks("\"x\""), &etag) && !is_known(&HeaderMap::new(), &etag));
    }
}

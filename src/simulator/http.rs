//! A request as the providers' handlers see it, and what they answer. Handlers are plain functions without I/O, so everything
//! about connections, latency and faults stays in the server.

use std::borrow::Cow;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::faults::Tweak;

/// One received request, decoded.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub method: Method,
    /// As received, still percent-encoded.
    pub path: String,
    /// The decoded values of the template's placeholders, in order.
    pub params: Vec<String>,
    /// Decoded query pairs in order; keys may repeat.
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// What the handler should do differently this time.
    pub tweak: Option<Tweak>,
}

impl Request {
    /// The placeholder number `index`, or an empty string.
    pub fn param(&self, index: usize) -> &str {
        self.params.get(index).map_or("", String::as_str)
    }

    /// The first value of a query key.
    pub fn query(&self, key: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// All values of a query key, whether repeated or separated by commas: clients do both.
    pub fn query_list(&self, key: &str) -> Vec<&str> {
        let values = self.query.iter().filter(|(name, _)| name == key);
        values
            .flat_map(|(_, value)| value.split(','))
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// A query flag: `true` and `1` are yes, anything else that is present is no.
    pub fn query_flag(&self, key: &str) -> Option<bool> {
        self.query(key)
            .map(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The token of `Authorization: Bearer …`.
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    }

    /// User and password of `Authorization: Basic …`.
    pub fn basic(&self) -> Option<(String, String)> {
        let (scheme, encoded) = self.header("authorization")?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (user, password) = decoded.split_once(':')?;
        Some((form_decode(user), form_decode(password)))
    }

    /// The pairs of a form body.
    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body)
            .into_owned()
            .collect()
    }

    pub fn json(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

fn form_decode(text: &str) -> String {
    let pair = format!("v={text}");
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub status: StatusCode,
    pub content_type: Cow<'static, str>,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    pub fn json(status: StatusCode, body: &Value) -> Self {
        Self {
            status,
            content_type: "application/json; charset=UTF-8".into(),
            headers: Vec::new(),
            body: body.to_string(),
        }
    }

    pub fn ok(body: &Value) -> Self {
        Self::json(StatusCode::OK, body)
    }

    pub fn html(status: StatusCode, body: impl Into<String>) -> Self {
        Self {
            status,
            content_type: "text/html; charset=UTF-8".into(),
            headers: Vec::new(),
            body: body.into(),
        }
    }

    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            content_type: "".into(),
            headers: Vec::new(),
            body: String::new(),
        }
    }

    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

//! Google's public keys: fetched when they are needed, kept as long as Google says, and fetched anew for a key that nobody
//! knows, but not at every such token.

use crate::{
    app::App,
    base::Result,
    outbound::{Account, Auth, Body, Call, Repeat, only_429},
};
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, Method, header::CACHE_CONTROL};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use std::collections::HashMap;
use url::Url;

/// How long keys are kept where Google does not say, and within which bounds it may.
const KEPT: TimeDelta = TimeDelta::hours(1);
const KEPT_AT_LEAST: TimeDelta = TimeDelta::minutes(1);
const KEPT_AT_MOST: TimeDelta = TimeDelta::hours(24);
/// A token with a key that nobody knows makes us ask so often, at most.
const ASK_AGAIN: TimeDelta = TimeDelta::seconds(30);
/// Google has two or three; a list is not read without end.
const MOST_KEYS: usize = 50;

/// What is known of them. One caller fetches, the others wait for it.
#[derive(Default)]
pub(super) struct Certificates(tokio::sync::Mutex<Option<Keys>>);

struct Keys {
    by_id: HashMap<String, DecodingKey>,
    fetched: DateTime<Utc>,
    until: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Jwk>,
}

/// One key; other kinds have other fields.
#[derive(Deserialize)]
struct Jwk {
    kid: Option<String>,
    kty: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Certificates {
    /// The key of this name; `None` when Google has none. `Unavailable` when nobody can be asked.
    pub(super) async fn key(&self, app: &App, id: &str) -> Result<Option<DecodingKey>> {
        let mut known = self.0.lock().await;
        let now = app.db.now();
        if let Some(keys) = known.as_ref().filter(|keys| now < keys.until) {
            let found = keys.by_id.get(id).cloned();
            if found.is_some() || now < keys.fetched + ASK_AGAIN {
                return Ok(found);
            }
        }
        let keys = known.insert(fetch(app, now).await?);
        Ok(keys.by_id.get(id).cloned())
    }
}

async fn fetch(app: &App, now: DateTime<Utc>) -> Result<Keys> {
    let url = &app.config.people.google_jwks_url;
    let call = Call {
        endpoint: "google.certs",
        method: Method::GET,
        url: Url::parse(url).map_err(crate::base::Error::internal)?,
        auth: Auth::None,
        body: Body::Empty,
        repeat: Repeat::Safe,
        throttled: only_429,
    };
    let account = Account {
        key: "google.certs".to_owned(),
        budget: None,
    };
    let reply = app.outbound.call(&account, call).await?;
    let document: Document = reply.json()?;
    let keys = document.keys.into_iter().take(MOST_KEYS);
    Ok(Keys {
        by_id: keys.filter_map(read).collect(),
        fetched: now,
        until: now + lifetime(&reply.headers),
    })
}

/// Only what signs with RS256.
fn read(jwk: Jwk) -> Option<(String, DecodingKey)> {
    let signs = jwk.usage.is_none_or(|usage| usage == "sig");
    let fits = jwk.kty == "RSA" && jwk.alg.is_none_or(|alg| alg == "RS256");
    if !signs || !fits {
        return None;
    }
    let key = DecodingKey::from_rsa_components(&jwk.n?, &jwk.e?).ok()?;
    Some((jwk.kid?, key))
}

fn lifetime(headers: &HeaderMap) -> TimeDelta {
    let said = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|directive| {
            let seconds = directive.trim().strip_prefix("max-age=")?;
            TimeDelta::try_seconds(seconds.parse().ok()?)
        });
    said.unwrap_or(KEPT).clamp(KEPT_AT_LEAST, KEPT_AT_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn google_says_how_long_within_bounds() {
        let of = |text: &str| {
            lifetime(&HeaderMap::from_iter([(
                CACHE_CONTROL,
                text.parse().unwrap(),
            )]))
        };
        assert_eq!(
            of("public, max-age=20000, must-revalidate"),
            TimeDelta::seconds(20_000)
        );
        assert_eq!(of("max-age=0"), KEPT_AT_LEAST);
        assert_eq!(of("max-age=99999999"), KEPT_AT_MOST);
        for nonsense in ["no-cache", "max-age=-5x", "max-age=9999999999999999999"] {
            assert_eq!(of(nonsense), KEPT, "{nonsense}");
        }
    }
}

//! Users who log in.

use super::{endpoint, read::Reader, units};
use std::time::Duration;

/// Shorter idle times could not be told from two uses that were written down a minute apart.
const SHORTEST_IDLE: Duration = Duration::from_secs(300);
const LONGEST_IDLE: Duration = Duration::from_secs(365 * 24 * 3600);

/// Users who log in.
#[derive(Clone, Debug)]
pub struct People {
    /// Whether people may register themselves.
    pub registration_open: bool,
    /// Whether somebody who registers gets a tenant.
    pub registration_creates_tenant: bool,
    /// How long a session lasts at most.
    pub session_length: Duration,
    /// When a session that is not used ends; `None` is not before its time.
    pub session_idle: Option<Duration>,
    /// Whether cookies are for HTTPS only; `None`: as the request came.
    pub cookie_secure: Option<bool>,
    /// Where Google's keys are.
    pub google_jwks_url: String,
    /// Who may have made an id token.
    pub google_issuers: Vec<String>,
    /// For whom it must be made; `None`: for the OAuth client.
    pub google_audience: Option<String>,
}

pub(super) fn people(read: &mut Reader<'_>) -> People {
    let plain = read.flag("outbound.allow_plain_http");
    People {
        registration_open: read.choice("people.registration", &[("closed", false), ("open", true)]),
        registration_creates_tenant: read.flag("people.registration_creates_tenant"),
        session_length: read.duration("people.session_length", "5m", "365d"),
        session_idle: read.optional("people.session_idle", |text| {
            units::duration(text).and_then(|idle| {
                match (SHORTEST_IDLE..=LONGEST_IDLE).contains(&idle) {
                    true => Ok(idle),
                    false => Err("expected a duration from 5m to 365d".to_owned()),
                }
            })
        }),
        cookie_secure: read.choice(
            "people.cookie_secure",
            &[("auto", None), ("true", Some(true)), ("false", Some(false))],
        ),
        google_jwks_url: read.required("people.google_jwks_url", |text| {
            endpoint::whole_url(text, plain)
        }),
        google_issuers: read.required("people.google_issuers", |text| {
            let issuers = text.split(',').map(str::trim);
            let issuers: Vec<_> = issuers.filter(|issuer| !issuer.is_empty()).collect();
            match issuers.is_empty() {
                true => Err("expected at least one issuer".to_owned()),
                false => Ok(issuers.into_iter().map(str::to_owned).collect()),
            }
        }),
        google_audience: read.text("people.google_audience"),
    }
}

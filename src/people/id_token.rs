//! Whether an id token is Google's, for us, and of now: signature, issuer, audience, times, and a verified address.

use crate::{
    app::App,
    base::{Error, Result, Secret},
    people::{memory, rules},
};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;

/// Clocks may differ by so much.
const SKEW: TimeDelta = TimeDelta::seconds(60);
/// Longer texts are no id tokens.
const LONGEST: usize = 16 << 10;
/// Google's names for people are digits, at most 255.
const LONGEST_SUBJECT: usize = 255;

/// Who a token is about.
#[derive(Debug)]
pub(super) struct Identity {
    /// Google's name for the person; never changes.
    pub subject: String,
    /// Verified by Google.
    pub email: String,
    /// For people; may be empty.
    pub name: String,
}

/// What the token says. Texts that are lists elsewhere are refused: Google makes a token for one audience.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    exp: i64,
    iat: Option<i64>,
    nbf: Option<i64>,
    email: Option<String>,
    email_verified: Option<bool>,
    name: Option<String>,
}

/// Who the token is about, if it is good. `LOGIN_WRONG` whatever is wrong with it; `GOOGLE_LOGIN_OFF` where no audience is set.
pub(super) async fn verify(app: &App, token: &Secret) -> Result<Identity> {
    let people = &app.config.people;
    let audience = people.google_audience.as_ref();
    let audience = audience
        .or(app.config.google.client_id.as_ref())
        .ok_or_else(|| {
            Error::precondition(
                "GOOGLE_LOGIN_OFF",
                "nobody can log in by Google here: neither google.client_id nor people.google_audience is set",
            )
        })?;
    let text = token.expose();
    let header = match text.len() <= LONGEST {
        true => decode_header(text).ok(),
        false => None,
    };
    // The key decides how a token is signed, never the token: neither not at all, nor with the public key as a secret.
    let key_id = header
        .filter(|header| header.alg == Algorithm::RS256 && header.crit.is_none())
        .and_then(|header| header.kid)
        .ok_or_else(|| refused("its header"))?;
    let memory = memory::of(app);
    let key = memory.certificates().key(app, &key_id).await?;
    let key = key.ok_or_else(|| refused("its key"))?;
    // What else it says is looked at below, by the clock of the installation.
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let claims = decode::<Claims>(text, &key, &validation);
    let claims = claims.map_err(|_| refused("its signature"))?.claims;
    judge(claims, &people.google_issuers, audience, app.db.now())
}

fn judge(
    claims: Claims,
    issuers: &[String],
    audience: &str,
    now: DateTime<Utc>,
) -> Result<Identity> {
    let at = |seconds: i64| DateTime::from_timestamp(seconds, 0);
    let is_past = |seconds| at(seconds).is_some_and(|at| at <= now + SKEW);
    if !issuers.contains(&claims.iss) {
        return Err(refused("its issuer"));
    }
    if claims.aud != audience {
        return Err(refused("its audience"));
    }
    if at(claims.exp).is_none_or(|end| end + SKEW <= now) {
        return Err(refused("its end"));
    }
    if ![claims.iat, claims.nbf].into_iter().flatten().all(is_past) {
        return Err(refused("its beginning"));
    }
    if claims.sub.is_empty() || claims.sub.len() > LONGEST_SUBJECT || claims.sub.contains('\0') {
        return Err(refused("its subject"));
    }
    let email = claims.email.unwrap_or_default();
    let mut wrong = Vec::new();
    rules::email(&mut wrong, "email", &email);
    if claims.email_verified != Some(true) || !wrong.is_empty() {
        return Err(refused("its address"));
    }
    let name = claims.name.unwrap_or_default();
    let name = name.chars().filter(|c| !c.is_control()).take(200);
    Ok(Identity {
        subject: claims.sub,
        email,
        name: name.collect(),
    })
}

/// One answer to the caller; what was wrong helps whoever sets this up, and whoever looks for a forger.
fn refused(what: &'static str) -> Error {
    tracing::info!(id_token.wrong = what, "an id token was refused");
    Error::Unauthenticated {
        reason: "LOGIN_WRONG",
        message:
            "the id token is not one of Google for this installation, or it is not good any more"
                .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims {
            iss: "https://accounts.example.org".to_owned(),
            aud: "client".to_owned(),
            sub: "109".to_owned(),
            exp: 3600,
            iat: Some(0),
            nbf: None,
            email: Some("ada@example.org".to_owned()),
            email_verified: Some(true),
            name: Some("Ada".to_owned()),
        }
    }

    fn at(claims: Claims, second: i64) -> Result<Identity> {
        let issuers = ["https://accounts.example.org".to_owned()];
        let now = DateTime::from_timestamp(second, 0).unwrap();
        judge(claims, &issuers, "client", now)
    }

    #[test]
    fn a_minute_of_skew_is_allowed_and_not_a_second_more() {
        for (second, good) in [(-60, true), (-61, false), (3659, true), (3660, false)] {
            assert_eq!(at(claims(), second).is_ok(), good, "{second}");
        }
        let later = Claims {
            nbf: Some(100),
            ..claims()
        };
        assert!(at(later, 39).is_err());
        let never = Claims {
            exp: i64::MAX,
            ..claims()
        };
        assert!(at(never, 0).is_err());
    }

    #[test]
    fn each_claim_is_looked_at() {
        assert_eq!(at(claims(), 1).unwrap().email, "ada@example.org");
        let changes: [fn(&mut Claims); 8] = [
            |claims| claims.iss = "accounts.example.org".to_owned(),
            |claims| claims.aud = "other".to_owned(),
            |claims| claims.sub = String::new(),
            |claims| claims.sub = "a\0b".to_owned(),
            |claims| claims.email = None,
            |claims| claims.email = Some("ada".to_owned()),
            |claims| claims.email_verified = None,
            |claims| claims.email_verified = Some(false),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut forged = claims();
            change(&mut forged);
            assert!(at(forged, 1).is_err(), "{index}");
        }
    }
}

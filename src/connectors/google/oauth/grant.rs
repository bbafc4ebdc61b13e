//! What the token endpoint gives.

use crate::base::Secret;
use serde_json::Value;
use std::time::Duration;

/// How long an access token is believed to live when the provider does not say: Google's usual hour. A shorter life
/// shows as a 401, which costs one more refresh.
const ASSUMED_LIFE: Duration = Duration::from_secs(3600);

/// Tokens, fresh from the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// For API calls, as a bearer.
    pub access_token: Secret,
    /// How long the access token lives, from the moment it was asked for.
    pub expires_in: Duration,
    /// Absent on most refreshes, which means: keep the old one.
    pub refresh_token: Option<Secret>,
    /// What was really granted; `None` when the answer does not say.
    pub scope: Option<Vec<String>>,
    /// Who the user is, signed; only with the scope `openid`.
    pub id_token: Option<Secret>,
    /// Set where the refresh token ends at a known time, as for clients in testing (7 days).
    pub refresh_token_expires_in: Option<Duration>,
}

impl Grant {
    /// `None` without an access token. Anything else that is odd counts as absent, because an answer that is thrown
    /// away may have held the only valid refresh token.
    pub(super) fn from_json(json: &Value) -> Option<Self> {
        let text = |key: &str| {
            json.get(key)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        let seconds = |key: &str| match json.get(key)? {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        };
        Some(Self {
            access_token: text("access_token")?.into(),
            expires_in: seconds("expires_in").map_or(ASSUMED_LIFE, Duration::from_secs),
            refresh_token: text("refresh_token").map(Secret::from),
            scope: text("scope").map(|all| all.split_whitespace().map(str::to_owned).collect()),
            id_token: text("id_token").map(Secret::from),
            refresh_token_expires_in: seconds("refresh_token_expires_in").map(Duration::from_secs),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_whole_answer_is_read() {
        let grant = Grant::from_json(&json!({
            "access_token": "ya29.composed", "expires_in": 3599, "refresh_token": "1//0composed",
            "scope": "openid https://www.googleapis.com/auth/userinfo.email", "token_type": "Bearer",
            "id_token": "e30.e30.c2ln", "refresh_token_expires_in": 604_799
        }))
        .expect("a grant");
        assert_eq!(grant.access_token.expose(), "ya29.composed");
        assert_eq!(grant.expires_in, Duration::from_secs(3599));
        assert_eq!(grant.refresh_token, Some("1//0composed".into()));
        assert_eq!(grant.scope.map(|scope| scope.len()), Some(2));
        assert_eq!(
            grant.refresh_token_expires_in,
            Some(Duration::from_secs(604_799))
        );
    }

    #[test]
    fn odd_and_absent_parts_do_not_lose_the_tokens() {
        let grant = Grant::from_json(&json!({
            "access_token": "ya29.composed", "expires_in": "60", "refresh_token": "",
            "scope": null, "id_token": 7, "refresh_token_expires_in": -1
        }))
        .expect("a grant");
        assert_eq!(grant.expires_in, Duration::from_secs(60));
        assert_eq!(grant.refresh_token, None);
        assert_eq!((grant.scope, grant.id_token), (None, None));
        assert_eq!(grant.refresh_token_expires_in, None);
    }

    #[test]
    fn without_an_access_token_there_is_no_grant() {
        for json in [
            json!({}),
            json!([]),
            json!("x"),
            json!({"access_token": ""}),
        ] {
            assert_eq!(Grant::from_json(&json), None);
        }
    }
}

//! A token's row, and the rules that follow from it alone.

use crate::{
    base::{Error, ResourceId, Result, TenantId, TokenName},
    tokens::{Kind, NEEDED_SCOPES, Provider, Scopes, Standing, State},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::fmt;

/// Google's access tokens are renewed so long before they end, as Google's own libraries do.
const GOOGLE_MARGIN: TimeDelta = TimeDelta::minutes(5);

/// A token as it is stored: everything but its secrets in clear.
#[derive(Clone, sqlx::FromRow)]
pub struct Token {
    /// Who owns it.
    #[sqlx(try_from = "String")]
    pub tenant_id: TenantId,
    /// The last part of its name.
    #[sqlx(try_from = "String")]
    pub token_id: ResourceId,
    /// Who issued it.
    #[sqlx(try_from = "String")]
    pub provider: Provider,
    /// What it is.
    #[sqlx(try_from = "String")]
    pub kind: Kind,
    /// For people.
    pub display_name: String,
    /// As stored; see [`Token::standing`].
    #[sqlx(try_from = "String")]
    pub state: State,
    /// Why it is in that state; empty when it works.
    pub state_reason: String,
    /// The provider's own id of the account, once known.
    pub account_id: Option<String>,
    /// What the provider calls the account; may be a mail address.
    pub account_label: Option<String>,
    /// OAuth client that the grant belongs to.
    pub client_id: Option<String>,
    /// What was granted.
    #[sqlx(try_from = "String")]
    pub scopes: Scopes,
    /// Requests that the account allows, as in `30/1h` or `none`; `None` is the provider's setting.
    pub request_budget: Option<String>,
    /// When the current access token ends.
    pub access_expires_at: Option<DateTime<Utc>>,
    /// When the grant ends, where the provider said so.
    pub grant_expires_at: Option<DateTime<Utc>>,
    /// The last successful refresh.
    pub refreshed_at: Option<DateTime<Utc>>,
    /// When it was stored first.
    pub created_at: DateTime<Utc>,
    /// When anything that people see changed last.
    pub updated_at: DateTime<Utc>,
    pub(super) version: i64,
    pub(super) grant_version: i64,
    pub(super) grant_sealed: Option<Vec<u8>>,
    pub(super) access_sealed: Option<Vec<u8>>,
    pub(super) refresh_fence: i64,
    pub(super) refresh_lease_until: Option<DateTime<Utc>>,
    pub(super) refresh_sent_at: Option<DateTime<Utc>>,
    pub(super) refresh_failures: i64,
    pub(super) refresh_retry_at: Option<DateTime<Utc>>,
}

impl Token {
    /// Its resource name.
    pub fn name(&self) -> TokenName {
        TokenName::new(self.tenant_id.clone(), self.token_id.clone())
    }

    /// Changes with every change that people see, and differs for a token of the same name made anew.
    pub fn etag(&self) -> String {
        format!("{:x}-{}", self.created_at.timestamp_micros(), self.version)
    }

    /// What syncs need and was not granted.
    pub fn missing_scopes(&self) -> Vec<&'static str> {
        match self.provider {
            Provider::Google => self.scopes.missing(&NEEDED_SCOPES),
            Provider::Clockify => Vec::new(),
        }
    }

    /// How it stands at `now`.
    pub fn standing(&self, now: DateTime<Utc>) -> Standing {
        match self.state {
            State::NeedsReauth => Standing::NeedsReauth,
            State::Revoked => Standing::Revoked,
            State::Active if self.is_unanswered(now) => Standing::UnknownOutcome,
            State::Active => Standing::Active,
        }
    }

    /// Whether the access token is good until `now + validity`.
    pub fn is_good_for(&self, validity: TimeDelta, now: DateTime<Utc>) -> bool {
        self.access_sealed.is_some()
            && self
                .access_expires_at
                .is_some_and(|end| end - now >= validity && end > now)
    }

    /// How long before its end the access token is renewed: the provider's margin, less for short-lived ones, which
    /// would otherwise be renewed at each use.
    pub fn margin(&self) -> TimeDelta {
        match self.lifetime() {
            Some(lifetime) => GOOGLE_MARGIN.min(lifetime / 4),
            None => GOOGLE_MARGIN,
        }
    }

    /// Whether the current access token was never good for that long.
    pub(super) fn lives_shorter_than(&self, validity: TimeDelta) -> bool {
        self.lifetime().is_some_and(|lifetime| lifetime < validity)
    }

    /// How long the current access token was good for when it came.
    fn lifetime(&self) -> Option<TimeDelta> {
        Some(self.access_expires_at? - self.refreshed_at?).filter(|life| *life > TimeDelta::zero())
    }

    /// Whether a refresh was sent by somebody who did not live to see the answer: whoever does gives the lease back.
    pub(super) fn is_unanswered(&self, now: DateTime<Utc>) -> bool {
        self.refresh_sent_at.is_some() && self.refresh_lease_until.is_some_and(|until| until <= now)
    }

    /// Whether somebody is refreshing it.
    pub(super) fn is_leased(&self, now: DateTime<Utc>) -> bool {
        self.refresh_lease_until.is_some_and(|until| until > now)
    }

    /// The error for a token that a person has to look after; `Ok` for one that may be used.
    pub(super) fn check_usable(&self) -> Result<()> {
        match self.state {
            State::Active => Ok(()),
            State::NeedsReauth => Err(Error::NeedsReauth {
                token: self.name().to_string(),
                message: format!("{} cannot be used: {}", self.name(), self.state_reason),
            }),
            State::Revoked => Err(Error::precondition(
                "TOKEN_REVOKED",
                format!("{} was revoked; give a new credential", self.name()),
            )),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} {:?})", self.name(), self.state)
    }
}

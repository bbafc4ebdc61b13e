//! Credentials at providers: kept sealed, refreshed once over all replicas, handed out while they are good.
//!
//! This file holds the room's words and rules; SQL is in `store`, and each use case has a file. Other rooms need
//! [`credential`], [`rejected`] and [`account`].

mod account;
mod authorize;
mod check;
mod create;
mod delete;
mod given;
mod grant;
mod import;
mod issue;
mod keys;
mod memory;
mod provider;
mod reads;
mod refresh;
mod revoke;
mod rpc;
mod settle;
mod store;
mod update;
mod view;

pub use account::{Account, account};
pub use authorize::{Authorization, Begin, Complete, Redirected, begin, complete};
pub use check::{Health, check};
pub use create::{Create, create};
pub use delete::delete;
pub use given::{Given, OauthGrant};
pub use issue::{Issued, credential, issue, rejected};
pub use keys::{Rewrapped, open_keyring, rewrap, rotate};
pub use memory::Memory;
pub use reads::{flush_reads, keep_books};
pub use refresh::refresh;
pub use revoke::revoke;
pub use rpc::Service;
pub use update::{Update, update};
pub use view::{Event, events, get, list};

use crate::{
    base::{Error, ResourceId, Result, TenantId, TokenName, Violation},
    connectors::google::scopes,
    vault::Place,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::fmt;

/// What syncs need of a Google grant, and what consent asks for.
pub const NEEDED_SCOPES: [&str; 4] = [
    scopes::MEET_READ,
    scopes::CALENDAR_EVENTS_READ,
    scopes::OPENID,
    scopes::EMAIL,
];

/// Google's access tokens are renewed so long before they end, as Google's own libraries do.
const GOOGLE_MARGIN: TimeDelta = TimeDelta::minutes(5);

/// Why a token is in doubt, for a person.
const UNKNOWN_OUTCOME: &str =
    "the last refresh got no answer, so the provider may have used the refresh token up; the next one shows it";

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// The word for it, as the database has it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self, Error> {
                match text.as_str() {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(Error::internal(concat!("an unknown ", stringify!($name), " in the database"))),
                }
            }
        }
    };
}

words! {
    /// Who issued a credential.
    Provider {
        /// Meet and Calendar, by OAuth.
        Google = "google",
        /// By API key.
        Clockify = "clockify",
    }
}

words! {
    /// What a credential is.
    Kind {
        /// Refresh token and access tokens.
        OAuth = "oauth",
        /// A key that does not expire by itself.
        ApiKey = "api_key",
    }
}

words! {
    /// Whether a credential works, as the database has it. [`Token::standing`] adds what follows from an unanswered
    /// refresh.
    State {
        /// As far as is known.
        Active = "active",
        /// A person must consent, or give a key, again.
        NeedsReauth = "needs_reauth",
        /// By [`revoke`].
        Revoked = "revoked",
    }
}

words! {
    /// What happened to a token.
    EventKind {
        /// Stored for the first time.
        Created = "created",
        /// Its description, or its secret, was changed by a person.
        Updated = "updated",
        /// A consent was completed.
        Authorized = "authorized",
        /// The provider gave an access token.
        Refreshed = "refreshed",
        /// The provider gave none, for now.
        RefreshFailed = "refresh_failed",
        /// The provider may have used the refresh token up: nobody knows its answer.
        UnknownOutcome = "unknown_outcome",
        /// It stopped working.
        NeedsReauth = "needs_reauth",
        /// Revoked at the provider, and forgotten.
        Revoked = "revoked",
        /// Sealed with a newer key.
        Rewrapped = "rewrapped",
        /// Removed.
        Deleted = "deleted",
    }
}

/// How a credential stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It works, as far as is known.
    Active,
    /// A person must act.
    NeedsReauth,
    /// It is gone.
    Revoked,
    /// The last refresh got no answer; the next one resolves it.
    UnknownOutcome,
}

impl Provider {
    /// What it issues to us.
    pub fn kind(self) -> Kind {
        match self {
            Self::Google => Kind::OAuth,
            Self::Clockify => Kind::ApiKey,
        }
    }

    /// For messages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Google => "Google",
            Self::Clockify => "Clockify",
        }
    }
}

/// What was granted, in the provider's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

impl Scopes {
    /// From a list; sorted out so that each one is there once, in the order of their first mention.
    pub fn new(scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut known = Vec::new();
        for scope in scopes.into_iter().map(Into::into) {
            if !scope.is_empty() && !known.contains(&scope) {
                known.push(scope);
            }
        }
        Self(known)
    }

    /// From text with spaces between, as providers write it.
    pub fn parse(text: &str) -> Self {
        Self::new(text.split_whitespace())
    }

    /// Which of `needed` are not covered. Where nothing is known about what was granted, all of them are.
    pub fn missing<'a>(&self, needed: &[&'a str]) -> Vec<&'a str> {
        scopes::missing(&self.0, needed)
    }

    /// In the provider's words.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl From<String> for Scopes {
    fn from(text: String) -> Self {
        Self::parse(&text)
    }
}

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
    version: i64,
    grant_version: i64,
    grant_sealed: Option<Vec<u8>>,
    access_sealed: Option<Vec<u8>>,
    refresh_fence: i64,
    refresh_lease_until: Option<DateTime<Utc>>,
    refresh_sent_at: Option<DateTime<Utc>>,
    refresh_failures: i64,
    refresh_retry_at: Option<DateTime<Utc>>,
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
    fn lives_shorter_than(&self, validity: TimeDelta) -> bool {
        self.lifetime().is_some_and(|lifetime| lifetime < validity)
    }

    /// How long the current access token was good for when it came.
    fn lifetime(&self) -> Option<TimeDelta> {
        Some(self.access_expires_at? - self.refreshed_at?).filter(|life| *life > TimeDelta::zero())
    }

    /// Whether a refresh was sent by somebody who did not live to see the answer: whoever does gives the lease back.
    fn is_unanswered(&self, now: DateTime<Utc>) -> bool {
        self.refresh_sent_at.is_some() && self.refresh_lease_until.is_some_and(|until| until <= now)
    }

    /// Whether somebody is refreshing it.
    fn is_leased(&self, now: DateTime<Utc>) -> bool {
        self.refresh_lease_until.is_some_and(|until| until > now)
    }

    /// The error for a token that a person has to look after; `Ok` for one that may be used.
    fn check_usable(&self) -> Result<()> {
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

/// The value, or its violations added to `wrong`.
fn gather<T>(wrong: &mut Vec<Violation>, result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Error::Invalid(violations)) => {
            wrong.extend(violations);
            None
        }
        Err(other) => {
            wrong.push(Violation::new("", other.to_string()));
            None
        }
    }
}

/// Where one of a token's secrets is sealed.
fn place<'a>(name: &'a TokenName, column: &'static str) -> Place<'a> {
    Place {
        table: "tokens",
        tenant: &name.tenant,
        row: name.id.as_str(),
        column,
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} {:?})", self.name(), self.state)
    }
}

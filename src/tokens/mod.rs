//! Credentials at providers: kept sealed, refreshed once over all replicas, handed out while they are good.
//!
//! This file holds the room's words and rules; SQL is in `store`, and each use case has a file. Other rooms need
//! [`open`], [`rejected`] and [`account`].

mod account;
mod authorize;
mod books;
mod check;
mod create;
mod delete;
mod given;
mod grant;
mod history;
mod import;
mod issue;
mod keys;
mod memory;
mod notice;
mod provider;
mod refresh;
mod revoke;
mod rpc;
mod settle;
mod store;
mod token;
mod update;
mod view;

pub use account::{Account, Opened, account, open};
pub use authorize::{
    Authorization, Begin, Complete, Link, Redirected, begin, complete, find_link, follow_link,
    link, on_behalf_of,
};
pub use books::keep_books;
pub use check::{Health, check};
pub use create::{Create, create};
pub use delete::delete;
pub use given::{Given, OauthGrant};
pub use history::forget_history;
pub use import::parse as parse_token_json;
pub use issue::{Issued, credential, issue, rejected};
pub use keys::{Retired, Rewrapped, Use, open_keyring, retire, rewrap, rotate, uses};
pub use memory::settled;
pub use notice::{NEEDS_OWNER, needing_owner};
pub use provider::{clockify, google_endpoints};
pub use refresh::refresh;
pub use revoke::revoke;
pub use rpc::Service;
pub use token::Token;
pub use update::{Update, update};
pub use view::{Event, events, get, list};

use crate::{
    base::{TokenName, error::gather, words},
    connectors::google::scopes,
    vault::Place,
};
use std::fmt;

/// What syncs need of a Google grant, and what consent asks for.
pub const NEEDED_SCOPES: [&str; 4] = [
    scopes::MEET_READ,
    scopes::CALENDAR_EVENTS_READ,
    scopes::OPENID,
    scopes::EMAIL,
];

/// Why a token is in doubt, for a person.
const UNKNOWN_OUTCOME: &str = "the last refresh got no answer, so the provider may have used the refresh token up; the next one shows it";

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

/// Where one of a token's secrets is sealed.
fn place<'a>(name: &'a TokenName, column: &'static str) -> Place<'a> {
    Place {
        table: "tokens",
        tenant: &name.tenant,
        row: name.id.as_str(),
        column,
    }
}

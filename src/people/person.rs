//! A person as rows have it, and the names of people and their sessions.

use crate::base::{Error, Permissions, Result, Role, TenantId, name::shown};
use chrono::{DateTime, Utc};
use std::{collections::BTreeMap, fmt, str::FromStr};
use uuid::Uuid;

/// Who vouches for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// A password that is kept here.
    Local,
    /// Google.
    Google,
    /// Google, by way of Firebase, as an import brought it. Logs in by Google with the same address.
    FirebaseGoogle,
}

impl Provider {
    /// As rows and filters have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Google => "google",
            Self::FirebaseGoogle => "firebase-google",
        }
    }
}

impl FromStr for Provider {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "local" => Ok(Self::Local),
            "google" => Ok(Self::Google),
            "firebase-google" => Ok(Self::FirebaseGoogle),
            other => Err(Error::invalid(
                "provider",
                format!(
                    "expected local, google or firebase-google, got {}",
                    shown(other)
                ),
            )),
        }
    }
}

impl TryFrom<String> for Provider {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

/// A person who logs in.
#[derive(Clone, sqlx::FromRow)]
pub struct Person {
    /// The last part of its name.
    pub person_id: Uuid,
    /// As it was typed.
    pub username: Option<String>,
    /// As it was typed.
    pub email: Option<String>,
    /// Whether somebody else than the person says that the address is its own.
    pub email_confirmed: bool,
    /// For people.
    pub display_name: String,
    /// Who vouches for it.
    #[sqlx(try_from = "String")]
    pub provider: Provider,
    /// Google's name for it, once it logged in that way.
    pub google_subject: Option<String>,
    /// What its password is compared with.
    pub(super) password_hash: Option<String>,
    pub(super) instance_role: Option<String>,
    /// The id where it was imported from, when that is no UUID.
    pub source_id: Option<String>,
    /// Counts the changes.
    pub version: i64,
    /// When it was made; an import keeps that of the source.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// When it logged in last.
    pub login_at: Option<DateTime<Utc>>,
}

/// Never with the hash.
impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name())
    }
}

impl Person {
    /// Its full name.
    pub fn name(&self) -> PersonName {
        PersonName(self.person_id)
    }

    /// What it may do over the installation.
    pub fn instance_role(&self) -> Option<Role> {
        self.instance_role
            .as_deref()
            .and_then(|role| role.parse().ok())
    }

    /// Changes with every change.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// Refuses a change that was made for another state.
    pub(super) fn check_etag(&self, etag: &str) -> Result<()> {
        match etag.is_empty() || etag == self.etag() {
            true => Ok(()),
            false => Err(self.name().changed_meanwhile()),
        }
    }
}

/// What a person may do in a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Where.
    pub tenant: TenantId,
    /// What.
    pub role: Role,
}

/// A person and what it may do.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Who.
    pub person: Person,
    /// Where it may do what, by tenant.
    pub memberships: Vec<Membership>,
}

impl Profile {
    /// What it allows.
    pub fn permissions(&self) -> Permissions {
        permissions(self.person.instance_role(), &self.memberships)
    }
}

/// What a role over the installation and these memberships allow.
pub(super) fn permissions(instance: Option<Role>, memberships: &[Membership]) -> Permissions {
    let tenants = memberships
        .iter()
        .map(|membership| (membership.tenant.clone(), membership.role));
    Permissions::of(instance, tenants.collect::<BTreeMap<_, _>>())
}

/// `users/{user}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PersonName(pub Uuid);

impl PersonName {
    /// Parses a full name; `field` is named in the error.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let id = text.strip_prefix("users/").and_then(|id| id.parse().ok());
        id.map(Self).ok_or_else(|| {
            let message = format!(
                "expected users/{{user}}, its last part a UUID, got {}",
                shown(text)
            );
            Error::invalid(field, message)
        })
    }

    /// The error for a name that leads nowhere, or to somebody of no concern to the caller.
    pub fn not_found(self) -> Error {
        Error::not_found("user", self)
    }

    pub(super) fn changed_meanwhile(self) -> Error {
        Error::Conflict {
            what: self.to_string(),
        }
    }
}

impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "users/{}", self.0)
    }
}

/// `users/{user}/sessions/{session}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionName {
    /// Whose.
    pub person: PersonName,
    /// Which.
    pub id: Uuid,
}

impl SessionName {
    /// Parses a full name; `field` is named in the error.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let parsed = text.split_once("/sessions/").and_then(|(person, id)| {
            let person = PersonName::parse(field, person).ok()?;
            let id = id.parse().ok()?;
            Some(Self { person, id })
        });
        parsed.ok_or_else(|| {
            let message = format!(
                "expected users/{{user}}/sessions/{{session}}, both UUIDs, got {}",
                shown(text)
            );
            Error::invalid(field, message)
        })
    }

    /// The error for a name that leads nowhere, or to a session of somebody else.
    pub fn not_found(self) -> Error {
        Error::not_found("session", self)
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/sessions/{}", self.person, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_survive_their_own_text() {
        let person = PersonName(Uuid::from_u128(7));
        assert_eq!(PersonName::parse("", &person.to_string()).unwrap(), person);
        let id = Uuid::from_u128(8);
        let session = SessionName { person, id };
        let parsed = SessionName::parse("", &session.to_string()).unwrap();
        assert_eq!(parsed, session);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parsers_panic(text in "(users/)?.{0,60}(/sessions/)?.{0,60}") {
            let _ = PersonName::parse("name", &text);
            let _ = SessionName::parse("name", &text);
        }
    }
}

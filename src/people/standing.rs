//! Who asks, and whom that concerns.

use crate::{
    base::{Error, Result, Role, Who, reach},
    people::PersonName,
};
use uuid::Uuid;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The user, and its session.
    pub user: Option<(PersonName, Uuid)>,
    /// What it may do over the installation.
    role: Option<Role>,
    /// Whether nothing was shown.
    pub is_anybody: bool,
}

/// Who asks. What is not done for a caller, as by the command line in its own process, may do everything.
pub(super) fn standing() -> Standing {
    let Some(caller) = reach::caller() else {
        return Standing {
            user: None,
            role: Some(Role::Admin),
            is_anybody: false,
        };
    };
    let user = match caller.who {
        Who::User { user, session } => Some((PersonName(user), session)),
        _ => None,
    };
    Standing {
        user,
        role: caller.permissions.instance_role(),
        is_anybody: caller.who == Who::Nobody,
    }
}

impl Standing {
    /// Whether it is an admin of the whole installation.
    pub(super) fn is_admin(self) -> bool {
        self.role == Some(Role::Admin)
    }

    /// Whether it is this person.
    pub(super) fn is(self, person: PersonName) -> bool {
        self.user.is_some_and(|(user, _)| user == person)
    }

    /// Lets a person and admins through. For everybody else nobody else exists.
    pub(super) fn may_change(self, person: PersonName) -> Result<()> {
        match self.is_admin() || self.is(person) {
            true => Ok(()),
            false => Err(person.not_found()),
        }
    }

    /// The same for looking, which every role over the installation may.
    pub(super) fn may_see(self, person: PersonName) -> Result<()> {
        match self.role.is_some() || self.is(person) {
            true => Ok(()),
            false => Err(person.not_found()),
        }
    }

    /// Lets admins through.
    pub(super) fn administers(self, what: &str) -> Result<()> {
        match self.is_admin() {
            true => Ok(()),
            false => Err(Error::Denied {
                reason: "ROLE_TOO_LOW",
                message: format!("{what} needs the role admin of the whole installation"),
            }),
        }
    }
}

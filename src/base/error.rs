//! The one error type below the command line. Its variants are named by what the caller can do; `api::status` turns
//! them into gRPC codes, and nothing else knows those.

use chrono::{DateTime, Utc};
use std::fmt;

/// What every fallible function of the rooms and the ground floor returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One field of a request that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in the request, as in `sync.rules[2].when.title_regex`.
    pub field: String,
    /// What was expected, and what is wrong with what came.
    pub description: String,
}

impl Violation {
    /// Names `field` and says what was expected of it.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            description: description.into(),
        }
    }
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is wrong whatever the state: correct it. All wrong fields at once.
    #[error("{}", Listed(.0))]
    Invalid(Vec<Violation>),

    /// There is no such resource, or it belongs to somebody else: both answer alike.
    #[error("{kind} {name:?} does not exist")]
    NotFound {
        /// The resource's type in lower case, as in "token".
        kind: &'static str,
        /// The name as it was asked for.
        name: String,
    },

    /// A resource of that name is there already.
    #[error("{kind} {name:?} exists already")]
    Exists {
        /// The resource's type in lower case.
        kind: &'static str,
        /// The name that is taken.
        name: String,
    },

    /// Somebody changed the resource since it was read (`etag`), or took the work over (`fence`): read again.
    #[error("{what} was changed by somebody else meanwhile")]
    Conflict {
        /// What was changed.
        what: String,
    },

    /// The request is fine but the state is not; `reason` is what a program looks at.
    #[error("{message}")]
    Precondition {
        /// UPPER_SNAKE, listed in `docs/errors.md`.
        reason: &'static str,
        /// What is wrong and what to do, for a person.
        message: String,
    },

    /// A credential has to be given again by a person.
    #[error("{message}")]
    NeedsReauth {
        /// The token's resource name.
        token: String,
        /// What the provider said, and what to do.
        message: String,
    },

    /// A budget is used up; the same call works from `until` on.
    #[error("the request budget of {what} is used up until {until}")]
    Exhausted {
        /// Whose budget.
        what: String,
        /// When it is worth trying again.
        until: DateTime<Utc>,
    },

    /// The caller asks too often; the same call works after a while.
    #[error("{message}")]
    Limited {
        /// UPPER_SNAKE, listed in `docs/errors.md`.
        reason: &'static str,
        /// What there was too much of.
        message: String,
        /// For how long.
        wait: std::time::Duration,
    },

    /// Something outside (a provider, the database) does not answer as it should; trying later may help.
    #[error("{what}")]
    Unavailable {
        /// UPPER_SNAKE, listed in `docs/errors.md`.
        reason: &'static str,
        /// Who does not answer, and how that showed. Never a body or a secret.
        what: String,
        /// When trying again makes sense, where that is known.
        retry_at: Option<DateTime<Utc>>,
    },

    /// It took longer than the caller, or the settings, allow. What it began may still come about.
    #[error("{what}")]
    Late {
        /// Which time was over.
        what: String,
    },

    /// A provider refused for good: the same request is refused again.
    #[error("{what}")]
    Refused {
        /// UPPER_SNAKE, listed in `docs/errors.md`.
        reason: &'static str,
        /// Who refused what, and why.
        what: String,
    },

    /// The caller did not show who it is, or what it showed is not good.
    #[error("{message}")]
    Unauthenticated {
        /// UPPER_SNAKE, listed in `docs/errors.md`.
        reason: &'static str,
        /// What was expected. Never what was shown.
        message: String,
    },

    /// A person, or a rule, said no to this.
    #[error("{message}")]
    Denied {
        /// UPPER_SNAKE, listed in `docs/errors.md`.
        reason: &'static str,
        /// Who said no to what.
        message: String,
    },

    /// The work was cancelled.
    #[error("cancelled")]
    Cancelled,

    /// A fault of Syncline or its installation. Logged where it surfaces, never sent to a client.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    /// One wrong field.
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation::new(field, description)])
    }

    /// No `kind` called `name`.
    pub fn not_found(kind: &'static str, name: impl fmt::Display) -> Self {
        Self::NotFound {
            kind,
            name: name.to_string(),
        }
    }

    /// The state does not allow it.
    pub fn precondition(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Precondition {
            reason,
            message: message.into(),
        }
    }

    /// Something outside does not answer as it should.
    pub fn unavailable(reason: &'static str, what: impl Into<String>) -> Self {
        Self::Unavailable {
            reason,
            what: what.into(),
            retry_at: None,
        }
    }

    /// A fault of our own.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::Internal(cause.to_string())
    }
}

/// `Ok` when nothing is wrong, else all violations in one error.
pub fn all_valid(violations: Vec<Violation>) -> Result<()> {
    if violations.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(violations))
    }
}

/// The value; or nothing, and what is wrong with it beside what is known already, so that all faults of a request are named
/// at once.
pub fn gather<T>(wrong: &mut Vec<Violation>, result: Result<T>) -> Option<T> {
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

struct Listed<'a>(&'a [Violation]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{}: {}", violation.field, violation.description)?;
        }
        Ok(())
    }
}

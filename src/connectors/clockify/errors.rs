//! What Clockify's errors mean. They are told by status, a number, and the beginning of a text, for one number stands
//! for many things.

use crate::{
    base::{Error, Secret, TokenName},
    connectors::{Access, said},
    outbound::{CallError, Refusal},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

/// Why Clockify did not do something.
#[derive(Debug, thiserror::Error)]
pub enum ClockifyError {
    /// 401: the API key is wrong, or was deleted. A person must give another one.
    #[error(
        "Clockify does not accept the API key of {token}; make a new one under Preferences, Advanced, and add it again"
    )]
    KeyWrong {
        /// Whose secret was sent.
        token: TokenName,
    },
    /// The object is unknown, deleted, or of another workspace: Clockify does not tell these apart.
    #[error("Clockify has no such {entity} in this workspace, or has it no more")]
    Gone {
        /// What is gone: it need not be what the call was about.
        entity: Entity,
    },
    /// There is an object of this name already.
    #[error("{endpoint}: the name is taken")]
    NameTaken {
        /// The operation.
        endpoint: &'static str,
    },
    /// The workspace demands a project that is not archived.
    #[error(
        "the Clockify workspace demands a project for each time entry; name one in the rules or as the fallback"
    )]
    ProjectRequired,
    /// 403: the user may not do that.
    #[error("Clockify does not allow {token} to do {endpoint}")]
    Forbidden {
        /// Whose secret was sent.
        token: TokenName,
        /// The operation.
        endpoint: &'static str,
    },
    /// Not sent, because Clockify would refuse it.
    #[error(
        "the description is {length} characters long; Clockify takes {}",
        super::MAX_DESCRIPTION
    )]
    DescriptionTooLong {
        /// UTF-16 units.
        length: usize,
    },
    /// Another 4xx: the same request is refused again.
    #[error("Clockify refused {endpoint} with {status}{}", message.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Refused {
        /// The operation.
        endpoint: &'static str,
        /// The HTTP status.
        status: StatusCode,
        /// Clockify's number, where it gave one.
        code: Option<i64>,
        /// Clockify's words, where they do not repeat the request.
        message: Option<String>,
    },
    /// No usable answer; never [`CallError::Refused`]. After [`CallError::Unanswered`] a write may have been done.
    #[error(transparent)]
    Call(CallError),
}

/// What can be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    /// The entry itself.
    TimeEntry,
    /// A project.
    Project,
    /// A task.
    Task,
    /// A tag.
    Tag,
    /// Anything else.
    Other,
}

impl std::fmt::Display for Entity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TimeEntry => "time entry",
            Self::Project => "project",
            Self::Task => "task",
            Self::Tag => "tag",
            Self::Other => "object",
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Said {
    message: Value,
    code: Value,
}

/// Its texts repeat what was sent.
const ECHOING: i64 = 3000;

impl ClockifyError {
    pub(super) fn new(error: CallError, access: &Access) -> Self {
        match error {
            CallError::Refused(refusal) => Self::refused(&refusal, &access.token, &access.secret),
            other => Self::Call(other),
        }
    }

    fn refused(refusal: &Refusal, token: &TokenName, key: &Secret) -> Self {
        let (endpoint, status) = (refusal.endpoint, refusal.status);
        let said: Said = serde_json::from_slice(&refusal.body).unwrap_or_default();
        let text = said.message.as_str().unwrap_or_default();
        // A number on every route that was looked at; text in the documentation.
        let code = match &said.code {
            Value::String(text) => text.parse().ok(),
            other => other.as_i64(),
        };
        match status.as_u16() {
            401 => Self::KeyWrong {
                token: token.clone(),
            },
            403 => Self::Forbidden {
                token: token.clone(),
                endpoint,
            },
            400 => match Meaning::of(text) {
                Some(Meaning::Gone(entity)) => Self::Gone { entity },
                Some(Meaning::NameTaken) => Self::NameTaken { endpoint },
                Some(Meaning::ProjectRequired) => Self::ProjectRequired,
                None => Self::other(refusal, code, text, key),
            },
            _ => Self::other(refusal, code, text, key),
        }
    }

    fn other(refusal: &Refusal, code: Option<i64>, text: &str, key: &Secret) -> Self {
        Self::Refused {
            endpoint: refusal.endpoint,
            status: refusal.status,
            code,
            message: said::presentable(text, &[key]).filter(|_| code != Some(ECHOING)),
        }
    }
}

enum Meaning {
    Gone(Entity),
    NameTaken,
    ProjectRequired,
}

impl Meaning {
    fn of(text: &str) -> Option<Self> {
        let text = text.to_lowercase().replace('\u{2019}', "'");
        if let Some((entity, _)) = text.split_once(" doesn't belong to workspace") {
            return Some(Self::Gone(match entity.trim() {
                "time entry" | "timeentry" => Entity::TimeEntry,
                "project" => Entity::Project,
                "task" => Entity::Task,
                "tag" | "tags" => Entity::Tag,
                _ => Entity::Other,
            }));
        }
        if text.contains("already exists") {
            return Some(Self::NameTaken);
        }
        text.contains("project is either required")
            .then_some(Self::ProjectRequired)
    }
}

impl From<ClockifyError> for Error {
    fn from(error: ClockifyError) -> Self {
        let what = error.to_string();
        let refused = |reason: &'static str, what: String| Self::Refused { reason, what };
        match error {
            ClockifyError::KeyWrong { token } => Self::NeedsReauth {
                token: token.to_string(),
                message: what,
            },
            ClockifyError::ProjectRequired => Self::precondition("PROJECT_REQUIRED", what),
            ClockifyError::DescriptionTooLong { .. } => Self::invalid("description", what),
            ClockifyError::Gone { .. } => refused("PROVIDER_NOT_FOUND", what),
            ClockifyError::NameTaken { .. } => refused("PROVIDER_NAME_TAKEN", what),
            ClockifyError::Forbidden { .. } => refused("PROVIDER_FORBIDDEN", what),
            ClockifyError::Refused { .. } => refused("PROVIDER_REFUSED", what),
            ClockifyError::Call(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(status: u16, body: &str) -> ClockifyError {
        let refusal = Refusal {
            endpoint: "clockify.timeEntries.get",
            status: StatusCode::from_u16(status).expect("a status"),
            body: body.into(),
        };
        let token = TokenName::parse("token", "tenants/default/tokens/clockify").expect("a name");
        ClockifyError::refused(&refusal, &token, &"composed-key".into())
    }

    #[test]
    fn gone_says_what_is_gone() {
        let gone = |what: &str| match refused(
            400,
            &format!(r#"{{"message":"{what} doesn't belong to Workspace","code":501}}"#),
        ) {
            ClockifyError::Gone { entity } => entity,
            other => panic!("{other:?}"),
        };
        assert_eq!(gone("Time entry"), Entity::TimeEntry);
        assert_eq!(gone("TimeEntry"), Entity::TimeEntry);
        assert_eq!(gone("Project"), Entity::Project);
        assert_eq!(gone("Kiosk"), Entity::Other);
    }

    #[test]
    fn each_documented_error_has_its_meaning() {
        for code in [1000, 4003, 4017] {
            let error = refused(
                401,
                &format!(r#"{{"message":"Api key does not exist","code":{code}}}"#),
            );
            assert!(matches!(error, ClockifyError::KeyWrong { .. }));
        }
        let taken = r#"{"message":"Project with this name already exists","code":501}"#;
        assert!(matches!(
            refused(400, taken),
            ClockifyError::NameTaken { .. }
        ));
        let project = r#"{"message":"Time entry couldn't be created. Project is either required field or given project is archived. Please select.","code":501}"#;
        assert!(matches!(
            refused(400, project),
            ClockifyError::ProjectRequired
        ));
        let denied = r#"{"message":"Access Denied","code":"4030"}"#;
        assert!(matches!(
            refused(403, denied),
            ClockifyError::Forbidden { .. }
        ));
        assert!(matches!(
            refused(404, "<html>"),
            ClockifyError::Refused {
                code: None,
                message: None,
                ..
            }
        ));
    }

    #[test]
    fn texts_that_repeat_the_request_are_not_shown() {
        let error = refused(
            400,
            r#"{"message":"Method parameter 'start': Failed to convert value of type canary","code":3000}"#,
        );
        assert!(!error.to_string().contains("canary"), "{error}");
        let shown = refused(
            400,
            r#"{"message":"You entered invalid value for field: [color].","code":501}"#,
        );
        assert!(shown.to_string().contains("[color]"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(status in 400u16..500, body in ".{0,200}") {
            let _ = Error::from(refused(status, &body)).to_string();
        }
    }
}

//! Why a provider said nothing: the part of a failed call that is the same for every provider.

use crate::{
    base::{Error, Secret},
    outbound::{CallError, Refusal},
};
use chrono::{DateTime, Utc};

/// There is no usable answer from a provider. For a write, the variant says whether it may have happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Outage {
    /// Surely not carried out: the provider could not be reached, its breaker is open, or it said 429.
    #[error("{why}")]
    NotSent {
        /// For a person; no secret, no body.
        why: String,
        /// When trying again makes sense, where that is known.
        retry_at: Option<DateTime<Utc>>,
    },
    /// Surely not carried out: the account's request budget is used up.
    #[error("the request budget of {account} is used up until {until}")]
    OutOfBudget {
        /// Whose.
        account: String,
        /// When the next request is allowed.
        until: DateTime<Utc>,
    },
    /// May or may not have been carried out: no answer, 5xx, or an answer that cannot be read.
    #[error("{why}")]
    Unanswered {
        /// For a person; no secret, no body.
        why: String,
    },
}

impl Outage {
    /// Parts a failed call into a refusal, which the provider's own client explains, and everything else.
    pub(super) fn or_refusal(error: CallError) -> Result<Refusal, Self> {
        Err(match error {
            CallError::Refused(refusal) => return Ok(refusal),
            CallError::NotSent { why, retry_at } => Self::NotSent { why, retry_at },
            CallError::OutOfBudget { account, until } => Self::OutOfBudget { account, until },
            CallError::Unanswered { why } => Self::Unanswered { why },
        })
    }

    /// Whether the call may have had its effect all the same.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Unanswered { .. })
    }
}

impl From<Outage> for Error {
    fn from(outage: Outage) -> Self {
        match outage {
            Outage::NotSent { why, retry_at } => Self::Unavailable {
                reason: "PROVIDER_UNREACHABLE",
                what: why,
                retry_at,
            },
            Outage::OutOfBudget { account, until } => Self::Exhausted {
                what: account,
                until,
            },
            Outage::Unanswered { why } => Self::unavailable("PROVIDER_UNANSWERED", why),
        }
    }
}

/// Foreign text that may be shown to a person: one short line that holds none of `secrets`. `None` where it is not.
pub(super) fn presentable(text: &str, secrets: &[&Secret]) -> Option<String> {
    /// Characters; every documented message is shorter.
    const LONGEST: usize = 240;
    let clean = text.chars().count() <= LONGEST
        && !text.trim().is_empty()
        && !text.chars().any(char::is_control)
        && !secrets
            .iter()
            .any(|secret| !secret.is_empty() && text.contains(secret.expose()));
    clean.then(|| text.trim().to_owned())
}

/// A provider's error code, if it looks like one: it goes into messages, so it must not be free text.
pub(super) fn code(text: &str) -> Option<String> {
    /// Characters; the longest known code has 31.
    const LONGEST: usize = 64;
    let is_code = !text.is_empty()
        && text.len() <= LONGEST
        && text.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    is_code.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_with_a_secret_or_a_line_break_is_not_shown() {
        let secret = Secret::new("1//0composed");
        assert_eq!(
            presentable(" Bad Request ", &[&secret]),
            Some("Bad Request".into())
        );
        for text in [
            "token 1//0composed is dead",
            "two\nlines",
            "",
            &"x".repeat(300),
        ] {
            assert_eq!(presentable(text, &[&secret]), None);
        }
        assert_eq!(presentable("fine", &[&Secret::default()]), Some("fine".into()));
    }

    #[test]
    fn a_code_is_letters_and_underscores() {
        assert_eq!(code("invalid_grant").as_deref(), Some("invalid_grant"));
        assert_eq!(code("ya29.composed"), None);
        assert_eq!(code(""), None);
    }
}

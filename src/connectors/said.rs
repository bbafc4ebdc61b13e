//! What of a provider's error may be shown: foreign text can hold anything, what was sent to it too.

use crate::base::Secret;

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
        assert_eq!(
            presentable("fine", &[&Secret::default()]),
            Some("fine".into())
        );
    }

    #[test]
    fn a_code_is_letters_and_underscores() {
        assert_eq!(code("invalid_grant").as_deref(), Some("invalid_grant"));
        assert_eq!(code("ya29.composed"), None);
        assert_eq!(code(""), None);
    }
}

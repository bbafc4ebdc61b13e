//! What names, addresses and passwords may be.

use crate::base::Violation;
use std::ops::RangeInclusive;

/// Characters of a user name.
const USERNAME: RangeInclusive<usize> = 3..=50;
/// Characters of a password.
pub(super) const PASSWORD: RangeInclusive<usize> = 6..=1024;
/// Characters of an address, as RFC 5321 has it.
const LONGEST_EMAIL: usize = 254;
/// Characters of a name for people.
const LONGEST_DISPLAY_NAME: usize = 200;

/// What two names have in common that differ only in case: all letters small, one by one, whatever stands beside them.
/// Nothing else is made equal (no accents, no Unicode normal forms, no dots or plus signs of a provider), because two
/// mailboxes must never become one account.
pub(super) fn key(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).collect()
}

/// Refuses what is no user name.
pub(super) fn username(wrong: &mut Vec<Violation>, field: &str, text: &str) {
    let fine = USERNAME.contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !fine {
        wrong.push(Violation::new(
            field,
            "expected 3 to 50 letters (a to z), digits, hyphens and underscores",
        ));
    }
}

/// Refuses what is no address: something, an `@`, a name with a dot in it, no spaces.
pub(super) fn email(wrong: &mut Vec<Violation>, field: &str, text: &str) {
    let fine = text.chars().count() <= LONGEST_EMAIL
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
        && text.split_once('@').is_some_and(|(local, domain)| {
            // A dot with something on both sides of it.
            let mut inner = domain.char_indices().skip(1);
            let dotted = inner.any(|(at, c)| c == '.' && at + 1 < domain.len());
            !local.is_empty() && !domain.contains('@') && dotted
        });
    if !fine {
        wrong.push(Violation::new(
            field,
            "expected an e-mail address, as in ada@example.org, at most 254 characters",
        ));
    }
}

/// Refuses what is no password to begin with. The text of it is never repeated.
pub(super) fn password(wrong: &mut Vec<Violation>, field: &str, text: &str) {
    let length = text.chars().count();
    if !PASSWORD.contains(&length) {
        let (least, most) = (PASSWORD.start(), PASSWORD.end());
        let message = format!("expected {least} to {most} characters, got {length}");
        wrong.push(Violation::new(field, message));
    }
    // Other programs take one for the end of the text.
    if text.contains('\0') {
        wrong.push(Violation::new(field, "expected no NUL character"));
    }
}

/// Refuses what is no name for people.
pub(super) fn display_name(wrong: &mut Vec<Violation>, field: &str, text: &str) {
    if text.chars().count() > LONGEST_DISPLAY_NAME || text.chars().any(char::is_control) {
        wrong.push(Violation::new(
            field,
            "expected at most 200 characters on one line",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex::Regex;

    fn is_fine(check: fn(&mut Vec<Violation>, &str, &str), text: &str) -> bool {
        let mut wrong = Vec::new();
        check(&mut wrong, "field", text);
        wrong.is_empty()
    }

    #[test]
    fn user_names_are_those_of_the_original() {
        for fine in ["abc", "vera_k", "A-1", &"x".repeat(50)] {
            assert!(is_fine(username, fine), "{fine}");
        }
        for wrong in ["", "ab", "a b", "a@b", "äbc", "abc\n", &"x".repeat(51)] {
            assert!(!is_fine(username, wrong), "{wrong:?}");
        }
    }

    #[test]
    fn passwords_are_counted_in_characters() {
        for fine in ["123456", "ääääää", "      ", &"é".repeat(1024)] {
            assert!(is_fine(password, fine), "{fine}");
        }
        for wrong in ["", "12345", "ääääa", "abc\0def", &"x".repeat(1025)] {
            assert!(!is_fine(password, wrong), "{wrong:?}");
        }
    }

    #[test]
    fn only_case_is_made_equal() {
        assert_eq!(key("Ann@Example.org"), key("aNN@eXAMPLE.ORG"));
        assert_eq!(key("ÉVA@example.org"), key("éva@example.org"));
        assert_eq!(key("ΑΣ"), key("ας").replace('ς', "σ"));
        for (one, other) in [("e\u{301}", "é"), ("strasse", "straße"), ("a.b", "ab")] {
            assert_ne!(key(one), key(other));
        }
    }

    proptest! {
        /// The original's own check, but for its `\s`, which leaves control characters in.
        #[test]
        fn addresses_are_those_of_the_original(text in r"[a@. é]{0,12}") {
            let original = Regex::new(r"^[^\s@]+@[^\s@]+\.[^\s@]+$").unwrap();
            prop_assert_eq!(is_fine(email, &text), original.is_match(&text), "{:?}", text);
        }

        #[test]
        fn no_text_makes_the_rules_panic(text in "\\PC{0,80}") {
            for check in [username, email, password, display_name] {
                is_fine(check, &text);
            }
            key(&text);
        }
    }

    #[test]
    fn control_characters_are_in_no_address() {
        for wrong in ["a\0b@example.org", "a@example.org\u{7}", "a@b.\n"] {
            assert!(!is_fine(email, wrong), "{wrong:?}");
        }
        assert!(!is_fine(email, &format!("{}@example.org", "x".repeat(250))));
    }
}

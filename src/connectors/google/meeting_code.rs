//! The code in a meeting's address, `abc-mnop-xyz`: what a Meet space and a calendar event have in common.

use std::fmt;

/// A meeting code in lower case; Meet does not tell the cases apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MeetingCode(String);

impl MeetingCode {
    /// Characters; codes have 12, nicknames of an organisation up to 60.
    const LONGEST: usize = 64;

    /// `None` for what cannot be a code: it also goes into filter expressions, where quotes would do harm.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = !text.is_empty()
            && text.len() <= Self::LONGEST
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        fits.then(|| Self(text.to_ascii_lowercase()))
    }

    /// From an address such as `https://meet.google.com/abc-mnop-xyz?authuser=0`; `None` for links elsewhere.
    pub fn from_link(link: &str) -> Option<Self> {
        let (_, code) = link.split_once("://meet.google.com/")?;
        Self::parse(code.split(['?', '#', '/']).next()?)
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MeetingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_are_lower_case_and_links_give_theirs() {
        let code = MeetingCode::parse("ABC-mnop-xyz").expect("a code");
        assert_eq!(code.as_str(), "abc-mnop-xyz");
        for link in [
            "https://meet.google.com/abc-mnop-xyz",
            "https://meet.google.com/Abc-Mnop-Xyz?authuser=0",
            "https://meet.google.com/abc-mnop-xyz/",
        ] {
            assert_eq!(MeetingCode::from_link(link), Some(code.clone()));
        }
        assert_eq!(
            MeetingCode::from_link("https://zoom.test/abc-mnop-xyz"),
            None
        );
        assert_eq!(MeetingCode::from_link("https://meet.google.com/"), None);
    }

    proptest! {
        #[test]
        fn no_quote_ever_gets_into_a_code(text in ".{0,80}") {
            if let Some(code) = MeetingCode::parse(&text) {
                prop_assert!(!code.as_str().contains(['"', '\\', ' ']));
            }
            let _ = MeetingCode::from_link(&text);
        }
    }
}

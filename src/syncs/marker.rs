//! The marker that ends the description of every entry of ours, by which an entry is recognised whatever was forgotten.
//!
//! It is the original tool's own tag, so entries that it wrote are recognised too, in both forms that it used: one entry
//! per conference, and the older one per session with the session's start behind a colon.

use regex::Regex;
use std::sync::LazyLock;

/// What conference record names begin with.
const COLLECTION: &str = "conferenceRecords/";

#[expect(
    clippy::expect_used,
    reason = "the pattern is a constant that a test compiles"
)]
static MARKER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\[Meet:(conferenceRecords/[^\]:\s]+)(?::[^\]]*)?\]").expect("a valid pattern")
});

/// The marker of a conference, `conferenceRecords/{id}`.
pub fn of(conference: &str) -> String {
    format!("[Meet:{conference}]")
}

/// The conferences that a description speaks of. A person may have merged several entries into one.
pub fn found_in(description: &str) -> Vec<&str> {
    MARKER
        .captures_iter(description)
        .filter_map(|captures| captures.get(1))
        .map(|conference| conference.as_str())
        .collect()
}

/// Takes markers out of text that others wrote: whoever names a meeting could else make its entry look like another's.
pub fn removed_from(text: &str) -> String {
    let mut clean = text.to_owned();
    // Once more until nothing is found, because taking one out may join the halves of another.
    while MARKER.is_match(&clean) {
        clean = MARKER.replace_all(&clean, "").into_owned();
    }
    clean
}

/// Whether a name is one of a conference record.
pub fn is_conference(name: &str) -> bool {
    name.strip_prefix(COLLECTION)
        .is_some_and(|id| !id.is_empty() && !id.contains([']', ':', ' ', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms_of_the_original_are_recognised() {
        let now = "🎥 Google Meet (3:05:00 PM) | 0h 31m [Meet:conferenceRecords/c0001m007]";
        let old =
            "🎥 Code: abc-defg-hij | 1h 30m [Meet:conferenceRecords/xxx:2025-10-18T10:00:00Z]";
        assert_eq!(found_in(now), ["conferenceRecords/c0001m007"]);
        assert_eq!(found_in(old), ["conferenceRecords/xxx"]);
    }

    #[test]
    fn merged_entries_keep_both_conferences() {
        let text = "a [Meet:conferenceRecords/1] and b [Meet:conferenceRecords/2] by hand";
        assert_eq!(
            found_in(text),
            ["conferenceRecords/1", "conferenceRecords/2"]
        );
    }

    #[test]
    fn a_longer_id_is_not_taken_for_a_shorter_one() {
        assert_ne!(
            found_in(&of("conferenceRecords/12")),
            ["conferenceRecords/1"]
        );
    }

    #[test]
    fn a_marker_in_a_title_does_not_survive() {
        let nested = "x [Meet:conference[Meet:conferenceRecords/1]Records/2] y";
        assert!(found_in(&removed_from(nested)).is_empty());
    }

    proptest! {
        #[test]
        fn every_conference_is_found_in_its_marker(id in "[A-Za-z0-9_-]{1,40}", before in ".{0,40}") {
            let conference = format!("conferenceRecords/{id}");
            let text = format!("{} {}", removed_from(&before), of(&conference));
            prop_assert_eq!(found_in(&text), [conference.as_str()]);
        }

        #[test]
        fn cleaned_text_has_no_marker(text in r"(\[Meet:|conferenceRecords/|[a-z\]:\[]){0,12}") {
            prop_assert!(found_in(&removed_from(&text)).is_empty());
        }
    }
}

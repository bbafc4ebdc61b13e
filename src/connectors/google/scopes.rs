//! Google's names for permissions, and which of them a grant lacks.

/// Reading conferences, participants, their sessions, and spaces.
pub const MEET_READ: &str = "https://www.googleapis.com/auth/meetings.space.readonly";
/// Reading calendar events: the least that gives titles.
pub const CALENDAR_EVENTS_READ: &str = "https://www.googleapis.com/auth/calendar.events.readonly";
/// Listing calendars.
pub const CALENDAR_LIST_READ: &str =
    "https://www.googleapis.com/auth/calendar.calendarlist.readonly";
/// Who the user is: gives the `sub`.
pub const OPENID: &str = "openid";
/// The user's mail address.
pub const EMAIL: &str = "email";

/// What each narrower scope is also covered by. Google answers `email` by its long name.
const COVERED_BY: &[(&str, &[&str])] = &[
    (EMAIL, &["https://www.googleapis.com/auth/userinfo.email"]),
    (
        CALENDAR_EVENTS_READ,
        &[
            "https://www.googleapis.com/auth/calendar.events",
            "https://www.googleapis.com/auth/calendar.readonly",
            "https://www.googleapis.com/auth/calendar",
        ],
    ),
    (
        CALENDAR_LIST_READ,
        &[
            "https://www.googleapis.com/auth/calendar.calendarlist",
            "https://www.googleapis.com/auth/calendar.readonly",
            "https://www.googleapis.com/auth/calendar",
        ],
    ),
];

/// The scopes of `needed` that `granted` does not cover, in the order of `needed`: a user may untick some of them on
/// the consent page.
pub fn missing<'a>(granted: &[impl AsRef<str>], needed: &[&'a str]) -> Vec<&'a str> {
    let has = |scope: &str| granted.iter().any(|granted| granted.as_ref() == scope);
    needed
        .iter()
        .copied()
        .filter(|&scope| {
            let wider = COVERED_BY
                .iter()
                .find(|(narrow, _)| *narrow == scope)
                .map_or(&[][..], |(_, wider)| wider);
            !has(scope) && !wider.iter().any(|wider| has(wider))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_scope_covers_a_narrower_one_and_not_the_other_way_round() {
        let wide = ["https://www.googleapis.com/auth/calendar.readonly"];
        assert!(missing(&wide, &[CALENDAR_EVENTS_READ, CALENDAR_LIST_READ]).is_empty());
        assert_eq!(missing(&[CALENDAR_EVENTS_READ], &wide), wide);
    }

    #[test]
    fn the_long_name_of_email_counts_and_an_unticked_scope_is_named() {
        let granted = ["openid", "https://www.googleapis.com/auth/userinfo.email"];
        assert_eq!(missing(&granted, &[OPENID, EMAIL, MEET_READ]), [MEET_READ]);
    }
}

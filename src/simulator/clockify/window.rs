//! The odd window of the time entry list: a bound is read as an instant, its UTC wall clock is taken, and that is read again
//! in the account's time zone.

use chrono::{DateTime, NaiveDateTime, TimeZone as _, Utc};
use chrono_tz::Tz;

/// The instant that a bound really means, or `None` when the text is not a time.
pub(super) fn bound(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    let instant = parse(text)?;
    let wall_clock = instant.naive_utc();
    // A wall clock that the zone skips is read with the offset of before the gap.
    let local = zone.from_local_datetime(&wall_clock).earliest();
    Some(local.map_or_else(|| shifted(wall_clock, zone), |local| local.to_utc()))
}

fn shifted(wall_clock: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    let before = wall_clock - chrono::TimeDelta::hours(3);
    let offset = zone.offset_from_local_datetime(&before).earliest();
    let seconds = offset.map_or(0, |offset| {
        i64::from(chrono::Offset::fix(&offset).local_minus_utc())
    });
    wall_clock.and_utc() - chrono::TimeDelta::seconds(seconds)
}

/// A time as Clockify takes it: RFC 3339 with any offset, with or without fractions.
pub(super) fn parse(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|time| time.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(text: &str, zone: &str) -> String {
        bound(text, zone.parse().expect("zone"))
            .expect("time")
            .to_rfc3339()
    }

    #[test]
    fn bounds_are_wall_clocks_of_the_account() {
        assert_eq!(
            means("2026-08-08T00:00:00Z", "Europe/Belgrade"),
            "2026-08-07T22:00:00+00:00"
        );
        assert_eq!(
            means("2026-08-08T02:00:00+02:00", "Europe/Belgrade"),
            "2026-08-07T22:00:00+00:00"
        );
        assert_eq!(
            means("2026-08-08T00:00:00.000Z", "UTC"),
            "2026-08-08T00:00:00+00:00"
        );
        assert_eq!(
            means("2026-01-08T00:00:00Z", "America/Los_Angeles"),
            "2026-01-08T08:00:00+00:00"
        );
    }

    #[test]
    fn skipped_and_repeated_hours_have_a_meaning() {
        assert_eq!(
            means("2026-03-29T02:30:00Z", "Europe/Zurich"),
            "2026-03-29T01:30:00+00:00"
        );
        assert_eq!(
            means("2026-10-25T02:30:00Z", "Europe/Zurich"),
            "2026-10-25T00:30:00+00:00"
        );
    }
}

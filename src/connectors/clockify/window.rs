//! The window of the list of time entries. Clockify parses its bounds, takes their UTC wall clock, and reads that again
//! in the account's time zone: a window is silently shifted by up to 14 hours. So it is asked for wider, and what
//! comes back is compared here.

use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};

/// On each side; more than any zone is away from UTC, with room for a change of the clocks.
const PADDING: TimeDelta = TimeDelta::hours(26);

/// The bounds to ask for, so that every entry that starts between `from` and `to` is among the answers, whatever the
/// account's time zone.
pub fn padded_window(from: DateTime<Utc>, to: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    (
        from.checked_sub_signed(PADDING)
            .unwrap_or(DateTime::<Utc>::MIN_UTC),
        to.checked_add_signed(PADDING)
            .unwrap_or(DateTime::<Utc>::MAX_UTC),
    )
}

/// Clockify keeps whole seconds.
pub(super) fn whole_seconds(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::seconds(1)).unwrap_or(at)
}

/// A time as Clockify writes it.
pub(super) fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{NaiveDate, TimeZone};
    use chrono_tz::Tz;
    use proptest::prelude::*;

    /// What Clockify makes of a bound.
    fn shifted(bound: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
        zone.from_local_datetime(&bound.naive_utc())
            .earliest()
            .unwrap_or_else(|| zone.from_utc_datetime(&bound.naive_utc()))
            .to_utc()
    }

    proptest! {
        #[test]
        fn in_every_zone_the_padded_window_holds_the_window(
            minute in 0i64..525_600, length in 0i64..100_000, zone in 0usize..chrono_tz::TZ_VARIANTS.len()
        ) {
            let zone = chrono_tz::TZ_VARIANTS[zone];
            let year = NaiveDate::from_ymd_opt(2026, 1, 1).expect("a day").and_hms_opt(0, 0, 0).expect("a time").and_utc();
            let from = year + TimeDelta::minutes(minute);
            let to = from + TimeDelta::minutes(length);
            let (start, end) = padded_window(from, to);
            prop_assert!(shifted(start, zone) <= from);
            prop_assert!(shifted(end, zone) > to);
        }
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        let (start, end) = padded_window(DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
        assert_eq!(
            (start, end),
            (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC)
        );
    }

    #[test]
    fn seconds_are_cut_not_rounded() {
        let at: DateTime<Utc> = "2026-11-19T09:00:03.999999Z".parse().expect("a time");
        assert_eq!(text(whole_seconds(at)), "2026-11-19T09:00:03Z");
    }
}

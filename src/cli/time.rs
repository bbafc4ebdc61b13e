//! Moments and lengths as people read and type them. All in UTC, which the heads of tables say.

use crate::{api::Timestamp, cli::Usage};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};

/// `2026-11-20 14:05`, or nothing.
pub fn moment(at: Option<&Timestamp>) -> String {
    read(at).map_or(String::new(), |at| at.format("%Y-%m-%d %H:%M").to_string())
}

/// `2026-11-20 14:05:30`, or nothing.
pub fn second(at: Option<&Timestamp>) -> String {
    read(at).map_or(String::new(), |at| {
        at.format("%Y-%m-%d %H:%M:%S").to_string()
    })
}

/// `0h 31m`, or nothing where one of them is missing.
pub fn length(from: Option<&Timestamp>, to: Option<&Timestamp>) -> String {
    match (read(from), read(to)) {
        (Some(from), Some(to)) => hours_and_minutes(to - from),
        _ => String::new(),
    }
}

/// `0h 31m`.
pub fn hours_and_minutes(length: TimeDelta) -> String {
    let minutes = length.num_minutes();
    format!("{}h {:02}m", minutes / 60, minutes % 60)
}

/// The moment that a message holds.
pub fn read(at: Option<&Timestamp>) -> Option<DateTime<Utc>> {
    at.copied().and_then(|at| at.try_into().ok())
}

/// Which end of a window is typed: a date alone means its first moment, or its last.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// The first.
    From,
    /// The last; the day is part of the window.
    To,
}

/// Reads `2026-11-20` (a day in UTC) or `2026-11-20T14:05:00+01:00`.
pub fn parse(flag: &str, end: End, text: &str) -> Result<Timestamp, Usage> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc().into());
    }
    let day = text.parse::<NaiveDate>().ok();
    let day = day.and_then(|day| match end {
        End::From => Some(day),
        End::To => day.checked_add_days(Days::new(1)),
    });
    day.map(|day| day.and_time(NaiveTime::MIN).and_utc().into())
        .ok_or_else(|| {
            Usage(format!(
                "{flag}: expected a day as in 2026-11-20, or a moment as in 2026-11-20T14:05:00Z"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_one_day_holds_the_whole_day() {
        let from = parse("--from", End::From, "2026-11-20").unwrap();
        let to = parse("--to", End::To, "2026-11-20").unwrap();
        assert_eq!(length(Some(&from), Some(&to)), "24h 00m");
    }

    #[test]
    fn a_moment_may_have_its_own_offset() {
        let at = parse("--to", End::To, "2026-11-20T01:00:00+01:00").unwrap();
        assert_eq!(moment(Some(&at)), "2026-11-20 00:00");
        for wrong in ["", "yesterday", "2026-13-01", "2026-11-20 10:00"] {
            assert!(parse("--to", End::To, wrong).is_err(), "{wrong}");
        }
    }
}

//! How durations, sizes and budgets are written in settings, both ways.

use crate::outbound::Budget;
use std::{fmt, str::FromStr, time::Duration};

/// Units of time, largest first, in milliseconds.
const TIMES: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Units of size, largest first, in bytes.
const SIZES: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// Parses `90d`, `6h`, `5m`, `30s`, `200ms`: one whole number and one unit.
pub fn duration(text: &str) -> Result<Duration, String> {
    scaled(text, &TIMES)
        .map(Duration::from_millis)
        .ok_or_else(|| "expected a duration such as 200ms, 30s, 5m, 6h or 90d".to_owned())
}

/// Writes a duration as [`duration`] reads it.
pub fn duration_text(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    largest_unit(millis, &TIMES)
}

/// Parses `4MiB`, `512 KiB`, or plain bytes.
pub fn bytes(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .or_else(|| scaled(text, &SIZES))
        .ok_or_else(|| "expected a size such as 4MiB, 512KiB, or a number of bytes".to_owned())
}

/// Writes a size as [`bytes`] reads it.
pub fn bytes_text(bytes: u64) -> String {
    largest_unit(bytes, &SIZES)
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, scale) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*scale)
}

fn largest_unit(value: u64, units: &[(&str, u64)]) -> String {
    let smallest = units[units.len() - 1];
    let (name, scale) = units
        .iter()
        .find(|(_, scale)| value > 0 && value.is_multiple_of(*scale))
        .unwrap_or(&smallest);
    format!("{}{name}", value / scale)
}

/// Longest period of a budget: longer ones could park a run for weeks by a slip of the unit.
const LONGEST_PERIOD: Duration = Duration::from_secs(86_400);

/// As in `50/1s`: at least one request, per a millisecond to a day.
impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once('/')
            .and_then(|(limit, period)| {
                let limit = limit.trim().parse().ok().filter(|limit| *limit > 0)?;
                let period = duration(period.trim())
                    .ok()
                    .filter(|period| !period.is_zero() && *period <= LONGEST_PERIOD)?;
                Some(Self { limit, period })
            })
            .ok_or_else(|| {
                "expected requests per time such as 50/1s, 600/1m or 30/1h (at most 1d), or none"
                    .to_owned()
            })
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.limit, duration_text(self.period))
    }
}

/// Parses a budget, or `none` for no limit.
pub fn budget(text: &str) -> Result<Option<Budget>, String> {
    match text {
        "none" => Ok(None),
        text => text.parse().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_have_one_number_and_one_unit() {
        assert_eq!(duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("5 m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("90d"), Ok(Duration::from_secs(90 * 86_400)));
        for wrong in [
            "",
            "30",
            "s",
            "-1s",
            "1.5s",
            "1m30s",
            "1S",
            "5 weeks",
            "99999999999999999999d",
            "9999999999999999d",
            "٣s",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_powers_of_two_or_plain_bytes() {
        assert_eq!(bytes("4MiB"), Ok(4 << 20));
        assert_eq!(bytes("65536"), Ok(65_536));
        assert_eq!(bytes_text(4 << 20), "4MiB");
        for wrong in ["", "4MB", "MiB", "-1", "4.5MiB", "99999999999999999999GiB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_budget_is_positive_and_a_day_at_most() {
        let budget_of = |limit, secs| Budget {
            limit,
            period: Duration::from_secs(secs),
        };
        assert_eq!(budget("50/1s"), Ok(Some(budget_of(50, 1))));
        assert_eq!(budget("30/1h"), Ok(Some(budget_of(30, 3600))));
        assert_eq!(budget("none"), Ok(None));
        for wrong in [
            "",
            "50",
            "0/1s",
            "50/0s",
            "50/2d",
            "-1/1s",
            "50/s",
            "/",
            "unlimited",
        ] {
            assert!(budget(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in ".{0,40}") {
            let _ = (duration(&text), bytes(&text), budget(&text));
        }

        #[test]
        fn no_number_and_unit_makes_a_parser_panic(text in "[0-9]{0,25} ?[a-zA-Z]{0,3}(/[0-9]{0,25}[a-z]{0,2})?") {
            let _ = (duration(&text), bytes(&text), budget(&text));
        }

        #[test]
        fn what_is_written_is_read_back(millis in 0..u64::MAX / 2, size in any::<u64>(), limit in 1..u32::MAX, period in 1..86_400_000_u64) {
            prop_assert_eq!(duration(&duration_text(Duration::from_millis(millis))), Ok(Duration::from_millis(millis)));
            prop_assert_eq!(bytes(&bytes_text(size)), Ok(size));
            let written = Budget { limit, period: Duration::from_millis(period) };
            prop_assert_eq!(budget(&written.to_string()), Ok(Some(written)));
        }
    }
}

//! Cron expressions: strict about what they say, because a wrong one is found out a month later. They are matched
//! against the local clock alone; what a local time means is for `zone` to say.

use crate::base::name::shown;
use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use croner::parser::{CronParser, Seconds, Year};

/// What an expression looks like, for messages.
pub const FORM: &str = "5 fields (minute hour day month weekday), or 6 with the second first, or @yearly, @monthly, \
     @weekly, @daily or @hourly";

const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// An expression that was understood.
#[derive(Clone, Debug)]
pub struct Cron {
    pattern: croner::Cron,
    every_hour: bool,
}

impl Cron {
    /// Understands `text`, or says everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let text = text.trim();
        let written = match NICKNAMES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text))
        {
            Some((_, fields)) => fields,
            None if text.eq_ignore_ascii_case("@reboot") => {
                return Err(vec![format!("expected {FORM}; @reboot is no time")]);
            }
            None => text,
        };
        let parts: Vec<&str> = written.split_whitespace().collect();
        let fields = match parts.len() {
            5 => &FIELDS[1..],
            6 => &FIELDS[..],
            _ => return Err(vec![format!("expected {FORM}, got {}", shown(text))]),
        };
        let mut wrong = Vec::new();
        let mut plain = Vec::new();
        for (field, part) in fields.iter().zip(parts) {
            match field.read(part) {
                Ok(text) => plain.push(text),
                Err(why) => wrong.push(format!("{}: {why}", field.name)),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            .build();
        let pattern = parser
            .parse(&plain.join(" "))
            .map_err(|_| vec![format!("expected {FORM}, got {}", shown(text))])?;
        let every_hour = pattern.pattern.hours.is_all_set();
        Ok(Self {
            pattern,
            every_hour,
        })
    }

    /// The first local time at or after `from` that the expression names; `None` when there is none any more.
    pub fn next(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        // The library's own idea of DST stays out of it: to it, the local clock is UTC.
        let from: DateTime<Utc> = Utc.from_utc_datetime(&from);
        let next = self.pattern.find_next_occurrence(&from, true).ok()?;
        Some(next.naive_utc())
    }

    /// Whether it names times in each of the 24 hours.
    pub fn is_in_every_hour(&self) -> bool {
        self.every_hour
    }
}

/// One field of an expression.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    /// What may stand for numbers, from `least` on.
    names: &'static [&'static str],
}

const FIELDS: [Field; 6] = [
    Field::of("second", 0, 59, &[]),
    Field::of("minute", 0, 59, &[]),
    Field::of("hour", 0, 23, &[]),
    Field::of("day", 1, 31, &[]),
    Field::of("month", 1, 12, &MONTHS),
    // 7 is Sunday, too.
    Field::of("weekday", 0, 7, &WEEKDAYS),
];

impl Field {
    const fn of(name: &'static str, least: u32, most: u32, names: &'static [&'static str]) -> Self {
        Self {
            name,
            least,
            most,
            names,
        }
    }

    /// The field in plain numbers, or what is wrong with it.
    fn read(&self, text: &str) -> Result<String, String> {
        let is_day = matches!(self.name, "day" | "weekday");
        if text == "*" || (is_day && text == "?") {
            return Ok("*".to_owned());
        }
        let items: Result<Vec<_>, _> = text.split(',').map(|item| self.read_item(item)).collect();
        Ok(items?.join(","))
    }

    fn read_item(&self, item: &str) -> Result<String, String> {
        let upper = item.to_ascii_uppercase();
        match self.name {
            "day" if upper == "L" => return Ok(upper),
            "day" if upper.ends_with('W') => {
                let day = self.number(upper.trim_end_matches('W'), item)?;
                return Ok(format!("{day}W"));
            }
            "weekday" if upper.len() > 1 && upper.ends_with('L') => {
                let day = self.number(&upper[..upper.len() - 1], item)?;
                return Ok(format!("{}L", day % 7));
            }
            "weekday" if upper.contains('#') => {
                let (day, nth) = upper.split_once('#').unwrap_or_default();
                let day = self.number(day, item)?;
                return match nth.parse() {
                    Ok(nth @ 1..=5) => Ok(format!("{}#{nth}", day % 7)),
                    _ => Err(format!(
                        "expected a number of 1 to 5 after #, got {}",
                        shown(item)
                    )),
                };
            }
            _ => {}
        }
        let (range, step) = match upper.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step, item)?)),
            None => (upper.as_str(), None),
        };
        let range = match range.split_once('-') {
            _ if range == "*" && step.is_some() => range.to_owned(),
            None => self.number(range, item)?.to_string(),
            Some((from, to)) => {
                let from = self.number(from, item)?;
                let to = match (self.number(to, item)?, to) {
                    (0, "SUN") => 7,
                    (to, _) => to,
                };
                if from > to {
                    return Err(format!(
                        "expected a range that goes up, got {}",
                        shown(item)
                    ));
                }
                format!("{from}-{to}")
            }
        };
        Ok(step.map_or(range.clone(), |step| format!("{range}/{step}")))
    }

    fn number(&self, text: &str, item: &str) -> Result<u32, String> {
        let named = self.names.iter().position(|name| *name == text);
        let number = match named {
            Some(index) => u32::try_from(index).ok().map(|index| index + self.least),
            None if text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok()
            }
            None => None,
        };
        number
            .filter(|number| (self.least..=self.most).contains(number))
            .ok_or_else(|| format!("expected {}, got {}", self.expected(), shown(item)))
    }

    fn step(&self, text: &str, item: &str) -> Result<u32, String> {
        let longest = self.most - self.least;
        let step = text
            .parse()
            .ok()
            .filter(|step| (1..=longest).contains(step));
        step.ok_or_else(|| {
            format!(
                "expected a step of 1 to {longest}, got {} (an interval can be of any length)",
                shown(item)
            )
        })
    }

    fn expected(&self) -> String {
        let numbers = format!("{} to {}", self.least, self.most);
        match (self.name, self.names) {
            ("day", _) => {
                format!("{numbers}, L for the last one, or 15W for the weekday nearest to the 15th")
            }
            ("weekday", [first, .., last]) => {
                format!(
                    "{numbers} or {first} to {last}, 5L for the last Friday, or 2#1 for the first Tuesday"
                )
            }
            (_, [first, .., last]) => format!("{numbers} or {first} to {last}"),
            _ => numbers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cron;
    use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};
    use proptest::prelude::*;

    fn at(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap()
    }

    fn first(cron: &str, from: &str) -> String {
        Cron::parse(cron)
            .unwrap()
            .next(at(from))
            .unwrap()
            .to_string()
    }

    #[test]
    fn expressions_name_the_times_that_people_mean() {
        for (cron, from, expected) in [
            ("0 9 * * *", "2026-03-01 09:00:00", "2026-03-01 09:00:00"),
            ("0 9 * * *", "2026-03-01 09:00:01", "2026-03-02 09:00:00"),
            ("*/15 * * * *", "2026-03-01 23:46:00", "2026-03-02 00:00:00"),
            (
                "10/20 * * * *",
                "2026-03-01 10:31:00",
                "2026-03-01 10:50:00",
            ),
            ("30 0 9 * * *", "2026-03-01 09:00:00", "2026-03-01 09:00:30"),
            ("@hourly", "2026-03-01 09:00:01", "2026-03-01 10:00:00"),
            ("@Midnight", "2026-03-01 09:00:01", "2026-03-02 00:00:00"),
            ("@weekly", "2026-03-02 00:00:00", "2026-03-08 00:00:00"),
            ("0 0 29 2 *", "2026-03-01 00:00:00", "2028-02-29 00:00:00"),
            ("0 0 L * *", "2026-02-01 00:00:00", "2026-02-28 00:00:00"),
            // The 15th is a Sunday.
            ("0 0 15W * *", "2026-03-01 00:00:00", "2026-03-16 00:00:00"),
            ("0 0 * * 5L", "2026-03-01 00:00:00", "2026-03-27 00:00:00"),
            ("0 0 * * 7L", "2026-03-01 00:00:00", "2026-03-29 00:00:00"),
            (
                "0 0 * * tue#1",
                "2026-03-04 00:00:00",
                "2026-04-07 00:00:00",
            ),
            (
                "0 0 * * sat-sun",
                "2026-03-02 00:00:00",
                "2026-03-07 00:00:00",
            ),
            // Day and weekday: either will do.
            ("0 0 13 * 5", "2026-03-07 00:00:00", "2026-03-13 00:00:00"),
            ("0 0 13 * 5", "2026-03-14 00:00:00", "2026-03-20 00:00:00"),
            (
                "0 0 ? jan-mar mon",
                "2026-04-01 00:00:00",
                "2027-01-04 00:00:00",
            ),
        ] {
            assert_eq!(first(cron, from), expected, "{cron} from {from}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_field_by_field_all_at_once() {
        let wrong = Cron::parse("60 24 0 13 8").unwrap_err();
        let names: Vec<_> = wrong
            .iter()
            .map(|why| why.split(':').next().unwrap())
            .collect();
        assert_eq!(names, ["minute", "hour", "day", "month", "weekday"]);
        assert_eq!(wrong[1], "hour: expected 0 to 23, got \"24\"");
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "",
            "*",
            "* * * *",
            "* * * * * * *",
            "@reboot",
            "@often",
            "0 0 * * JAN",
            "0 0 * MON *",
            "0 MON * * *",
            "a * * * *",
            "-1 * * * *",
            "1- * * * *",
            "5-1 * * * *",
            "*/0 * * * *",
            "*/60 * * * *",
            "*/90 * * * *",
            "1,,2 * * * *",
            "1,* * * * *",
            ", * * * *",
            "0 0 32 * *",
            "0 0 LW * *",
            "0 0 W * *",
            "0 0 1-5W * *",
            "0 0 * * L",
            "0 0 * * 1#6",
            "0 0 * * 1#",
            "0 0 * * #1",
            "0 0 * * +1",
            "1/2/3 * * * *",
            "? * * * *",
            "0 0 * * MONDAY",
            "00000000001 * * * *",
            "٣ * * * *",
            "0 0 * L *",
        ] {
            assert!(Cron::parse(text).is_err(), "{text:?} was understood");
        }
    }

    #[test]
    fn a_time_that_never_comes_is_none() {
        for text in ["0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
            assert_eq!(
                Cron::parse(text).unwrap().next(at("2026-01-01 00:00:00")),
                None
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[-*/,#?LW@ 0-9a-z]{0,40}") {
            let _ = Cron::parse(&text);
        }

        #[test]
        fn the_next_time_is_the_first_that_matches(
            minute in 0u32..60, hour in 0u32..24, weekday in 0u32..7, start in 0i64..3_000_000_000,
        ) {
            let cron = Cron::parse(&format!("{minute} {hour} * * {weekday}")).unwrap();
            let from = chrono::DateTime::from_timestamp(start, 0).unwrap().naive_utc();
            let next = cron.next(from).unwrap();
            let mut day: NaiveDate = from.date();
            let expected = loop {
                let time = day.and_hms_opt(hour, minute, 0).unwrap();
                if day.weekday().num_days_from_sunday() == weekday && time >= from {
                    break time;
                }
                day = day.succ_opt().unwrap();
            };
            prop_assert_eq!(next, expected);
            prop_assert_eq!(next.second(), 0);
        }
    }
}

//! The filter language of Meet's lists: `space.meeting_code = "abc-mnop-xyz" AND end_time IS NULL`.
//!
//! ```text
//! filter     = condition { "AND" condition }
//! condition  = field operator string | field "IS" "NULL"
//! operator   = "=" | ">=" | "<=" | ">" | "<"
//! ```
//!
//! Strings stand in double quotes, with `\"` and `\\` as escapes. Blanks are free. Everything else is refused.

use std::fmt;

use chrono::{DateTime, Utc};

/// What kind of value a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Time,
}

/// The fields that a list can be filtered by.
pub(crate) type Fields = &'static [(&'static str, Kind)];

/// A parsed filter: all conditions must hold. The empty filter holds for everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter(Vec<Condition>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    field: &'static str,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    IsNull,
    Text(String),
    Time(Operator, DateTime<Utc>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    AtLeast,
    AtMost,
    After,
    Before,
}

/// A field's value in one item.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field<'a> {
    Text(&'a str),
    Time(Option<DateTime<Utc>>),
}

/// Why a filter was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Filter {
    /// Parses a filter over the given fields.
    pub fn parse(text: &str, fields: Fields) -> Result<Self, Refused> {
        let mut scanner = Scanner { rest: text };
        let mut conditions = Vec::new();
        if scanner.at_end() {
            return Ok(Self::default());
        }
        loop {
            conditions.push(condition(&mut scanner, fields)?);
            if scanner.at_end() {
                return Ok(Self(conditions));
            }
            scanner.keyword("AND")?;
        }
    }

    /// Whether an item passes, given a way to look up its fields.
    pub fn holds<'a>(&self, field: impl Fn(&str) -> Field<'a>) -> bool {
        self.0.iter().all(
            |condition| match (&condition.test, field(condition.field)) {
                (Test::IsNull, Field::Time(time)) => time.is_none(),
                (Test::IsNull, Field::Text(text)) => text.is_empty(),
                (Test::Text(wanted), Field::Text(text)) => wanted == text,
                // A time that is not there yet compares with nothing.
                (Test::Time(operator, bound), Field::Time(time)) => {
                    time.is_some_and(|time| operator.compares(time, *bound))
                }
                _ => false,
            },
        )
    }

    /// Whether any condition is about this field.
    pub fn mentions(&self, field: &str) -> bool {
        self.0.iter().any(|condition| condition.field == field)
    }
}

impl Operator {
    fn compares(self, left: DateTime<Utc>, right: DateTime<Utc>) -> bool {
        match self {
            Self::Equal => left == right,
            Self::AtLeast => left >= right,
            Self::AtMost => left <= right,
            Self::After => left > right,
            Self::Before => left < right,
        }
    }
}

fn condition(scanner: &mut Scanner<'_>, fields: Fields) -> Result<Condition, Refused> {
    let name = scanner.word();
    let Some(&(field, kind)) = fields.iter().find(|(known, _)| *known == name) else {
        return Err(Refused(format!("unknown filter field \"{name}\"")));
    };
    if scanner.try_keyword("IS") {
        scanner.keyword("NULL")?;
        return Ok(Condition {
            field,
            test: Test::IsNull,
        });
    }
    let operator = scanner.operator()?;
    let value = scanner.string()?;
    let test = match (kind, operator) {
        (Kind::Text, Operator::Equal) => Test::Text(value),
        (Kind::Text, _) => {
            return Err(Refused(format!(
                "field \"{field}\" supports only =, not an order"
            )));
        }
        (Kind::Time, operator) => {
            let time = DateTime::parse_from_rfc3339(&value)
                .map_err(|_| Refused(format!("\"{value}\" is not a timestamp")))?;
            Test::Time(operator, time.to_utc())
        }
    };
    Ok(Condition { field, test })
}

/// What of the text has not been read yet.
struct Scanner<'a> {
    rest: &'a str,
}

impl Scanner<'_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn at_end(&mut self) -> bool {
        self.blanks();
        self.rest.is_empty()
    }

    /// Letters, digits, `_` and `.`; empty when something else comes.
    fn word(&mut self) -> String {
        self.blanks();
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    fn try_keyword(&mut self, keyword: &str) -> bool {
        let before = self.rest;
        if self.word() == keyword {
            return true;
        }
        self.rest = before;
        false
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), Refused> {
        if self.try_keyword(keyword) {
            Ok(())
        } else {
            Err(Refused(format!("expected {keyword} in filter")))
        }
    }

    fn operator(&mut self) -> Result<Operator, Refused> {
        self.blanks();
        // The longer ones first, so that `>=` is not read as `>`.
        let all = [
            (">=", Operator::AtLeast),
            ("<=", Operator::AtMost),
            (">", Operator::After),
            ("<", Operator::Before),
            ("=", Operator::Equal),
        ];
        for (sign, operator) in all {
            if let Some(rest) = self.rest.strip_prefix(sign) {
                self.rest = rest;
                return Ok(operator);
            }
        }
        Err(Refused("expected an operator in filter".to_owned()))
    }

    fn string(&mut self) -> Result<String, Refused> {
        self.blanks();
        let unclosed = || Refused("expected a quoted string in filter".to_owned());
        let mut letters = self
            .rest
            .strip_prefix('"')
            .ok_or_else(unclosed)?
            .char_indices();
        let mut value = String::new();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    // One for the opening quote, one for the closing.
                    self.rest = &self.rest[at + 2..];
                    return Ok(value);
                }
                '\\' => value.push(letters.next().ok_or_else(unclosed)?.1),
                letter => value.push(letter),
            }
        }
        Err(unclosed())
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    const FIELDS: Fields = &[
        ("space.meeting_code", Kind::Text),
        ("start_time", Kind::Time),
        ("end_time", Kind::Time),
    ];

    fn parse(text: &str) -> Result<Filter, Refused> {
        Filter::parse(text, FIELDS)
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    #[test]
    fn documented_examples_parse() {
        for text in [
            "",
            r#"space.meeting_code = "abc-mnop-xyz""#,
            r#"start_time>="2024-01-01T00:00:00.000Z" AND start_time<="2024-01-02T00:00:00.000Z""#,
            "end_time IS NULL",
            r#" space.meeting_code="abc-mnop-xyz"   AND end_time IS NULL "#,
        ] {
            assert!(parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            r#"startTime > "2024-01-01T00:00:00Z""#,
            r#"start_time > "yesterday""#,
            "start_time > 2024-01-01T00:00:00Z",
            r#"end_time IS NULL OR end_time > "2024-01-01T00:00:00Z""#,
            "NOT end_time IS NULL",
            "(end_time IS NULL)",
            r#"space.meeting_code > "a""#,
            r#"space.meeting_code = "a"#,
            "end_time IS NULL AND",
            "end_time ISNULL",
            r#"start_time ! "2024-01-01T00:00:00Z""#,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_open_end_is_null_and_compares_with_nothing() {
        let open = |_: &str| Field::Time(None);
        assert!(parse("end_time IS NULL").expect("valid").holds(open));
        for operator in ["=", "<", ">", "<=", ">="] {
            let filter =
                parse(&format!("end_time {operator} \"2024-01-01T00:00:00Z\"")).expect("valid");
            assert!(!filter.holds(open), "{operator}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in any::<String>()) {
            let _ = parse(&text);
        }

        #[test]
        fn any_mix_of_the_languages_words_is_parsed_or_refused(
            words in proptest::collection::vec(
                prop::sample::select(vec!["end_time", "start_time", "AND", "IS", "NULL", "=", ">=", "<", "\"", "\\", "é", " "]),
                0..12,
            )
        ) {
            let _ = parse(&words.concat());
        }

        #[test]
        fn comparisons_do_what_they_say(left in -5i64..5, right in -5i64..5, sign in 0usize..5, blank in " {0,2}") {
            let (text, expected) = [
                ("=", left == right), (">=", left >= right), ("<=", left <= right), (">", left > right), ("<", left < right),
            ][sign];
            let filter = format!("start_time{blank}{text}{blank}\"{}\"", at(right).to_rfc3339());
            let filter = parse(&filter).expect("valid");
            prop_assert_eq!(filter.holds(|_| Field::Time(Some(at(left)))), expected);
        }

        #[test]
        fn any_string_can_be_quoted(value in any::<String>()) {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let filter = parse(&format!("space.meeting_code = \"{quoted}\"")).expect("valid");
            prop_assert!(filter.holds(|_| Field::Text(&value)));
        }
    }
}

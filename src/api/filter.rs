//! The `filter` of list calls: conditions `field = value` joined by `AND`, values bare or in double quotes. Where a list says
//! so, a value that ends in `*` stands for all that begin so.

use crate::base::{Error, Result, name::shown};

/// What is wrong with a filter, for messages.
const FORM: &str = "field = value [AND field = value …], values bare or in double quotes";

/// What a value must be, in a list whose values may be beginnings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// This.
    Exactly(String),
    /// Anything that begins so.
    Beginning(String),
}

impl Match {
    /// Reads the value of `field`, as [`parse`] gives it.
    pub fn parse(field: &str, value: &str) -> Result<Self> {
        let wrong = |why: &str| {
            let message = format!("{why}, not {field} = {}", shown(value));
            Err(Error::invalid("filter", message))
        };
        match (value.split_once('*'), value) {
            (None, value) => Ok(Self::Exactly(value.to_owned())),
            (Some(("", "")), _) => wrong("expected a beginning before \"*\", as in token.*"),
            (Some((beginning, "")), _) => Ok(Self::Beginning(beginning.to_owned())),
            (Some(_), _) => wrong("expected \"*\" only once, and at the end, as in token.*"),
        }
    }

    /// The value, where it is one.
    pub fn exactly(&self) -> Option<&str> {
        match self {
            Self::Exactly(value) => Some(value),
            Self::Beginning(_) => None,
        }
    }

    /// The beginning, where it is one.
    pub fn beginning(&self) -> Option<&str> {
        match self {
            Self::Beginning(value) => Some(value),
            Self::Exactly(_) => None,
        }
    }
}

/// Parses `text` into its conditions. Fields outside `allowed`, and a field twice, are refused.
pub fn parse(text: &str, allowed: &[&str]) -> Result<Vec<(String, String)>> {
    let wrong = |why: String| Error::invalid("filter", format!("expected {FORM}: {why}"));
    let mut conditions: Vec<(String, String)> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (field, after) = rest
            .split_once('=')
            .ok_or_else(|| wrong(format!("no \"=\" in {}", shown(rest))))?;
        let field = field.trim();
        if !allowed.contains(&field) {
            return Err(wrong(format!(
                "the fields are {}, not {}",
                allowed.join(", "),
                shown(field)
            )));
        }
        if conditions.iter().any(|(known, _)| known == field) {
            return Err(wrong(format!("{field} is given twice")));
        }
        let (value, after) =
            value(after.trim_start()).ok_or_else(|| wrong(format!("no value for {field}")))?;
        conditions.push((field.to_owned(), value.to_owned()));
        rest = after.trim_start();
        if rest.is_empty() {
            break;
        }
        rest = rest
            .strip_prefix("AND ")
            .map(str::trim_start)
            .filter(|rest| !rest.is_empty())
            .ok_or_else(|| {
                wrong(format!(
                    "expected AND and a condition before {}",
                    shown(rest)
                ))
            })?;
    }
    Ok(conditions)
}

/// Splits a value off the front.
fn value(text: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted.split_once('"');
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn conditions_are_read_in_order() {
        let read = parse(
            r#"sync = "tenants/a/syncs/b" AND state=FAILED"#,
            &["sync", "state"],
        )
        .unwrap();
        assert_eq!(read[0], ("sync".to_owned(), "tenants/a/syncs/b".to_owned()));
        assert_eq!(read[1], ("state".to_owned(), "FAILED".to_owned()));
        assert!(parse("  ", &["state"]).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for text in [
            "state",
            "state =",
            "other = A",
            "state = A OR state = B",
            "state = A AND",
            "state = A AND state = B",
            "state = \"A",
        ] {
            assert!(parse(text, &["state"]).is_err(), "{text}");
        }
    }

    #[test]
    fn a_star_at_the_end_makes_a_beginning_and_anywhere_else_is_refused() {
        let read = |value| Match::parse("action", value);
        assert_eq!(
            read("token.*").unwrap(),
            Match::Beginning("token.".to_owned())
        );
        assert_eq!(read("token").unwrap(), Match::Exactly("token".to_owned()));
        assert_eq!(read("").unwrap(), Match::Exactly(String::new()));
        for wrong in ["*", "*.read", "to*en", "token.**", "a*b*"] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains("as in token.*"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,100}") {
            let _ = parse(&text, &["state"]);
        }
    }
}

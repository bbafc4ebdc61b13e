//! The `filter` of list calls: conditions `field = value` joined by `AND`, values bare or in double quotes.

use crate::base::{Error, Result, name::shown};

/// What is wrong with a filter, for messages.
const FORM: &str = "field = value [AND field = value …], values bare or in double quotes";

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

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,100}") {
            let _ = parse(&text, &["state"]);
        }
    }
}

//! A settings file, flattened: every value with its dotted key and its line.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// One value of a settings file.
pub(super) struct Setting {
    /// The dotted key.
    pub key: String,
    /// Counted from 1.
    pub line: usize,
    /// The value as text, or what it is instead of a text, a number or a boolean.
    pub text: Result<String, &'static str>,
}

/// Everything in a file that can be read. Call [`errors`] for what cannot.
pub(super) fn settings(content: &str) -> impl Iterator<Item = Setting> + use<> {
    let (table, _) = DeTable::parse_recoverable(content);
    let mut settings = Vec::new();
    flatten(content, "", table.get_ref(), &mut settings);
    settings.into_iter()
}

/// What is no TOML, with its line. Messages name no content, because it may be secret.
pub(super) fn errors(content: &str) -> Vec<(usize, String)> {
    let (_, errors) = DeTable::parse_recoverable(content);
    errors
        .iter()
        .map(|error| {
            let line = line_at(content, error.span().map_or(0, |span| span.start));
            (line, error.message().to_owned())
        })
        .collect()
}

fn flatten(content: &str, prefix: &str, table: &DeTable<'_>, into: &mut Vec<Setting>) {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => flatten(content, &format!("{key}."), inner, into),
            _ => into.push(Setting {
                key,
                line: line_at(content, name.span().start),
                text: scalar(value),
            }),
        }
    }
}

fn scalar(value: &Spanned<DeValue<'_>>) -> Result<String, &'static str> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        DeValue::Boolean(flag) => Ok(flag.to_string()),
        DeValue::Integer(number) => Ok(i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| number.as_str().to_owned(), |number| number.to_string())),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        other => Err(other.type_str()),
    }
}

fn line_at(content: &str, offset: usize) -> usize {
    1 + content.bytes().take(offset).filter(|b| *b == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_come_with_their_dotted_key_and_line() {
        let found: Vec<_> =
            settings("a = 1\n\n[b]\nc = \"x\"\n[b.d]\ne = true\nf = 0x10\ng = [1]\n")
                .map(|setting| (setting.key, setting.line, setting.text))
                .collect();
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(
            found,
            [
                ("a".to_owned(), 1, ok("1")),
                ("b.c".to_owned(), 4, ok("x")),
                ("b.d.e".to_owned(), 6, ok("true")),
                ("b.d.f".to_owned(), 7, ok("16")),
                ("b.d.g".to_owned(), 8, Err("array")),
            ]
        );
    }

    #[test]
    fn an_error_names_the_line_and_not_its_content() {
        let errors = errors("a = 1\nkey = \"composed-canary\nb = 2\n");
        assert_eq!(errors[0].0, 2, "{errors:?}");
        assert!(!format!("{errors:?}").contains("canary"), "{errors:?}");
    }

    proptest! {
        #[test]
        fn no_file_makes_the_reader_panic(content in "([a-z.\\[\\]= \"'#0-9\\n{},é]|key = ){0,80}") {
            let _ = (settings(&content).count(), errors(&content));
        }
    }
}

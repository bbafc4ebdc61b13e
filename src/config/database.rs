//! The database's URL: which ones we understand, and the parameters in it that are settings of ours. Other tools
//! (Prisma above all) write the size of the pool into the URL; the database itself would not know these parameters.

use url::{Url, form_urlencoded};

/// Parameters that are taken out of the URL, with the setting each one is, and its unit where that has one.
const PARAMETERS: [(&str, &str, &str); 4] = [
    ("connection_limit", "database.max_connections", ""),
    ("pool_timeout", "database.acquire_timeout", "s"),
    ("connect_timeout", "database.connect_timeout", "s"),
    ("schema", "database.schema", ""),
];

/// The schema that Prisma writes into every URL, wanted or not: it chooses nothing. Who wants it sets database.schema.
const PRISMA_DEFAULT_SCHEMA: &str = "public";

/// A URL, and what it says about our settings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    /// The URL without the parameters that were taken out; SQLite always as `sqlite:`.
    pub url: String,
    /// Keys and texts of the settings that were in it.
    pub settings: Vec<(&'static str, String)>,
}

/// Takes a URL apart. Messages do not repeat it: it carries a password.
pub(super) fn parse(text: &str) -> Result<Parsed, String> {
    let expected = "expected postgres://…, postgresql://…, sqlite:… or file:…";
    let (scheme, rest) = text.split_once(':').ok_or(expected)?;
    match scheme {
        "postgres" | "postgresql" if rest.starts_with("//") => {
            Url::parse(text).map_err(|error| {
                format!(
                    "{expected}: {error}; special characters in the password are written as %XX"
                )
            })?;
            without_parameters(text)
        }
        // SQLite's driver knows the first form only.
        "sqlite" | "file" => {
            let parsed = without_parameters(&format!("sqlite:{rest}"))?;
            let path = rest.trim_start_matches('/').split('?').next();
            match path.is_none_or(str::is_empty) {
                true => Err("expected the name of a file after sqlite:".to_owned()),
                false => Ok(parsed),
            }
        }
        _ => Err(expected.to_owned()),
    }
}

fn without_parameters(text: &str) -> Result<Parsed, String> {
    let (base, query) = text.split_once('?').unwrap_or((text, ""));
    let mut settings = Vec::new();
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = form_urlencoded::parse(pair.as_bytes())
            .next()
            .unwrap_or_default();
        let ours = PARAMETERS.iter().find(|(parameter, ..)| *parameter == name);
        match (ours, name.as_ref(), value.as_ref()) {
            (_, "schema", PRISMA_DEFAULT_SCHEMA) | (_, "pgbouncer", "false") => {}
            (_, "pgbouncer", "true") => {
                settings.push(("database.pooler", "transaction".to_owned()));
            }
            (_, "pgbouncer", _) => {
                return Err("expected true or false after pgbouncer=".to_owned());
            }
            (Some((_, key, unit)), _, value) => settings.push((*key, format!("{value}{unit}"))),
            (None, ..) => kept.push(pair),
        }
    }
    let url = match kept.is_empty() {
        true => base.to_owned(),
        false => format!("{base}?{}", kept.join("&")),
    };
    Ok(Parsed { url, settings })
}

/// A PostgreSQL name that needs no quotes and is nobody else's.
pub(super) fn schema(text: &str) -> Result<String, String> {
    const LONGEST: usize = 63;
    let well_formed = text.len() <= LONGEST
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !well_formed {
        return Err("expected lower-case letters, digits and _, starting with a letter, at most 63 characters".to_owned());
    }
    if text.starts_with("pg_") || text == "information_schema" {
        return Err("expected a schema that does not belong to PostgreSQL".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(url: &str, settings: &[(&'static str, &str)]) -> Result<Parsed, String> {
        Ok(Parsed {
            url: url.to_owned(),
            settings: settings
                .iter()
                .map(|(key, text)| (*key, (*text).to_owned()))
                .collect(),
        })
    }

    #[test]
    fn parameters_of_other_tools_become_settings() {
        assert_eq!(
            parse(
                "postgresql://u:p%40ss@h:5432/d?connection_limit=5&sslmode=require&pool_timeout=20&pgbouncer=true&connect_timeout=7&schema=app&options=-c%20a%3Db"
            ),
            parsed(
                "postgresql://u:p%40ss@h:5432/d?sslmode=require&options=-c%20a%3Db",
                &[
                    ("database.max_connections", "5"),
                    ("database.acquire_timeout", "20s"),
                    ("database.pooler", "transaction"),
                    ("database.connect_timeout", "7s"),
                    ("database.schema", "app"),
                ]
            )
        );
    }

    #[test]
    fn a_schema_that_prisma_writes_by_itself_chooses_nothing() {
        assert_eq!(
            parse("postgres://h/d?schema=public&pgbouncer=false"),
            parsed("postgres://h/d", &[])
        );
    }

    #[test]
    fn every_form_of_sqlite_is_handed_on_as_one() {
        for (text, url) in [
            ("sqlite:a.db", "sqlite:a.db"),
            ("sqlite://a.db", "sqlite://a.db"),
            ("sqlite:///var/a.db?mode=ro", "sqlite:///var/a.db?mode=ro"),
            ("sqlite::memory:", "sqlite::memory:"),
            ("file:./a.db?connection_limit=1", "sqlite:./a.db"),
        ] {
            assert_eq!(parse(text).unwrap().url, url);
        }
    }

    #[test]
    fn other_databases_are_refused_without_repeating_the_url() {
        for wrong in [
            "",
            "canary",
            "mysql://u:canary@h/d",
            "postgres:canary",
            "postgres://u:canary@h:notaport/d",
            "postgres://u:p@h/d?pgbouncer=canary",
            "sqlite:",
            "sqlite://?mode=canary",
            "redis://canary",
        ] {
            let error = parse(wrong).unwrap_err();
            assert!(!error.contains("canary"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_schema_is_a_plain_name() {
        assert!(schema("syncline").is_ok() && schema("_a1").is_ok() && schema("public").is_ok());
        for wrong in [
            "",
            "1a",
            "A",
            "a b",
            "a\"",
            "a;drop",
            "pg_temp",
            "information_schema",
            &"a".repeat(64),
        ] {
            assert!(schema(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "((postgres|file|sqlite):/{0,3})?.{0,30}(\\?.{0,40})?") {
            let _ = (parse(&text), schema(&text));
        }

        #[test]
        fn other_parameters_are_left_alone(query in "[a-bd-oq-r]{1,5}=[a-z%0-9]{0,5}(&[a-bd-oq-r]{1,5}=[a-z]{0,5}){0,4}") {
            let text = format!("postgres://h/d?{query}");
            prop_assert_eq!(parse(&text).unwrap().url, text);
        }
    }
}

//! The variables of the original's one-off run, for `sync once`: the same names, the same limits, all faults at once.

use super::{Config, Faults, Notice, Sources, endpoint, variables::Variables};
use crate::base::{Secret, name::shown};

/// The project of the original's example.
const USUAL_PROJECT: &str = "Google Meet";

/// Longest waiting time that the original accepted, in milliseconds.
const LONGEST_DELAY: u32 = 10_000;

/// What the variables say.
#[derive(Clone, Debug)]
pub struct OneOff {
    /// The account that the Google token must belong to, if one is named. Mail addresses are not logged either.
    pub google_user_email: Option<Secret>,
    /// The content of a token file, still in base64.
    pub google_token_base64: Option<Secret>,
    /// The Clockify API key.
    pub clockify_api_token: Secret,
    /// Days to look back, 1 to 1825.
    pub days: u32,
    /// The name of the Clockify project.
    pub project: String,
    /// Whether nothing may be written.
    pub dry_run: bool,
}

impl OneOff {
    /// Reads the settings and the one-off run's variables. The OAuth client is in [`Config::google`], and is there.
    ///
    /// # Errors
    /// All faults of both at once.
    pub fn load(sources: &Sources) -> Result<(Config, Self, Vec<Notice>), Faults> {
        let mut faults = Faults::default();
        let sources = Sources {
            one_off: true,
            ..sources.clone()
        };
        let (config, mut notices, variables) = Config::gather(&sources, &mut faults);
        let mut read = Read {
            variables: &variables,
            faults: &mut faults,
        };
        if config.google.client_id.is_none() {
            read.missing("GOOGLE_CLIENT_ID", "the OAuth client");
        }
        if config.google.client_secret.is_none() {
            read.missing("GOOGLE_CLIENT_SECRET", "the secret of the OAuth client");
        }
        let one_off = Self::read(&config, &mut read);
        if variables.get("CLOCKIFY_API_DELAY").is_some() {
            notices.push(Notice::new(
                "CLOCKIFY_API_DELAY: no effect: clockify.budget keeps the pace",
            ));
        }
        match one_off {
            Some(one_off) if faults.0.is_empty() => Ok((config, one_off, notices)),
            _ => Err(faults),
        }
    }

    fn read(config: &Config, read: &mut Read<'_>) -> Option<Self> {
        let google_user_email = read.variable("GOOGLE_USER_EMAIL", email);
        let google_token_base64 = read.secret("GOOGLE_TOKEN_BASE64");
        let clockify_api_token = read.secret("CLOCKIFY_API_TOKEN");
        let days = read.variable("SYNC_DAYS", |text| number(text, 1, 1825));
        let project = read.variable("MEET_PROJECT_NAME", |text| Ok(text.to_owned()));
        let dry_run = read.variable("DRY_RUN", truth);
        read.variable("GOOGLE_REDIRECT_URI", endpoint::http_url);
        read.variable("CLOCKIFY_API_DELAY", |text| number(text, 0, LONGEST_DELAY));
        if clockify_api_token.is_none() {
            read.missing("CLOCKIFY_API_TOKEN", "the Clockify API key");
        }
        Some(Self {
            google_user_email,
            google_token_base64,
            clockify_api_token: clockify_api_token?,
            days: days.unwrap_or(config.syncs.days),
            project: project.unwrap_or_else(|| USUAL_PROJECT.to_owned()),
            dry_run: dry_run.unwrap_or(false),
        })
    }
}

struct Read<'a> {
    variables: &'a Variables,
    faults: &'a mut Faults,
}

impl Read<'_> {
    fn variable<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let value = self
            .variables
            .find(&[name.to_owned()], false, self.faults)?;
        parse(&value.text)
            .map_err(|message| self.faults.add(name, Some(value.origin), message))
            .ok()
    }

    fn secret(&mut self, name: &str) -> Option<Secret> {
        let value = self.variables.find(&[name.to_owned()], true, self.faults)?;
        Some(Secret::new(value.text))
    }

    /// Reports `name`, unless it is there and was reported for something else.
    fn missing(&mut self, name: &str, what: &str) {
        let names = [name.to_owned(), format!("{name}_FILE")];
        if names.iter().all(|name| self.variables.get(name).is_none()) {
            self.faults
                .add(name, None, format!("is missing: expected {what}"));
        }
    }
}

fn number(text: &str, least: u32, most: u32) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| {
            format!(
                "expected a number from {least} to {most}, got {}",
                shown(text)
            )
        })
}

/// The original took everything but `true` and `1` for "no". A dry run that is spelled otherwise must not write.
fn truth(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("expected true, 1, false or 0, got {}", shown(text))),
    }
}

/// Only the shape; the address itself is not repeated.
fn email(text: &str) -> Result<Secret, String> {
    let is_address = text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && domain.contains('.')
            && !domain.contains('@')
            && !text.contains(char::is_whitespace)
    });
    match is_address {
        true => Ok(Secret::new(text)),
        false => Err("expected an e-mail address".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;

    /// What the original's example file sets, with composed values.
    const EXAMPLE: [(&str, &str); 12] = [
        ("GOOGLE_CLIENT_ID", "composed.apps.googleusercontent.com"),
        ("GOOGLE_CLIENT_SECRET", "composed-client-canary"),
        (
            "GOOGLE_REDIRECT_URI",
            "http://localhost:3000/oauth2callback",
        ),
        ("GOOGLE_USER_EMAIL", "someone@example.org"),
        ("CLOCKIFY_API_TOKEN", "composed-api-canary"),
        ("NODE_ENV", "production"),
        ("SYNC_DAYS", "14"),
        ("CLOCKIFY_API_BASE", "https://api.clockify.me/api"),
        ("CLOCKIFY_API_DELAY", "50"),
        ("MEET_PROJECT_NAME", "Meetings"),
        ("DRY_RUN", "1"),
        ("SYNC_SCHEDULE", "0 * * * *"),
    ];

    fn load(dir: &Path, change: &[(&str, &str)]) -> Result<(Config, OneOff, Vec<Notice>), Faults> {
        OneOff::load(&Sources {
            dir: dir.to_owned(),
            environment: EXAMPLE
                .iter()
                .chain(change)
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect(),
            ..Sources::default()
        })
    }

    #[test]
    fn the_environment_of_the_original_is_understood() {
        let dir = tempfile::tempdir().unwrap();
        let (config, once, notices) = load(dir.path(), &[]).unwrap();
        assert_eq!(config.clockify.url, "https://api.clockify.me/api/v1");
        assert_eq!(
            config.google.client_id.as_deref(),
            Some("composed.apps.googleusercontent.com")
        );
        assert_eq!(once.clockify_api_token.expose(), "composed-api-canary");
        assert_eq!(
            (once.days, once.project.as_str(), once.dry_run),
            (14, "Meetings", true)
        );
        assert!(!format!("{config:?} {once:?} {notices:?}").contains("canary"));
        assert!(!format!("{once:?}").contains("example.org"));
        let aloud: Vec<_> = notices.iter().filter(|notice| !notice.quiet).collect();
        assert_eq!(aloud.len(), 1, "{aloud:?}");
        assert!(aloud[0].text.starts_with("CLOCKIFY_API_DELAY: no effect"));
    }

    #[test]
    fn what_the_original_leaves_open_has_a_default() {
        let dir = tempfile::tempdir().unwrap();
        let empty = [
            ("SYNC_DAYS", ""),
            ("MEET_PROJECT_NAME", ""),
            ("DRY_RUN", ""),
            ("GOOGLE_USER_EMAIL", ""),
        ];
        let (_, once, _) = load(dir.path(), &empty).unwrap();
        assert_eq!(
            (once.days, once.project.as_str(), once.dry_run),
            (30, "Google Meet", false)
        );
        assert!(once.google_user_email.is_none());
    }

    #[test]
    fn all_faults_are_reported_at_once_with_those_of_the_settings() {
        let dir = tempfile::tempdir().unwrap();
        let wrong = [
            ("GOOGLE_CLIENT_ID", ""),
            ("GOOGLE_CLIENT_SECRET", ""),
            ("GOOGLE_REDIRECT_URI", "canary"),
            ("GOOGLE_USER_EMAIL", "canary"),
            ("CLOCKIFY_API_TOKEN", ""),
            ("SYNC_DAYS", "1826"),
            ("CLOCKIFY_API_DELAY", "10001"),
            ("DRY_RUN", "yes"),
            ("SYNCLINE_RUNS_POLL", "soon"),
        ];
        let faults = load(dir.path(), &wrong).unwrap_err();
        for (name, _) in &wrong[..8] {
            assert!(
                faults.0.iter().any(|fault| fault.what == *name),
                "{name}: {faults}"
            );
        }
        assert!(faults.to_string().contains("runs.poll"), "{faults}");
        assert_eq!(faults.0.len(), wrong.len(), "{faults}");
        assert!(!faults.to_string().contains("canary"), "{faults}");
    }

    #[test]
    fn the_api_key_can_be_in_a_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("key"), "composed-from-file\n").unwrap();
        let change = [
            ("CLOCKIFY_API_TOKEN", ""),
            ("CLOCKIFY_API_TOKEN_FILE", "key"),
        ];
        let (_, once, _) = load(dir.path(), &change).unwrap();
        assert_eq!(once.clockify_api_token.expose(), "composed-from-file");
    }

    #[test]
    fn addresses_are_checked_by_their_shape() {
        for right in ["a@example.org", "first.last+tag@mail.example.com"] {
            assert!(email(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "a",
            "@example.org",
            "a@",
            "a@b",
            "a@.org",
            "a@example.",
            "a b@example.org",
            "a@b@example.org",
        ] {
            assert!(email(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in ".{0,40}") {
            let _ = (email(&text), truth(&text), number(&text, 0, 9));
        }
    }
}

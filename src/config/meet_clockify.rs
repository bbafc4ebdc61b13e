//! The variables of meet-clockify-sync, for `sync once` and `serve`: the same names, the same limits, all faults at once.

use super::{
    Config, Faults, MOST_DAYS, Notice, Sources,
    originals::{VARIABLES, Verdict},
    variables::Variables,
};
use crate::base::{Secret, name::shown};

/// Longest waiting time that the original accepted, in milliseconds.
const LONGEST_DELAY: u32 = 10_000;

/// Without these the original did not start.
const NEEDED: [(&str, &str); 3] = [
    ("GOOGLE_CLIENT_ID", "the OAuth client"),
    ("GOOGLE_CLIENT_SECRET", "the secret of the OAuth client"),
    ("CLOCKIFY_API_TOKEN", "the Clockify API key"),
];

/// What the variables say. `DRY_RUN` is a setting: [`super::Syncs::dry_run`].
#[derive(Clone, Debug)]
pub struct MeetClockify {
    /// The account that the Google token must belong to, if one is named. Mail addresses are not logged either.
    pub google_user_email: Option<Secret>,
    /// The content of a token file, still in base64.
    pub google_token_base64: Option<Secret>,
    /// The Clockify API key.
    pub clockify_api_token: Secret,
    /// Days to look back, 1 to [`MOST_DAYS`].
    pub days: Option<u32>,
    /// The name of the Clockify project.
    pub project: Option<String>,
    /// When a server runs the sync: a cron expression, checked.
    pub schedule: Option<String>,
}

impl MeetClockify {
    /// Reads the settings and the variables for the one-off run. The OAuth client is in [`Config::google`], and is there.
    ///
    /// # Errors
    /// All faults of both at once; what is missing is one.
    pub fn for_one_off(sources: &Sources) -> Result<(Config, Self, Vec<Notice>), Faults> {
        // The one-off run has no schedule, so nobody need understand it.
        let mut loaded = Loaded::of(sources, |_| Ok(()));
        for (name, what) in loaded.missing() {
            let message = format!("is missing: expected {what}");
            loaded.faults.add(name, None, message);
        }
        match loaded.said {
            Some(said) if loaded.faults.0.is_empty() => Ok((loaded.config, said, loaded.notices)),
            _ => Err(loaded.faults),
        }
    }

    /// Reads the settings and the variables for a server, which does not need them: `None` where too few are set to make
    /// a sync of them, with a notice where somebody seems to want one. `is_cron` says what is wrong with a schedule.
    ///
    /// # Errors
    /// All faults of both at once.
    pub fn for_server(
        sources: &Sources,
        is_cron: impl Fn(&str) -> Result<(), String>,
    ) -> Result<(Config, Option<Self>, Vec<Notice>), Faults> {
        let mut loaded = Loaded::of(sources, is_cron);
        if !loaded.faults.0.is_empty() {
            return Err(loaded.faults);
        }
        let (missing, wish) = (loaded.missing(), loaded.wish());
        if missing.is_empty() {
            return Ok((loaded.config, loaded.said, loaded.notices));
        }
        if !wish.is_empty() {
            let missing: Vec<_> = missing.iter().map(|(name, _)| *name).collect();
            loaded.notices.push(Notice::new(format!(
                "{}: no sync is made of them: {} must be set, too",
                wish.join(", "),
                missing.join(", ")
            )));
        }
        Ok((loaded.config, None, loaded.notices))
    }
}

/// What was read, right or wrong.
struct Loaded {
    config: Config,
    /// `None` without the Clockify key.
    said: Option<MeetClockify>,
    variables: Variables,
    notices: Vec<Notice>,
    faults: Faults,
}

impl Loaded {
    fn of(sources: &Sources, is_cron: impl Fn(&str) -> Result<(), String>) -> Self {
        let mut faults = Faults::default();
        let sources = Sources {
            obeys_original: true,
            ..sources.clone()
        };
        let (config, mut notices, variables) = Config::gather(&sources, &mut faults);
        let mut read = Read {
            variables: &variables,
            faults: &mut faults,
        };
        let said = read.all(is_cron);
        if variables.get("CLOCKIFY_API_DELAY").is_some() {
            notices.push(Notice::new(
                "CLOCKIFY_API_DELAY: no effect: clockify.budget keeps the pace",
            ));
        }
        Self {
            config,
            said,
            variables,
            notices,
            faults,
        }
    }

    /// Which of the needed ones are not there in any form.
    fn missing(&self) -> Vec<(&'static str, &'static str)> {
        let is_missing = |name: &str| match name {
            "GOOGLE_CLIENT_ID" => self.config.google.client_id.is_none(),
            "GOOGLE_CLIENT_SECRET" => self.config.google.client_secret.is_none(),
            _ => self.said.is_none(),
        };
        // What is there and could not be read was reported for that.
        let needed = NEEDED.iter().filter(|(name, _)| is_missing(name));
        needed
            .filter(|(name, _)| !self.is_set(name))
            .copied()
            .collect()
    }

    /// The variables that are there and that nobody but the original ever read.
    fn wish(&self) -> Vec<&'static str> {
        let theirs = VARIABLES
            .iter()
            .filter(|variable| matches!(variable.verdict, Verdict::Original(_)));
        let names = theirs.map(|variable| variable.name);
        names.filter(|name| self.is_set(name)).collect()
    }

    fn is_set(&self, name: &str) -> bool {
        let forms = [name.to_owned(), format!("{name}_FILE")];
        forms.iter().any(|name| self.variables.get(name).is_some())
    }
}

struct Read<'a> {
    variables: &'a Variables,
    faults: &'a mut Faults,
}

impl Read<'_> {
    fn all(&mut self, is_cron: impl Fn(&str) -> Result<(), String>) -> Option<MeetClockify> {
        let google_user_email = self.variable("GOOGLE_USER_EMAIL", email);
        let google_token_base64 = self.secret("GOOGLE_TOKEN_BASE64");
        let clockify_api_token = self.secret("CLOCKIFY_API_TOKEN");
        let days = self.variable("SYNC_DAYS", |text| number(text, 1, MOST_DAYS));
        let project = self.variable("MEET_PROJECT_NAME", |text| Ok(text.to_owned()));
        let schedule = self.variable("SYNC_SCHEDULE", |text| {
            is_cron(text).map(|()| text.to_owned())
        });
        self.variable("CLOCKIFY_API_DELAY", |text| number(text, 0, LONGEST_DELAY));
        Some(MeetClockify {
            google_user_email,
            google_token_base64,
            clockify_api_token: clockify_api_token?,
            days,
            project,
            schedule,
        })
    }

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
mod tests;

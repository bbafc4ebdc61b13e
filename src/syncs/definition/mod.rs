//! What a sync is to do, and whether that makes sense: checked as a whole when it is written.

pub use crate::config::MOST_DAYS;

use crate::{
    base::{Violation, error::all_valid, name::shown},
    syncs::{describe::Template, destination::FIRST_WORKSPACE},
};
use chrono::TimeDelta;
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// The fallback project's name, as the original made it.
pub const DEFAULT_PROJECT: &str = "Google Meet";
/// Google keeps conferences for so many days after their end.
pub const HORIZON_DAYS: u32 = 30;

const MOST_RULES: usize = 200;
const MOST_CALENDARS: usize = 20;
const MOST_TAGS: usize = 20;
const LONGEST_TEXT: usize = 500;
/// What names of any sort look like.
const PLAIN_TEXT: &str = "expected text that is not blank, without control characters";
const LONGEST_TEMPLATE: usize = 4_000;
/// Memory that one compiled expression may take.
const REGEX_SIZE: usize = 1 << 20;

/// Google Meet attendance becomes Clockify time entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Definition {
    /// Days to look back; 0 is the setting `syncs.days`.
    pub days: u32,
    /// Calendars for titles; empty is `primary`.
    pub calendars: Vec<String>,
    /// Empty is the account's active workspace, [`FIRST_WORKSPACE`] the first of its list.
    pub workspace: String,
    /// Tried in order; the first that matches decides.
    pub rules: Vec<Rule>,
    /// Where entries go that no rule matches.
    pub default_target: Target,
    /// Liquid; empty is the title, or else the original's text.
    pub description_template: String,
    /// What counts as the time of a meeting.
    pub attended_time: AttendedTime,
    /// Leave out meetings that I declined.
    pub skip_declined: bool,
    /// Leave out meetings where nobody else was.
    pub skip_solo: bool,
    /// Leave out meetings shorter than so many seconds.
    pub skip_shorter_than: i64,
    /// IANA name; empty is UTC.
    pub time_zone: String,
}

/// What counts as the time of a meeting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttendedTime {
    /// From the first join to the last leave.
    #[default]
    Span,
    /// All my sessions together.
    Sum,
}

/// What happens to meetings of a certain kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// For people.
    pub name: String,
    /// All that are not empty must hold.
    pub title_contains: String,
    /// A regular expression over the title.
    pub title_matches: String,
    /// Somebody else was invited from there.
    pub attendee_domain: String,
    /// The meeting's code.
    pub meeting_code: String,
    /// The event's calendar.
    pub calendar: String,
    /// Where it goes; `None` leaves it out.
    pub target: Option<Target>,
}

/// Where an entry goes, by names; empty names are none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Target {
    /// The project.
    pub project: String,
    /// A task of it.
    pub task: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Whether the time is billable.
    pub billable: bool,
}

impl Definition {
    /// The calendars to look at.
    pub fn calendars(&self) -> Vec<String> {
        if self.calendars.is_empty() {
            vec!["primary".to_owned()]
        } else {
            self.calendars.clone()
        }
    }

    /// Where entries go that no rule matches.
    pub fn default_target(&self) -> Target {
        let mut target = self.default_target.clone();
        if target.project.is_empty() {
            target.project = DEFAULT_PROJECT.to_owned();
        }
        target
    }

    /// The zone of the times in descriptions.
    pub fn zone(&self) -> chrono_tz::Tz {
        self.time_zone.parse().unwrap_or(chrono_tz::UTC)
    }

    /// The length below which meetings are left out.
    pub fn shortest(&self) -> TimeDelta {
        TimeDelta::seconds(self.skip_shorter_than.max(1))
    }

    /// Everything that is wrong with it, at once; fields are named below `field`.
    pub fn check(&self, field: &str) -> crate::base::Result<()> {
        let mut wrong = Vec::new();
        let mut say = |name: &str, expected: String| {
            wrong.push(Violation::new(format!("{field}.{name}"), expected))
        };
        if self.days > MOST_DAYS {
            say(
                "days",
                format!("expected 0 to {MOST_DAYS}, got {}", self.days),
            );
        }
        if self.calendars.len() > MOST_CALENDARS {
            say(
                "calendars",
                format!(
                    "expected at most {MOST_CALENDARS}, got {}",
                    self.calendars.len()
                ),
            );
        }
        for (index, calendar) in self.calendars.iter().enumerate().take(MOST_CALENDARS) {
            if calendar.is_empty() || calendar.len() > LONGEST_TEXT {
                say(
                    &format!("calendars[{index}]"),
                    format!("expected a calendar's id, got {}", shown(calendar)),
                );
            } else if self.calendars[..index].contains(calendar) {
                say(
                    &format!("calendars[{index}]"),
                    format!("expected each calendar once, got {} again", shown(calendar)),
                );
            }
        }
        let named = ["", FIRST_WORKSPACE].contains(&self.workspace.as_str());
        if !named && !is_object_id(&self.workspace) {
            say(
                "workspace_id",
                format!(
                    "expected 24 hexadecimal digits, got {}",
                    shown(&self.workspace)
                ),
            );
        }
        if !self.time_zone.is_empty() && self.time_zone.parse::<chrono_tz::Tz>().is_err() {
            say(
                "time_zone",
                format!(
                    "expected an IANA time zone as in Europe/Zurich, got {}",
                    shown(&self.time_zone)
                ),
            );
        }
        if self.skip_shorter_than < 0 {
            say(
                "skip_shorter_than",
                "expected a duration of 0 or more".to_owned(),
            );
        }
        if self.description_template.len() > LONGEST_TEMPLATE {
            say(
                "description_template",
                format!(
                    "expected at most {LONGEST_TEMPLATE} bytes, got {}",
                    self.description_template.len()
                ),
            );
        } else if let Err(why) = Template::parse(&self.description_template) {
            say("description_template", why);
        }
        check_target(&self.default_target, "default_target", &mut say);
        if self.rules.len() > MOST_RULES {
            say(
                "rules",
                format!("expected at most {MOST_RULES}, got {}", self.rules.len()),
            );
        }
        for (index, rule) in self.rules.iter().enumerate().take(MOST_RULES) {
            self.check_rule(rule, &format!("rules[{index}]"), &mut say);
        }
        all_valid(wrong)
    }

    fn check_rule(&self, rule: &Rule, at: &str, say: &mut impl FnMut(&str, String)) {
        let conditions = [
            ("title_contains", &rule.title_contains),
            ("title_matches", &rule.title_matches),
            ("attendee_domain", &rule.attendee_domain),
            ("meeting_code", &rule.meeting_code),
            ("calendar", &rule.calendar),
        ];
        if conditions.iter().all(|(_, text)| text.is_empty()) {
            say(
                at,
                "expected at least one condition; what matches no rule goes to default_target"
                    .to_owned(),
            );
        }
        for (name, text) in conditions.into_iter().chain([("name", &rule.name)]) {
            if text.len() > LONGEST_TEXT {
                say(
                    &format!("{at}.{name}"),
                    format!("expected at most {LONGEST_TEXT} bytes, got {}", text.len()),
                );
            }
        }
        let named = [("name", &rule.name), ("calendar", &rule.calendar)];
        for (name, text) in named
            .into_iter()
            .chain([("title_contains", &rule.title_contains)])
        {
            if !text.is_empty() && (text.trim().is_empty() || text.chars().any(char::is_control)) {
                say(&format!("{at}.{name}"), PLAIN_TEXT.to_owned());
            }
        }
        if rule.title_matches.len() <= LONGEST_TEXT
            && let Err(why) = compile(&rule.title_matches)
        {
            say(&format!("{at}.title_matches"), why);
        }
        if !rule.attendee_domain.is_empty()
            && (rule.attendee_domain.contains(['@', ' ', '/'])
                || !rule.attendee_domain.contains('.'))
        {
            say(
                &format!("{at}.attendee_domain"),
                format!(
                    "expected a domain as in acme.test, got {}",
                    shown(&rule.attendee_domain)
                ),
            );
        }
        if !rule.meeting_code.is_empty() && !is_meeting_code(&rule.meeting_code) {
            say(
                &format!("{at}.meeting_code"),
                format!(
                    "expected a code as in abc-mnop-xyz, got {}",
                    shown(&rule.meeting_code)
                ),
            );
        }
        if !rule.calendar.is_empty() && !self.calendars().contains(&rule.calendar) {
            say(
                &format!("{at}.calendar"),
                format!(
                    "expected one of the sync's calendars ({})",
                    self.calendars().join(", ")
                ),
            );
        }
        if let Some(target) = &rule.target {
            check_target(target, &format!("{at}.target"), say);
            if target.project.is_empty() {
                say(
                    &format!("{at}.target.project"),
                    "expected a project's name".to_owned(),
                );
            }
        }
    }
}

fn check_target(target: &Target, at: &str, say: &mut impl FnMut(&str, String)) {
    for (name, text) in [("project", &target.project), ("task", &target.task)] {
        if !text.is_empty() && (text.trim().is_empty() || text.chars().any(char::is_control)) {
            say(&format!("{at}.{name}"), PLAIN_TEXT.to_owned());
        }
    }
    let length = target.project.chars().count();
    if !target.project.is_empty() && !(2..=250).contains(&length) {
        say(
            &format!("{at}.project"),
            format!("expected 2 to 250 characters, got {length}"),
        );
    }
    if target.task.chars().count() > 1000 {
        say(
            &format!("{at}.task"),
            "expected at most 1000 characters".to_owned(),
        );
    }
    if target.tags.len() > MOST_TAGS {
        say(
            &format!("{at}.tags"),
            format!("expected at most {MOST_TAGS}, got {}", target.tags.len()),
        );
    }
    for (index, tag) in target.tags.iter().enumerate().take(MOST_TAGS) {
        if tag.trim().is_empty() || tag.chars().any(char::is_control) || tag.chars().count() > 100 {
            say(
                &format!("{at}.tags[{index}]"),
                "expected 1 to 100 characters".to_owned(),
            );
        } else if target.tags[..index]
            .iter()
            .any(|before| is_same_tag(before, tag))
        {
            say(
                &format!("{at}.tags[{index}]"),
                format!("expected each tag once, got {} again", shown(tag)),
            );
        }
    }
}

/// Clockify has no two tags that differ in their case only.
fn is_same_tag(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// Compiles a title's expression, within bounds.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(REGEX_SIZE)
        .build()
        .map_err(|why| match why {
            regex::Error::CompiledTooBig(_) => {
                "expected a smaller regular expression: compiled, it is too big".to_owned()
            }
            // The last line of a syntax error says what is wrong; those before draw an arrow.
            other => format!(
                "expected a regular expression: {}",
                other
                    .to_string()
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ")
            ),
        })
}

fn is_object_id(text: &str) -> bool {
    text.len() == 24 && text.chars().all(|c| c.is_ascii_hexdigit())
}

fn is_meeting_code(text: &str) -> bool {
    (3..=60).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests;

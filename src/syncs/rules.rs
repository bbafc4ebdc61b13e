//! Which rule decides about a meeting.

use crate::{
    base::Result,
    syncs::{
        definition::{Definition, Rule, Target, compile},
        meeting::Meeting,
    },
};
use regex::Regex;

/// A definition's rules, ready to be asked.
pub struct Rules {
    rules: Vec<(Rule, Option<Regex>)>,
    default: Target,
}

/// What the rules say about a meeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The rule that matched; empty for the default target.
    pub rule: String,
    /// Where the entry goes; `None` leaves the meeting out.
    pub target: Option<Target>,
}

impl Rules {
    /// Compiles a definition that was checked before.
    pub fn of(definition: &Definition) -> Result<Self> {
        let rules = definition
            .rules
            .iter()
            .map(|rule| {
                let pattern =
                    match rule.title_matches.as_str() {
                        "" => None,
                        pattern => Some(compile(pattern).map_err(|why| {
                            crate::base::Error::invalid("rules.title_matches", why)
                        })?),
                    };
                Ok((rule.clone(), pattern))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            rules,
            default: definition.default_target(),
        })
    }

    /// Asks the rules in order; the first that matches decides.
    pub fn decide(&self, meeting: &Meeting) -> Verdict {
        for (index, (rule, pattern)) in self.rules.iter().enumerate() {
            if matches(rule, pattern.as_ref(), meeting) {
                let rule_name = if rule.name.is_empty() {
                    format!("rule {}", index + 1)
                } else {
                    rule.name.clone()
                };
                return Verdict {
                    rule: rule_name,
                    target: rule.target.clone(),
                };
            }
        }
        Verdict {
            rule: String::new(),
            target: Some(self.default.clone()),
        }
    }
}

fn matches(rule: &Rule, pattern: Option<&Regex>, meeting: &Meeting) -> bool {
    let title = meeting.title().unwrap_or_default();
    let event = meeting.event.as_ref();
    let holds = |condition: &str, test: &dyn Fn() -> bool| condition.is_empty() || test();
    holds(&rule.title_contains, &|| {
        title
            .to_lowercase()
            .contains(&rule.title_contains.to_lowercase())
    }) && pattern.is_none_or(|pattern| !title.is_empty() && pattern.is_match(title))
        && holds(&rule.attendee_domain, &|| {
            let domain = rule.attendee_domain.to_lowercase();
            event.is_some_and(|event| event.domains.contains(&domain))
        })
        && holds(&rule.meeting_code, &|| {
            meeting
                .code
                .as_ref()
                .is_some_and(|code| code.eq_ignore_ascii_case(&rule.meeting_code))
        })
        && holds(&rule.calendar, &|| {
            event.is_some_and(|event| event.calendar == rule.calendar)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syncs::meeting::{Event, Reading};
    use chrono::DateTime;

    fn meeting(title: &str, domains: &[&str]) -> Meeting {
        Meeting {
            conference: "conferenceRecords/a".into(),
            space: None,
            code: Some("abc-mnop-xyz".into()),
            start: DateTime::from_timestamp(0, 0).unwrap(),
            end: None,
            sessions: vec![],
            others: 0,
            event: Some(Event {
                title: (!title.is_empty()).then(|| title.into()),
                calendar: "primary".into(),
                domains: domains.iter().map(|&domain| domain.into()).collect(),
                declined: false,
            }),
            events: Vec::new(),
            reading: Reading::Done,
        }
    }

    fn to(project: &str) -> Option<Target> {
        Some(Target {
            project: project.into(),
            ..Target::default()
        })
    }

    fn decide(rules: Vec<Rule>, meeting: &Meeting) -> Verdict {
        Rules::of(&Definition {
            rules,
            ..Definition::default()
        })
        .unwrap()
        .decide(meeting)
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules = vec![
            Rule {
                title_contains: "ACME".into(),
                target: to("first"),
                ..Rule::default()
            },
            Rule {
                name: "second".into(),
                title_matches: "(?i)weekly$".into(),
                target: to("second"),
                ..Rule::default()
            },
        ];
        assert_eq!(
            decide(rules.clone(), &meeting("acme Weekly", &[])).rule,
            "rule 1"
        );
        assert_eq!(
            decide(rules.clone(), &meeting("Team weekly", &[])).rule,
            "second"
        );
        assert_eq!(
            decide(rules, &meeting("other", &[])),
            Verdict {
                rule: String::new(),
                target: to("Google Meet")
            }
        );
    }

    #[test]
    fn all_conditions_of_a_rule_must_hold() {
        let rule = Rule {
            title_contains: "x".into(),
            attendee_domain: "ACME.test".into(),
            meeting_code: "ABC-mnop-xyz".into(),
            ..Rule::default()
        };
        assert_eq!(
            decide(vec![rule.clone()], &meeting("x", &["acme.test"])).target,
            None
        );
        assert!(
            decide(vec![rule], &meeting("x", &["other.test"]))
                .target
                .is_some()
        );
    }

    #[test]
    fn a_pattern_never_matches_a_meeting_without_a_title() {
        let rule = Rule {
            title_matches: ".*".into(),
            ..Rule::default()
        };
        assert!(decide(vec![rule], &meeting("", &[])).target.is_some());
    }
}

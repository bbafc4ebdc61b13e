//! A mapping rule as it is typed: `CONDITION [& CONDITION …] => ACTION`, as in
//! `domain=acme.test & title~^Review => Acme / Calls #review $`.

use crate::api::v1::{MappingRule, Target, mapping_rule::Action};

/// What a rule looks like, for help and for errors.
pub const FORM: &str = "CONDITION [& CONDITION …] => skip, or => PROJECT [/ TASK] [#TAG …] [$]; conditions: title=TEXT, title~REGEX, \
                        domain=DOMAIN, code=MEETING-CODE, calendar=ID, and name=NAME for the rule itself";

/// Reads a rule. Whether it makes sense is judged by the service.
pub fn parse(text: &str) -> Result<MappingRule, String> {
    let wrong = |why: String| format!("{why}; expected {FORM}");
    let (conditions, action) = text
        .rsplit_once("=>")
        .ok_or_else(|| wrong("there is no \"=>\"".to_owned()))?;
    let mut rule = MappingRule {
        action: Some(read_action(action).map_err(wrong)?),
        ..MappingRule::default()
    };
    for condition in conditions.split(" & ") {
        let condition = condition.trim();
        let at = condition
            .find(['=', '~'])
            .ok_or_else(|| wrong(format!("{condition:?} is no condition")))?;
        let (key, value) = condition.split_at(at);
        let place = match (key.trim(), &value[..1]) {
            ("name", "=") => &mut rule.name,
            ("title", "=") => &mut rule.title_contains,
            ("title", "~") => &mut rule.title_matches,
            ("domain", "=") => &mut rule.attendee_domain,
            ("code", "=") => &mut rule.meeting_code,
            ("calendar", "=") => &mut rule.calendar,
            _ => return Err(wrong(format!("{condition:?} is no condition"))),
        };
        if !place.is_empty() {
            return Err(wrong(format!("{} is given twice", key.trim())));
        }
        value[1..].trim().clone_into(place);
    }
    Ok(rule)
}

fn read_action(text: &str) -> Result<Action, String> {
    let text = text.trim();
    if text == "skip" {
        return Ok(Action::Skip(true));
    }
    let (text, billable) = match text.strip_suffix(" $") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let mut parts = text.split(" #").map(str::trim);
    let place = parts.next().unwrap_or_default();
    let (project, task) = place.split_once(" / ").unwrap_or((place, ""));
    if project.trim().is_empty() {
        return Err("there is no project after \"=>\"".to_owned());
    }
    Ok(Action::Target(Target {
        project: project.trim().to_owned(),
        task: task.trim().to_owned(),
        tags: parts.map(ToOwned::to_owned).collect(),
        billable,
    }))
}

/// Writes a rule as [`parse`] reads it.
pub fn text(rule: &MappingRule) -> String {
    let conditions = [
        ("name=", &rule.name),
        ("title=", &rule.title_contains),
        ("title~", &rule.title_matches),
        ("domain=", &rule.attendee_domain),
        ("code=", &rule.meeting_code),
        ("calendar=", &rule.calendar),
    ];
    let conditions: Vec<_> = conditions
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| format!("{key}{value}"))
        .collect();
    let action = match &rule.action {
        Some(Action::Target(target)) => target_text(target),
        _ => "skip".to_owned(),
    };
    format!("{} => {action}", conditions.join(" & "))
}

/// Writes where entries go.
pub fn target_text(target: &Target) -> String {
    let mut text = target.project.clone();
    if !target.task.is_empty() {
        text.push_str(&format!(" / {}", target.task));
    }
    for tag in &target.tags {
        text.push_str(&format!(" #{tag}"));
    }
    if target.billable {
        text.push_str(" $");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rule_survives_its_own_text() {
        for line in [
            "title=standup => skip",
            "name=clients & title~^Review & domain=acme.test => Acme / Calls #review #remote $",
            "code=abc-mnop-xyz & calendar=team@group.calendar.google.com => Team",
            "title~a=b => c => Project",
        ] {
            assert_eq!(text(&parse(line).unwrap()), line);
        }
    }

    #[test]
    fn what_is_no_rule_is_refused_with_the_form() {
        for line in [
            "",
            "skip",
            "title=a",
            "titel=a => skip",
            "title=a =>",
            "title=a & title=b => skip",
            "title => skip",
            " => skip",
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains("CONDITION"), "{line}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            let _ = parse(&text);
        }
    }
}

//! Definitions between proto and ours.

use crate::{
    api::v1,
    base::{Error, ResourceId, Result, TenantId, TokenName, Violation, error::all_valid},
    syncs::definition::{AttendedTime, Definition, MOST_DAYS, Rule, Target},
};

/// A token's name; empty is the tenant's token called like its provider.
pub fn read_token(field: &str, text: &str, tenant: &TenantId, provider: &str) -> Result<TokenName> {
    if text.is_empty() {
        return Ok(TokenName::new(
            tenant.clone(),
            ResourceId::parse(field, provider)?,
        ));
    }
    TokenName::parse(field, text)
}

/// A definition; absent is all defaults. Only what cannot be expressed in ours is refused here: the rest is checked when
/// the sync is.
pub fn read_definition(definition: Option<v1::sync::Definition>) -> Result<Definition> {
    const FIELD: &str = "sync.meet_to_clockify";
    let v1::sync::Definition::MeetToClockify(given) = definition
        .unwrap_or_else(|| v1::sync::Definition::MeetToClockify(v1::MeetToClockify::default()));
    let mut wrong = Vec::new();
    let days = u32::try_from(given.days).unwrap_or_else(|_| {
        wrong.push(Violation::new(
            format!("{FIELD}.days"),
            format!("expected 0 to {MOST_DAYS}, got {}", given.days),
        ));
        0
    });
    let attended_time = match v1::AttendedTime::try_from(given.attended_time) {
        Ok(v1::AttendedTime::Sum) => AttendedTime::Sum,
        Ok(_) => AttendedTime::Span,
        Err(_) => {
            wrong.push(Violation::new(
                format!("{FIELD}.attended_time"),
                "expected SPAN or SUM",
            ));
            AttendedTime::Span
        }
    };
    let rules = given
        .rules
        .into_iter()
        .enumerate()
        .map(|(index, rule)| read_rule(&format!("{FIELD}.rules[{index}]"), rule, &mut wrong))
        .collect();
    let definition = Definition {
        days,
        calendars: given.calendars,
        workspace: given.workspace_id,
        rules,
        default_target: given.default_target.map(read_target).unwrap_or_default(),
        description_template: given.description_template,
        attended_time,
        skip_declined: given.skip_declined,
        skip_solo: given.skip_solo,
        skip_shorter_than: given
            .skip_shorter_than
            .map_or(0, |duration| duration.seconds),
        time_zone: given.time_zone,
    };
    if let Err(error) = definition.check(FIELD) {
        match error {
            Error::Invalid(more) => wrong.extend(more),
            other => return Err(other),
        }
    }
    all_valid(wrong)?;
    Ok(definition)
}

fn read_rule(field: &str, rule: v1::MappingRule, wrong: &mut Vec<Violation>) -> Rule {
    let target = match rule.action {
        Some(v1::mapping_rule::Action::Target(target)) => Some(read_target(target)),
        Some(v1::mapping_rule::Action::Skip(true)) => None,
        Some(v1::mapping_rule::Action::Skip(false)) | None => {
            wrong.push(Violation::new(field, "expected an action: skip or target"));
            None
        }
    };
    Rule {
        name: rule.name,
        title_contains: rule.title_contains,
        title_matches: rule.title_matches,
        attendee_domain: rule.attendee_domain,
        meeting_code: rule.meeting_code,
        calendar: rule.calendar,
        target,
    }
}

fn read_target(target: v1::Target) -> Target {
    Target {
        project: target.project,
        task: target.task,
        tags: target.tags,
        billable: target.billable,
    }
}

impl From<Target> for v1::Target {
    fn from(target: Target) -> Self {
        Self {
            project: target.project,
            task: target.task,
            tags: target.tags,
            billable: target.billable,
        }
    }
}

impl From<Rule> for v1::MappingRule {
    fn from(rule: Rule) -> Self {
        Self {
            name: rule.name,
            title_contains: rule.title_contains,
            title_matches: rule.title_matches,
            attendee_domain: rule.attendee_domain,
            meeting_code: rule.meeting_code,
            calendar: rule.calendar,
            action: Some(match rule.target {
                Some(target) => v1::mapping_rule::Action::Target(target.into()),
                None => v1::mapping_rule::Action::Skip(true),
            }),
        }
    }
}

impl From<Definition> for v1::MeetToClockify {
    fn from(definition: Definition) -> Self {
        let default_target = definition.default_target();
        Self {
            days: i32::try_from(definition.days).unwrap_or(i32::MAX),
            calendars: definition.calendars,
            workspace_id: definition.workspace,
            rules: definition.rules.into_iter().map(Into::into).collect(),
            default_target: Some(default_target.into()),
            description_template: definition.description_template,
            attended_time: match definition.attended_time {
                AttendedTime::Span => v1::AttendedTime::Span,
                AttendedTime::Sum => v1::AttendedTime::Sum,
            }
            .into(),
            skip_declined: definition.skip_declined,
            skip_solo: definition.skip_solo,
            skip_shorter_than: (definition.skip_shorter_than > 0).then_some(
                pbjson_types::Duration {
                    seconds: definition.skip_shorter_than,
                    nanos: 0,
                },
            ),
            time_zone: definition.time_zone,
        }
    }
}

//! What is refused, and what is fine.

use super::*;
use crate::base::Error;
use proptest::prelude::*;

#[test]
fn the_empty_definition_is_fine() {
    Definition::default().check("sync").unwrap();
    assert_eq!(
        Definition::default().default_target().project,
        "Google Meet"
    );
}

#[test]
fn all_faults_are_named_at_once() {
    let bad = Definition {
        days: 2000,
        workspace: "x".into(),
        time_zone: "Mars/Olympus".into(),
        description_template: "{{ titel }}".into(),
        rules: vec![
            Rule {
                title_matches: "(".into(),
                ..Rule::default()
            },
            Rule::default(),
            Rule {
                attendee_domain: "a@b".into(),
                target: Some(Target::default()),
                ..Rule::default()
            },
        ],
        ..Definition::default()
    };
    let text = bad.check("sync").unwrap_err().to_string();
    for field in [
        "sync.days",
        "sync.workspace_id",
        "sync.time_zone",
        "sync.description_template",
        "sync.rules[0].title_matches",
        "sync.rules[1]",
        "sync.rules[2].attendee_domain",
        "sync.rules[2].target.project",
    ] {
        assert!(text.contains(field), "{field} is missing in {text}");
    }
}

#[test]
fn a_calendar_or_a_tag_that_is_repeated_is_refused_at_its_second_place() {
    let target = Target {
        project: "Acme".into(),
        tags: ["call", "other", " Call"].map(Into::into).to_vec(),
        ..Target::default()
    };
    let bad = Definition {
        calendars: ["primary", "team", "primary"].map(Into::into).to_vec(),
        default_target: target.clone(),
        rules: vec![Rule {
            title_contains: "x".into(),
            target: Some(target),
            ..Rule::default()
        }],
        ..Definition::default()
    };
    let Error::Invalid(violations) = bad.check("sync").unwrap_err() else {
        panic!("not a violation")
    };
    let fields: Vec<_> = violations.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "sync.calendars[2]",
            "sync.default_target.tags[2]",
            "sync.rules[0].target.tags[2]"
        ]
    );
}

proptest! {
    #[test]
    fn no_pattern_or_template_makes_the_check_panic(text in ".{0,60}") {
        let _ = Definition {
            description_template: text.clone(),
            rules: vec![Rule { title_matches: text, ..Rule::default() }],
            ..Definition::default()
        }.check("sync");
    }
}

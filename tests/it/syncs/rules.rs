//! Mapping rules, seen from outside.

use super::{Desk, entries::stored};
use crate::kit::{self, Database};
use chrono::TimeDelta;
use syncline::{
    simulator::world::Meeting,
    syncs::{
        definition::{Definition, Rule, Target},
        preview,
    },
};

fn to(project: &str) -> Option<Target> {
    Some(Target {
        project: project.into(),
        ..Target::default()
    })
}

async fn rules_decide_project_tags_task_and_billable_and_the_preview_names_them(
    database: Database,
) {
    let desk = Desk::empty(database).await;
    let acme = desk.sim.world().add_project("ACME");
    let task = desk.sim.world().add_task(&acme, "Calls");
    for (hours, title) in [(3, "ACME weekly"), (6, "Lunch"), (9, "Other")] {
        desk.sim
            .world()
            .add_meeting(Meeting::between(desk.ago(hours), desk.ago(hours - 1)).titled(title));
    }
    let definition = Definition {
        rules: vec![
            Rule {
                name: "customer".into(),
                title_contains: "acme".into(),
                target: Some(Target {
                    project: "acme".into(),
                    task: "calls".into(),
                    tags: vec!["bot".into()],
                    billable: true,
                }),
                ..Rule::default()
            },
            Rule {
                name: "no lunch".into(),
                title_matches: "^Lunch$".into(),
                ..Rule::default()
            },
        ],
        ..Definition::default()
    };
    let sync = desk.sync("s", definition).await;
    let previewed = preview::of(&desk.app, &stored(&desk, &sync).await, 0)
        .await
        .unwrap();
    let rules: Vec<_> = previewed
        .plans
        .iter()
        .map(|plan| plan.case.rule.as_str())
        .collect();
    assert_eq!(rules, ["customer", "no lunch", ""]);
    assert_eq!(previewed.plans[1].reason, "no lunch leaves it out");
    let summary = desk.run_well(&sync).await;
    assert_eq!(
        (summary.created, summary.skips["rule"]),
        (2, 1),
        "{summary:?}"
    );
    let world = desk.sim.world();
    let entries = world.entries();
    let customer = entries
        .iter()
        .find(|entry| entry.description.starts_with("ACME"))
        .unwrap();
    assert_eq!(
        (
            customer.project.as_deref(),
            customer.task.as_deref(),
            customer.billable
        ),
        (Some(acme.as_str()), Some(task.as_str()), true)
    );
    assert_eq!(customer.tags.as_ref().map(Vec::len), Some(1));
    assert_eq!(
        world
            .clockify
            .tags
            .iter()
            .filter(|tag| tag.name == "bot")
            .count(),
        1
    );
}

async fn declined_solo_and_short_meetings_are_left_out_where_the_sync_says_so(database: Database) {
    let desk = Desk::empty(database).await;
    {
        let mut world = desk.sim.world();
        world.add_meeting(
            Meeting::between(desk.ago(3), desk.ago(2))
                .others(2)
                .titled("No")
                .declined(),
        );
        world.add_meeting(Meeting::between(desk.ago(6), desk.ago(5)).others(0));
        world.add_meeting(
            Meeting::between(desk.ago(9), desk.ago(9) + TimeDelta::minutes(4)).others(2),
        );
    }
    let all = desk.sync("all", Definition::default()).await;
    let few = Definition {
        skip_declined: true,
        skip_solo: true,
        skip_shorter_than: 300,
        ..Definition::default()
    };
    let few = desk.sync("few", few).await;
    let summary = desk.run_well(&few).await;
    assert_eq!(summary.created, 0, "{summary:?}");
    assert_eq!(
        (
            summary.skips["declined"],
            summary.skips["solo"],
            summary.skips["too_short"]
        ),
        (1, 1, 1)
    );
    assert_eq!(desk.run_well(&all).await.created, 3);
}

async fn a_missing_task_fails_its_entry_with_the_reason_and_the_others_are_written(
    database: Database,
) {
    let desk = Desk::empty(database).await;
    desk.sim.world().add_project("ACME");
    for (hours, title) in [(3, "ACME weekly"), (6, "Other")] {
        desk.sim
            .world()
            .add_meeting(Meeting::between(desk.ago(hours), desk.ago(hours - 1)).titled(title));
    }
    let rule = Rule {
        title_contains: "acme".into(),
        target: Some(Target {
            task: "Nowhere".into(),
            ..to("ACME").unwrap()
        }),
        ..Rule::default()
    };
    let sync = desk
        .sync(
            "s",
            Definition {
                rules: vec![rule],
                ..Definition::default()
            },
        )
        .await;
    let (run, summary) = desk.run(&sync).await;
    assert_eq!(
        (run.state.as_str(), summary.created, summary.failed),
        ("partial", 1, 1),
        "{summary:?}"
    );
    assert!(summary.failures[0].contains("Nowhere"), "{summary:?}");
}

kit::each_engine!(
    rules_decide_project_tags_task_and_billable_and_the_preview_names_them,
    declined_solo_and_short_meetings_are_left_out_where_the_sync_says_so,
    a_missing_task_fails_its_entry_with_the_reason_and_the_others_are_written,
);

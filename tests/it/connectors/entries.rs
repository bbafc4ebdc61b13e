//! Time entries: paging, the window that Clockify shifts, the full replace, what is gone, and what nobody knows.

use super::{Lab, at, noon};
use chrono::TimeDelta;
use serde_json::json;
use syncline::{
    connectors::clockify::{ClockifyError, Deleted, NewEntry},
    outbound::{Account, CallError},
    simulator::world::{CustomValue, NewEntry as SimEntry},
};

fn entry() -> NewEntry {
    NewEntry {
        description: "ACME weekly [Meet:conferenceRecords/1a2b]".into(),
        start: at("2026-11-19T09:00:03.987654Z"),
        end: at("2026-11-19T09:31:44.5Z"),
        billable: false,
        project_id: None,
        task_id: None,
        tag_ids: Vec::new(),
    }
}

#[tokio::test]
async fn all_entries_of_a_window_are_read_over_all_pages() {
    let lab = Lab::empty().await;
    lab.sim.world().add_entries(1_500);
    let clockify = lab.clockify();
    let list = || {
        clockify.list_entries(
            &lab.workspace,
            &lab.user,
            noon() - TimeDelta::days(30),
            noon(),
        )
    };
    assert_eq!(list().await.expect("a list").len(), 1_500);
    assert_eq!(lab.calls("clockify.timeEntries.list"), 2);
    lab.fault("clockify-short-pages");
    assert_eq!(list().await.expect("a list").len(), 1_500);
}

#[tokio::test]
async fn the_window_holds_in_every_time_zone() {
    let lab = Lab::empty().await;
    let from = at("2026-11-19T09:00:03.5Z");
    let to = at("2026-11-19T10:00:00Z");
    for start in [
        "2026-11-19T09:00:02Z",
        "2026-11-19T09:00:03Z",
        "2026-11-19T10:00:00Z",
        "2026-11-19T10:00:01Z",
    ] {
        lab.sim.world().add_entry(SimEntry {
            start: at(start),
            end: Some(at(start) + TimeDelta::minutes(5)),
            description: start.into(),
            project: None,
            tags: Vec::new(),
        });
    }
    for zone in [
        "UTC",
        "Europe/Zurich",
        "Pacific/Kiritimati",
        "Etc/GMT+12",
        "Asia/Kathmandu",
    ] {
        lab.sim.world().clockify.users[0].zone = zone.into();
        let mut found: Vec<_> = lab
            .clockify()
            .list_entries(&lab.workspace, &lab.user, from, to)
            .await
            .expect("a list")
            .into_iter()
            .map(|entry| entry.description)
            .collect();
        found.sort();
        assert_eq!(
            found,
            ["2026-11-19T09:00:03Z", "2026-11-19T10:00:00Z"],
            "{zone}"
        );
    }
}

#[tokio::test]
async fn a_created_entry_is_read_back_as_it_was_meant() {
    let lab = Lab::empty().await;
    let (project, task, tag) = {
        let mut world = lab.sim.world();
        let project = world.add_project("ACME");
        let task = world.add_task(&project, "Meetings");
        (project, task, world.add_tag("calendar-bot"))
    };
    let new = NewEntry {
        billable: true,
        project_id: Some(project),
        task_id: Some(task),
        tag_ids: vec![tag],
        ..entry()
    };
    let clockify = lab.clockify();
    let account = Account {
        key: "test.clockify:1".into(),
        budget: None,
    };
    let mut permits = lab.outbound.reserve(&account, 2).await.expect("permits");
    let made = clockify
        .create_entry_with(&mut permits, &lab.workspace, &new)
        .await
        .expect("an entry");
    assert_eq!(made.start, at("2026-11-19T09:00:03Z"));
    assert_eq!(made.end, Some(at("2026-11-19T09:31:44Z")));
    assert_eq!(made.description, new.description);
    assert_eq!(
        (made.user_id.as_str(), made.billable),
        (lab.user.as_str(), true)
    );
    assert_eq!(
        (&made.project_id, &made.task_id, &made.tag_ids),
        (&new.project_id, &new.task_id, &new.tag_ids)
    );
    let read = clockify.get_entry(&lab.workspace, &made.id).await;
    assert_eq!(read.expect("an answer"), Some(made));
}

#[tokio::test]
async fn a_replacement_changes_what_was_changed_and_keeps_the_rest() {
    let lab = Lab::empty().await;
    let id = {
        let mut world = lab.sim.world();
        let project = world.add_project("ACME");
        let task = world.add_task(&project, "Meetings");
        let tag = world.add_tag("calendar-bot");
        let field = world.add_custom_field("Meet ref", "TXT");
        let id = world.add_entry(SimEntry {
            start: noon(),
            end: Some(noon() + TimeDelta::hours(1)),
            description: "before".into(),
            project: Some(project),
            tags: vec![tag],
        });
        world.edit_entry(&id, |entry| {
            entry.task = Some(task);
            entry.billable = true;
            entry.kind = "BREAK".into();
            entry.custom_values = vec![CustomValue {
                field,
                value: json!("conferenceRecords/1a2b"),
            }];
        });
        id
    };
    let before = lab.sim.world().entries()[0].clone();
    let clockify = lab.clockify();
    let read = clockify.get_entry(&lab.workspace, &id).await;
    let mut entry = read.expect("an answer").expect("an entry");
    entry.description = "after".into();
    let replaced = clockify.replace_entry(&entry).await.expect("an entry");
    assert_eq!(replaced.description, "after");
    let after = lab.sim.world().entries()[0].clone();
    let mut expected = before;
    expected.description = "after".into();
    assert_eq!(after, expected);
}

#[tokio::test]
async fn what_the_user_deleted_is_gone_and_not_an_error() {
    let lab = Lab::empty().await;
    let clockify = lab.clockify();
    let made = clockify.create_entry(&lab.workspace, &entry()).await;
    let made = made.expect("an entry");
    let delete = || clockify.delete_entry(&lab.workspace, &made.id);
    assert_eq!(delete().await.expect("an answer"), Deleted::Now);
    assert_eq!(delete().await.expect("an answer"), Deleted::Before);
    let read = clockify.get_entry(&lab.workspace, &made.id).await;
    assert_eq!(read.expect("an answer"), None);
    let replaced = clockify.replace_entry(&made).await;
    assert!(
        matches!(replaced, Err(ClockifyError::Gone { .. })),
        "{replaced:?}"
    );
}

#[tokio::test]
async fn a_lost_answer_to_a_write_says_that_nobody_knows() {
    for (fault, nth) in [
        ("clockify-create-then-drop", 3),
        ("clockify-create-then-500", 3),
        ("clockify-create-truncated", 3),
        ("clockify-create-then-200-html", 2),
    ] {
        let lab = Lab::empty().await;
        let clockify = lab.clockify();
        lab.fault(fault);
        for _ in 1..nth {
            clockify
                .create_entry(&lab.workspace, &entry())
                .await
                .expect(fault);
        }
        let error = clockify.create_entry(&lab.workspace, &entry()).await;
        let unanswered = matches!(
            error,
            Err(ClockifyError::Call(CallError::Unanswered { .. }))
        );
        assert!(unanswered, "{fault}: {error:?}");
        assert_eq!(
            lab.sim.world().entries().len(),
            nth,
            "{fault}: sent once each"
        );
    }
}

#[tokio::test]
async fn a_description_that_is_too_long_is_not_sent() {
    let lab = Lab::empty().await;
    let long = NewEntry {
        description: "🎥".repeat(1_501),
        ..entry()
    };
    let error = lab.clockify().create_entry(&lab.workspace, &long).await;
    assert!(matches!(
        error,
        Err(ClockifyError::DescriptionTooLong { length: 3_002 })
    ));
    assert_eq!(lab.calls("clockify.timeEntries.create"), 0);
}

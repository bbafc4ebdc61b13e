//! What is written, and what is left alone.

use super::{Desk, entry};
use crate::kit::{self, Database};
use chrono::TimeDelta;
use syncline::{
    simulator::world::Meeting,
    syncs::{definition::Definition, job::Arguments, marker},
};

async fn two_hundred_and_forty_meetings_become_as_many_entries_and_a_repeat_none(
    database: Database,
) {
    let desk = Desk::standard(database).await;
    let sync = desk.sync("s", Definition::default()).await;
    let first = desk.run_well(&sync).await;
    assert_eq!(
        (
            first.meetings_found,
            first.created,
            first.skipped,
            first.failed
        ),
        (240, 240, 0, 0),
        "{first:?}"
    );
    assert_eq!(first.total_in_destination, 240);
    desk.assert_each_once(240);
    desk.sim.calls().clear();
    let second = desk.run_well(&sync).await;
    assert_eq!(
        (
            second.meetings_found,
            second.created,
            second.skipped,
            second.failed
        ),
        (240, 0, 240, 0),
        "{second:?}"
    );
    assert_eq!(second.total_in_destination, 240);
    desk.assert_each_once(240);
    let calls = desk.sim.calls().len();
    assert!(
        calls <= 10,
        "{calls} calls: {:?}",
        desk.sim.calls().counts()
    );
}

async fn the_project_is_made_once_as_the_original_made_it(database: Database) {
    let desk = Desk::empty(database).await;
    desk.sim
        .world()
        .add_meeting(Meeting::between(desk.ago(3), desk.ago(2)));
    let sync = desk.sync("s", Definition::default()).await;
    desk.run_well(&sync).await;
    desk.sim
        .world()
        .add_meeting(Meeting::between(desk.ago(2), desk.ago(1)));
    desk.run_well(&sync).await;
    let world = desk.sim.world();
    let made: Vec<_> = world
        .clockify
        .projects
        .iter()
        .filter(|project| project.name == "Google Meet")
        .collect();
    assert_eq!(made.len(), 1);
    assert_eq!(
        (made[0].color.as_str(), made[0].billable, made[0].public),
        ("#0AC8B9", false, false)
    );
    assert_eq!(world.entries().len(), 2);
    assert!(
        world
            .entries()
            .iter()
            .all(|entry| entry.project.as_deref() == Some(made[0].id.as_str()) && !entry.billable)
    );
}

async fn an_entry_lasts_from_the_first_join_to_the_last_leave(database: Database) {
    let desk = Desk::empty(database).await;
    let start = desk.ago(10);
    let minute = |minutes: i64| start + TimeDelta::minutes(minutes);
    let meeting = Meeting::between(start, minute(190)).my_sessions([
        (minute(1), Some(minute(11))),
        (minute(171), Some(minute(181))),
    ]);
    desk.sim.world().add_meeting(meeting);
    let sync = desk.sync("s", Definition::default()).await;
    desk.run_well(&sync).await;
    let entry = desk.sim.world().entries()[0].clone();
    assert_eq!(
        entry.span.end.unwrap() - entry.span.start,
        TimeDelta::minutes(180)
    );
    assert_eq!(entry.span.start.timestamp(), minute(1).timestamp());
}

async fn entries_of_the_original_in_both_forms_are_not_doubled(database: Database) {
    let desk = Desk::empty(database).await;
    let made = [3, 6].map(|hours| {
        desk.sim
            .world()
            .add_meeting(Meeting::between(desk.ago(hours), desk.ago(hours - 1)))
            .record
    });
    for (hours, text) in [
        (
            3,
            format!("🎥 Google Meet (3:05:00 PM) | 1h 0m [Meet:{}]", made[0]),
        ),
        (
            6,
            format!(
                "🎥 Code: abc-defg-hij | 1h 0m [Meet:{}:2025-10-18T10:00:00Z]",
                made[1]
            ),
        ),
    ] {
        desk.sim.world().add_entry(entry(desk.ago(hours), text));
    }
    let sync = desk.sync("s", Definition::default()).await;
    let summary = desk.run_well(&sync).await;
    assert_eq!((summary.created, summary.adopted), (0, 2), "{summary:?}");
    assert_eq!(desk.sim.world().entries().len(), 2);
    assert_eq!(desk.run_well(&sync).await.skips["unchanged"], 2);
}

async fn an_edited_entry_is_left_alone_and_a_deleted_one_stays_deleted(database: Database) {
    let desk = Desk::empty(database).await;
    for hours in [3, 6, 9] {
        desk.sim
            .world()
            .add_meeting(Meeting::between(desk.ago(hours), desk.ago(hours - 1)));
    }
    let sync = desk.sync("s", Definition::default()).await;
    desk.run_well(&sync).await;
    let ids: Vec<String> = desk
        .sim
        .world()
        .entries()
        .iter()
        .map(|entry| entry.id.clone())
        .collect();
    desk.sim
        .world()
        .edit_entry(&ids[0], |entry| entry.description = "mine now".to_owned());
    desk.sim.world().delete_entry(&ids[1]);
    for _ in 0..2 {
        let summary = desk.run_well(&sync).await;
        assert_eq!(
            (
                summary.skips["edited"],
                summary.skips["deleted"],
                summary.skips["unchanged"]
            ),
            (1, 1, 1),
            "{summary:?}"
        );
    }
    let world = desk.sim.world();
    assert_eq!(world.entries().len(), 2);
    assert!(
        world
            .entries()
            .iter()
            .any(|entry| entry.description == "mine now")
    );
}

async fn a_changed_definition_brings_unedited_entries_up_to_date(database: Database) {
    let desk = Desk::empty(database).await;
    desk.sim
        .world()
        .add_meeting(Meeting::between(desk.ago(3), desk.ago(2)).titled("Weekly"));
    let sync = desk.sync("s", Definition::default()).await;
    desk.run_well(&sync).await;
    let update = syncline::syncs::update::Update {
        name: sync.clone(),
        display_name: None,
        source: None,
        destination: None,
        definition: Some(Definition {
            description_template: "Call: {{ title }}".into(),
            ..Definition::default()
        }),
        schedule: None,
        etag: String::new(),
        validate_only: false,
    };
    syncline::syncs::update::update(&desk.app, update)
        .await
        .unwrap();
    let summary = desk.run_well(&sync).await;
    assert_eq!((summary.updated, summary.created), (1, 0), "{summary:?}");
    let world = desk.sim.world();
    assert_eq!(world.entries().len(), 1);
    assert!(
        world.entries()[0]
            .description
            .starts_with("Call: Weekly [Meet:"),
        "{:?}",
        world.entries()[0].description
    );
}

async fn a_dry_run_makes_no_writing_call_and_says_what_it_would_create(database: Database) {
    let desk = Desk::standard(database).await;
    let sync = desk.sync("s", Definition::default()).await;
    let (run, summary) = desk
        .run_with(
            &sync,
            Arguments {
                dry_run: true,
                ..Arguments::default()
            },
        )
        .await;
    assert_eq!(run.state.as_str(), "succeeded");
    assert_eq!((summary.created, summary.meetings_found), (240, 240));
    let preview = syncline::syncs::preview::of(&desk.app, &stored(&desk, &sync).await, 0)
        .await
        .unwrap();
    assert_eq!(preview.plans.len(), 240);
    let calls = desk.sim.calls().all().to_vec();
    let writes: Vec<_> = calls
        .iter()
        .filter(|call| call.writes && call.endpoint != "oauth.token")
        .collect();
    assert!(writes.is_empty(), "{writes:?}");
    assert!(
        desk.sim
            .world()
            .clockify
            .projects
            .iter()
            .all(|project| project.name != "Google Meet")
    );
    assert_eq!(desk.run_well(&sync).await.created, 240);
}

async fn clean_up_deletes_only_our_marked_entries_of_the_window_and_the_expected_number(
    database: Database,
) {
    use syncline::syncs::clean_up::{Report, Request, clean_up};
    let desk = Desk::empty(database).await;
    for hours in [3, 6, 200] {
        desk.sim
            .world()
            .add_meeting(Meeting::between(desk.ago(hours), desk.ago(hours - 1)));
    }
    let sync = desk.sync("s", Definition::default()).await;
    desk.run_well(&sync).await;
    desk.sim
        .world()
        .add_entry(entry(desk.ago(4), "by hand [Meet me]"));
    let sync = stored(&desk, &sync).await;
    let request = Request {
        start: Some(desk.ago(48)),
        end: None,
        expected: 0,
        only_count: true,
    };
    assert_eq!(clean_up(&desk.app, &sync, request).await.unwrap().found, 2);
    let wrong = clean_up(
        &desk.app,
        &sync,
        Request {
            expected: 3,
            only_count: false,
            ..request
        },
    )
    .await
    .unwrap_err();
    assert!(
        wrong
            .to_string()
            .contains("2 entries would be deleted, not 3"),
        "{wrong}"
    );
    assert_eq!(desk.sim.world().entries().len(), 4);
    let report = clean_up(
        &desk.app,
        &sync,
        Request {
            expected: 2,
            only_count: false,
            ..request
        },
    )
    .await
    .unwrap();
    assert_eq!(
        report,
        Report {
            found: 2,
            deleted: 2,
            failed: 0
        }
    );
    assert_eq!(desk.sim.world().entries().len(), 2);
    assert_eq!(desk.run_well(&sync.name).await.created, 2);
}

async fn duplicates_are_reported_and_not_touched(database: Database) {
    use syncline::syncs::reconcile::reconcile;
    let desk = Desk::empty(database).await;
    let made = desk
        .sim
        .world()
        .add_meeting(Meeting::between(desk.ago(3), desk.ago(2)));
    for _ in 0..3 {
        desk.sim.world().add_entry(entry(
            desk.ago(3),
            format!("🎥 {}", marker::of(&made.record)),
        ));
    }
    let sync = desk.sync("s", Definition::default()).await;
    let summary = desk.run_well(&sync).await;
    assert_eq!(
        (summary.adopted, summary.created, summary.duplicates_deleted),
        (1, 0, 0)
    );
    let report = reconcile(&desk.app, &stored(&desk, &sync).await, 0, true)
        .await
        .unwrap();
    assert_eq!(report.duplicates.len(), 1);
    assert_eq!(
        (
            report.duplicates[0].0.as_str(),
            report.duplicates[0].2.len()
        ),
        (made.record.as_str(), 2)
    );
    assert_eq!(desk.sim.world().entries().len(), 3);
}

pub(super) async fn stored(desk: &Desk, name: &syncline::base::SyncName) -> syncline::syncs::Sync {
    let mut tx = desk
        .app
        .db
        .read(syncline::db::Scope::Tenant(name.tenant.clone()))
        .await
        .unwrap();
    syncline::syncs::store::syncs::get(&mut tx, name)
        .await
        .unwrap()
        .unwrap()
}

kit::each_engine!(
    two_hundred_and_forty_meetings_become_as_many_entries_and_a_repeat_none,
    the_project_is_made_once_as_the_original_made_it,
    an_entry_lasts_from_the_first_join_to_the_last_leave,
    entries_of_the_original_in_both_forms_are_not_doubled,
    an_edited_entry_is_left_alone_and_a_deleted_one_stays_deleted,
    a_changed_definition_brings_unedited_entries_up_to_date,
    a_dry_run_makes_no_writing_call_and_says_what_it_would_create,
    clean_up_deletes_only_our_marked_entries_of_the_window_and_the_expected_number,
    duplicates_are_reported_and_not_touched,
);

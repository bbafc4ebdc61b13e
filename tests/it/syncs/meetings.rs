//! Which meetings are found, and with which times.

use super::{Desk, entry};
use crate::kit::{self, Database};
use chrono::{TimeDelta, Timelike as _};
use syncline::{
    simulator::{
        Visibility,
        world::{Meeting, Who},
    },
    syncs::definition::{AttendedTime, Definition},
};

async fn i_am_found_among_121_participants(database: Database) {
    let desk = Desk::empty(database).await;
    desk.sim
        .world()
        .add_meeting(Meeting::between(desk.ago(3), desk.ago(2)).others(120));
    let sync = desk.sync("s", Definition::default()).await;
    assert_eq!(desk.run_well(&sync).await.created, 1);
}

async fn more_than_a_hundred_sessions_are_all_read(database: Database) {
    let desk = Desk::empty(database).await;
    let start = desk.ago(10);
    let sessions = (0..260).map(|n| {
        (
            start + TimeDelta::minutes(2 * n),
            Some(start + TimeDelta::minutes(2 * n + 1)),
        )
    });
    desk.sim
        .world()
        .add_meeting(Meeting::between(start, desk.ago(1)).my_sessions(sessions));
    let sync = desk
        .sync(
            "s",
            Definition {
                attended_time: AttendedTime::Sum,
                ..Definition::default()
            },
        )
        .await;
    desk.run_well(&sync).await;
    let entry = desk.sim.world().entries()[0].clone();
    assert_eq!(
        entry.span.end.unwrap() - entry.span.start,
        TimeDelta::minutes(260)
    );
}

async fn the_project_is_found_behind_sixty_others_and_entries_behind_1500(database: Database) {
    let desk = Desk::empty(database).await;
    let project = {
        let mut world = desk.sim.world();
        world.add_projects(60);
        let project = world.add_project("google meet");
        world.add_entries(1500);
        project
    };
    let known = desk
        .sim
        .world()
        .add_meeting(Meeting::between(desk.ago(6), desk.ago(5)));
    desk.sim
        .world()
        .add_entry(entry(desk.ago(6), format!("x [Meet:{}]", known.record)));
    desk.sim
        .world()
        .add_meeting(Meeting::between(desk.ago(3), desk.ago(2)));
    let sync = desk.sync("s", Definition::default()).await;
    let summary = desk.run_well(&sync).await;
    assert_eq!((summary.created, summary.adopted), (1, 1), "{summary:?}");
    let world = desk.sim.world();
    let written: Vec<_> = world
        .entries()
        .iter()
        .filter(|entry| entry.project.as_deref() == Some(&project))
        .collect();
    assert_eq!(written.len(), 1);
    assert_eq!(world.clockify.projects.len(), 61);
}

async fn a_meeting_across_midnight_at_the_windows_edge_has_one_entry_after_three_runs(
    database: Database,
) {
    let desk = Desk::empty(database).await;
    let days = 2;
    let edge = desk.now() - TimeDelta::days(days);
    let midnight = edge - TimeDelta::seconds(i64::from(edge.num_seconds_from_midnight()));
    // Ends in the window, begins the day before it.
    let end = edge + TimeDelta::minutes(30);
    desk.sim.world().add_meeting(Meeting::between(
        midnight.min(edge) - TimeDelta::minutes(20),
        end,
    ));
    let definition = Definition {
        days: u32::try_from(days).unwrap(),
        ..Definition::default()
    };
    let sync = desk.sync("s", definition).await;
    for expected in [1, 0, 0] {
        assert_eq!(desk.run_well(&sync).await.created, expected);
    }
    desk.assert_each_once(1);
}

async fn a_running_meeting_leaves_no_short_entry_and_after_its_end_one_of_full_length(
    database: Database,
) {
    let desk = Desk::empty(database).await;
    let start = desk.ago(1);
    let meeting = Meeting::running(start).my_sessions([
        (start, Some(start + TimeDelta::minutes(10))),
        (start + TimeDelta::minutes(20), None),
    ]);
    let made = desk.sim.world().add_meeting(meeting);
    let sync = desk.sync("s", Definition::default()).await;
    for _ in 0..2 {
        assert_eq!(desk.run_well(&sync).await.created, 0);
    }
    assert!(desk.sim.world().entries().is_empty());
    let end = desk.now() + TimeDelta::minutes(5);
    desk.sim.clock().advance(TimeDelta::minutes(10));
    desk.sim.world().end_meeting(&made.record, end);
    assert_eq!(desk.run_well(&sync).await.created, 1);
    let entry = desk.sim.world().entries()[0].clone();
    assert_eq!(entry.span.end.unwrap().timestamp(), end.timestamp());
    assert_eq!(entry.span.start.timestamp(), start.timestamp());
    desk.run_well(&sync).await;
    desk.assert_each_once(1);
}

async fn i_am_told_by_my_user_id_never_by_my_name(database: Database) {
    let desk = Desk::empty(database).await;
    // Somebody whose name holds mine, in a meeting where I was not.
    let jordana = desk
        .sim
        .world()
        .add_person("Jordana Smith", "jordana@example.com");
    desk.sim.world().add_meeting(
        Meeting::between(desk.ago(3), desk.ago(2))
            .my_sessions([])
            .with(Who::SignedIn(jordana)),
    );
    let mine = desk
        .sim
        .world()
        .add_meeting(Meeting::between(desk.ago(6), desk.ago(5)));
    let sync = desk.sync("s", Definition::default()).await;
    let summary = desk.run_well(&sync).await;
    assert_eq!(
        (summary.created, summary.meetings_found),
        (1, 1),
        "{summary:?}"
    );
    assert_eq!(desk.marked().keys().collect::<Vec<_>>(), [&mine.record]);
}

async fn meetings_that_the_list_does_not_show_are_found_by_their_events_code(database: Database) {
    let desk = Desk::empty(database).await;
    let other = desk.sim.world().add_person("Bo", "bo@example.org");
    let attended = |hours: i64| {
        Meeting::between(desk.ago(hours), desk.ago(hours - 1))
            .organized_by(&other)
            .titled("Theirs")
    };
    let first = desk.sim.world().add_meeting(attended(30));
    desk.sim.world().google.visibility = Visibility::OrganizedOnly;
    let sync = desk.sync("s", Definition::default()).await;
    assert_eq!(desk.run_well(&sync).await.created, 1);
    // Another meeting of the same series: the code was seen before, this meeting was not.
    desk.sim
        .world()
        .add_meeting(attended(2).in_space(&first.space));
    assert_eq!(desk.run_well(&sync).await.created, 1);
    desk.assert_each_once(2);
}

async fn titles_come_from_the_event_with_the_same_code_that_overlaps_most(database: Database) {
    let desk = Desk::empty(database).await;
    let first = desk
        .sim
        .world()
        .add_meeting(Meeting::between(desk.ago(26), desk.ago(25)).titled("Monday"));
    desk.sim.world().add_meeting(
        Meeting::between(desk.ago(3), desk.ago(2))
            .in_space(&first.space)
            .titled("Tuesday"),
    );
    let sync = desk.sync("s", Definition::default()).await;
    desk.run_well(&sync).await;
    let world = desk.sim.world();
    let mut titles: Vec<_> = world
        .entries()
        .iter()
        .map(|entry| entry.description.split(" [").next().unwrap().to_owned())
        .collect();
    titles.sort();
    assert_eq!(titles, ["Monday", "Tuesday"]);
}

async fn a_longer_look_back_than_google_keeps_is_said(database: Database) {
    let desk = Desk::empty(database).await;
    let sync = desk
        .sync(
            "s",
            Definition {
                days: 90,
                ..Definition::default()
            },
        )
        .await;
    let summary = desk.run_well(&sync).await;
    assert!(
        summary
            .notices
            .iter()
            .any(|notice| notice.contains("30 days")),
        "{summary:?}"
    );
}

async fn an_account_in_a_far_time_zone_gets_no_doubles(database: Database) {
    for zone in ["Pacific/Kiritimati", "Pacific/Pago_Pago"] {
        let desk = Desk::empty(Database::new(database.engine()).await).await;
        desk.sim.world().clockify.users[0].zone = zone.to_owned();
        for hours in [2, 20, 30] {
            desk.sim
                .world()
                .add_meeting(Meeting::between(desk.ago(hours), desk.ago(hours - 1)));
        }
        let sync = desk
            .sync(
                "s",
                Definition {
                    days: 2,
                    ..Definition::default()
                },
            )
            .await;
        for created in [3, 0, 0] {
            assert_eq!(desk.run_well(&sync).await.created, created, "{zone}");
        }
        desk.assert_each_once(3);
    }
}

kit::each_engine!(
    i_am_found_among_121_participants,
    more_than_a_hundred_sessions_are_all_read,
    the_project_is_found_behind_sixty_others_and_entries_behind_1500,
    a_meeting_across_midnight_at_the_windows_edge_has_one_entry_after_three_runs,
    a_running_meeting_leaves_no_short_entry_and_after_its_end_one_of_full_length,
    i_am_told_by_my_user_id_never_by_my_name,
    meetings_that_the_list_does_not_show_are_found_by_their_events_code,
    titles_come_from_the_event_with_the_same_code_that_overlaps_most,
    a_longer_look_back_than_google_keeps_is_said,
    an_account_in_a_far_time_zone_gets_no_doubles,
);

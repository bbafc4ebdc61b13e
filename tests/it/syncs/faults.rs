//! Every fault of the menu: after the next run nothing is doubled and nothing is missing.

use super::{Desk, finished, start};
use crate::kit::{self, Database};
use chrono::TimeDelta;
use syncline::{
    db::Engine,
    simulator::{
        faults::{Canned, Effect, Fault, Rule, When},
        world::Meeting,
    },
    syncs::{definition::Definition, job::Arguments},
};

const MEETINGS: usize = 12;

fn canned(status: u16, body: &str) -> Canned {
    Canned {
        status,
        body: body.to_owned(),
        content_type: "application/json".to_owned(),
        headers: Vec::new(),
    }
}

fn add_meetings(desk: &Desk) {
    for hours in 0..MEETINGS as i64 {
        let start = desk.ago(3 + 2 * hours);
        desk.sim
            .world()
            .add_meeting(Meeting::between(start, start + TimeDelta::minutes(30)).titled("Weekly"));
    }
}

/// The menu is dealt to four tests, because most faults are waits.
async fn no_fault_of_the_menu_doubles_or_loses_an_entry(database: Database, share: usize) {
    let mut faults = 0;
    for (index, fault) in Fault::menu().into_iter().enumerate() {
        // Both engines meet every fault in the long form; PostgreSQL meets some of them in the short one.
        let due = kit::long() || database.engine() == Engine::Sqlite || index % 5 == share;
        if index % 4 != share || !due {
            continue;
        }
        let desk = Desk::empty(Database::new(database.engine()).await).await;
        add_meetings(&desk);
        let sync = desk.sync("s", Definition::default()).await;
        desk.sim.faults().apply(&fault);
        let run = start(&desk.app, &sync, Arguments::default()).await;
        let (during, said) = finished(&desk.app, run).await;
        let marked = desk.marked();
        assert!(
            marked.values().all(|entries| *entries == 1),
            "{}: doubled while it lasted",
            fault.name
        );
        let said_aloud = said
            .notices
            .iter()
            .any(|notice| notice.contains("still run"));
        if marked.len() < MEETINGS && !said_aloud {
            assert_ne!(
                during.state.as_str(),
                "succeeded",
                "{}: entries are missing and the run says that all is well",
                fault.name
            );
        }
        desk.sim.faults().clear();
        // A refresh that was refused for good needs a person; that person gives the consent again.
        desk.consent_again().await;
        desk.sim.clock().advance(TimeDelta::minutes(1));
        let (run, summary) = desk.run(&sync).await;
        assert_eq!(
            run.state.as_str(),
            "succeeded",
            "{}: {:?} {summary:?}",
            fault.name,
            run.failure
        );
        let marked = desk.marked();
        assert!(
            marked.values().all(|entries| *entries == 1),
            "{}: doubled",
            fault.name
        );
        assert_eq!(
            marked.len(),
            MEETINGS,
            "{}: missing after the next run; the first said {:?}",
            fault.name,
            during.failure
        );
        faults += 1;
    }
    println!(
        "{:?}: {faults} faults of the menu, {MEETINGS} meetings each: 0 doubled, 0 missing after the next run",
        database.engine()
    );
}

async fn first_share_of_the_fault_menu_doubles_and_loses_nothing(database: Database) {
    no_fault_of_the_menu_doubles_or_loses_an_entry(database, 0).await;
}

async fn second_share_of_the_fault_menu_doubles_and_loses_nothing(database: Database) {
    no_fault_of_the_menu_doubles_or_loses_an_entry(database, 1).await;
}

async fn third_share_of_the_fault_menu_doubles_and_loses_nothing(database: Database) {
    no_fault_of_the_menu_doubles_or_loses_an_entry(database, 2).await;
}

async fn fourth_share_of_the_fault_menu_doubles_and_loses_nothing(database: Database) {
    no_fault_of_the_menu_doubles_or_loses_an_entry(database, 3).await;
}

async fn every_third_post_throttled_is_written_within_the_run(database: Database) {
    let desk = Desk::empty(database).await;
    add_meetings(&desk);
    let canned = Canned {
        headers: vec![("Retry-After".to_owned(), "1".to_owned())],
        ..canned(429, "")
    };
    desk.sim.faults().add(Rule::on(
        "clockify.timeEntries.create",
        When::Every(3),
        Effect::Reply(canned),
    ));
    let sync = desk.sync("s", Definition::default()).await;
    let summary = desk.run_well(&sync).await;
    assert_eq!(summary.created, MEETINGS as u64, "{summary:?}");
    desk.assert_each_once(MEETINGS);
}

async fn a_post_that_is_stored_but_answered_502_is_counted_once_and_not_doubled(
    database: Database,
) {
    let desk = Desk::empty(database).await;
    add_meetings(&desk);
    let canned = canned(502, "");
    desk.sim.faults().add(Rule::on(
        "clockify.timeEntries.create",
        When::Every(3),
        Effect::CommitThenReply(canned),
    ));
    let sync = desk.sync("s", Definition::default()).await;
    let summary = desk.run_well(&sync).await;
    assert_eq!(
        (summary.created, summary.failed, summary.unresolved),
        (MEETINGS as u64, 0, 0),
        "{summary:?}"
    );
    desk.assert_each_once(MEETINGS);
}

async fn a_permanent_refusal_of_every_entry_is_a_failed_run(database: Database) {
    let desk = Desk::empty(database).await;
    add_meetings(&desk);
    let canned = canned(
        400,
        r#"{"message":"You entered invalid value for field: [start]","code":501}"#,
    );
    desk.sim.faults().add(Rule::on(
        "clockify.timeEntries.create",
        When::Always,
        Effect::Reply(canned),
    ));
    let sync = desk.sync("s", Definition::default()).await;
    let (run, summary) = desk.run(&sync).await;
    assert_eq!(
        (run.state.as_str(), summary.failed),
        ("failed", MEETINGS as u64),
        "{summary:?}"
    );
    desk.sim.faults().clear();
    assert_eq!(desk.run_well(&sync).await.created, MEETINGS as u64);
}

kit::each_engine!(
    first_share_of_the_fault_menu_doubles_and_loses_nothing,
    second_share_of_the_fault_menu_doubles_and_loses_nothing,
    third_share_of_the_fault_menu_doubles_and_loses_nothing,
    fourth_share_of_the_fault_menu_doubles_and_loses_nothing,
    every_third_post_throttled_is_written_within_the_run,
    a_post_that_is_stored_but_answered_502_is_counted_once_and_not_doubled,
    a_permanent_refusal_of_every_entry_is_a_failed_run,
);

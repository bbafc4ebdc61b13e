//! What the user did to entries by hand outlives every fault of the menu.

use super::Desk;
use crate::kit::{self, Database};
use chrono::TimeDelta;
use syncline::{
    db::Engine,
    simulator::{faults::Fault, world::Meeting},
    syncs::{definition::Definition, marker, update},
};

/// Meetings before the fault, and those that come with it.
const BEFORE: i64 = 6;
const NEW: i64 = 2;

fn add_meetings(desk: &Desk, hours: std::ops::Range<i64>) {
    for hour in hours {
        let start = desk.ago(3 + 2 * hour);
        let meeting = Meeting::between(start, start + TimeDelta::minutes(30)).titled("Weekly");
        desk.sim.world().add_meeting(meeting);
    }
}

/// The menu is dealt to two tests, because most faults are waits. In the short form each engine meets some faults of
/// Clockify, which is where the entries are.
async fn edits_and_deletions_outlive_faults(database: Database, share: usize) {
    let engine = database.engine();
    let mut faults = 0;
    for (index, fault) in Fault::menu().into_iter().enumerate() {
        let shift = usize::from(engine == Engine::Postgres);
        let due =
            kit::long() || (fault.name.starts_with("clockify") && (index / 2 + shift) % 3 == 0);
        if index % 2 != share || !due {
            continue;
        }
        let what = fault.name;
        let desk = Desk::empty(Database::new(engine).await).await;
        add_meetings(&desk, NEW..NEW + BEFORE);
        let sync = desk.sync("s", Definition::default()).await;
        desk.run_well(&sync).await;
        let (edited, deleted) = {
            let mut world = desk.sim.world();
            let entries = world.entries();
            let (edited, deleted) = (entries[0].id.clone(), entries[1].clone());
            world.edit_entry(&edited, |entry| entry.description = "mine now".to_owned());
            world.delete_entry(&deleted.id);
            (edited, marker::found_in(&deleted.description)[0].to_owned())
        };
        // From now on all entries should be written anew, and there are new meetings.
        let update = update::Update {
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
        update::update(&desk.app, update).await.unwrap();
        add_meetings(&desk, 0..NEW);
        desk.sim.faults().apply(&fault);
        desk.run(&sync).await;
        desk.sim.faults().clear();
        desk.consent_again().await;
        desk.sim.clock().advance(TimeDelta::minutes(1));
        desk.run_well(&sync).await;

        let marked = desk.marked();
        assert!(marked.values().all(|count| *count == 1), "{what}: doubled");
        assert!(!marked.contains_key(&deleted), "{what}: it came back");
        let world = desk.sim.world();
        let mine = world.entries().iter().find(|entry| entry.id == edited);
        let text = mine.map(|entry| entry.description.as_str());
        assert_eq!(text, Some("mine now"), "{what}: the edit is lost");
        let count = world.entries().len();
        assert_eq!(count as i64, BEFORE - 1 + NEW, "{what}: entries");
        faults += 1;
    }
    println!(
        "{engine:?}: {faults} faults of the menu: 0 edits lost, 0 deleted entries back, 0 doubled, 0 missing"
    );
}

async fn edits_and_deletions_win_over_one_half_of_the_fault_menu(database: Database) {
    edits_and_deletions_outlive_faults(database, 0).await;
}

async fn edits_and_deletions_win_over_the_other_half_of_the_fault_menu(database: Database) {
    edits_and_deletions_outlive_faults(database, 1).await;
}

kit::each_engine!(
    edits_and_deletions_win_over_one_half_of_the_fault_menu,
    edits_and_deletions_win_over_the_other_half_of_the_fault_menu,
);

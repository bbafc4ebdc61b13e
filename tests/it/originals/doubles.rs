//! What two processes of the original left behind: 477 entries of 240 meetings.

use super::{CREATE, Scene};
use crate::kit::{Database, each_engine};
use syncline::{simulator::world::NewEntry, syncs::marker};

each_engine!(the_237_doubles_of_the_original_are_found_and_not_multiplied);

async fn the_237_doubles_of_the_original_are_found_and_not_multiplied(database: Database) {
    let scene = Scene::standard(database.engine()).await.with_sync().await;
    {
        let mut world = scene.sim.world();
        let meetings: Vec<_> = world
            .google
            .conferences
            .iter()
            .map(|made| {
                (
                    format!("conferenceRecords/{}", made.id),
                    made.start,
                    made.end,
                )
            })
            .collect();
        assert_eq!(meetings.len(), 240);
        let doubled = meetings.iter().take(237);
        for (record, start, end) in meetings.iter().chain(doubled) {
            world.add_entry(NewEntry {
                start: *start,
                end: *end,
                description: format!(
                    "🎥 Google Meet (9:05:00 AM) | 0h 31m {}",
                    marker::of(record)
                ),
                project: None,
                tags: Vec::new(),
            });
        }
    }
    let run = scene.run(&["--json", "sync", "run", "work"]).await;
    let result = &run.json()["result"];
    assert_eq!(run.code, 0, "{}", run.text);
    assert_eq!(result["adopted"], "240", "{}", run.text);
    let found = scene.run(&["--json", "sync", "duplicates", "work"]).await;
    assert_eq!(found.code, 1, "doubles are not a good end: {}", found.text);
    let document = found.json();
    let groups = document["duplicates"].as_array().expect("a list");
    let extra: usize = groups
        .iter()
        .filter_map(|group| group["extraEntryIds"].as_array())
        .map(Vec::len)
        .sum();
    assert_eq!((groups.len(), extra), (237, 237));
    assert_eq!(
        scene.sim.world().entries().len(),
        477,
        "looking deletes nothing"
    );
    assert_eq!(scene.sim.calls().count(CREATE), 0);
    println!(
        "{:?}: 477 entries of 240 meetings: 240 adopted, 237 doubles found, 0 added, 0 deleted",
        database.engine()
    );
}

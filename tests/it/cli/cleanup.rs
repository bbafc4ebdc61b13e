//! Our own entries are deleted only after their number was typed.

use super::Stage;
use chrono::{TimeDelta, Utc};

#[tokio::test]
async fn cleanup_asks_for_the_number_and_deletes_only_what_is_ours() {
    let stage = Stage::with_sync(&[]).await;
    assert_eq!(stage.run(&["sync", "run", "work"]).await.code, 0);
    stage.simulator.world().add_entries(2);
    assert_eq!(stage.entries(), 18);
    for wrong in ["", "y\n", "15\n", "18\n"] {
        let asked = stage.run_with(&["sync", "cleanup", "work"], wrong).await;
        assert_eq!(asked.code, 1, "{}", asked.text);
        assert!(
            asked.text.contains("16 entries with our marker"),
            "{}",
            asked.text
        );
        assert_eq!(stage.entries(), 18, "after {wrong:?}");
    }
    let done = stage.run_with(&["sync", "cleanup", "work"], "16\n").await;
    assert_eq!(done.code, 0, "{}", done.text);
    assert_eq!(stage.entries(), 2);
    let again = stage.run(&["sync", "run", "work"]).await;
    assert_eq!(again.code, 0, "{}", again.text);
    assert_eq!(stage.entries(), 18, "what was cleaned up is written again");
}

#[tokio::test]
async fn cleanup_of_another_number_deletes_nothing() {
    let stage = Stage::with_sync(&[]).await;
    assert_eq!(stage.run(&["sync", "run", "work"]).await.code, 0);
    let wrong = stage
        .run(&["--json", "sync", "cleanup", "work", "--yes-delete", "17"])
        .await;
    assert_eq!(wrong.code, 1);
    assert_eq!(wrong.json()["error"]["reason"], "COUNT_MISMATCH");
    assert_eq!(stage.entries(), 16);
    let right = stage
        .run(&["--json", "sync", "cleanup", "work", "--yes-delete", "16"])
        .await;
    assert_eq!(right.json()["deleted"], "16");
    assert_eq!(stage.entries(), 0);
}

#[tokio::test]
async fn cleanup_stays_in_its_window() {
    let stage = Stage::with_sync(&[]).await;
    assert_eq!(stage.run(&["sync", "run", "work"]).await.code, 0);
    let now = stage.simulator.clock().now();
    let day = (now - TimeDelta::days(10)).date_naive();
    let inside = |at: chrono::DateTime<Utc>| at.date_naive() <= day;
    let old = stage
        .simulator
        .world()
        .entries()
        .iter()
        .filter(|entry| inside(entry.span.start))
        .count();
    assert!(
        (1..16).contains(&old),
        "{old} entries are older: the window must part them"
    );
    let count = old.to_string();
    let day = day.to_string();
    let done = stage
        .run(&[
            "sync",
            "cleanup",
            "work",
            "--from",
            "2020-01-01",
            "--to",
            &day,
            "--yes-delete",
            &count,
        ])
        .await;
    assert_eq!(done.code, 0, "{}", done.text);
    assert_eq!(stage.entries(), 16 - old);
    assert!(
        !stage
            .simulator
            .world()
            .entries()
            .iter()
            .any(|entry| inside(entry.span.start))
    );
}

#[tokio::test]
async fn duplicates_are_reported_and_end_with_1() {
    let stage = Stage::with_sync(&[]).await;
    assert_eq!(stage.run(&["sync", "run", "work"]).await.code, 0);
    assert_eq!(stage.run(&["sync", "duplicates", "work"]).await.code, 0);
    {
        let mut world = stage.simulator.world();
        let mut copy = world.clockify.entries[0].clone();
        copy.id = "f".repeat(24);
        world.clockify.entries.push(copy);
    }
    let found = stage.run(&["--json", "sync", "duplicates", "work"]).await;
    assert_eq!(found.code, 1, "{}", found.text);
    assert_eq!(
        found.json()["duplicates"][0]["extraEntryIds"][0],
        "f".repeat(24)
    );
    assert_eq!(stage.entries(), 17, "reporting deletes nothing");
}

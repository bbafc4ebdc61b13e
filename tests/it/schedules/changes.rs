//! Changing, pausing and resuming: no time is lost between the old and the new.

use super::*;
use syncline::schedules::{schedule::PausedBy, spec::Overlap};

async fn a_changed_schedule_counts_at_once_and_the_old_times_keep_their_outcomes(
    database: Database,
) {
    let office = Office::new(database).await;
    assert_eq!(office.put(hourly()).await.version, 1);
    office.tick_at("10:00:00").await;
    office.end_runs("succeeded").await;
    // Nobody looked at 11:00: the change does.
    office.clock.advance(at("11:00:20") - office.clock.now());
    assert_eq!(office.put(every(1_800)).await.version, 2);
    office.end_runs("succeeded").await;
    office.tick_at("11:30:00").await;
    assert_eq!(
        office.outcomes().await,
        ["10:00:00 ran", "11:00:00 ran", "11:30:00 ran"]
    );
    assert_eq!(office.runs().await.len(), 3);
}

async fn the_same_schedule_again_changes_nothing(database: Database) {
    let office = Office::new(database).await;
    let first = office.put(hourly()).await;
    office.tick_at("09:30:00").await;
    let second = office.put(hourly()).await;
    assert_eq!((second.version, second.updated_at), (1, first.updated_at));
}

async fn a_time_whose_jitter_was_not_over_at_a_change_is_skipped(database: Database) {
    let office = Office::new(database).await;
    office
        .put(Spec {
            jitter: 1_800,
            ..hourly()
        })
        .await;
    office.tick_at("10:00:01").await;
    office.put(hourly()).await;
    office.tick_at("11:00:00").await;
    assert_eq!(
        office.outcomes().await,
        ["10:00:00 skipped", "11:00:00 ran"]
    );
    let note = &office.listed(at("10:00:00"), at("11:00:00"), 1).await[0].note;
    assert!(note.contains("jitter"), "{note}");
}

async fn times_of_a_pause_are_paused_and_those_after_it_are_kept(database: Database) {
    let office = Office::new(database).await;
    office.put(hourly()).await;
    office.tick_at("10:00:00").await;
    office.end_runs("succeeded").await;
    let paused = office.pause("moving house").await;
    assert_eq!(
        paused.pause.as_ref().map(|pause| pause.by),
        Some(PausedBy::User)
    );
    assert_eq!(paused.next_at, None);
    assert_eq!(office.tick_at("12:30:00").await, Kept::default());
    let while_paused = office.outcomes().await;
    assert_eq!(
        while_paused,
        ["10:00:00 ran", "11:00:00 paused", "12:00:00 paused"]
    );
    let note = &office.listed(at("12:00:00"), at("13:00:00"), 1).await[0].note;
    assert_eq!(note, "moving house");
    let resumed = office.resume().await;
    assert_eq!(
        (resumed.pause, resumed.next_at),
        (None, Some(at("13:00:00")))
    );
    office.tick_at("13:00:00").await;
    assert_eq!(office.outcomes().await[..3], while_paused);
    assert_eq!(office.outcomes().await[3..], ["13:00:00 ran"]);
}

async fn a_pause_of_a_paused_one_changes_its_note_and_resuming_twice_is_fine(database: Database) {
    let office = Office::new(database).await;
    office.put(hourly()).await;
    office.pause("one").await;
    office.tick_at("09:30:00").await;
    let pause = office.pause("two").await.pause.unwrap();
    assert_eq!((pause.since, pause.note.as_str()), (at("09:00:00"), "two"));
    office.resume().await;
    assert_eq!(office.resume().await.pause, None);
}

async fn a_changed_schedule_that_is_paused_stays_paused(database: Database) {
    let office = Office::new(database).await;
    office.put(hourly()).await;
    office.pause("").await;
    office.tick_at("10:30:00").await;
    let changed = office.put(every(600)).await;
    assert!(changed.pause.is_some());
    assert_eq!(changed.next_at, None);
    office.tick_at("10:45:00").await;
    assert_eq!(
        office.outcomes().await,
        ["10:00:00 paused", "10:40:00 paused"]
    );
}

async fn a_buffered_time_is_paused_with_its_schedule(database: Database) {
    let office = Office::new(database).await;
    office
        .put(Spec {
            overlap: Overlap::BufferOne,
            ..hourly()
        })
        .await;
    office.tick_at("10:00:00").await;
    office.tick_at("11:00:00").await;
    office.pause("").await;
    office.end_runs("succeeded").await;
    assert_eq!(office.tick_at("11:30:00").await.runs, 0);
    assert_eq!(office.outcomes().await, ["10:00:00 ran", "11:00:00 paused"]);
}

async fn a_removed_schedule_leaves_its_runs_and_nothing_else(database: Database) {
    let office = Office::new(database).await;
    office.put(hourly()).await;
    office.tick_at("10:00:00").await;
    let mut tx = office.app.db.write(scope()).await.unwrap();
    assert!(change::remove(&mut tx, &key()).await.unwrap());
    assert!(!change::remove(&mut tx, &key()).await.unwrap());
    tx.commit().await.unwrap();
    for table in ["schedules", "schedule_specs", "occurrences"] {
        let sql = format!("SELECT kind FROM {}", office.table(table));
        assert_eq!(
            office.database.column(&sql).await,
            Vec::<String>::new(),
            "{table}"
        );
    }
    assert_eq!(office.runs().await, ["queued"]);
    // Made anew it begins anew.
    assert_eq!(office.put(hourly()).await.version, 1);
}

kit::each_engine!(
    a_changed_schedule_counts_at_once_and_the_old_times_keep_their_outcomes,
    the_same_schedule_again_changes_nothing,
    a_time_whose_jitter_was_not_over_at_a_change_is_skipped,
    times_of_a_pause_are_paused_and_those_after_it_are_kept,
    a_pause_of_a_paused_one_changes_its_note_and_resuming_twice_is_fine,
    a_changed_schedule_that_is_paused_stays_paused,
    a_buffered_time_is_paused_with_its_schedule,
    a_removed_schedule_leaves_its_runs_and_nothing_else,
);

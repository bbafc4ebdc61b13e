//! Schedules on the command line: given in flags, shown, tried before they are stored, paused, made up for.

use super::{Ended, Stage};
use chrono::TimeDelta;
use serde_json::Value;
use syncline::base::Clock;

async fn well(stage: &Stage, arguments: &[&str]) -> Ended {
    let ended = stage.run(arguments).await;
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.text);
    ended
}

async fn document(stage: &Stage, arguments: &[&str]) -> Value {
    well(stage, &[&["--json"], arguments].concat()).await.json()
}

const PARIS: [&str; 4] = ["--cron", "30 2 * * *", "--zone", "Europe/Paris"];

#[tokio::test]
async fn a_schedule_in_flags_is_stored_shown_changed_and_taken_away() {
    let stage = Stage::with_sync(&PARIS).await;
    let shown = well(&stage, &["sync", "show", "work"]).await.text;
    for part in [
        "at 30 2 * * * (Europe/Paris)",
        "next run",
        "one run for all, up to 7d late",
    ] {
        assert!(shown.contains(part), "{part} is missing in\n{shown}");
    }
    let listed = well(&stage, &["sync", "list"]).await.text;
    assert!(listed.contains("NEXT RUN (UTC)"), "{listed}");

    // What is not given stays.
    let changed = [
        "sync",
        "update",
        "work",
        "--overlap",
        "buffer-one",
        "--pause-on-failure",
    ];
    let changed = document(&stage, &changed).await;
    let schedule = &changed["schedule"];
    assert_eq!(schedule["cron"], "30 2 * * *");
    assert_eq!(schedule["overlapPolicy"], "OVERLAP_POLICY_BUFFER_ONE");
    assert_eq!(schedule["pauseOnFailure"], true);
    // A change of something else leaves it alone.
    let other = document(&stage, &["sync", "update", "work", "--days", "7"]).await;
    assert_eq!(other["schedule"]["cron"], "30 2 * * *");

    let every = ["sync", "update", "work", "--every", "1h", "--phase", "5m"];
    let every = document(&stage, &every).await;
    assert_eq!(every["schedule"]["interval"]["phase"], "300s");
    let shown = well(&stage, &["sync", "show", "work"]).await.text;
    assert!(shown.contains("every 1h, 5m after the full one"), "{shown}");

    let gone = document(&stage, &["sync", "update", "work", "--no-schedule"]).await;
    assert!(gone["schedule"].is_null(), "{gone}");
    let none = stage.run(&["sync", "pause", "work"]).await;
    assert_eq!(none.code, 1);
    assert!(
        none.text.contains("--cron") || none.text.contains("no schedule"),
        "{}",
        none.text
    );
}

#[tokio::test]
async fn the_definition_of_a_file_keeps_the_schedule_unless_the_file_has_one() {
    let stage = Stage::with_sync(&PARIS).await;
    let file = stage.folder.path().join("work.json");
    let mut definition = document(&stage, &["sync", "show", "work"]).await;
    let path = file.to_str().unwrap();
    definition["schedule"]["cron"] = "0 4 * * *".into();
    definition.as_object_mut().unwrap().remove("etag");
    std::fs::write(&file, definition.to_string()).unwrap();
    let with = document(&stage, &["sync", "update", "work", "--file", path]).await;
    assert_eq!(with["schedule"]["cron"], "0 4 * * *");
    definition.as_object_mut().unwrap().remove("schedule");
    std::fs::write(&file, definition.to_string()).unwrap();
    let without = document(&stage, &["sync", "update", "work", "--file", path]).await;
    assert_eq!(without["schedule"]["cron"], "0 4 * * *");
}

#[tokio::test]
async fn the_next_times_are_told_with_what_the_clock_does_and_nothing_is_stored() {
    let stage = Stage::new();
    let after = ["--after", "2026-10-24T12:00:00Z", "--count", "2"];
    let fold = [
        &["sync", "times"],
        &PARIS[..],
        &after,
        &["--dst-fold", "both"],
    ]
    .concat();
    let told = well(&stage, &fold).await.text;
    for part in [
        "2026-10-25 00:30:00",
        "2026-10-25 02:30:00 CEST",
        "the clock shows this time twice: this is the first",
        "2026-10-25 01:30:00",
        "this is the second",
    ] {
        assert!(told.contains(part), "{part} is missing in\n{told}");
    }
    let stage = Stage::with_sync(&PARIS).await;
    let own = document(&stage, &["sync", "times", "work", "--count", "3"]).await;
    assert_eq!(own["times"].as_array().unwrap().len(), 3);
    // What a change would mean, before it is one.
    let tried = [
        "sync",
        "times",
        "work",
        "--zone",
        "Asia/Tokyo",
        "--count",
        "1",
    ];
    let tried = well(&stage, &tried).await.text;
    assert!(tried.contains("JST"), "{tried}");
    let stored = document(&stage, &["sync", "show", "work"]).await;
    assert_eq!(stored["schedule"]["timeZone"], "Europe/Paris");
}

#[tokio::test]
async fn a_pause_is_shown_with_its_note_until_the_sync_is_resumed() {
    let stage = Stage::with_sync(&["--cron", "@hourly"]).await;
    let paused = ["sync", "pause", "work", "--note", "moving house"];
    let paused = well(&stage, &paused).await.text;
    assert!(paused.contains("sync resume work"), "{paused}");
    let shown = well(&stage, &["sync", "show", "work"]).await.text;
    assert!(
        shown.contains(": moving house") && !shown.contains("next run"),
        "{shown}"
    );
    let listed = well(&stage, &["sync", "list"]).await.text;
    assert!(listed.contains("paused"), "{listed}");
    let resumed = well(&stage, &["sync", "resume", "work"]).await.text;
    assert!(resumed.contains("goes on: next at"), "{resumed}");
    let document = document(&stage, &["sync", "resume", "work"]).await;
    assert!(document["schedule"]["pause"].is_null());
}

#[tokio::test]
async fn times_of_the_past_are_run_once_and_accounted_for() {
    let stage = Stage::with_sync(&["--cron", "0 */6 * * *"]).await;
    let day = (Clock::system().now() - TimeDelta::days(2))
        .format("%Y-%m-%d")
        .to_string();
    let fill = ["sync", "backfill", "work", "--from", &day, "--to", &day];
    let tried = well(&stage, &[&fill[..], &["--validate-only"]].concat())
        .await
        .text;
    assert!(tried.contains("4 times would be run"), "{tried}");
    let filled = document(&stage, &fill).await;
    let filled = filled["occurrences"].as_array().unwrap().len();
    assert_eq!(filled, 4);
    let again = well(&stage, &fill).await.text;
    assert!(again.contains("has its run already"), "{again}");
    let listed = ["sync", "occurrences", "work", "--from", &day, "--to", &day];
    let listed = document(&stage, &listed).await;
    let outcomes = listed["occurrences"].as_array().unwrap();
    assert_eq!(outcomes.len(), 4);
    for occurrence in outcomes {
        assert_eq!(occurrence["outcome"], "OCCURRENCE_OUTCOME_RAN");
        assert!(occurrence["run"].is_string());
    }
    let few = ["sync", "occurrences", "work", "--limit", "2"];
    let few = well(&stage, &few).await.text;
    assert_eq!(few.matches(" ran ").count(), 2, "{few}");
}

#[tokio::test]
async fn what_is_wrong_with_a_schedule_is_named_by_its_field() {
    let stage = Stage::with_sync(&[]).await;
    let wrong = [
        "sync",
        "update",
        "work",
        "--cron",
        "61 * * *",
        "--zone",
        "Europe/Pariss",
    ];
    let wrong = stage.run(&wrong).await;
    assert_eq!(wrong.code, 64, "{}", wrong.text);
    for part in [
        "sync.schedule.cron: expected 5 fields",
        "did you mean Europe/Paris?",
    ] {
        assert!(wrong.text.contains(part), "{part}: {}", wrong.text);
    }
    let cases: [(&[&str], &str); 7] = [
        (
            &["update", "work", "--zone", "Europe/Paris"],
            "sync.schedule.cron",
        ),
        (
            &["update", "work", "--cron", "@daily", "--every", "1h"],
            "--every",
        ),
        (
            &["update", "work", "--phase", "5m"],
            "--phase: expected --every",
        ),
        (&["update", "work", "--overlap", "queue"], "buffer-one"),
        (
            &["update", "work", "--cron", "@daily", "--start", "soon"],
            "--start: expected a day",
        ),
        (
            &["update", "work", "--no-schedule", "--cron", "@daily"],
            "--no-schedule",
        ),
        (&["times"], "--cron or --every"),
    ];
    for (typed, part) in cases {
        let refused = stage.run(&[&["sync"], typed].concat()).await;
        assert_eq!(refused.code, 64, "{typed:?}: {}", refused.text);
        assert!(refused.text.contains(part), "{typed:?}: {}", refused.text);
    }
}

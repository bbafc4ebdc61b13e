//! What happens with a time that is due: overlap, catch-up, pause on failure, jitter, the end.

use super::*;
use syncline::schedules::{
    schedule::PausedBy,
    spec::{CatchUp, Overlap},
};

async fn a_due_time_has_one_run_and_one_outcome(database: Database) {
    let office = Office::new(database).await;
    office.put(hourly()).await;
    assert_eq!(office.tick_at("09:59:59").await, Kept::default());
    assert_eq!(
        office.tick_at("10:00:00").await,
        Kept {
            schedules: 1,
            runs: 1
        }
    );
    assert_eq!(office.tick_at("10:00:01").await, Kept::default());
    let lines = office.listed(at("00:00:00"), at("23:00:00"), 10).await;
    assert_eq!(lines.len(), 1);
    let run = lines[0].run.clone().unwrap();
    let mut tx = office.app.db.read(scope()).await.unwrap();
    let run = syncline::runs::store::get(&mut tx, &run)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (run.kind.as_str(), run.cause.as_str()),
        ("test", "schedule")
    );
    assert_eq!(
        (
            run.arguments["dry_run"].as_bool(),
            run.lane.as_str(),
            run.due_at
        ),
        (Some(true), "c", at("10:00:00"))
    );
}

async fn skip_leaves_out_a_time_while_a_run_is_open(database: Database) {
    let office = Office::new(database).await;
    office.put(hourly()).await;
    for time in ["10:00:00", "11:00:00"] {
        office.tick_at(time).await;
    }
    office.end_runs("succeeded").await;
    office.tick_at("12:00:00").await;
    assert_eq!(
        office.outcomes().await,
        ["10:00:00 ran", "11:00:00 skipped", "12:00:00 ran"]
    );
    let note = office.listed(at("11:00:00"), at("12:00:00"), 9).await[0]
        .note
        .clone();
    assert!(note.ends_with("was not finished"), "{note}");
}

async fn buffer_one_runs_one_time_after_the_open_run_and_leaves_out_the_others(database: Database) {
    let office = Office::new(database).await;
    office
        .put(Spec {
            overlap: Overlap::BufferOne,
            ..hourly()
        })
        .await;
    for time in ["10:00:00", "11:00:00", "12:00:00"] {
        office.tick_at(time).await;
    }
    assert_eq!(
        office.outcomes().await,
        ["10:00:00 ran", "11:00:00 buffered", "12:00:00 skipped"]
    );
    assert_eq!(office.tick_at("12:00:01").await.runs, 0);
    office.end_runs("failed").await;
    assert_eq!(office.tick_at("12:00:02").await.runs, 1);
    assert_eq!(office.tick_at("12:00:03").await.runs, 0);
    assert_eq!(office.outcomes().await[1], "11:00:00 ran");
    assert_eq!(office.runs().await, ["failed", "queued"]);
    office.tick_at("13:00:00").await;
    assert_eq!(office.outcomes().await[3], "13:00:00 buffered");
}

async fn cancel_other_stops_what_is_open_and_runs(database: Database) {
    let office = Office::new(database).await;
    office
        .put(Spec {
            overlap: Overlap::CancelOther,
            ..hourly()
        })
        .await;
    office.tick_at("10:00:00").await;
    office.tick_at("11:00:00").await;
    assert_eq!(office.runs().await, ["cancelled", "queued"]);
    // A worker has it: it is asked to stop, not torn away.
    let claim = format!(
        "UPDATE {} SET state = 'running' WHERE state = 'queued'",
        office.table("runs")
    );
    office.database.execute(&claim).await;
    office.tick_at("12:00:00").await;
    assert_eq!(office.runs().await, ["cancelled", "running", "queued"]);
    let asked = format!(
        "SELECT state FROM {} WHERE cancel_requested_at IS NOT NULL",
        office.table("runs")
    );
    assert_eq!(office.database.column(&asked).await, ["running"]);
    assert_eq!(
        office.outcomes().await,
        ["10:00:00 ran", "11:00:00 ran", "12:00:00 ran"]
    );
}

async fn allow_accepts_a_run_in_any_case(database: Database) {
    let office = Office::new(database).await;
    office
        .put(Spec {
            overlap: Overlap::Allow,
            ..hourly()
        })
        .await;
    office.tick_at("10:00:00").await;
    office.tick_at("11:00:00").await;
    assert_eq!(office.runs().await, ["queued", "queued"]);
}

async fn after_hours_without_anybody_the_catch_up_mode_decides(database: Database) {
    let office = Office::new(database).await;
    for (mode, begin, back, expected) in [
        (
            CatchUp::One,
            "09:00:00",
            "12:30:00",
            ["10:00:00 missed", "11:00:00 missed", "12:00:00 ran"],
        ),
        (
            CatchUp::All,
            "12:45:00",
            "15:30:00",
            ["13:00:00 ran", "14:00:00 ran", "15:00:00 ran"],
        ),
        (
            CatchUp::None,
            "15:45:00",
            "18:30:00",
            ["16:00:00 missed", "17:00:00 missed", "18:00:00 missed"],
        ),
    ] {
        office.tick_at(begin).await;
        office
            .put(Spec {
                catch_up: mode,
                overlap: Overlap::Allow,
                ..hourly()
            })
            .await;
        office.tick_at(back).await;
        let outcomes = office.outcomes().await;
        assert_eq!(outcomes[outcomes.len() - 3..], expected, "{mode:?}");
    }
}

async fn all_of_a_thousand_missed_times_are_made_up_for(database: Database) {
    let office = Office::new(database).await;
    office
        .put(Spec {
            catch_up: CatchUp::All,
            overlap: Overlap::Allow,
            ..every(10)
        })
        .await;
    assert_eq!(office.tick_at("11:46:40").await.runs, 1_000);
    assert_eq!(office.outcomes().await.len(), 1_000);
}

async fn a_failed_run_pauses_the_schedule_where_it_says_so(database: Database) {
    let office = Office::new(database).await;
    office
        .put(Spec {
            pause_on_failure: true,
            ..hourly()
        })
        .await;
    office.tick_at("10:00:00").await;
    office.end_runs("succeeded").await;
    office.tick_at("11:00:00").await;
    assert_eq!(office.schedule().await.pause, None);
    office.end_runs("failed").await;
    office.tick_at("11:30:00").await;
    let pause = office.schedule().await.pause.unwrap();
    assert_eq!((pause.by, pause.since), (PausedBy::Failure, at("11:30:00")));
    assert!(pause.note.ends_with("failed: as told"), "{}", pause.note);
    office.tick_at("12:00:00").await;
    assert_eq!(
        office.outcomes().await,
        ["10:00:00 ran", "11:00:00 ran", "12:00:00 paused"]
    );
}

async fn a_time_is_put_off_by_its_jitter_and_kept_once(database: Database) {
    let office = Office::new(database).await;
    let schedule = office
        .put(Spec {
            jitter: 1_800,
            ..hourly()
        })
        .await;
    let due = schedule.next_at.unwrap();
    assert!(due > at("10:00:00") && due < at("10:30:00"), "{due}");
    office.clock.advance(due - seconds(1) - office.clock.now());
    assert_eq!(tick(&office.app).await.unwrap().runs, 0);
    office.clock.advance(seconds(1));
    assert_eq!(tick(&office.app).await.unwrap().runs, 1);
    assert_eq!(office.outcomes().await, ["10:00:00 ran"]);
}

async fn a_schedule_that_ended_waits_for_nothing(database: Database) {
    let office = Office::new(database).await;
    office
        .put(Spec {
            end: Some(at("11:00:00")),
            ..hourly()
        })
        .await;
    office.tick_at("10:00:00").await;
    office.tick_at("13:00:00").await;
    assert_eq!(office.outcomes().await, ["10:00:00 ran"]);
    let schedule = office.schedule().await;
    assert_eq!((schedule.next_nominal, schedule.next_at), (None, None));
}

async fn steps_of_the_clock_neither_double_nor_lose_a_time(database: Database) {
    let office = Office::new(database).await;
    office
        .put(Spec {
            catch_up: CatchUp::All,
            overlap: Overlap::Allow,
            ..hourly()
        })
        .await;
    for time in [
        "10:00:00", "09:30:00", "10:00:10", "14:00:00", "09:00:00", "13:00:00", "15:00:00",
    ] {
        office.tick_at(time).await;
    }
    let expected: Vec<_> = (10..=15).map(|hour| format!("{hour}:00:00 ran")).collect();
    assert_eq!(office.outcomes().await, expected);
    assert_eq!(office.runs().await.len(), 6);
}

async fn a_spec_of_a_newer_version_pauses_its_schedule_and_no_other(database: Database) {
    let office = Office::new(database).await;
    office.put(hourly()).await;
    let (table, newer) = (
        office.table("schedules"),
        r#"{"times": {"cron": "0 0 * * *"}, "time_zone": "Mars/Base"}"#,
    );
    office
        .database
        .execute(&format!("UPDATE {table} SET spec = '{newer}'"))
        .await;
    office.tick_at("10:00:00").await;
    assert_eq!(office.schedule().await.pause.unwrap().by, PausedBy::Fault);
    // Nothing helps but setting it again.
    assert!(office.resume().await.pause.is_some());
    assert_eq!(office.put(every(1_800)).await.next_at, Some(at("10:30:00")));
}

kit::each_engine!(
    a_due_time_has_one_run_and_one_outcome,
    skip_leaves_out_a_time_while_a_run_is_open,
    buffer_one_runs_one_time_after_the_open_run_and_leaves_out_the_others,
    cancel_other_stops_what_is_open_and_runs,
    allow_accepts_a_run_in_any_case,
    after_hours_without_anybody_the_catch_up_mode_decides,
    all_of_a_thousand_missed_times_are_made_up_for,
    a_failed_run_pauses_the_schedule_where_it_says_so,
    a_time_is_put_off_by_its_jitter_and_kept_once,
    a_schedule_that_ended_waits_for_nothing,
    steps_of_the_clock_neither_double_nor_lose_a_time,
    a_spec_of_a_newer_version_pauses_its_schedule_and_no_other,
);

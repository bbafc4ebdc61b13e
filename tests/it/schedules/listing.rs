//! Every time is told one by one, in pages; times without a run can be made up for.

use super::*;
use syncline::schedules::{backfill, spec::CatchUp};

/// Away from 09:00 to 12:00, every ten minutes: 17 missed, then one that ran.
async fn away(database: Database) -> Office {
    let office = Office::new(database).await;
    office
        .put(Spec {
            catch_up: CatchUp::One,
            ..every(600)
        })
        .await;
    office.tick_at("12:00:00").await;
    office.end_runs("succeeded").await;
    office
}

async fn a_stretch_is_one_row_and_is_told_one_by_one_in_pages(database: Database) {
    let office = away(database).await;
    let rows = format!(
        "SELECT outcome FROM {} ORDER BY nominal_at",
        office.table("occurrences")
    );
    assert_eq!(office.database.column(&rows).await, ["missed", "ran"]);
    let (mut told, mut before) = (Vec::new(), at("23:00:00"));
    loop {
        let page = office.listed(at("09:00:00"), before, 5).await;
        let Some(last) = page.last() else {
            break;
        };
        before = last.at;
        told.extend(page.iter().map(|line| line.at));
    }
    let expected: Vec<_> = (1..=18)
        .rev()
        .map(|step| at("09:00:00") + seconds(600 * step))
        .collect();
    assert_eq!(told, expected);
    let few = office.listed(at("10:00:00"), at("10:30:00"), 50).await;
    assert_eq!(
        few.iter().map(|line| line.at).collect::<Vec<_>>(),
        [at("10:20:00"), at("10:10:00"), at("10:00:00")]
    );
}

async fn a_time_that_has_come_and_nobody_looked_at_is_told_as_pending(database: Database) {
    let office = Office::new(database).await;
    office.put(hourly()).await;
    office.clock.advance(at("10:00:01") - office.clock.now());
    assert_eq!(office.outcomes().await, ["10:00:00 pending"]);
    office.tick_at("10:00:02").await;
    assert_eq!(office.outcomes().await, ["10:00:00 ran"]);
}

async fn backfilled(office: &Office, from: &str, to: &str) -> syncline::base::Result<Vec<String>> {
    let mut tx = office.app.db.write(scope()).await.unwrap();
    let arguments = |at: DateTime<Utc>| json!({"at": at});
    let runs = backfill::backfill(&office.app, &mut tx, &key(), (at(from), at(to)), arguments)
        .await?
        .unwrap();
    tx.commit().await.unwrap();
    Ok(runs
        .iter()
        .map(|(at, _)| at.format("%H:%M").to_string())
        .collect())
}

async fn a_backfill_runs_the_times_of_its_range_that_have_no_run_and_no_others(database: Database) {
    let office = away(database).await;
    assert_eq!(
        backfilled(&office, "10:00:00", "10:20:00").await.unwrap(),
        ["10:00", "10:10"]
    );
    let outcomes = office.outcomes().await;
    assert_eq!(outcomes.len(), 18);
    let ran: Vec<_> = outcomes
        .iter()
        .filter(|line| line.ends_with("ran"))
        .map(String::as_str)
        .collect();
    assert_eq!(ran, ["10:00:00 ran", "10:10:00 ran", "12:00:00 ran"]);
    // Again: nothing is left to do there, and the ends of what is left are found, too.
    assert!(
        backfilled(&office, "10:00:00", "10:20:00")
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        backfilled(&office, "09:00:00", "09:20:00").await.unwrap(),
        ["09:10"]
    );
    assert_eq!(
        backfilled(&office, "11:45:00", "20:00:00").await.unwrap(),
        ["11:50"]
    );
    assert_eq!(office.outcomes().await.len(), 18);
    assert_eq!(office.runs().await.len(), 5);
}

async fn a_backfill_reaches_back_before_the_schedule_was_made(database: Database) {
    let office = away(database).await;
    assert_eq!(
        backfilled(&office, "08:40:00", "09:10:00").await.unwrap(),
        ["08:40", "08:50"]
    );
    assert_eq!(
        office.outcomes().await[..3],
        ["08:40:00 ran", "08:50:00 ran", "09:10:00 missed"]
    );
    // Again, and further: only what is new.
    assert_eq!(
        backfilled(&office, "08:30:00", "09:10:00").await.unwrap(),
        ["08:30"]
    );
}

async fn a_backfill_of_too_many_times_is_refused_as_a_whole(database: Database) {
    let office = away(database).await;
    let mut tx = office.app.db.write(scope()).await.unwrap();
    let range = (at("00:00:00") - TimeDelta::days(3), at("12:00:00"));
    let refused = backfill::backfill(&office.app, &mut tx, &key(), range, |_| json!({}))
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("at most 100 times"),
        "{refused}"
    );
    drop(tx);
    assert_eq!(office.runs().await.len(), 1);
}

async fn old_outcomes_are_forgotten_and_the_schedule_goes_on(database: Database) {
    let office = away(database).await;
    office.put(every(1_200)).await;
    let mut tx = office.app.db.write(Scope::System("test")).await.unwrap();
    store::forget(&mut tx, at("12:30:00")).await.unwrap();
    tx.commit().await.unwrap();
    assert!(office.outcomes().await.is_empty());
    let specs = format!(
        "SELECT CAST(version AS TEXT) FROM {}",
        office.table("schedule_specs")
    );
    assert_eq!(office.database.column(&specs).await, ["2"]);
    office.tick_at("12:20:00").await;
    assert_eq!(office.outcomes().await, ["12:20:00 ran"]);
}

kit::each_engine!(
    a_stretch_is_one_row_and_is_told_one_by_one_in_pages,
    a_time_that_has_come_and_nobody_looked_at_is_told_as_pending,
    a_backfill_runs_the_times_of_its_range_that_have_no_run_and_no_others,
    a_backfill_reaches_back_before_the_schedule_was_made,
    a_backfill_of_too_many_times_is_refused_as_a_whole,
    old_outcomes_are_forgotten_and_the_schedule_goes_on,
);

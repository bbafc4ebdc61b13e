//! Several replicas look at the same schedules at the same moment.

use super::*;
use std::time::Instant;
use syncline::schedules::spec::{CatchUp, Overlap};

/// Makes `count` schedules out of the one that there is.
async fn multiply(office: &Office, count: usize) {
    let (schedules, specs) = (office.table("schedules"), office.table("schedule_specs"));
    let series = format!(
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "
    );
    for (table, columns) in [
        (
            schedules,
            "lane, arguments, spec, version, next_nominal, next_at, paused_by, note, created_at, updated_at",
        ),
        (specs, "version, spec, created_at"),
    ] {
        let copy = format!(
            "{series} INSERT INTO {table} (tenant_id, kind, subject, {columns}) \
             SELECT tenant_id, kind, 's-' || i, {columns} FROM {table}, n WHERE subject = 's'"
        );
        office.database.execute(&copy).await;
    }
}

/// As many processes as the database can tell.
async fn replicas(office: &Office, count: usize) -> Vec<App> {
    let mut apps = Vec::new();
    for _ in 0..count {
        let db = office.database.connect_at(office.clock.clone()).await;
        let config = (*office.app.config).clone();
        apps.push(syncline::startup::assemble(config, db).await.unwrap());
    }
    apps
}

/// How many runs there are, of how many subjects, and how many occurrences that ran.
async fn counted(office: &Office) -> (String, String, String) {
    let (runs, occurrences) = (office.table("runs"), office.table("occurrences"));
    let one = async |sql: String| office.database.column(&sql).await.remove(0);
    (
        one(format!("SELECT CAST(count(*) AS TEXT) FROM {runs}")).await,
        one(format!("SELECT CAST(count(DISTINCT subject) AS TEXT) FROM {runs}")).await,
        one(format!(
            "SELECT CAST(count(*) AS TEXT) FROM {occurrences} o JOIN {runs} r ON r.run_id = o.run_id \
             AND r.subject = o.subject WHERE o.outcome = 'ran'"
        ))
        .await,
    )
}

async fn ten_thousand_schedules_of_the_same_minute_start_once_within_seconds(database: Database) {
    let office = Office::new(database).await;
    office.put(hourly()).await;
    multiply(&office, 10_000).await;
    office.clock.advance(at("10:00:00") - office.clock.now());
    let replicas = replicas(&office, 3).await;
    let started = Instant::now();
    let all = replicas.iter().map(tick);
    let kept = futures::future::try_join_all(all).await.unwrap();
    let took = started.elapsed();
    let each: Vec<_> = kept.iter().map(|kept| kept.runs).collect();
    println!(
        "10,000 schedules due at once on {:?}: {took:.1?}, by replica {each:?}",
        office.database.engine()
    );
    assert_eq!(each.iter().sum::<usize>(), 10_000);
    let ten_thousand = || "10000".to_owned();
    assert_eq!(
        counted(&office).await,
        (ten_thousand(), ten_thousand(), ten_thousand())
    );
    // Seconds, also on a machine that does other work beside.
    assert!(took < std::time::Duration::from_secs(30), "{took:?}");
}

async fn replicas_that_look_at_once_keep_each_time_once(database: Database) {
    let office = Office::new(database).await;
    office
        .put(Spec {
            catch_up: CatchUp::All,
            overlap: Overlap::Allow,
            ..every(60)
        })
        .await;
    multiply(&office, 20).await;
    let replicas = replicas(&office, 4).await;
    let rounds = kit::rounds(10, 200);
    for _ in 0..rounds {
        office.clock.advance(seconds(120));
        futures::future::try_join_all(replicas.iter().map(tick))
            .await
            .unwrap();
    }
    let expected = (rounds * 2 * 20).to_string();
    assert_eq!(
        counted(&office).await,
        (expected.clone(), "20".to_owned(), expected)
    );
}

async fn a_pause_and_a_tick_at_once_leave_each_time_one_outcome(database: Database) {
    let office = Office::new(database).await;
    office
        .put(Spec {
            overlap: Overlap::Allow,
            ..every(60)
        })
        .await;
    let rounds = kit::rounds(10, 200);
    for round in 0..rounds {
        office.clock.advance(seconds(60));
        let change = async {
            if round % 2 == 0 {
                office.pause("").await
            } else {
                office.resume().await
            }
        };
        let (kept, _) = tokio::join!(tick(&office.app), change);
        kept.unwrap();
    }
    let lines = office.listed(at("09:00:00"), at("23:59:00"), 1_000).await;
    let times: Vec<_> = lines.iter().rev().map(|line| line.at).collect();
    let expected: Vec<_> = (1..=rounds)
        .map(|n| at("09:00:00") + seconds(60 * i64::try_from(n).unwrap()))
        .collect();
    assert_eq!(times, expected);
}

kit::each_engine!(
    ten_thousand_schedules_of_the_same_minute_start_once_within_seconds,
    replicas_that_look_at_once_keep_each_time_once,
    a_pause_and_a_tick_at_once_leave_each_time_one_outcome,
);

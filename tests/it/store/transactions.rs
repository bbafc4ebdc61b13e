//! What a transaction keeps, hides and refuses.

use super::{SYSTEM, reason};
use crate::kit::{self, Database};
use std::{future::Future, time::Duration};
use syncline::{
    base::ResourceId,
    db::{Db, Engine, Scope, execute, fetch_one, fetch_optional},
};

kit::each_engine!(
    a_committed_write_is_there_after_reopening,
    a_dropped_write_leaves_nothing,
    a_failed_statement_leaves_nothing_of_its_transaction,
    a_reading_transaction_cannot_write,
    readers_see_what_was_committed_before_they_began,
    writers_wait_for_one_another,
    callers_who_go_away_while_a_transaction_begins_disturb_nobody,
);

const INSERT: &str = "INSERT INTO instance_facts (name, value, updated_at) VALUES ($1, $2, $3)";
const VALUE: &str = "SELECT value FROM instance_facts WHERE name = $1";

async fn put(db: &Db, name: &str, value: &str) {
    let mut tx = db.write(SYSTEM).await.unwrap();
    execute!(tx, INSERT, name, value, db.now()).unwrap();
    tx.commit().await.unwrap();
}

async fn get(db: &Db, name: &str) -> Option<String> {
    let mut tx = db.read(SYSTEM).await.unwrap();
    fetch_optional!(tx, (String,), VALUE, name)
        .unwrap()
        .map(|(value,)| value)
}

async fn a_committed_write_is_there_after_reopening(database: Database) {
    let db = database.connect().await;
    put(&db, "a", "1").await;
    db.close().await;
    assert_eq!(
        get(&database.connect().await, "a").await.as_deref(),
        Some("1")
    );
}

async fn a_dropped_write_leaves_nothing(database: Database) {
    let db = database.connect().await;
    let mut tx = db.write(SYSTEM).await.unwrap();
    assert_eq!(execute!(tx, INSERT, "a", "1", db.now()).unwrap(), 1);
    drop(tx);
    assert_eq!(get(&db, "a").await, None);
}

async fn a_failed_statement_leaves_nothing_of_its_transaction(database: Database) {
    let db = database.connect().await;
    put(&db, "taken", "1").await;
    let mut tx = db.write(SYSTEM).await.unwrap();
    execute!(tx, INSERT, "a", "1", db.now()).unwrap();
    execute!(tx, INSERT, "taken", "2", db.now()).unwrap_err();
    drop(tx);
    assert_eq!(get(&db, "a").await, None);
    assert_eq!(get(&db, "taken").await.as_deref(), Some("1"));
}

async fn a_reading_transaction_cannot_write(database: Database) {
    let db = database.connect().await;
    let mut tx = db.read(SYSTEM).await.unwrap();
    let error = execute!(tx, INSERT, "a", "1", db.now()).unwrap_err();
    assert_eq!(reason(&error), "DATABASE_READ_ONLY");
    drop(tx);
    put(&db, "a", "2").await;
}

async fn readers_see_what_was_committed_before_they_began(database: Database) {
    let db = database.connect().await;
    for round in 0..50 {
        let name = format!("fact-{round}");
        put(&db, &name, "1").await;
        assert_eq!(get(&db, &name).await.as_deref(), Some("1"));
    }
}

async fn writers_wait_for_one_another(database: Database) {
    const ADD: &str =
        "UPDATE instance_facts SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = $1";
    let (one, other) = (database.connect().await, database.connect().await);
    put(&one, "count", "0").await;
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let db = if number % 2 == 0 {
                one.clone()
            } else {
                other.clone()
            };
            tokio::spawn(async move {
                let mut tx = db.write(SYSTEM).await.unwrap();
                execute!(tx, ADD, "count").unwrap();
                tx.commit().await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(get(&one, "count").await.as_deref(), Some("20"));
}

async fn callers_who_go_away_while_a_transaction_begins_disturb_nobody(database: Database) {
    let mut options = database.options();
    options.max_connections = 2;
    let db = Db::connect(options, kit::fixed_clock()).await.unwrap();
    for round in 0..kit::rounds(100, 2_000) {
        // Polled a different number of times in each round, and then dropped.
        let mut begun = Box::pin(db.read(Scope::Tenant(ResourceId::default_tenant())));
        for _ in 0..round % 12 {
            let polled = std::future::poll_fn(|context| {
                std::task::Poll::Ready(begun.as_mut().poll(context).is_ready())
            });
            if polled.await {
                break;
            }
            tokio::time::sleep(Duration::from_micros(50 * (round as u64 % 7))).await;
        }
        drop(begun);
        put(&db, &format!("fact-{round}"), "1").await;
    }
}

#[tokio::test]
async fn a_role_that_was_missing_works_as_soon_as_it_is_there() {
    let database = Database::new(Engine::Postgres).await;
    let user = format!("late_{}", database.name());
    database.execute(&format!("CREATE ROLE {user} LOGIN")).await;
    let mut options = syncline::db::Options::postgres(database.url_of(&user));
    options.max_connections = 1;
    let db = Db::connect(options, kit::fixed_clock()).await.unwrap();
    assert_eq!(
        reason(&db.read(SYSTEM).await.unwrap_err()),
        "DATABASE_RIGHTS_MISSING"
    );

    database
        .execute(&format!(
            "GRANT syncline_system TO {user}; GRANT USAGE ON SCHEMA syncline TO {user}"
        ))
        .await;
    let mut tx = db.read(SYSTEM).await.unwrap();
    let (one,) = fetch_one!(tx, (i64,), "SELECT COUNT(*) FROM tenants").unwrap();
    assert_eq!(one, 1);
    drop(tx);
    db.close().await;
}

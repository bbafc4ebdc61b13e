//! A copy of a database starts with its schedules paused, and says so.

use super::*;
use sqlx::{Connection as _, Executor as _};
use syncline::schedules::{
    identity::{self, Standing},
    schedule::PausedBy,
    spec::Overlap,
};

/// The same data at another place, as a restored backup is.
async fn copy(office: Office) -> Office {
    let name = format!(
        "UPDATE {} SET value = 'x' || value WHERE name = 'instance.identity'",
        office.table("instance_facts")
    );
    office.database.execute(&name).await;
    office
}

async fn a_copy_fires_nothing_until_it_is_confirmed_and_accounts_for_the_times_meanwhile(
    database: Database,
) {
    let office = Office::new(database).await;
    office.put(hourly()).await;
    assert_eq!(
        identity::check(&office.app).await.unwrap(),
        Standing::Itself
    );
    assert_eq!(
        identity::check(&office.app).await.unwrap(),
        Standing::Itself
    );
    office.tick_at("10:00:00").await;
    office.end_runs("succeeded").await;

    let office = copy(office).await;
    assert_eq!(
        identity::check(&office.app).await.unwrap(),
        Standing::UnconfirmedCopy
    );
    office.tick_at("11:00:00").await;
    // Started once more it is still not confirmed.
    assert_eq!(
        identity::check(&office.app).await.unwrap(),
        Standing::UnconfirmedCopy
    );
    let pause = office.schedule().await.pause.unwrap();
    assert_eq!(pause.by, PausedBy::Copy);
    assert!(pause.note.contains("confirm"), "{}", pause.note);

    assert_eq!(identity::confirm(&office.app).await.unwrap(), 1);
    assert_eq!(
        identity::standing(&office.app).await.unwrap(),
        Standing::Itself
    );
    office.tick_at("12:00:00").await;
    assert_eq!(
        office.outcomes().await,
        ["10:00:00 ran", "11:00:00 paused", "12:00:00 ran"]
    );
    assert_eq!(
        identity::check(&office.app).await.unwrap(),
        Standing::Itself
    );
}

async fn a_buffered_time_of_a_copy_waits_for_the_confirmation(database: Database) {
    let office = Office::new(database).await;
    office
        .put(Spec {
            overlap: Overlap::BufferOne,
            ..hourly()
        })
        .await;
    identity::check(&office.app).await.unwrap();
    office.tick_at("10:00:00").await;
    office.tick_at("11:00:00").await;
    let office = copy(office).await;
    identity::check(&office.app).await.unwrap();
    office.end_runs("succeeded").await;
    assert_eq!(office.tick_at("11:00:10").await.runs, 0);
    identity::confirm(&office.app).await.unwrap();
    assert_eq!(office.tick_at("11:00:20").await.runs, 1);
    assert_eq!(office.outcomes().await, ["10:00:00 ran", "11:00:00 ran"]);
}

async fn confirming_a_copy_leaves_what_people_paused(database: Database) {
    let office = Office::new(database).await;
    office.put(hourly()).await;
    office.pause("mine").await;
    identity::check(&office.app).await.unwrap();
    let office = copy(office).await;
    identity::check(&office.app).await.unwrap();
    assert_eq!(identity::confirm(&office.app).await.unwrap(), 0);
    assert_eq!(office.schedule().await.pause.unwrap().note, "mine");
}

async fn another_instance_name_is_another_instance(database: Database) {
    let office = Office::new(database).await;
    office.put(hourly()).await;
    identity::check(&office.app).await.unwrap();
    let mut config = (*office.app.config).clone();
    config.instance = Some("staging".into());
    let db = office.database.connect_at(office.clock.clone()).await;
    let staging = syncline::startup::assemble(config, db).await.unwrap();
    assert_eq!(
        identity::check(&staging).await.unwrap(),
        Standing::UnconfirmedCopy
    );
}

#[tokio::test]
async fn a_copied_file_and_a_copied_database_of_the_same_server_are_found_out() {
    let original = Office::new(Database::new(Engine::Sqlite).await).await;
    identity::check(&original.app).await.unwrap();
    original.app.db.close().await;
    let folder = kit::temp_dir();
    let copied = folder.path().join("syncline.db");
    std::fs::copy(original.database.file(), &copied).unwrap();
    assert_eq!(
        opened(syncline::db::Options::sqlite(&copied)).await,
        Standing::UnconfirmedCopy
    );
    // Moved it is still the same.
    let moved = folder.path().join("moved.db");
    std::fs::rename(original.database.file(), &moved).unwrap();
    assert_eq!(
        opened(syncline::db::Options::sqlite(&moved)).await,
        Standing::Itself
    );

    let original = Office::new(Database::new(Engine::Postgres).await).await;
    identity::check(&original.app).await.unwrap();
    original.app.db.close().await;
    let name = format!("{}_copy", original.database.name());
    let copy = format!(
        "CREATE DATABASE {name} TEMPLATE {}",
        original.database.name()
    );
    server(&original.database, copy).await;
    let url = original
        .database
        .url()
        .replace(original.database.name(), &name);
    let standing = opened(syncline::db::Options::postgres(url)).await;
    server(
        &original.database,
        format!("DROP DATABASE {name} WITH (FORCE)"),
    )
    .await;
    assert_eq!(standing, Standing::UnconfirmedCopy);
}

/// Runs a statement beside the database, because nobody may be in one that is copied.
async fn server(database: &Database, sql: String) {
    let url = database.url_of("postgres");
    let url = url.replace(database.name(), "postgres");
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    connection
        .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql)))
        .await
        .unwrap();
}

async fn opened(options: syncline::db::Options) -> Standing {
    let folder = kit::temp_dir();
    let db = syncline::db::Db::connect(options, kit::fixed_clock())
        .await
        .unwrap();
    let app = syncline::startup::assemble(Config::with_defaults(folder.path()), db)
        .await
        .unwrap();
    let standing = identity::check(&app).await.unwrap();
    app.db.close().await;
    standing
}

kit::each_engine!(
    a_copy_fires_nothing_until_it_is_confirmed_and_accounts_for_the_times_meanwhile,
    a_buffered_time_of_a_copy_waits_for_the_confirmation,
    confirming_a_copy_leaves_what_people_paused,
    another_instance_name_is_another_instance,
);

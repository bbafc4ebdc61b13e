//! Bringing a database to the newest schema: once, by whom it may, and never back.

use super::{SYSTEM, reason};
use crate::kit::{self, Database, Process};
use std::time::Duration;
use syncline::{
    base::Clock,
    db::{Db, Engine, Options, fetch_one, migrate},
};

kit::each_engine!(
    migrations_run_once_when_two_processes_start_together,
    a_database_of_a_newer_version_is_refused,
    a_database_that_was_not_migrated_says_so_and_stays_as_it_is,
    migrating_again_changes_nothing,
);

const DEFAULT_TENANTS: &str = "SELECT COUNT(*) FROM tenants";

fn versions(database: &Database) -> &'static str {
    match database.engine() {
        Engine::Postgres => {
            "SELECT version || ' ' || success FROM syncline.syncline_migrations ORDER BY version"
        }
        Engine::Sqlite => {
            "SELECT version || ' ' || success FROM syncline_migrations ORDER BY version"
        }
    }
}

async fn migrations_run_once_when_two_processes_start_together(migrated: Database) {
    for _ in 0..kit::rounds(3, 30) {
        let database = Database::empty(migrated.engine()).await;
        let starts: Vec<_> = (0..6)
            .map(|_| {
                let options = database.options();
                tokio::spawn(async move {
                    let db = Db::connect(options, Clock::system()).await?;
                    let status = migrate::run(&db).await?;
                    db.close().await;
                    Ok::<_, syncline::base::Error>(status)
                })
            })
            .collect();
        for start in starts {
            assert!(start.await.unwrap().unwrap().is_current());
        }
        assert_eq!(
            database.column(versions(&database)).await,
            migrated.column(versions(&migrated)).await
        );
        let mut tx = database.connect().await.read(SYSTEM).await.unwrap();
        assert_eq!(fetch_one!(tx, (i64,), DEFAULT_TENANTS).unwrap(), (1,));
    }
}

/// A file is shared by processes in other ways than by tasks, so this is said of real ones.
#[tokio::test]
async fn real_processes_that_start_together_migrate_a_file_once() {
    const FILE: &str = "SYNCLINE_TEST_FILE";
    if let Some(file) = std::env::var_os(FILE) {
        let db = Db::connect(Options::sqlite(file), Clock::system())
            .await
            .unwrap();
        assert!(migrate::run(&db).await.unwrap().is_current());
        return db.close().await;
    }
    let name = concat!(
        module_path!(),
        "::real_processes_that_start_together_migrate_a_file_once"
    );
    for _ in 0..kit::rounds(3, 30) {
        let database = Database::empty(Engine::Sqlite).await;
        let start = |_| Process::this_test(name).env(FILE, database.file()).start();
        let mut processes: Vec<_> = (0..4).map(start).collect();
        for process in &mut processes {
            let status = process.wait_exit(Duration::from_secs(60)).await;
            let output = process.output();
            assert!(status.success() && output.contains("1 passed"), "{output}");
        }
        assert_eq!(
            database.column("SELECT COUNT(*) || '' FROM tenants").await,
            ["1"]
        );
    }
}

async fn a_database_of_a_newer_version_is_refused(database: Database) {
    let table = match database.engine() {
        Engine::Postgres => "syncline.syncline_migrations",
        Engine::Sqlite => "syncline_migrations",
    };
    database
        .execute(&format!(
            "INSERT INTO {table} (version, description, installed_on, success, checksum, execution_time)
             SELECT 999, 'later', installed_on, success, checksum, 0 FROM {table} WHERE version = 1"
        ))
        .await;
    let before = database.column(versions(&database)).await;
    let db = database.connect().await;
    let status = migrate::status(&db).await.unwrap();
    assert_eq!(status.applied, 999);
    assert_eq!(reason(&status.check().unwrap_err()), "DATABASE_NEWER");
    assert_eq!(
        reason(&migrate::run(&db).await.unwrap_err()),
        "DATABASE_NEWER"
    );
    assert_eq!(database.column(versions(&database)).await, before);
}

async fn a_database_that_was_not_migrated_says_so_and_stays_as_it_is(migrated: Database) {
    let database = Database::empty(migrated.engine()).await;
    let db = database.connect().await;
    let status = migrate::status(&db).await.unwrap();
    assert_eq!(status.applied, 0);
    assert_eq!(
        reason(&status.check().unwrap_err()),
        "DATABASE_NOT_MIGRATED"
    );
    let tables = match database.engine() {
        Engine::Postgres => {
            "SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace('syncline')"
        }
        Engine::Sqlite => "SELECT name FROM sqlite_master",
    };
    assert_eq!(database.column(tables).await, Vec::<String>::new());
}

async fn migrating_again_changes_nothing(database: Database) {
    let db = database.connect().await;
    let first = migrate::status(&db).await.unwrap();
    let before = database.column(versions(&database)).await;
    assert_eq!(migrate::run(&db).await.unwrap(), first);
    assert_eq!(database.column(versions(&database)).await, before);
}

/// A runtime user who may not even make a schema, and an administrator's URL for migrating.
#[tokio::test]
async fn migrating_with_another_url() {
    let database = Database::empty(Engine::Postgres).await;
    let user = format!("runtime_{}", database.name());
    database.execute(&format!("CREATE ROLE {user} LOGIN")).await;
    let mut options = Options::postgres(database.url_of(&user));
    let db = Db::connect(options.clone(), Clock::system()).await.unwrap();
    let error = migrate::run(&db).await.unwrap_err();
    assert_eq!(reason(&error), "DATABASE_RIGHTS_MISSING");
    assert!(
        error.to_string().contains("SYNCLINE_MIGRATE_URL"),
        "{error}"
    );

    // An administrator has migrated, but for somebody else.
    let schema_only = Database::new(Engine::Postgres).await;
    let options_elsewhere = Options::postgres(schema_only.url_of(&user));
    let db = Db::connect(options_elsewhere, Clock::system())
        .await
        .unwrap();
    assert_eq!(
        reason(&migrate::run(&db).await.unwrap_err()),
        "DATABASE_RIGHTS_MISSING"
    );
    assert_eq!(
        reason(&migrate::status(&db).await.unwrap_err()),
        "DATABASE_RIGHTS_MISSING"
    );

    options.migrate_url = Some(database.url().into());
    let db = Db::connect(options.clone(), Clock::system()).await.unwrap();
    assert!(migrate::run(&db).await.unwrap().is_current());
    let mut tx = db.write(SYSTEM).await.unwrap();
    assert_eq!(fetch_one!(tx, (i64,), DEFAULT_TENANTS).unwrap(), (1,));
    drop(tx);

    // From now on the runtime user alone is enough: there is nothing left to do.
    options.migrate_url = None;
    let db = Db::connect(options, Clock::system()).await.unwrap();
    assert!(migrate::run(&db).await.unwrap().is_current());
    db.close().await;
}

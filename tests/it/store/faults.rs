//! A database that cannot be used is named by what is wrong with it, and nothing of it changes.

use super::{SYSTEM, reason};
use crate::kit::{self, Database};
use sqlx::Executor as _;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    time::{Duration, Instant},
};
use syncline::{
    base::{Clock, Error},
    db::{Db, Engine, Options, execute, fetch_one, migrate},
};

const INSERT: &str = "INSERT INTO instance_facts (name, value, updated_at) VALUES ($1, $2, $3)";
const COUNT: &str = "SELECT COUNT(*) FROM instance_facts";

async fn write(db: &Db, value: &str) -> Result<(), Error> {
    let mut tx = db.write(SYSTEM).await?;
    execute!(tx, INSERT, value.len().to_string(), value, db.now())?;
    tx.commit().await
}

async fn count(db: &Db) -> i64 {
    let mut tx = db.read(SYSTEM).await.unwrap();
    fetch_one!(tx, (i64,), COUNT).unwrap().0
}

#[tokio::test]
async fn a_file_that_somebody_else_has_locked_is_busy() {
    let database = Database::new(Engine::Sqlite).await;
    let mut options = database.options();
    options.busy_timeout = Duration::from_millis(100);
    let db = Db::connect(options.clone(), Clock::system()).await.unwrap();
    let mut other = database.outsider().await;
    other.execute("BEGIN EXCLUSIVE").await.unwrap();

    let started = Instant::now();
    assert_eq!(reason(&write(&db, "a").await.unwrap_err()), "DATABASE_BUSY");
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(count(&db).await, 0, "readers are not stopped");

    other.execute("ROLLBACK").await.unwrap();
    write(&db, "a").await.unwrap();
}

#[tokio::test]
async fn an_empty_file_that_somebody_else_has_locked_is_busy() {
    let database = Database::empty(Engine::Sqlite).await;
    let mut other = database.outsider().await;
    other
        .execute("CREATE TABLE theirs (id INTEGER); BEGIN EXCLUSIVE")
        .await
        .unwrap();
    let mut options = database.options();
    options.busy_timeout = Duration::from_millis(100);
    let error = Db::connect(options, Clock::system()).await.unwrap_err();
    assert_eq!(reason(&error), "DATABASE_BUSY");
}

#[tokio::test]
async fn a_locked_postgres_row_is_waited_for() {
    let database = Database::new(Engine::Postgres).await;
    let db = database.connect().await;
    let mut other = database.superuser().await;
    other
        .execute("BEGIN; LOCK TABLE syncline.instance_facts")
        .await
        .unwrap();
    let waiting = tokio::spawn({
        let db = db.clone();
        async move { write(&db, "a").await }
    });
    let watched = "SELECT COUNT(*)::text FROM pg_locks WHERE NOT granted AND database =
         (SELECT oid FROM pg_database WHERE datname = current_database())";
    kit::eventually(Duration::from_secs(10), || async {
        let waiting = database.column(watched).await;
        if waiting == ["1"] {
            Ok(())
        } else {
            Err(format!("{waiting:?} are waiting"))
        }
    })
    .await;
    other.execute("ROLLBACK").await.unwrap();
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_read_only_file_is_read_only() {
    if !kit::is_unprivileged(concat!(module_path!(), "::a_read_only_file_is_read_only")) {
        return;
    }
    let database = Database::new(Engine::Sqlite).await;
    let db = database.connect().await;
    write(&db, "a").await.unwrap();
    db.close().await;
    let before = database.dump();
    fs::set_permissions(database.file(), fs::Permissions::from_mode(0o444)).unwrap();
    let error = match Db::connect(database.options(), Clock::system()).await {
        Ok(db) => write(&db, "bb").await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(reason(&error), "DATABASE_READ_ONLY");
    assert_eq!(database.dump(), before);
}

#[tokio::test]
async fn a_file_in_a_folder_that_cannot_be_written_cannot_be_made() {
    if !kit::is_unprivileged(concat!(
        module_path!(),
        "::a_file_in_a_folder_that_cannot_be_written_cannot_be_made"
    )) {
        return;
    }
    let folder = kit::temp_dir();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let options = Options::sqlite(folder.path().join("syncline.db"));
    let error = Db::connect(options, Clock::system()).await.unwrap_err();
    assert_eq!(reason(&error), "DATABASE_UNREACHABLE");
    assert!(error.to_string().contains("syncline.db"), "{error}");
}

#[tokio::test]
async fn a_read_only_server_is_read_only() {
    let database = Database::new(Engine::Postgres).await;
    database
        .execute(&format!(
            "ALTER DATABASE {} SET default_transaction_read_only = on",
            database.name()
        ))
        .await;
    let db = database.connect().await;
    assert_eq!(
        reason(&write(&db, "a").await.unwrap_err()),
        "DATABASE_READ_ONLY"
    );
    assert_eq!(count(&db).await, 0);
}

#[tokio::test]
async fn a_full_disk_leaves_nothing_of_the_transaction() {
    let database = Database::new(Engine::Sqlite).await;
    let db = database.connect().await;
    // The limit belongs to the connection, and there is one for writing. Less than what is there means: no more.
    let mut tx = db.write(SYSTEM).await.unwrap();
    execute!(tx, "PRAGMA max_page_count = 1").unwrap();
    tx.commit().await.unwrap();

    let error = write(&db, &"x".repeat(1_000_000)).await.unwrap_err();
    assert_eq!(reason(&error), "DATABASE_FULL");
    assert_eq!(count(&db).await, 0);

    let mut tx = db.write(SYSTEM).await.unwrap();
    execute!(tx, "PRAGMA max_page_count = 100000").unwrap();
    tx.commit().await.unwrap();
    write(&db, &"x".repeat(1_000_000)).await.unwrap();
}

#[tokio::test]
async fn a_new_file_and_what_is_beside_it_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let database = Database::new(Engine::Sqlite).await;
    let _open = database.connect().await;
    let folder = database.file().parent().unwrap();
    let begins = database.file().file_name().unwrap().to_owned();
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with(begins.to_str().unwrap()) && !name.ends_with("lock") {
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
            seen += 1;
        }
    }
    assert!(seen >= 2, "{seen}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_damaged_and_stays_as_it_is() {
    let database = Database::empty(Engine::Sqlite).await;
    let garbage = "this is not a database\n".repeat(1_000);
    fs::write(database.file(), &garbage).unwrap();
    let error = Db::connect(database.options(), Clock::system())
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "DATABASE_DAMAGED");
    assert_eq!(fs::read_to_string(database.file()).unwrap(), garbage);
}

#[tokio::test]
async fn a_file_with_damaged_pages_is_damaged() {
    let database = Database::new(Engine::Sqlite).await;
    let length = fs::metadata(database.file()).unwrap().len() as usize;
    let mut bytes = fs::read(database.file()).unwrap();
    bytes[100..].fill(0x5a);
    fs::write(database.file(), &bytes).unwrap();
    let opened = Db::connect(database.options(), Clock::system()).await;
    let error = match opened {
        Ok(db) => migrate::run(&db).await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(reason(&error), "DATABASE_DAMAGED");
    assert_eq!(
        fs::metadata(database.file()).unwrap().len() as usize,
        length
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let mut options = Options::postgres("postgres://nobody@127.0.0.1:1/nothing");
    options.acquire_timeout = Duration::from_millis(300);
    let error = Db::connect(options, Clock::system()).await.unwrap_err();
    assert_eq!(reason(&error), "DATABASE_UNREACHABLE");
}

/// It takes connections, and says nothing.
#[tokio::test]
async fn a_server_that_is_silent_is_waited_for_as_long_as_one_attempt_may_take() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://nobody@{}/nothing", silent.local_addr().unwrap());
    let mut options = Options::postgres(url.as_str());
    options.acquire_timeout = Duration::from_secs(60);
    options.connect_timeout = Duration::from_millis(200);
    let since = Instant::now();
    let error = Db::connect(options, Clock::system()).await.unwrap_err();
    assert_eq!(reason(&error), "DATABASE_UNREACHABLE");

    // Where only the migrator's URL leads there.
    let database = Database::empty(Engine::Postgres).await;
    let mut options = database.options();
    options.migrate_url = Some(url.into());
    options.connect_timeout = Duration::from_secs(3);
    let db = Db::connect(options, Clock::system()).await.unwrap();
    let error = migrate::run(&db).await.unwrap_err();
    assert_eq!(reason(&error), "DATABASE_UNREACHABLE");
    assert!(since.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_pool_that_is_used_up_is_busy() {
    let database = Database::new(Engine::Postgres).await;
    let mut options = database.options();
    options.max_connections = 1;
    options.acquire_timeout = Duration::from_millis(300);
    let db = Db::connect(options, Clock::system()).await.unwrap();
    let tx = db.write(SYSTEM).await.unwrap();
    assert_eq!(reason(&write(&db, "a").await.unwrap_err()), "DATABASE_BUSY");
    drop(tx);
    write(&db, "a").await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_not_there_is_unreachable_and_named() {
    let database = Database::empty(Engine::Postgres).await;
    let url = database.url().replace(database.name(), "no_such_database");
    let error = Db::connect(Options::postgres(url), Clock::system())
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "DATABASE_UNREACHABLE");
    assert!(error.to_string().contains("no_such_database"), "{error}");
}

#[tokio::test]
async fn a_malformed_url_is_refused_without_repeating_it() {
    let options = Options::postgres("postgres://ada:composed-password@[::/x");
    let error = Db::connect(options, Clock::system())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("database.url") && !error.contains("composed-password"),
        "{error}"
    );
}

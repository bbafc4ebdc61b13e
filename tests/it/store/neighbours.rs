//! The database may hold tables of somebody else. They are neither used nor touched.

use super::{SYSTEM, reason};
use crate::kit::{self, Database};
use syncline::db::{Engine, Options, fetch_one, migrate};

kit::each_engine!(starts_in_a_database_that_already_has_somebody_elses_users_and_session_tables);

const THEIRS: &str = "
    CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);
    CREATE TABLE session (sid TEXT PRIMARY KEY, sess TEXT NOT NULL);
    INSERT INTO users VALUES (1, 'ada@example.com');
    INSERT INTO session VALUES ('s', '{}')";

/// The statements that made everything in a file, and the rows of the tables above.
const CONTENT: &str = "SELECT COALESCE(sql, name) FROM sqlite_master ORDER BY name";

async fn starts_in_a_database_that_already_has_somebody_elses_users_and_session_tables(
    migrated: Database,
) {
    let database = Database::empty(migrated.engine()).await;
    database.execute(THEIRS).await;
    let db = database.connect().await;
    assert!(migrate::run(&db).await.unwrap().is_current());
    let mut tx = db.read(SYSTEM).await.unwrap();
    let (tenants,) = fetch_one!(tx, (i64,), "SELECT COUNT(*) FROM tenants").unwrap();
    assert_eq!(tenants, 1);
    drop(tx);
    assert_eq!(
        database.column("SELECT email FROM users").await,
        ["ada@example.com"]
    );
    assert_eq!(database.column("SELECT sid FROM session").await, ["s"]);
}

#[tokio::test]
async fn a_foreign_tables_clash_changes_nothing() {
    let database = Database::empty(Engine::Sqlite).await;
    database.execute("CREATE TABLE tokens (id INTEGER, secret TEXT); INSERT INTO tokens VALUES (7, 'theirs')").await;
    let before = database.column(CONTENT).await;
    let db = database.connect().await;
    let error = migrate::run(&db).await.unwrap_err();
    assert_eq!(reason(&error), "DATABASE_FOREIGN");
    assert!(error.to_string().contains("tokens"), "{error}");
    db.close().await;
    assert_eq!(database.column(CONTENT).await, before);
    assert_eq!(
        database.column("SELECT id || secret FROM tokens").await,
        ["7theirs"]
    );
}

#[tokio::test]
async fn two_installations_share_one_postgres_database() {
    let database = Database::empty(Engine::Postgres).await;
    let mut ours = database.options();
    ours.schema = format!("second_{}", database.name());
    let first = database.connect().await;
    let second = syncline::db::Db::connect(ours.clone(), kit::fixed_clock())
        .await
        .unwrap();
    assert!(migrate::run(&first).await.unwrap().is_current());
    assert!(!migrate::status(&second).await.unwrap().is_current());
    assert!(migrate::run(&second).await.unwrap().is_current());

    // The roles of one see nothing of the other.
    let sql = format!(
        "SELECT has_schema_privilege('{}_system', 'syncline', 'USAGE')::text",
        ours.schema
    );
    assert_eq!(database.column(&sql).await, ["false"]);
    first.close().await;
    second.close().await;
}

#[tokio::test]
async fn a_schema_name_that_would_need_quoting_is_refused() {
    let mut options = Options::postgres(Database::empty(Engine::Postgres).await.url());
    for name in ["", "Syncline", "a b", "x;drop", "1st", &"x".repeat(51)] {
        options.schema = name.to_owned();
        let refused = syncline::db::Db::connect(options.clone(), kit::fixed_clock()).await;
        assert!(
            refused.unwrap_err().to_string().contains("database.schema"),
            "{name:?}"
        );
    }
}

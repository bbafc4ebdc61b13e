//! A PostgreSQL that would not keep tenants apart is not served from, and the refusal says what to type.

use crate::{
    cli::{Ended, LONG, Stage, ended},
    kit::{Database, Postgres, Process},
};
use sqlx::{Connection as _, Executor as _, PgConnection};
use std::path::Path;
use syncline::{
    base::{Clock, Error},
    db::{Db, Engine, Options, guard, migrate},
};

fn refused(outcome: Result<(), Error>) -> (&'static str, String) {
    match outcome {
        Err(Error::Precondition { reason, message }) => (reason, message),
        other => panic!("not refused: {other:?}"),
    }
}

async fn check(options: Options, allow_superuser: bool) -> Result<(), Error> {
    let db = Db::connect(options, Clock::system()).await.unwrap();
    let outcome = guard::check(&db, allow_superuser).await;
    db.close().await;
    outcome
}

#[tokio::test]
async fn a_superuser_and_one_with_bypassrls_are_refused_unless_the_settings_allow_them() {
    let database = Database::new(Engine::Postgres).await;
    check(database.options(), false).await.unwrap();
    let bypasser = format!("bypasser_{}", database.name());
    let make = format!("CREATE ROLE {bypasser} LOGIN BYPASSRLS");
    database.execute(&make).await;
    for (user, expected) in [
        ("postgres", "is a superuser"),
        (bypasser.as_str(), "has BYPASSRLS"),
    ] {
        let options = Options::postgres(database.url_of(user));
        let (reason, message) = refused(check(options.clone(), false).await);
        assert_eq!(reason, "DATABASE_ROLE_UNSAFE");
        for said in [user, expected, "CREATE ROLE", "SYNCLINE_MIGRATE_URL"] {
            assert!(message.contains(said), "{message}");
        }
        check(options, true).await.unwrap();
    }
    let member = format!("member_{}", database.name());
    let make = format!("CREATE ROLE {member} LOGIN; GRANT {bypasser} TO {member}");
    database.execute(&make).await;
    let options = Options::postgres(database.url_of(&member));
    let (reason, message) = refused(check(options, false).await);
    assert_eq!(reason, "DATABASE_ROLE_UNSAFE");
    assert!(message.contains(&format!("{member} is a member of {bypasser}")));
    let file = Database::new(Engine::Sqlite).await;
    check(file.options(), false).await.unwrap();
}

#[tokio::test]
async fn a_server_does_not_start_as_a_superuser_and_says_what_to_type() {
    let database = Database::new(Engine::Postgres).await;
    let stage = Stage::new();
    let as_superuser = |arguments: &[&str]| {
        stage
            .command(arguments)
            .env("DATABASE_URL", database.url_of("postgres"))
    };
    let said = |ended: &Ended| {
        assert!(
            ended.text.contains("DATABASE_ROLE_UNSAFE"),
            "{}",
            ended.text
        );
        assert!(
            ended.text.contains("SYNCLINE_MIGRATE_URL"),
            "{}",
            ended.text
        );
    };
    let refused = ended(as_superuser(&["--json", "serve"])).await;
    assert_ne!(refused.code, 0);
    said(&refused);
    let listed = ended(as_superuser(&["--json", "token", "list"])).await;
    said(&listed);
    let doctor = ended(as_superuser(&["doctor"])).await;
    assert!(doctor.text.contains("is a superuser"), "{}", doctor.text);
    let allowed = as_superuser(&["token", "list"]).env("SYNCLINE_DATABASE_ALLOW_SUPERUSER", "true");
    assert_eq!(ended(allowed).await.code, 0);
}

/// In a database that nothing was made in: what a refused user made would be in the way of the right one.
#[tokio::test]
async fn a_superuser_who_is_refused_has_made_nothing_and_a_schema_of_others_is_named() {
    let postgres = Postgres::start();
    postgres.create_database("site", "pg_default").await;
    let stage = Stage::new();
    let serve = stage.command(&["--json", "serve"]);
    let refused = ended(serve.env("DATABASE_URL", postgres.admin_url("site"))).await;
    assert!(
        refused.text.contains("DATABASE_ROLE_UNSAFE"),
        "{}",
        refused.text
    );
    let mut admin = PgConnection::connect(&postgres.admin_url("site"))
        .await
        .unwrap();
    let schema = "SELECT nspname::text FROM pg_namespace WHERE nspname = 'syncline'";
    let schema = sqlx::query_scalar::<_, String>(schema).fetch_optional(&mut admin);
    assert_eq!(schema.await.unwrap(), None);

    admin.execute("CREATE SCHEMA syncline").await.unwrap();
    let options = Options::postgres(postgres.url("site"));
    let db = Db::connect(options, Clock::system()).await.unwrap();
    let (reason, message) = self::refused(migrate::run(&db).await.map(drop));
    assert_eq!(reason, "DATABASE_RIGHTS_MISSING");
    for said in ["belongs to postgres", "ALTER SCHEMA syncline OWNER TO"] {
        assert!(message.contains(said), "{message}");
    }
}

#[tokio::test]
async fn a_table_without_a_policy_or_without_force_is_refused_and_named() {
    for change in [
        "CREATE TABLE syncline.forgotten (tenant_id TEXT)",
        "ALTER TABLE syncline.tokens NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE syncline.tokens DISABLE ROW LEVEL SECURITY",
        "CREATE POLICY everybody ON syncline.tokens USING (true)",
        "CREATE POLICY more ON syncline.tokens TO syncline_app USING (true)",
        "CREATE POLICY more ON syncline.tokens FOR INSERT TO syncline_app WITH CHECK (true)",
        "CREATE POLICY more ON syncline.tokens TO syncline_app \
             USING (tenant_id = current_setting('syncline.tenant', true) OR true)",
        "CREATE POLICY others ON syncline.tokens TO pg_monitor USING (true)",
        "DROP POLICY tenant ON syncline.tokens; DROP POLICY system ON syncline.tokens",
    ] {
        let database = Database::new(Engine::Postgres).await;
        database.execute(change).await;
        let (reason, message) = refused(check(database.options(), true).await);
        assert_eq!(reason, "DATABASE_TABLE_UNPROTECTED", "{change}");
        let table = if change.contains("forgotten") {
            "forgotten"
        } else {
            "tokens"
        };
        assert!(message.contains(table), "{change}: {message}");
    }
}

#[tokio::test]
async fn a_table_of_somebody_else_in_the_same_schema_is_left_alone() {
    let database = Database::new(Engine::Postgres).await;
    let other = "CREATE TABLE syncline.of_others (name TEXT)";
    database.execute(other).await;
    check(database.options(), false).await.unwrap();
}

/// In a cluster of its own: roles belong to all databases of one.
#[tokio::test]
async fn roles_that_somebody_changed_are_refused() {
    let postgres = Postgres::start();
    postgres.create_database("site", "pg_default").await;
    let options = Options::postgres(postgres.url("site"));
    let db = Db::connect(options.clone(), Clock::system()).await.unwrap();
    migrate::run(&db).await.unwrap();
    db.close().await;
    check(options.clone(), false).await.unwrap();
    for (change, back) in [
        ("syncline_app LOGIN", "syncline_app NOLOGIN"),
        ("syncline_app BYPASSRLS", "syncline_app NOBYPASSRLS"),
        ("syncline_system SUPERUSER", "syncline_system NOSUPERUSER"),
    ] {
        postgres.administer(&format!("ALTER ROLE {change}")).await;
        let (reason, message) = refused(check(options.clone(), true).await);
        assert_eq!(reason, "DATABASE_ROLE_UNSAFE", "{change}");
        let role = change.split(' ').next().unwrap();
        assert!(
            message.contains(&format!("ALTER ROLE {role} NOLOGIN")),
            "{message}"
        );
        postgres.administer(&format!("ALTER ROLE {back}")).await;
    }
    let grant = "GRANT syncline_system TO syncline_app";
    postgres.administer(grant).await;
    let (reason, message) = refused(check(options.clone(), true).await);
    assert_eq!(reason, "DATABASE_ROLE_UNSAFE");
    let revoke = "REVOKE syncline_system FROM syncline_app";
    assert!(message.contains(revoke), "{message}");
    postgres.administer(revoke).await;
    check(options, false).await.unwrap();
}

/// What the manual says before an update of a compose file's volume whose only user is a superuser.
#[tokio::test]
async fn a_database_that_a_superuser_made_goes_on_with_the_user_of_the_manual() {
    let postgres = Postgres::start();
    let superuser = "CREATE ROLE syncline SUPERUSER LOGIN";
    postgres.administer(superuser).await;
    postgres.create_database("site", "pg_default").await;
    let before = Options::postgres(postgres.url_of("syncline", "site"));
    let db = Db::connect(before.clone(), Clock::system()).await.unwrap();
    migrate::run(&db).await.unwrap();
    db.close().await;
    refused(check(before, false).await);

    let manual = include_str!("../../../docs/operations.md");
    let make = manual
        .lines()
        .find(|line| line.starts_with("CREATE ROLE syncline_server"))
        .unwrap();
    let server = postgres.url_of("syncline_server", "site");
    let mut after = Options::postgres(server.as_str());
    after.migrate_url = Some(postgres.url_of("syncline_owner", "site").into());
    postgres.administer(make).await;
    let db = Db::connect(after.clone(), Clock::system()).await.unwrap();
    let (reason, message) = refused(migrate::run(&db).await.map(drop));
    assert_eq!(reason, "DATABASE_LOGIN_REFUSED");
    assert!(message.contains("SYNCLINE_MIGRATE_URL") && message.contains("syncline_owner"));
    after.migrate_url = Some(postgres.url_of("syncline", "site").into());
    let db = Db::connect(after.clone(), Clock::system()).await.unwrap();
    migrate::run(&db).await.unwrap();
    db.close().await;
    after.migrate_url = None;
    check(after, false).await.unwrap();
}

/// What `docker-compose.yml` gives to PostgreSQL at its first start, and the two URLs that it gives to Syncline.
#[tokio::test]
async fn the_users_of_the_compose_file_migrate_and_serve_and_neither_is_a_superuser() {
    let postgres = Postgres::start();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/postgres/roles.sh");
    let folder = postgres.program("psql");
    let folder = Path::new(folder.get_program()).parent().unwrap();
    let path = format!(
        "{}:{}",
        folder.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let made = std::process::Command::new("bash")
        .arg(script)
        .env("PATH", path)
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", postgres.port().to_string())
        .env("POSTGRES_USER", "postgres")
        .env("POSTGRES_PASSWORD", "composed")
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let compose = include_str!("../../../docker-compose.yml");
    let url = |variable: &str| {
        let line = compose
            .lines()
            .find(|line| line.trim().starts_with(variable))
            .unwrap();
        let user = line.split("://").nth(1).unwrap().split(':').next().unwrap();
        format!(
            "postgres://{user}:composed@127.0.0.1:{}/syncline",
            postgres.port()
        )
    };
    let stage = Stage::new();
    let mut process: Process = stage
        .command(&["serve"])
        .env("DATABASE_URL", url("DATABASE_URL"))
        .env("SYNCLINE_MIGRATE_URL", url("SYNCLINE_MIGRATE_URL"))
        .start();
    process.line("serving gRPC on", LONG).await;
    process.terminate();
    assert!(process.wait_exit(LONG).await.success());
}

//! PostgreSQL keeps tenants apart even where a statement forgets to.

use super::{SYSTEM, reason};
use crate::kit::Database;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use syncline::{
    base::ResourceId,
    db::{Db, Engine, Scope, execute, fetch_all, fetch_one},
};
use uuid::Uuid;

const PUT_TENANT: &str =
    "INSERT INTO tenants (tenant_id, display_name, created_at) VALUES ($1, $1, $2)";
const PUT_EVENT: &str = "INSERT INTO token_events (tenant_id, event_id, token_id, at, kind, detail)
     VALUES ($1, $2, 't', $3, 'test', '')";
const ALL_EVENTS: &str = "SELECT tenant_id FROM token_events ORDER BY tenant_id";

fn tenant(id: &str) -> Scope {
    Scope::Tenant(ResourceId::parse("tenant", id).unwrap())
}

/// Two tenants, `ada` and `bob`, with one event each.
async fn two_tenants(database: &Database) -> Db {
    let db = database.connect().await;
    let mut tx = db.write(SYSTEM).await.unwrap();
    for id in ["ada", "bob"] {
        execute!(tx, PUT_TENANT, id, db.now()).unwrap();
        execute!(tx, PUT_EVENT, id, Uuid::now_v7(), db.now()).unwrap();
    }
    tx.commit().await.unwrap();
    db
}

#[tokio::test]
async fn row_level_security_hides_other_tenants_even_without_a_where() {
    let database = Database::new(Engine::Postgres).await;
    let db = two_tenants(&database).await;
    for (scope, expected) in [
        (tenant("ada"), vec!["ada"]),
        (tenant("bob"), vec!["bob"]),
        (tenant("nobody"), vec![]),
        (SYSTEM, vec!["ada", "bob"]),
    ] {
        let mut tx = db.read(scope).await.unwrap();
        let seen = fetch_all!(tx, (String,), ALL_EVENTS).unwrap();
        assert_eq!(
            seen.into_iter().map(|(id,)| id).collect::<Vec<_>>(),
            expected
        );
    }
}

#[tokio::test]
async fn a_tenant_cannot_write_for_another() {
    let database = Database::new(Engine::Postgres).await;
    let db = two_tenants(&database).await;

    let mut tx = db.write(tenant("ada")).await.unwrap();
    let error = execute!(tx, PUT_EVENT, "bob", Uuid::now_v7(), db.now()).unwrap_err();
    assert_eq!(reason(&error), "DATABASE_RIGHTS_MISSING");
    drop(tx);

    let mut tx = db.write(tenant("ada")).await.unwrap();
    assert_eq!(
        execute!(tx, "UPDATE token_events SET detail = 'mine'").unwrap(),
        1
    );
    assert_eq!(
        execute!(tx, "DELETE FROM token_events WHERE tenant_id = 'bob'").unwrap(),
        0
    );
    tx.commit().await.unwrap();

    let mut tx = db.write(tenant("ada")).await.unwrap();
    execute!(tx, "UPDATE token_events SET tenant_id = 'bob'").unwrap_err();
    drop(tx);

    let mut tx = db.write(tenant("ada")).await.unwrap();
    execute!(tx, "UPDATE tenants SET display_name = 'x'").unwrap_err();
}

#[tokio::test]
async fn a_tenant_sees_no_table_of_the_system() {
    let database = Database::new(Engine::Postgres).await;
    let db = database.connect().await;
    for table in [
        "workers",
        "budgets",
        "budget_slices",
        "breakers",
        "instance_facts",
    ] {
        let mut tx = db.read(tenant("default")).await.unwrap();
        let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        let error = fetch_one!(tx, (i64,), sql).unwrap_err();
        assert_eq!(reason(&error), "DATABASE_RIGHTS_MISSING", "{table}");
    }
}

/// The next transaction on the same connection starts from nothing.
#[tokio::test]
async fn a_scope_ends_with_its_transaction() {
    let database = Database::new(Engine::Postgres).await;
    two_tenants(&database).await.close().await;
    let mut options = database.options();
    options.max_connections = 1;
    let db = Db::connect(options, crate::kit::fixed_clock())
        .await
        .unwrap();
    for committed in [true, false] {
        let tx = db.write(tenant("ada")).await.unwrap();
        if committed {
            tx.commit().await.unwrap();
        } else {
            drop(tx);
        }
        let mut tx = db.read(tenant("bob")).await.unwrap();
        assert_eq!(
            fetch_all!(tx, (String,), ALL_EVENTS).unwrap(),
            [("bob".to_owned(),)]
        );
    }
}

/// What the catalogue says of every table, so that a new one cannot be forgotten.
#[tokio::test]
async fn who_takes_no_role_sees_no_row_of_anybody_and_adds_none() {
    let database = Database::new(Engine::Postgres).await;
    let db = two_tenants(&database).await;
    let mut server = PgConnection::connect(&database.url()).await.unwrap();
    let tables = database
        .column(
            "SELECT t.relname FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'tenant_id'
             WHERE t.relnamespace = 'syncline'::regnamespace AND t.relkind = 'r' ORDER BY t.relname",
        )
        .await;
    assert!(tables.len() > 20, "{tables:?}");
    for table in &tables {
        let count = AssertSqlSafe(format!("SELECT count(*) FROM syncline.{table}"));
        let seen: i64 = sqlx::query_scalar(count)
            .fetch_one(&mut server)
            .await
            .unwrap();
        assert_eq!(seen, 0, "{table}");
    }
    let put = PUT_EVENT.replace("INTO ", "INTO syncline.");
    let put = sqlx::query(AssertSqlSafe(put))
        .bind("ada")
        .bind(Uuid::now_v7())
        .bind(db.now());
    assert!(put.execute(&mut server).await.is_err());
    assert_eq!(
        database
            .column("SELECT count(*)::text FROM syncline.token_events")
            .await,
        ["2"]
    );
}

#[tokio::test]
async fn every_table_forces_row_level_security() {
    let database = Database::new(Engine::Postgres).await;
    let tables = database
        .column(
            "SELECT t.relname || ' ' || (t.relrowsecurity AND t.relforcerowsecurity) || ' '
                 || EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname = 'tenant_id') || ' '
                 || COALESCE((SELECT string_agg(p.polname || '=' || array_to_string(ARRAY(
                        SELECT r.rolname FROM pg_roles r WHERE r.oid = ANY (p.polroles)), '+'), ',' ORDER BY p.polname)
                    FROM pg_policy p WHERE p.polrelid = t.oid), 'none')
             FROM pg_class t
             WHERE t.relnamespace = 'syncline'::regnamespace AND t.relkind IN ('r', 'p') AND t.relname <> 'syncline_migrations'
             ORDER BY t.relname",
        )
        .await;
    assert!(tables.len() >= 17, "{tables:?}");
    for line in tables {
        let (table, rest) = line.split_once(' ').unwrap();
        let expected = match table {
            // A number that tells nothing but that something changed: tenants count their changes, too.
            "access_changes" => "true false count_changes=syncline_app,system=syncline_system",
            // Whoever seals must see which keys may not be used any more.
            "retired_keys" => "true false sealing=syncline_app,system=syncline_system",
            // Seen by the system alone, which is stricter.
            "memberships" => "true true system=syncline_system",
            _ if rest.starts_with("true true") => {
                "true true system=syncline_system,tenant=syncline_app"
            }
            _ => "true false system=syncline_system",
        };
        assert_eq!(rest, expected, "{table}");
    }
}

#[tokio::test]
async fn the_roles_cannot_log_in_or_go_around_row_level_security() {
    let database = Database::new(Engine::Postgres).await;
    let roles = database
        .column(
            "SELECT rolname || ' ' || (rolcanlogin OR rolbypassrls OR rolsuper OR rolcreaterole OR rolcreatedb)
             FROM pg_roles WHERE rolname IN ('syncline_app', 'syncline_system') ORDER BY rolname",
        )
        .await;
    assert_eq!(roles, ["syncline_app false", "syncline_system false"]);
}

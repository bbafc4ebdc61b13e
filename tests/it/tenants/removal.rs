//! What becomes of the audit of a tenant that is removed.

use super::*;
use crate::kit::each_engine;
use syncline::{
    db::Engine,
    tenants::{delete::delete, list},
};

each_engine!(
    a_long_audit_goes_batch_by_batch,
    a_removal_that_is_interrupted_loses_no_tenant_its_audit,
    a_new_tenant_reads_nothing_of_what_an_earlier_one_of_its_id_left,
);

/// Many entries and counts of a tenant, whether there is such a tenant or not; the last entry is called so.
async fn fill(house: &House, tenant: &str) {
    let postgres = house.database.engine() == Engine::Postgres;
    let schema = if postgres { "syncline." } else { "" };
    let (id, last, series) = match postgres {
        true => (
            "gen_random_uuid()",
            "'ffffffff-ffff-7fff-bfff-ffffffffffff'",
            "SELECT n FROM generate_series(1, 20100) AS n",
        ),
        false => (
            "randomblob(16)",
            "x'ffffffffffffffffffffffffffffffff'",
            "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20100) SELECT n FROM s",
        ),
    };
    let rows = format!(
        "INSERT INTO {schema}audit_entries (tenant_id, entry_id, at, actor, address, action, resource, outcome, detail)
         SELECT '{tenant}', CASE n WHEN 20100 THEN {last} ELSE {id} END, '2020-03-02T09:00:00+00:00', 'ada', '', 'composed',
            CASE n WHEN 20100 THEN 'last' ELSE 'x' END, 'done', '' FROM ({series}) AS numbers;
         INSERT INTO {schema}audit_counts (tenant_id, minute, count_id, actor, address, action, resource, outcome, count)
         SELECT '{tenant}', '2020-03-02T09:00:00+00:00', {id}, 'ada' || n, '', 'composed', 'x', 'done', 1 FROM ({series}) AS numbers"
    );
    house.database.execute(&rows).await;
}

/// How many of those stand in this audit.
async fn left(house: &House, tenant: &str) -> [String; 2] {
    let schema = match house.database.engine() {
        Engine::Postgres => "syncline.",
        Engine::Sqlite => "",
    };
    let count = |table| {
        format!(
            "SELECT CAST(count(*) AS TEXT) FROM {schema}{table} WHERE tenant_id = '{tenant}' AND action = 'composed'"
        )
    };
    let (entries, counts) = (count("audit_entries"), count("audit_counts"));
    [
        house.database.column(&entries).await.remove(0),
        house.database.column(&counts).await.remove(0),
    ]
}

const ALL: [&str; 2] = ["20100", "20100"];
const NONE: [&str; 2] = ["0", "0"];

/// As somebody else sees it who writes meanwhile: never more than a batch at once.
async fn a_long_audit_goes_batch_by_batch(database: Database) {
    let house = House::open(database).await;
    if house.database.engine() == Engine::Postgres {
        let guard = "CREATE FUNCTION syncline.too_many() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
                IF (SELECT count(*) FROM gone) > 10000 THEN RAISE 'too many at once'; END IF; RETURN NULL; END $$;
             CREATE TRIGGER too_many AFTER DELETE ON syncline.audit_entries REFERENCING OLD TABLE AS gone
                FOR EACH STATEMENT EXECUTE FUNCTION syncline.too_many()";
        house.database.execute(guard).await;
    }
    let acme = house.made("acme").await.id;
    fill(&house, "acme").await;
    delete(&house.app, &acme, "").await.unwrap();
    assert_eq!(left(&house, "acme").await, NONE);
    assert_eq!(left(&house, "").await, ALL);
    syncline::audit::sweep(&house.app).await.unwrap();
    assert_eq!(left(&house, "").await, NONE);
}

async fn a_removal_that_is_interrupted_loses_no_tenant_its_audit(database: Database) {
    let house = House::open(database).await;
    // Nobody comes through with the last batch.
    let (begin, end) = match house.database.engine() {
        Engine::Postgres => (
            "CREATE FUNCTION syncline.died() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN RAISE 'died'; END $$;
             CREATE TRIGGER died BEFORE DELETE ON syncline.audit_entries
                FOR EACH ROW WHEN (OLD.resource = 'last') EXECUTE FUNCTION syncline.died()",
            "DROP TRIGGER died ON syncline.audit_entries",
        ),
        Engine::Sqlite => (
            "CREATE TRIGGER died BEFORE DELETE ON audit_entries WHEN OLD.resource = 'last'
             BEGIN SELECT RAISE(ABORT, 'died'); END",
            "DROP TRIGGER died",
        ),
    };
    let (acme, beta) = (house.made("acme").await.id, house.made("beta").await.id);
    fill(&house, "acme").await;
    house.database.execute(begin).await;
    let outcome = delete(&house.app, &acme, "").await;
    match list::get(&house.app, &acme).await {
        // A tenant that is still there has all of its audit.
        Ok(_) => assert_eq!(left(&house, "acme").await, ALL, "{outcome:?}"),
        Err(error) => assert_eq!(reason(&error), "NOT_FOUND"),
    }
    outcome.unwrap();
    let parts = [left(&house, "acme").await, left(&house, "").await];
    assert_eq!(parts, [["101", "0"], ["19999", "20100"]]);

    // Whoever comes next goes on.
    syncline::audit::keep_left(&house.app.db).await.unwrap_err();
    house.database.execute(end).await;
    syncline::audit::keep_left(&house.app.db).await.unwrap();
    let parts = [left(&house, "acme").await, left(&house, "").await];
    assert_eq!(parts, [NONE, ALL]);
    // A tenant that is there keeps what it has.
    syncline::audit::keep_of(&house.app.db, &beta)
        .await
        .unwrap();
    let own = syncline::api::v1::ListAuditEntriesRequest {
        parent: "tenants/beta".to_owned(),
        ..Default::default()
    };
    let own = syncline::audit::list(&house.app, own).await.unwrap();
    assert_eq!(own.audit_entries.len(), 1);
}

async fn a_new_tenant_reads_nothing_of_what_an_earlier_one_of_its_id_left(database: Database) {
    let house = House::open(database).await;
    fill(&house, "acme").await;
    house.made("acme").await;
    assert_eq!(left(&house, "acme").await, NONE);
    assert_eq!(left(&house, "").await, ALL);
    // Who asks for an id that is taken moves nothing.
    let again = Create {
        id: "acme".to_owned(),
        ..Create::default()
    };
    create(&house.app, again).await.unwrap_err();
    let own = syncline::api::v1::ListAuditEntriesRequest {
        parent: "tenants/acme".to_owned(),
        ..Default::default()
    };
    let own = syncline::audit::list(&house.app, own).await.unwrap();
    assert_eq!(own.audit_entries.len(), 1);
}

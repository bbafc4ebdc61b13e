//! What was written down stays, whoever wants it changed or gone, until it is old.

use super::{
    audit::{list, matching, much},
    *,
};
use crate::kit::each_engine;
use syncline::{
    api::v1::ListAuditEntriesRequest,
    audit::{self, Counted},
    db::{Engine, Scope, execute},
};

each_engine!(
    entries_cannot_be_changed_and_counts_only_grow,
    what_is_younger_than_six_days_cannot_be_removed_by_anybody,
    a_removed_tenants_audit_is_the_installations_however_young_it_is,
    old_entries_are_forgotten_by_one_replica,
);

const SYSTEM: Scope = Scope::System("a test");

async fn entries_cannot_be_changed_and_counts_only_grow(database: Database) {
    let office = Office::open(database).await;
    much(&office, 1).await;
    let db = &office.app.db;
    let scopes = [Scope::Tenant(ResourceId::default_tenant()), SYSTEM];
    for sql in [
        "UPDATE audit_entries SET actor = 'nobody'",
        "UPDATE audit_counts SET count = count - 1",
        "UPDATE audit_counts SET actor = 'nobody'",
    ] {
        for scope in &scopes {
            let mut tx = db.write(scope.clone()).await.unwrap();
            execute!(tx, sql).unwrap_err();
        }
        refused_to_everybody(&office, sql).await;
    }
    if office.database.engine() == Engine::Postgres {
        for sql in ["DELETE FROM audit_entries", "DELETE FROM audit_counts"] {
            let mut tx = db.write(scopes[0].clone()).await.unwrap();
            execute!(tx, sql).unwrap_err();
        }
    }
    assert_eq!(matching(&office.app, "").await.len(), 12);
}

/// Not even somebody whom no right binds may do this.
async fn refused_to_everybody(office: &Office, sql: &'static str) {
    let refused = match office.database.engine() {
        Engine::Postgres => {
            let mut superuser = office.database.superuser().await;
            let sql = sqlx::AssertSqlSafe(sql.replace("audit_", "syncline.audit_"));
            sqlx::raw_sql(sql).execute(&mut superuser).await.map(drop)
        }
        Engine::Sqlite => {
            let mut outsider = office.database.outsider().await;
            sqlx::raw_sql(sql).execute(&mut outsider).await.map(drop)
        }
    };
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("append-only"), "{sql}: {said}");
}

/// Takes the office to today: the database's own clock decides how young an entry is.
fn today(office: &Office) {
    office.advance(syncline::base::Clock::system().now() - office.clock.now());
}

async fn what_is_younger_than_six_days_cannot_be_removed_by_anybody(database: Database) {
    let office = Office::open(database).await;
    today(&office);
    office.advance(-TimeDelta::days(6) + TimeDelta::minutes(5));
    much(&office, 1).await;
    let db = &office.app.db;
    let scopes = [Scope::Tenant(ResourceId::default_tenant()), SYSTEM];
    let mut wishes = vec!["DELETE FROM audit_entries", "DELETE FROM audit_counts"];
    for sql in &wishes {
        for scope in &scopes {
            let mut tx = db.write(scope.clone()).await.unwrap();
            execute!(tx, *sql).unwrap_err();
        }
    }
    if office.database.engine() == Engine::Postgres {
        wishes.extend(["TRUNCATE audit_entries", "TRUNCATE audit_counts"]);
    }
    for sql in wishes {
        refused_to_everybody(&office, sql).await;
    }
    // Nor a process that believes it is next year.
    office.advance(TimeDelta::days(500));
    audit::sweep(&office.app).await.unwrap_err();
    assert_eq!(matching(&office.app, "").await.len(), 12);
}

async fn a_removed_tenants_audit_is_the_installations_however_young_it_is(database: Database) {
    let office = Office::open(database).await;
    today(&office);
    let create = syncline::tenants::create::Create {
        id: "acme".to_owned(),
        ..Default::default()
    };
    let acme = syncline::tenants::create::create(&office.app, create)
        .await
        .unwrap()
        .id;
    for _ in 0..2 {
        let counted = Counted::done(Some(&acme), "test.count", "thing", "me".into());
        audit::count(&office.app, counted.clone());
        audit::flush(&office.app).await.unwrap();
        // Written down when the tenant is no more.
        audit::count(&office.app, counted);
    }
    syncline::tenants::delete::delete(&office.app, &acme, "")
        .await
        .unwrap();
    audit::flush(&office.app).await.unwrap();
    let request = ListAuditEntriesRequest {
        instance: true,
        ..Default::default()
    };
    let own = list(&office.app, request).await.audit_entries;
    let mut own: Vec<_> = own
        .iter()
        .map(|entry| (entry.action.as_str(), entry.count))
        .collect();
    own.sort_unstable();
    let expected = [
        ("tenant.create", 1),
        ("tenant.delete", 1),
        ("test.count", 4),
    ];
    assert_eq!(own, expected);
    let left = ListAuditEntriesRequest {
        parent: "tenants/acme".to_owned(),
        ..Default::default()
    };
    assert_eq!(list(&office.app, left).await.audit_entries, []);
}

async fn old_entries_are_forgotten_by_one_replica(database: Database) {
    let office = Office::open(database).await;
    let other = office.replica().await;
    much(&office, 1).await;
    let retention = TimeDelta::from_std(office.config.audit.retention).unwrap();
    office.advance(retention - TimeDelta::minutes(30));
    much(&office, 1).await;
    audit::sweep(&office.app).await.unwrap();
    assert_eq!(
        matching(&office.app, "").await.len(),
        24,
        "nothing is old yet"
    );
    office.advance(TimeDelta::minutes(40));
    audit::sweep(&other).await.unwrap();
    let left = matching(&office.app, "").await.len();
    assert_eq!(left, 24, "somebody looked within the hour");
    office.advance(TimeDelta::minutes(30));
    audit::sweep(&other).await.unwrap();
    assert_eq!(matching(&office.app, "").await.len(), 12);
}

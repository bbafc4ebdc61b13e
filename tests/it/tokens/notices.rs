//! A token that needs its owner is told of once, where people look.

use super::*;
use crate::kit::each_engine;
use std::sync::Mutex;
use syncline::base::notify::{Notice, Notify};

each_engine!(
    a_token_that_stops_working_is_told_of_once,
    a_key_that_is_not_accepted_any_more_is_told_of,
);

/// Remembers what it was told.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<Notice>>);

impl Notify for Told {
    fn tell(&self, notice: &Notice) {
        self.0.lock().unwrap().push(notice.clone());
    }
}

impl Told {
    fn notices(&self) -> Vec<Notice> {
        self.0.lock().unwrap().clone()
    }
}

async fn audited(office: &Office) -> Vec<String> {
    let table = match office.database.engine() {
        syncline::db::Engine::Postgres => "syncline.audit_entries",
        syncline::db::Engine::Sqlite => "audit_entries",
    };
    let sql = format!("SELECT resource FROM {table} WHERE action = 'token.needs_owner'");
    office.database.column(&sql).await
}

async fn a_token_that_stops_working_is_told_of_once(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    let told = Arc::new(Told::default());
    let replicas = [office.replica().await, office.replica().await];
    let replicas = replicas.map(|app| App {
        notify: told.clone(),
        ..app
    });
    assert_eq!(tokens::needing_owner(&office.app).await.unwrap(), 0);
    office.fault(
        TOKEN,
        When::Always,
        reply(400, r#"{"error":"invalid_grant"}"#),
    );
    let asking: Vec<_> = (0..10)
        .map(|number| {
            let (app, name) = (replicas[number % 2].clone(), name.clone());
            tokio::spawn(async move { try_access(&app, &name).await.unwrap_err() })
        })
        .collect();
    for asked in asking {
        assert_eq!(reason(&asked.await.unwrap()), "NEEDS_REAUTH");
    }
    let notices = told.notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert_eq!(notices[0].reason, "TOKEN_NEEDS_OWNER");
    assert_eq!(notices[0].about, name.to_string());
    assert_eq!(audited(&office).await, [name.to_string()]);
    assert_eq!(tokens::needing_owner(&office.app).await.unwrap(), 1);
}

async fn a_key_that_is_not_accepted_any_more_is_told_of(database: Database) {
    let office = Office::open(database).await;
    let name = office.clockify().await;
    let told = Arc::new(Told::default());
    let app = App {
        notify: told.clone(),
        ..office.app.clone()
    };
    let used = access(&app, &name).await;
    tokens::rejected(&app, &name, &used).await.unwrap_err();
    assert_eq!(told.notices().len(), 1);
    assert_eq!(audited(&office).await, [name.to_string()]);
}

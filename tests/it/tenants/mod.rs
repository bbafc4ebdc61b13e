//! Tenants: made, seen by those who have a role in them, changed, removed when they are empty; and the look of their widgets.

mod callers;
mod lifecycle;
mod looks;
mod removal;

use crate::kit::{self, Database};
use std::{collections::BTreeMap, sync::Arc};
use syncline::{
    app::App,
    base::{Caller, Error, Needs, Permissions, Role, TenantId, reach::Reach},
    config::Config,
    db::{Scope, execute},
    outbound::{Options, Outbound},
    tenants::{
        Tenant,
        create::{Create, create},
    },
    tokens,
};
use tempfile::TempDir;

/// One process of Syncline, by a clock that the test moves.
struct House {
    app: App,
    clock: syncline::base::Clock,
    _folder: TempDir,
    database: Database,
}

impl House {
    async fn open(database: Database) -> Self {
        let clock = kit::fixed_clock();
        let folder = kit::temp_dir();
        let config = Arc::new(Config::with_defaults(folder.path()));
        let db = database.connect_at(clock.clone()).await;
        let keys = tokens::open_keyring(&config, &db).await.unwrap();
        let outbound = Outbound::new(db.clone(), Options::default()).unwrap();
        Self {
            app: App::new(config, db, outbound, keys),
            clock,
            _folder: folder,
            database,
        }
    }

    async fn made(&self, id: &str) -> Tenant {
        let wanted = Create {
            id: id.to_owned(),
            ..Create::default()
        };
        create(&self.app, wanted).await.unwrap()
    }

    /// Does something to the rows that no call does.
    async fn put(&self, sql: &'static str, tenant: &str) {
        let scope = Scope::System("a test");
        let mut tx = self.app.db.write(scope).await.unwrap();
        execute!(tx, sql, tenant, self.app.db.now()).unwrap();
        tx.commit().await.unwrap();
    }
}

fn id(text: &str) -> TenantId {
    text.parse().unwrap()
}

/// A call of somebody with these roles that needs `needs`.
fn call(roles: &[(&str, Role)], needs: Needs) -> Reach {
    let roles: BTreeMap<_, _> = roles
        .iter()
        .map(|(tenant, role)| (id(tenant), *role))
        .collect();
    let caller = Caller::nobody(Permissions::Tenants(roles), None);
    Reach::new(Arc::new(caller), needs)
}

fn reason(error: &Error) -> &str {
    match error {
        Error::Precondition { reason, .. } | Error::Denied { reason, .. } => reason,
        Error::Conflict { .. } => "CHANGED_MEANWHILE",
        Error::Exists { .. } => "ALREADY_EXISTS",
        Error::NotFound { .. } => "NOT_FOUND",
        other => panic!("unexpected: {other}"),
    }
}

fn fields(error: &Error) -> Vec<&str> {
    match error {
        Error::Invalid(violations) => violations.iter().map(|one| one.field.as_str()).collect(),
        other => panic!("not a violation: {other}"),
    }
}

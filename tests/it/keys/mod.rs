//! Keys: made once, good everywhere at once, ended everywhere within a second, never seen again.

mod books;
mod bounds;
mod imports;
mod limits;
mod lives;
mod roles;
mod rules;
pub mod served;
mod shown;
mod streams;

use crate::kit::{self, Database};
use std::{net::IpAddr, sync::Arc};
use syncline::{
    app::App,
    base::{Caller, Clock, Error, ResourceId, Role, Secret, TenantId, sha256},
    config::Config,
    db::{Scope, execute},
    outbound::{Options, Outbound},
    tenants::keys::{self, Create, Key, Keys, Use},
    tokens,
};
use tempfile::TempDir;

/// A database, and replicas of the program on it, by one clock that the test moves.
struct House {
    app: App,
    clock: Clock,
    database: Database,
    config: Arc<Config>,
    _folder: TempDir,
}

impl House {
    async fn open(database: Database) -> Self {
        Self::with(database, |_| {}).await
    }

    async fn with(database: Database, change: impl FnOnce(&mut Config)) -> Self {
        let folder = kit::temp_dir();
        let mut config = Config::with_defaults(folder.path());
        change(&mut config);
        let (config, clock) = (Arc::new(config), kit::fixed_clock());
        let app = replica(&database, &clock, &config).await;
        Self {
            app,
            clock,
            database,
            config,
            _folder: folder,
        }
    }

    /// One more process, as far as the database can tell.
    async fn replica(&self) -> App {
        replica(&self.database, &self.clock, &self.config).await
    }

    async fn tenant(&self, id: &str) -> TenantId {
        const SQL: &str =
            "INSERT INTO tenants (tenant_id, display_name, created_at) VALUES ($1, $1, $2)";
        let mut tx = self.app.db.write(Scope::System("test")).await.unwrap();
        execute!(tx, SQL, id, self.clock.now()).unwrap();
        tx.commit().await.unwrap();
        tenant(id)
    }

    async fn create(&self, create: Create) -> (Key, Secret) {
        keys::create(&self.app, create).await.unwrap()
    }

    async fn key(&self) -> (Key, Secret) {
        self.create(Create::default()).await
    }

    /// What the audit counted, as `resource outcome count address`.
    async fn refused(&self) -> Vec<String> {
        syncline::audit::flush(&self.app).await.unwrap();
        let schema = match self.database.engine() {
            syncline::db::Engine::Postgres => "syncline.",
            syncline::db::Engine::Sqlite => "",
        };
        let sql = format!(
            "SELECT resource || ' ' || outcome || ' ' || count || ' ' || address FROM {schema}audit_counts WHERE action = 'api_key.use' ORDER BY outcome, address"
        );
        self.database.column(&sql).await
    }

    /// The audit's entries as `action resource outcome detail`, the oldest first.
    async fn audit(&self) -> Vec<String> {
        let schema = match self.database.engine() {
            syncline::db::Engine::Postgres => "syncline.",
            syncline::db::Engine::Sqlite => "",
        };
        let sql = format!(
            "SELECT action || ' ' || resource || ' ' || outcome || ' ' || detail FROM {schema}audit_entries ORDER BY entry_id"
        );
        self.database.column(&sql).await
    }
}

async fn replica(database: &Database, clock: &Clock, config: &Arc<Config>) -> App {
    let db = database.connect_at(clock.clone()).await;
    let keys = tokens::open_keyring(config, &db).await.unwrap();
    let outbound = Outbound::new(db.clone(), Options::default()).unwrap();
    App::new(Arc::clone(config), db, outbound, keys)
}

fn tenant(id: &str) -> TenantId {
    ResourceId::parse("tenant", id).unwrap()
}

fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

/// Who shows this key at a replica, from an address that is like any other.
async fn show(app: &App, key: &Secret) -> Result<Arc<Caller>, Error> {
    show_from(app, key, address("203.0.113.7")).await
}

async fn show_from(app: &App, key: &Secret, from: Option<IpAddr>) -> Result<Arc<Caller>, Error> {
    let digest = sha256(key.expose());
    Keys::of(app)
        .authenticate(key, &digest, from, Use::Call)
        .await
}

fn reason(error: &Error) -> &'static str {
    match error {
        Error::Precondition { reason, .. }
        | Error::Unauthenticated { reason, .. }
        | Error::Denied { reason, .. }
        | Error::Limited { reason, .. }
        | Error::Unavailable { reason, .. } => reason,
        Error::NotFound { .. } => "NOT_FOUND",
        Error::Exists { .. } => "ALREADY_EXISTS",
        Error::Invalid(_) => "INVALID_ARGUMENT",
        other => panic!("unexpected: {other}"),
    }
}

/// That a key is refused as any other is that does not work.
fn assert_wrong(outcome: Result<Arc<Caller>, Error>) {
    let error = outcome.unwrap_err();
    assert_eq!(reason(&error), "CREDENTIALS_WRONG");
    assert_eq!(
        error.to_string(),
        "the key is unknown, was revoked, or has ended"
    );
}

fn admin(create: Create) -> Create {
    Create {
        role: Some(Role::Admin),
        ..create
    }
}

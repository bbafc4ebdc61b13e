//! Meet forgets after thirty days: who has read nothing for long is told of in time, by a clock that the test moves.

use crate::kit::{self, Database, each_engine};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::{Arc, Mutex};
use syncline::{
    app::App,
    base::{
        Clock,
        notify::{Notice, Notify},
    },
    config::Config,
    db::Engine,
    outbound::{Options, Outbound},
    syncs::alarm,
    tokens,
};
use tempfile::TempDir;

each_engine!(
    each_alarm_is_told_once_over_all_replicas,
    only_who_should_read_is_told_of,
);

#[derive(Debug, Default)]
struct Told(Mutex<Vec<Notice>>);

impl Notify for Told {
    fn tell(&self, notice: &Notice) {
        self.0.lock().unwrap().push(notice.clone());
    }
}

struct House {
    database: Database,
    clock: Clock,
    told: Arc<Told>,
    replicas: [App; 2],
    _folder: TempDir,
}

impl House {
    async fn open(database: Database) -> Self {
        let (clock, folder, told) = (
            kit::fixed_clock(),
            kit::temp_dir(),
            Arc::new(Told::default()),
        );
        let config = Arc::new(Config::with_defaults(folder.path()));
        let open = async || {
            let db = database.connect_at(clock.clone()).await;
            let keys = tokens::open_keyring(&config, &db).await.unwrap();
            let outbound = Outbound::new(db.clone(), Options::default()).unwrap();
            App {
                notify: told.clone(),
                ..App::new(Arc::clone(&config), db, outbound, keys)
            }
        };
        let replicas = [open().await, open().await];
        Self {
            database,
            clock,
            told,
            replicas,
            _folder: folder,
        }
    }

    fn table(&self, name: &str) -> String {
        match self.database.engine() {
            Engine::Postgres => format!("syncline.{name}"),
            Engine::Sqlite => name.to_owned(),
        }
    }

    fn at(&self, at: DateTime<Utc>) -> String {
        format!("'{}'", at.to_rfc3339())
    }

    /// A sync whose source token is in this state, made now.
    async fn sync(&self, id: &str, state: &str) {
        let now = self.at(self.clock.now());
        let (tokens, syncs) = (self.table("tokens"), self.table("syncs"));
        for statement in [
            format!(
                "INSERT INTO {tokens} (tenant_id, token_id, provider, kind, display_name, state, state_reason, scopes, version, \
                 grant_version, refresh_fence, refresh_failures, created_at, updated_at) VALUES \
                 ('default', '{id}', 'google', 'oauth', '', '{state}', '', '', 1, 1, 0, 0, {now}, {now})"
            ),
            format!(
                "INSERT INTO {syncs} (tenant_id, sync_id, display_name, kind, source_token, destination_token, definition, version, \
                 created_at, updated_at) VALUES ('default', '{id}', '', 'meet-to-clockify', '{id}', '{id}', '{{}}', 1, {now}, {now})"
            ),
        ] {
            self.database.execute(&statement).await;
        }
    }

    async fn schedule(&self, id: &str, paused_by: &str) {
        let (now, table) = (self.at(self.clock.now()), self.table("schedules"));
        let statement = format!(
            "INSERT INTO {table} (tenant_id, kind, subject, lane, arguments, spec, version, paused_by, note, created_at, updated_at) \
             VALUES ('default', 'sync', '{id}', '', '{{}}', '{{}}', 1, '{paused_by}', '', {now}, {now})"
        );
        self.database.execute(&statement).await;
    }

    /// Days pass one by one, and each replica looks; what was told, with the day.
    async fn days(&self, count: i64) -> Vec<(i64, String)> {
        let mut told = Vec::new();
        for day in 1..=count {
            self.clock.advance(TimeDelta::days(1));
            let looks = self
                .replicas
                .clone()
                .map(|app| tokio::spawn(alarm::look(app)));
            for look in looks {
                look.await.unwrap().unwrap();
            }
            let notices = std::mem::take(&mut *self.told.0.lock().unwrap());
            told.extend(notices.into_iter().map(|notice| {
                assert_eq!(notice.reason, "SOURCE_UNREAD");
                (day, notice.message)
            }));
        }
        told
    }
}

async fn each_alarm_is_told_once_over_all_replicas(database: Database) {
    let house = House::open(database).await;
    house.sync("work", "needs_reauth").await;
    let told = house.days(40).await;
    let days: Vec<_> = told.iter().map(|(day, _)| *day).collect();
    assert_eq!(days, [7, 14, 21], "{told:?}");
    for ((_, message), left) in told.iter().zip([23, 16, 9]) {
        assert!(
            message.contains(&format!("in {left} days Meet begins to forget")),
            "{message}"
        );
        assert!(
            message.contains("tenants/default/tokens/work needs a new consent"),
            "{message}"
        );
    }
    let audit = house.table("audit_entries");
    let sql = format!("SELECT resource FROM {audit} WHERE action = 'sync.unread'");
    assert_eq!(
        house.database.column(&sql).await,
        ["tenants/default/syncs/work"; 3]
    );
    assert_eq!(alarm::count(&house.replicas[0]).await.unwrap(), 1);

    // It reads again, and stops again: everything begins anew.
    let now = house.at(house.clock.now());
    let syncs = house.table("syncs");
    house
        .database
        .execute(&format!("UPDATE {syncs} SET read_to = {now}"))
        .await;
    assert_eq!(alarm::count(&house.replicas[0]).await.unwrap(), 0);
    let told = house.days(15).await;
    let days: Vec<_> = told.iter().map(|(day, _)| *day).collect();
    assert_eq!(days, [7, 14], "{told:?}");
}

async fn only_who_should_read_is_told_of(database: Database) {
    let house = House::open(database).await;
    house.sync("by-hand", "active").await;
    house.sync("paused", "active").await;
    house.schedule("paused", "user").await;
    house.sync("failing", "active").await;
    house.schedule("failing", "failure").await;
    house.clock.advance(TimeDelta::days(29));
    // Nobody looked for long: the last one says it all.
    let told = house.days(1).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0]
            .1
            .contains("tenants/default/syncs/failing has read nothing for 30 days"),
        "{told:?}"
    );
    assert!(told[0].1.contains("Meet forgets each day"), "{told:?}");
}

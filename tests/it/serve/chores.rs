//! What a server does at fixed hours, and once when it starts: it forgets what is over, and tells of who reads nothing.

use crate::{
    cli::{LONG, Stage},
    keys::served::{channel, key, list, make},
    kit::{Database, each_engine, eventually},
    web::Server,
};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Client;
use syncline::{api::v1, base::Clock, db::Engine};

each_engine!(a_server_forgets_what_is_over_and_tells_of_a_sync_that_reads_nothing);

/// A name that stands in every row of these tests.
const OLD: &str = "00000000-0000-7000-8000-000000000001";
/// The same for what must stay.
const NEW: &str = "00000000-0000-7000-8000-000000000002";

/// What stands in a database whose server was away for long.
struct Left {
    database: Database,
    now: DateTime<Utc>,
}

impl Left {
    fn table(&self, name: &str) -> String {
        match self.database.engine() {
            Engine::Postgres => format!("syncline.{name}"),
            Engine::Sqlite => name.to_owned(),
        }
    }

    /// The id as a statement has it.
    fn id(&self, id: &str) -> String {
        match self.database.engine() {
            Engine::Postgres => format!("CAST('{id}' AS UUID)"),
            Engine::Sqlite => format!("X'{}'", id.replace('-', "")),
        }
    }

    fn days_ago(&self, days: i64) -> String {
        format!("'{}'", (self.now - TimeDelta::days(days)).to_rfc3339())
    }

    async fn add(&self, table: &str, columns: &str, values: &[&str]) {
        let table = self.table(table);
        let values = values.join(", ");
        let statement = format!("INSERT INTO {table} ({columns}) VALUES ({values})");
        self.database.execute(&statement).await;
    }

    /// A person with one session that is over and one that is not.
    async fn sessions(&self) {
        let (person, now) = (self.id(OLD), self.days_ago(0));
        let columns = "person_id, username, username_key, email_confirmed, display_name, provider, version, created_at, updated_at";
        let values = [
            &person, "'ada'", "'ada'", "false", "''", "'local'", "1", &now, &now,
        ];
        self.add("people", columns, &values).await;
        let columns = "session_id, person_id, token_hash, address, user_agent, created_at, used_at, expires_at";
        for (id, hash, ends_ago) in [(OLD, "one", 1), (NEW, "two", -1)] {
            let (begun, ends) = (self.days_ago(8), self.days_ago(ends_ago));
            let hash = match self.database.engine() {
                Engine::Postgres => format!("CAST('{hash}' AS BYTEA)"),
                Engine::Sqlite => format!("CAST('{hash}' AS BLOB)"),
            };
            let id = self.id(id);
            let values = [&id, &person, &hash, "''", "''", &begun, &begun, &ends];
            self.add("person_sessions", columns, &values).await;
        }
    }

    /// An entry of the audit that is older than any is kept, and one that is not.
    async fn audit(&self) {
        let columns = "tenant_id, entry_id, at, actor, address, action, resource, outcome, detail";
        for (id, ago) in [(OLD, 4000), (NEW, 1)] {
            let (id, at) = (self.id(id), self.days_ago(ago));
            let values = [
                "''", &id, &at, "'ada'", "''", "'test'", "''", "'done'", "''",
            ];
            self.add("audit_entries", columns, &values).await;
        }
    }

    /// Outcomes of a schedule, and what happened to a token: old, and of yesterday.
    async fn history(&self) {
        let now = self.days_ago(0);
        let columns = "tenant_id, kind, subject, lane, arguments, spec, version, paused_by, note, created_at, updated_at";
        let values = [
            "'default', 'sync', 'quiet', '', '{}', '{}', 1, 'user', ''",
            &now,
            &now,
        ];
        self.add("schedules", columns, &values).await;
        for (id, ago) in [(OLD, 4000), (NEW, 1)] {
            let (id, at) = (self.id(id), self.days_ago(ago));
            let columns =
                "tenant_id, kind, subject, version, nominal_at, last_at, outcome, note, decided_at";
            let values = [
                "'default', 'sync', 'quiet', 1",
                &at,
                &at,
                "'paused'",
                "''",
                &at,
            ];
            self.add("occurrences", columns, &values).await;
            let columns = "tenant_id, event_id, token_id, at, kind, detail";
            let values = ["'default'", &id, "'gone'", &at, "'created'", "''"];
            self.add("token_events", columns, &values).await;
        }
    }

    /// A sync that read nothing since it was made, because its token needs a consent.
    async fn unread_sync(&self) {
        let made = self.days_ago(10);
        let columns = "tenant_id, token_id, provider, kind, display_name, state, state_reason, scopes, version, \
                       grant_version, refresh_fence, refresh_failures, created_at, updated_at";
        let values = [
            "'default', 'old', 'google', 'oauth', '', 'needs_reauth', '', '', 1, 1, 0, 0",
            &made,
            &made,
        ];
        self.add("tokens", columns, &values).await;
        let columns = "tenant_id, sync_id, display_name, kind, source_token, destination_token, definition, version, \
                       created_at, updated_at";
        let values = [
            "'default', 'old', '', 'meet-to-clockify', 'old', 'old', '{}', 1",
            &made,
            &made,
        ];
        self.add("syncs", columns, &values).await;
    }

    /// How many rows of this table a condition names.
    async fn count(&self, table: &str, condition: &str) -> usize {
        let sql = format!("SELECT 'x' FROM {} WHERE {condition}", self.table(table));
        self.database.column(&sql).await.len()
    }

    async fn becomes(&self, table: &str, condition: &str, expected: usize) {
        eventually(LONG, || async {
            match self.count(table, condition).await {
                count if count == expected => Ok(()),
                count => Err(format!("{table}: {count} rows with {condition}")),
            }
        })
        .await;
    }
}

async fn a_server_forgets_what_is_over_and_tells_of_a_sync_that_reads_nothing(database: Database) {
    let left = Left {
        database,
        now: Clock::system().now(),
    };
    left.sessions().await;
    left.audit().await;
    left.history().await;
    left.unread_sync().await;
    let stage = Stage::new();
    let command = stage.command(&["--json", "serve"]);
    let mut server = Server::ready(command.env("DATABASE_URL", left.database.url())).await;

    left.becomes("person_sessions", "1 = 1", 1).await;
    let kept = format!("session_id = {}", left.id(NEW));
    assert_eq!(left.count("person_sessions", &kept).await, 1);
    left.becomes("occurrences", "1 = 1", 1).await;
    left.becomes("token_events", "token_id = 'gone'", 1).await;
    left.becomes("audit_entries", "action = 'test'", 1).await;
    let kept = format!("entry_id = {}", left.id(NEW));
    assert_eq!(left.count("audit_entries", &kept).await, 1);
    left.becomes("audit_entries", "action = 'sync.unread'", 1)
        .await;
    let line = server
        .process
        .line("has read nothing for 10 days", LONG)
        .await;
    assert!(line.contains("SOURCE_UNREAD"), "{line}");
    let figures = Client::new().get(format!("{}/metrics", server.http));
    let figures = figures.send().await.unwrap().text().await.unwrap();
    let told = "syncline_notices_total{reason=\"SOURCE_UNREAD\"} 1\n";
    assert!(figures.contains(told), "{figures}");

    // The last use of a key is written down while the server runs.
    let here = channel(&server, None).await;
    let (_, secret) = make(&here, "", key(v1::Role::Viewer)).await;
    list(&here, &secret).await.unwrap();
    left.becomes("api_keys", "last_used_at IS NOT NULL", 1)
        .await;
}

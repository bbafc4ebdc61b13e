//! A server whose PostgreSQL is not there yet, and one beside an SQLite file that is left behind.

use super::{Server, reason};
use crate::{
    cli::{LONG, Stage},
    kit::Database,
};
use reqwest::StatusCode;
use serde_json::Value;
use std::time::{Duration, Instant};
use syncline::{
    api::{
        status::Refusal,
        v1::{ListSyncsRequest, sync_service_client::SyncServiceClient},
    },
    db::Engine,
};
use tokio::net::{TcpListener, TcpStream};

/// A server that waits answers at once.
const AT_ONCE: Duration = Duration::from_secs(5);

/// An address where nobody answers until [`Gap::bridge`].
struct Gap {
    port: u16,
}

impl Gap {
    fn new() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { port }
    }

    /// The URL of a database, across the gap.
    fn url(&self, database: &Database) -> String {
        let mut url = url::Url::parse(&database.url()).unwrap();
        url.set_port(Some(self.port)).unwrap();
        url.to_string()
    }

    /// From now on the server answers here.
    async fn bridge(&self, database: &Database) {
        let port = url::Url::parse(&database.url()).unwrap().port().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    // Either end may break the connection.
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_alive_and_not_ready_until_the_database_answers_and_then_takes_over() {
    let stage = Stage::new();
    let database = Database::empty(Engine::Postgres).await;
    let gap = Gap::new();
    let command = stage
        .command(&["--json", "serve"])
        .env("DATABASE_URL", gap.url(&database))
        .env("SYNCLINE_DATABASE_ACQUIRE_TIMEOUT", "1s");
    let mut server = Server::listening(command).await;
    let found = server.becomes(StatusCode::SERVICE_UNAVAILABLE, LONG).await;
    assert_eq!(
        found["checks"]["database"]["reason"],
        "DATABASE_UNREACHABLE"
    );
    server.process.line("waiting for the database", LONG).await;

    let asked = Instant::now();
    let refused = server.post("/sync").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reason(refused).await, "DATABASE_UNREACHABLE");
    let page: Value = server.get("/").await.json().await.unwrap();
    assert_eq!(page["status"], "not ready");
    assert_eq!(server.get("/metrics").await.status(), StatusCode::OK);
    let mut syncs = SyncServiceClient::new(server.channel().await);
    let refused = syncs
        .list_syncs(ListSyncsRequest::default())
        .await
        .unwrap_err();
    let refusal = Refusal::from(&refused);
    assert_eq!(
        (refusal.code.as_str(), refusal.reason.as_str()),
        ("UNAVAILABLE", "DATABASE_UNREACHABLE")
    );
    assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
    assert!(
        !stage.folder.path().join("syncline.db").exists(),
        "no other database is opened instead"
    );

    gap.bridge(&database).await;
    let found = server.becomes(StatusCode::OK, LONG).await;
    assert_eq!(found["checks"]["worker"]["status"], "ok");
    let listed = syncs.list_syncs(ListSyncsRequest::default()).await;
    assert!(listed.unwrap().into_inner().syncs.is_empty());
    server.process.terminate();
    let status = server.process.wait_exit(LONG).await;
    assert!(status.success(), "{}", server.process.output());
}

#[tokio::test]
async fn a_server_that_waits_can_be_asked_to_end() {
    let stage = Stage::new();
    let command = stage.command(&["--json", "serve"]).env(
        "DATABASE_URL",
        format!("postgres://nobody@127.0.0.1:{}/x", Gap::new().port),
    );
    let mut server = Server::listening(command).await;
    server.becomes(StatusCode::SERVICE_UNAVAILABLE, LONG).await;
    server.process.terminate();
    let status = server.process.wait_exit(Duration::from_secs(10)).await;
    assert!(status.success(), "{}", server.process.output());
}

const LEFT: &str = "the PostgreSQL database is empty, and";

#[tokio::test]
async fn an_sqlite_file_that_is_left_behind_is_mentioned_and_kept() {
    let stage = Stage::with_sync(&[]).await;
    let database = Database::new(Engine::Postgres).await;
    let serve = || {
        stage
            .command(&["--json", "serve"])
            .env("DATABASE_URL", database.url())
    };
    let mut server = Server::ready(serve()).await;
    let line = server.process.line(LEFT, LONG).await;
    for part in ["syncline.db", "2 tokens and 1 syncs", "unset DATABASE_URL"] {
        assert!(line.contains(part), "{line}");
    }
    drop(server);
    let listed = stage.run(&["--json", "sync", "list"]).await;
    assert_eq!(listed.json()["syncs"].as_array().unwrap().len(), 1);

    // Once something is in PostgreSQL, somebody decided.
    database
        .execute(
            "INSERT INTO syncline.tokens (tenant_id, token_id, provider, kind, display_name, state, state_reason, scopes, \
             version, grant_version, refresh_fence, refresh_failures, created_at, updated_at) VALUES \
             ('default', 'x', 'clockify', 'api_key', '', 'needs_reauth', '', '', 1, 1, 0, 0, now(), now())",
        )
        .await;
    let server = Server::ready(serve()).await;
    assert!(!server.process.output().contains(LEFT));
}

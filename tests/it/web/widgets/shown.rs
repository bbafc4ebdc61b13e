//! What the widget shows: files, a page, the state of the syncs.

use super::*;
use std::process::Command;
use syncline::db::{Engine, Scope, execute};

each_engine!(
    customers_see_how_the_syncs_are_and_nothing_else,
    the_script_shows_the_widget_on_a_page,
);

const PUT: [&str; 3] = [
    "INSERT INTO tokens (tenant_id, token_id, provider, kind, display_name, state, state_reason, scopes, version, grant_version, \
     refresh_fence, refresh_failures, created_at, updated_at) \
     VALUES ('acme', 't', 'clockify', 'api_key', '', 'active', '', '', 1, 1, 0, 0, $1, $1)",
    "INSERT INTO syncs (tenant_id, sync_id, display_name, kind, source_token, destination_token, definition, version, \
     created_at, updated_at) SELECT 'acme', e.value ->> 'id', e.value ->> 'name', 'meet-to-clockify', 't', 't', '{}', 1, $1, $1 \
     FROM json_each('[{\"id\": \"a\", \"name\": \"Attendance\"}, {\"id\": \"b\", \"name\": \"<b>Billing</b>\"}, \
     {\"id\": \"c\", \"name\": \"Calm\"}]') AS e",
    "INSERT INTO runs (tenant_id, run_id, kind, subject, cause, state, priority, arguments, attempt, max_attempts, crashes, fence, \
     due_at, wait_reason, error_reason, error_message, created_at, finished_at, updated_at) \
     SELECT 'acme', $2, 'sync', $3, 'test', $4, 0, '{}', 1, 1, 0, 0, $1, '', 'CANARY', 'canary', $1, $1, $1",
];

async fn put_syncs(database: &Database) {
    let db = database.connect().await;
    let mut tx = db.write(Scope::System("a test")).await.unwrap();
    let early = "2026-03-01T09:00:00Z"
        .parse::<chrono::DateTime<chrono::Utc>>()
        .unwrap();
    let late = early + chrono::TimeDelta::hours(1);
    execute!(&mut tx, PUT[0], early).unwrap();
    execute!(&mut tx, PUT[1], early).unwrap();
    for (at, sync, state) in [
        (early, "a", "succeeded"),
        (late, "a", "failed"),
        (late, "b", "succeeded"),
    ] {
        execute!(&mut tx, PUT[2], at, uuid::Uuid::now_v7(), sync, state).unwrap();
    }
    tx.commit().await.unwrap();
    db.close().await;
}

async fn customers_see_how_the_syncs_are_and_nothing_else(database: Database) {
    let scene = Scene::open(database).await;
    let key = scene.with_widget(&[]).await.secret;
    put_syncs(&scene.database).await;
    let answer = scene
        .server
        .get(&format!("/api/widget/status?key={key}"))
        .await;
    let document: Value = answer.json().await.unwrap();
    let sync = |name: &str, state: &str, success: Option<&str>| json!({ "name": name, "state": state, "last_success": success, "next_run": null });
    let expected = json!({ "syncs": [
        sync("Attendance", "trouble", Some("2026-03-01T09:00:00Z")),
        sync("<b>Billing</b>", "ok", Some("2026-03-01T10:00:00Z")),
        sync("Calm", "ok", None),
    ]});
    assert_eq!(document, expected);
    let text = scene.config(&key, None).await.text().await.unwrap();
    assert!(
        !text.to_lowercase().contains("canary") && !text.contains("acme"),
        "{text}"
    );
}

/// What a visitor of a page at `origin` sees.
fn page(server: &Server, key: &str, origin: &str) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/widget_page.cjs");
    let output = Command::new("node")
        .args([script, &server.http, key, origin])
        .output();
    let output = output.expect("node is installed");
    let (text, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{errors}"))
}

async fn the_script_shows_the_widget_on_a_page(database: Database) {
    let scene = Scene::open(database).await;
    let key = scene.with_widget(&["*.example.org"]).await.secret;
    put_syncs(&scene.database).await;
    let seen = page(&scene.server, &key, "https://a.example.org");
    assert_eq!(seen["said"], json!([]), "{seen}");
    assert_eq!(
        seen["asked"],
        json!(["/api/widget/config", "/api/widget/status"])
    );
    let style = &seen["head"]["children"][0];
    assert_eq!(
        style["href"],
        format!("{}/widget/v1/widget.css", scene.server.http)
    );
    let root = &seen["body"]["children"][0];
    assert_eq!(root["styles"]["--syncline-color"], "#3b82f6");
    assert!(
        root["name"]
            .as_str()
            .unwrap()
            .contains("syncline-bottom-right")
    );
    let panel = &root["children"][0];
    assert_eq!(panel["hidden"], false);
    let texts: Vec<_> = panel["children"]
        .as_array()
        .unwrap()
        .iter()
        .map(|child| &child["text"])
        .collect();
    assert_eq!(texts, ["Support", "Hi! How can I help?", ""]);
    let syncs = panel["children"][2]["children"].as_array().unwrap();
    let line = |sync: &Value| (sync["name"].clone(), sync["children"][1]["text"].clone());
    assert_eq!(
        line(&syncs[0]),
        (json!("syncline-sync syncline-trouble"), json!("Attendance"))
    );
    assert_eq!(
        line(&syncs[1]),
        (json!("syncline-sync syncline-ok"), json!("<b>Billing</b>"))
    );
    let facts = syncs[0]["children"][2]["text"].as_str().unwrap();
    assert!(
        facts.starts_with("Needs attention · last success "),
        "{facts}"
    );

    let refused = page(&scene.server, &key, "https://evilexample.org");
    assert_eq!(refused["body"]["children"], json!([]), "{refused}");
    assert_eq!(refused["said"].as_array().unwrap().len(), 1, "{refused}");
}

#[tokio::test]
async fn the_files_are_sent_once_and_again_only_when_they_change() {
    let database = Database::new(Engine::Sqlite).await;
    let scene = Scene::open(database).await;
    for (path, kind) in [
        ("/widget/v1/widget.js", "text/javascript; charset=utf-8"),
        ("/widget/v1/widget.css", "text/css; charset=utf-8"),
    ] {
        let answer = scene.server.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let headers = answer.headers().clone();
        assert_eq!(headers[header::CONTENT_TYPE], kind);
        assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=3600");
        let etag = headers[header::ETAG].to_str().unwrap().to_owned();
        let content = answer.bytes().await.unwrap();
        let hash = syncline::base::sha256(&content);
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(etag, format!("\"{hash}\""), "of the whole content");
        let asked = scene
            .server
            .request(Method::GET, path)
            .header(header::IF_NONE_MATCH, &etag);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(answer.headers()[header::ETAG], etag.as_str());
        assert!(answer.bytes().await.unwrap().is_empty());
    }
}

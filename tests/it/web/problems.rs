//! What needs a person shows in health, and makes nothing unready.

use super::Server;
use crate::{
    cli::{LONG, Stage},
    kit::eventually,
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_needs_its_owner_shows_in_health() {
    let stage = Stage::with_tokens().await;
    let options = SqliteConnectOptions::new().filename(stage.folder.path().join("syncline.db"));
    let mut file = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("UPDATE tokens SET state = 'needs_reauth' WHERE token_id = 'clockify'")
        .execute(&mut file)
        .await
        .unwrap();
    let server = Server::ready(stage.command(&["--json", "serve"])).await;
    let expected = json!([{"reason": "TOKEN_NEEDS_OWNER", "count": 1}]);
    eventually(LONG, || async {
        let answer = server.get("/health/ready").await;
        assert_eq!(answer.status(), StatusCode::OK);
        let document: Value = answer.json().await.unwrap();
        match document["problems"] == expected {
            true => Ok(()),
            false => Err(document.to_string()),
        }
    })
    .await;
    let figures = server.get("/metrics").await.text().await.unwrap();
    assert!(figures.contains("syncline_problems{reason=\"TOKEN_NEEDS_OWNER\"} 1"));
}

//! What needs a person shows in health, and makes nothing unready.

use super::Server;
use crate::{
    cli::{LONG, Stage},
    kit::eventually,
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use syncline::api::{
    status::Refusal,
    v1::{RefreshTokenRequest, token_service_client::TokenServiceClient},
};

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

/// As it happens to a server: the owner takes the consent away, and the provider says so at the next refresh.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_dies_under_a_server_is_told_of_in_its_log_its_figures_and_its_health() {
    let stage = Stage::with_tokens().await;
    let mut server = Server::ready(stage.command(&["--json", "serve"])).await;
    let name = "tenants/default/tokens/google";
    {
        let mut world = stage.simulator.world();
        let me = world.me();
        world.revoke_grants(&me.id);
    }
    let mut tokens = TokenServiceClient::new(server.channel().await);
    let refresh = RefreshTokenRequest {
        name: name.to_owned(),
    };
    for _ in 0..2 {
        let refused = tokens.refresh_token(refresh.clone()).await.unwrap_err();
        assert_eq!(Refusal::from(&refused).reason, "NEEDS_REAUTH");
    }
    let line = server.process.line("somebody is needed", LONG).await;
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["level"], "WARN");
    let said = line.to_string();
    assert!(
        said.contains("TOKEN_NEEDS_OWNER") && said.contains(name),
        "{said}"
    );
    let figures = server.get("/metrics").await.text().await.unwrap();
    let told = "syncline_notices_total{reason=\"TOKEN_NEEDS_OWNER\"} 1\n";
    assert!(figures.contains(told), "told once: {figures}");
    let expected = json!([{"reason": "TOKEN_NEEDS_OWNER", "count": 1}]);
    eventually(LONG, || async {
        let document: Value = server.get("/health/ready").await.json().await.unwrap();
        match document["problems"] == expected {
            true => Ok(()),
            false => Err(document.to_string()),
        }
    })
    .await;
    let lines = server.process.output();
    assert_eq!(lines.matches("somebody is needed").count(), 1, "{lines}");
}

//! Calls that are refused are counted, so that nobody fills the audit by being refused; `syncline audit` shows it.

use super::{NAME, Server, guarded};
use crate::cli::{LONG, Stage, ended};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use syncline::api::v1::{GetTokenRequest, token_service_client::TokenServiceClient};
use tonic::{Code, Request};

fn entries(document: &Value) -> &[Value] {
    document["auditEntries"]
        .as_array()
        .map_or(&[], Vec::as_slice)
}

#[tokio::test]
async fn a_hundred_refused_calls_are_one_row_of_the_audit() {
    let stage = Stage::with_tokens().await;
    let patient =
        guarded(stage.command(&["--json", "serve"])).env("SYNCLINE_AUTH_ATTEMPTS", "none");
    let mut server = Server::ready(patient).await;
    // Something for the tenant's own list.
    let url = server.grpc_url().to_owned();
    let check = ["--server", &url, "token", "check", "clockify"];
    assert_eq!(ended(guarded(stage.command(&check))).await.code, 0);
    let mut tokens = TokenServiceClient::new(server.channel().await);
    for number in 0..100 {
        let mut request = Request::new(GetTokenRequest {
            name: format!("tenants/default/tokens/made-up-{number}"),
        });
        let shown = BASE64_STANDARD.encode(format!("{NAME}:guess-{number}"));
        let shown = format!("Basic {shown}").parse().unwrap();
        request.metadata_mut().insert("authorization", shown);
        tokens.get_token(request).await.unwrap_err();
    }
    server.process.terminate();
    assert!(server.process.wait_exit(LONG).await.success());

    let listed = stage
        .run(&["--json", "audit", "--instance", "--action", "rpc.call"])
        .await;
    assert_eq!(listed.code, 0, "{}", listed.text);
    let listed = listed.json();
    let refused = entries(&listed);
    // Two, where the minute ended meanwhile. Who guesses too often is told to wait, which refuses nobody.
    assert!((1..=2).contains(&refused.len()), "{listed}");
    let count = |entry: &Value| entry["count"].as_str().unwrap().parse::<u32>().unwrap();
    let counted: u32 = refused.iter().map(count).sum();
    assert!((20..=100).contains(&counted), "{listed}");
    assert_eq!(refused[0]["outcome"], "CREDENTIALS_WRONG");
    assert_eq!(refused[0]["action"], "rpc.call");
    assert_eq!(refused[0]["resource"], "syncline.v1.TokenService/GetToken");

    let own = stage.run(&["audit", "--action", "token.check"]).await;
    assert_eq!(own.code, 0, "{}", own.text);
    assert!(
        own.text.contains(NAME) && own.text.contains("tokens/clockify"),
        "{}",
        own.text
    );
    let created = stage.run(&[
        "--json",
        "audit",
        "--action",
        "token.create",
        "--limit",
        "1",
    ]);
    let created = created.await.json();
    assert_eq!(entries(&created).len(), 1, "{created}");
    assert_eq!(created["auditEntries"][0]["actor"], "syncline");
    let wrong = stage.run(&["audit", "--from", "yesterday"]).await;
    assert_eq!(wrong.code, 64, "{}", wrong.text);
}

#[tokio::test]
async fn guesses_are_written_down_with_where_they_come_from_and_who_shows_nothing_is_not() {
    let stage = Stage::new();
    let mut server = Server::ready(guarded(stage.command(&["--json", "serve"]))).await;
    // Asked to show something, by both faces.
    assert_eq!(server.get("/").await.status(), StatusCode::UNAUTHORIZED);
    let mut tokens = TokenServiceClient::new(server.channel().await);
    let nothing = tokens.get_token(GetTokenRequest::default()).await;
    assert_eq!(nothing.unwrap_err().code(), Code::Unauthenticated);

    let form = [("login", "ada"), ("password", "guess")];
    for _ in 0..2 {
        let login = server.request(Method::POST, "/login").form(&form);
        assert_eq!(
            login.send().await.unwrap().status(),
            StatusCode::UNAUTHORIZED
        );
    }
    // The login asks nobody for this, and answers all the same.
    let login = server.request(Method::POST, "/login").form(&form);
    let login = login.basic_auth(NAME, Some("guess")).send().await.unwrap();
    assert_eq!(login.status(), StatusCode::UNAUTHORIZED);
    for session in ["sl_session_x", "sl_session_y"] {
        let page = server.request(Method::GET, "/metrics").bearer_auth(session);
        assert_eq!(
            page.send().await.unwrap().status(),
            StatusCode::UNAUTHORIZED
        );
    }
    server.process.terminate();
    assert!(server.process.wait_exit(LONG).await.success());

    let listed = stage.run(&["--json", "audit", "--instance", "--actor", "any*"]);
    let listed = listed.await.json();
    let mut seen = std::collections::BTreeMap::<_, u32>::new();
    for entry in entries(&listed) {
        let text = |field: &str| entry[field].as_str().unwrap().to_owned();
        let what = ["action", "resource", "outcome", "address"].map(text);
        *seen.entry(what.join(" ")).or_default() += text("count").parse::<u32>().unwrap();
    }
    let expected = [
        ("credentials.show - CREDENTIALS_WRONG 127.0.0.1", 1),
        ("http.request /metrics SESSION_OVER 127.0.0.1", 2),
        ("user.login users/- LOGIN_WRONG 127.0.0.1", 3),
    ];
    let expected = expected.map(|(what, count)| (what.to_owned(), count));
    assert_eq!(seen, expected.into(), "{listed}");
}

//! Calls that are refused are counted, so that nobody fills the audit by being refused; `syncline audit` shows it.

use super::{NAME, Server, guarded};
use crate::cli::{LONG, Stage, ended};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use syncline::api::v1::{GetTokenRequest, token_service_client::TokenServiceClient};
use tonic::Request;

fn entries(document: &Value) -> &[Value] {
    document["auditEntries"]
        .as_array()
        .map_or(&[], Vec::as_slice)
}

#[tokio::test]
async fn a_hundred_refused_calls_are_one_row_of_the_audit() {
    let stage = Stage::with_tokens().await;
    let mut server = Server::ready(guarded(stage.command(&["--json", "serve"]))).await;
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

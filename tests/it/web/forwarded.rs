//! Who really calls, where a proxy stands before the server: as the audit has it.

use super::{NAME, Server, guarded};
use crate::{
    cli::{LONG, Stage},
    keys::served::channel,
};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use std::{collections::BTreeSet, net::IpAddr};
use syncline::api::v1::{GetTokenRequest, token_service_client::TokenServiceClient};
use tonic::Request;

/// Whose word is taken.
const PROXY: &str = "127.0.0.3";
/// Who adds to the header that somebody made up and the proxy ends with whom it heard from.
const SAID: &str = "203.0.113.66, 198.51.100.7";

#[tokio::test]
async fn the_word_of_a_trusted_proxy_is_taken_and_that_of_others_is_not() {
    let stage = Stage::new();
    let command = guarded(stage.command(&["--json", "serve"]));
    let command = command.env("SYNCLINE_HTTP_TRUSTED_PROXIES", PROXY);
    let mut server = Server::ready(command).await;
    let proxy: IpAddr = PROXY.parse().unwrap();
    for from in [None, Some(proxy)] {
        let client = Client::builder().no_proxy().local_address(from);
        let asked = client.build().unwrap().get(&server.http);
        let asked = asked.header("x-forwarded-for", SAID);
        let answer = asked.basic_auth(NAME, Some("wrong")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);

        let mut tokens = TokenServiceClient::new(channel(&server, from).await);
        let mut request = Request::new(GetTokenRequest::default());
        for (name, value) in [("x-forwarded-for", SAID), ("authorization", "Bearer wrong")] {
            request.metadata_mut().insert(name, value.parse().unwrap());
        }
        tokens.get_token(request).await.unwrap_err();
    }
    server.process.terminate();
    assert!(server.process.wait_exit(LONG).await.success());
    for action in ["http.request", "rpc.call"] {
        let listed = stage
            .run(&["--json", "audit", "--instance", "--action", action])
            .await;
        let listed: Value = listed.json();
        let entries = listed["auditEntries"].as_array().unwrap();
        let addresses = entries.iter().map(|entry| entry["address"].as_str());
        let addresses: BTreeSet<_> = addresses.map(Option::unwrap).collect();
        let expected = BTreeSet::from(["127.0.0.1", "198.51.100.7"]);
        assert_eq!(addresses, expected, "{listed}");
    }
}

//! Who calls too much, guesses, or calls from where no calls are taken, as they meet a real server.

use super::served::{
    PASSWORD, channel, command, first_start, key, list, make, page, printed, reason,
};
use crate::{
    cli::{Stage, ended},
    isolation::messages,
    kit::eventually,
    web::Server,
};
use reqwest::{Client, StatusCode};
use serde_json::json;
use std::{
    net::IpAddr,
    time::{Duration, Instant},
};
use syncline::api::{status::Refusal, v1};

#[tokio::test]
async fn a_key_that_is_used_too_much_is_told_how_long_to_wait() {
    let stage = Stage::new();
    let (server, first) = first_start(&stage, &[]).await;
    let channel = channel(&server, None).await;
    let mut request = key(v1::Role::Viewer);
    request.instance = true;
    request.api_key.as_mut().unwrap().rate_limit = 60;
    let (_, limited) = make(&channel, &first, request).await;
    for _ in 0..60 {
        list(&channel, &limited).await.unwrap();
    }
    let refused = list(&channel, &limited).await.unwrap_err();
    let refusal = Refusal::from(&refused);
    assert_eq!(
        (refusal.code.as_str(), refusal.reason.as_str()),
        ("RESOURCE_EXHAUSTED", "RATE_LIMITED")
    );
    let wait = refusal.retry_after.unwrap().as_secs();
    assert!((1..=60).contains(&wait), "{wait}");
    let answer = page(&server, "/metrics", &limited).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers().contains_key("retry-after"));
    list(&channel, &first).await.unwrap();
}

#[tokio::test]
async fn who_guesses_is_slowed_and_a_good_key_from_there_goes_on() {
    let stage = Stage::new();
    let made = stage
        .run(&["key", "create", "--instance", "--role", "admin"])
        .await;
    assert_eq!(made.code, 0, "{}", made.text);
    let good = made
        .text
        .lines()
        .find(|line| line.starts_with("sl_live_"))
        .unwrap();
    let variables = [PASSWORD[0], PASSWORD[1], ("SYNCLINE_AUTH_ATTEMPTS", "5/1h")];
    let server = Server::ready(command(&stage, &variables)).await;
    assert_eq!(
        printed(&server.process.output()),
        None,
        "there is a password"
    );
    let here = channel(&server, None).await;
    let reasons = |keys: Vec<String>| {
        let here = here.clone();
        async move {
            let mut reasons = Vec::new();
            for key in keys {
                reasons.push(reason(&list(&here, &key).await.unwrap_err()));
            }
            reasons
        }
    };
    let guesses = (0..7).map(|number| format!("sl_live_{number}")).collect();
    let answers = reasons(guesses).await;
    assert!(
        answers[..5]
            .iter()
            .all(|reason| reason == "CREDENTIALS_WRONG"),
        "{answers:?}"
    );
    assert!(
        answers[5..]
            .iter()
            .all(|reason| reason == "TOO_MANY_ATTEMPTS"),
        "{answers:?}"
    );
    // A key that this process had never seen before, from the same address.
    list(&here, good).await.unwrap();
    let password = |from: Option<IpAddr>| {
        let client = Client::builder()
            .no_proxy()
            .local_address(from)
            .build()
            .unwrap();
        let page = client.get(format!("{}/metrics", server.http));
        let [(_, name), (_, password)] = PASSWORD;
        page.basic_auth(name, Some(password)).send()
    };
    let right = password(None).await.unwrap();
    assert_eq!(
        right.status(),
        StatusCode::OK,
        "wrong keys are counted apart"
    );
    for _ in 0..5 {
        let page = Client::new().get(format!("{}/metrics", server.http));
        let wrong = page.basic_auth(PASSWORD[0].1, Some("wrong")).send();
        assert_eq!(wrong.await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    let refused = password(None).await.unwrap();
    assert_eq!(
        refused.status(),
        StatusCode::TOO_MANY_REQUESTS,
        "unseen, though it is right"
    );
    assert!(refused.headers().contains_key("retry-after"));
    let elsewhere = password(Some([127, 0, 0, 2].into())).await.unwrap();
    assert_eq!(elsewhere.status(), StatusCode::OK);
}

#[tokio::test]
async fn calls_from_a_denied_address_are_refused_but_for_health() {
    let stage = Stage::new();
    let (server, first) = first_start(&stage, &[]).await;
    let elsewhere: Option<IpAddr> = Some([127, 0, 0, 2].into());
    let (here, there) = (
        channel(&server, None).await,
        channel(&server, elsewhere).await,
    );
    list(&there, &first).await.unwrap();
    let shown = ("SYNCLINE_API_KEY", first.as_str());
    let rules = |arguments: &[&str]| {
        let to = ["--server", server.grpc.as_deref().unwrap(), "key", "rules"];
        ended(
            stage
                .command(&[&to, arguments].concat())
                .env(shown.0, shown.1),
        )
    };
    let denied = rules(&["deny", "127.0.0.2", "--reason", "noise", "--expires", "1h"]).await;
    assert_eq!(denied.code, 0, "{}", denied.text);
    let since = Instant::now();
    let refused = loop {
        match list(&there, &first).await {
            Ok(()) => assert!(
                since.elapsed() < Duration::from_secs(1),
                "it is still taken"
            ),
            Err(refused) => break refused,
        }
    };
    assert_eq!(reason(&refused), "ADDRESS_REFUSED");
    assert!(refused.message().contains("127.0.0.2"));
    list(&here, &first).await.unwrap();
    let client = Client::builder()
        .no_proxy()
        .local_address(elsewhere)
        .build()
        .unwrap();
    for (path, expected) in [
        ("/metrics", StatusCode::FORBIDDEN),
        ("/", StatusCode::FORBIDDEN),
        ("/auth?link=made-up", StatusCode::FORBIDDEN),
        ("/oauth2callback?state=x", StatusCode::FORBIDDEN),
        ("/api/widget/config", StatusCode::FORBIDDEN),
        ("/widget/v1/widget.js", StatusCode::FORBIDDEN),
        ("/health/live", StatusCode::OK),
        ("/health/ready", StatusCode::OK),
    ] {
        let answer = client
            .get(format!("{}{path}", server.http))
            .bearer_auth(&first);
        assert_eq!(answer.send().await.unwrap().status(), expected, "{path}");
    }
    let mut health = tonic_health::pb::health_client::HealthClient::new(there.clone());
    let asked = tonic_health::pb::HealthCheckRequest::default();
    assert!(health.check(asked).await.is_ok());
    let own = rules(&["deny", "127.0.0.1"]).await;
    assert!(
        own.code == 1 && own.text.contains("allow that address first"),
        "{}",
        own.text
    );
    let listed = rules(&["list"]).await;
    assert!(
        listed.text.contains("127.0.0.2") && listed.text.contains("noise"),
        "{}",
        listed.text
    );
    let id = listed
        .text
        .lines()
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap();
    assert_eq!(rules(&["rm", id]).await.code, 0);
    eventually(Duration::from_secs(1), || list(&there, &first)).await;
}

/// A login asks nobody who they are; who shows a wrong key with it guesses all the same.
#[tokio::test]
async fn guesses_that_come_with_a_login_are_counted_like_others() {
    let stage = Stage::new();
    let variables = [("SYNCLINE_AUTH_ATTEMPTS", "5/1h")];
    let (server, first) = first_start(&stage, &variables).await;
    let here = channel(&server, None).await;
    let login = json!({"login": "", "password": ""});
    for guess in 0..6 {
        let key = format!("sl_live_{guess:0>43}");
        let answer = messages::call(&here, &key, "AccountService/Login", &login).await;
        assert_eq!(answer.code, 3, "the names are missing: {}", answer.message);
    }
    let refused = list(&here, "sl_live_another").await.unwrap_err();
    assert_eq!(reason(&refused), "TOO_MANY_ATTEMPTS");
    list(&here, &first).await.unwrap();
}

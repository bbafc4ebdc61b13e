//! What breaks on the way, and whether the call is made again.

use super::{
    limited,
    provider::{Provider, Reaction},
    quick, read, unlimited, write,
};
use crate::kit::{self, Database};
use http::StatusCode;
use std::time::{Duration, Instant};
use syncline::{
    base::Error,
    db::Engine,
    outbound::{Auth, Body, Call, CallError, Options, Outbound},
};
use tokio::net::TcpListener;

kit::each_engine!(retry_after_is_obeyed_by_all_replicas);

async fn outbound(options: Options) -> (Database, Outbound) {
    let database = Database::new(Engine::Sqlite).await;
    let outbound = Outbound::new(database.connect().await, options).unwrap();
    (database, outbound)
}

/// Everything after which nobody knows whether a request was carried out.
fn breakages() -> Vec<Reaction> {
    vec![
        Reaction::Close,
        Reaction::Half,
        Reaction::Hang,
        Reaction::status(408),
        Reaction::status(500),
        Reaction::status(502),
        Reaction::status(503).with_header("Retry-After", "0"),
        Reaction::status(504).with_body("<html>gateway</html>"),
    ]
}

#[tokio::test]
async fn writes_are_never_sent_twice_after_a_broken_connection() {
    let (_database, outbound) = outbound(quick()).await;
    for breakage in breakages() {
        let provider = Provider::new([breakage.clone()], Reaction::ok()).await;
        let outcome = outbound.call(&unlimited(), write(&provider.url)).await;
        assert!(
            matches!(outcome, Err(CallError::Unanswered { .. })),
            "{breakage:?}: {outcome:?}"
        );
        assert_eq!(provider.count(), 1, "{breakage:?}");
    }
}

#[tokio::test]
async fn a_write_on_a_connection_that_was_used_before_is_not_sent_twice_either() {
    let (_database, outbound) = outbound(quick()).await;
    let provider = Provider::new([Reaction::ok(), Reaction::Close], Reaction::ok()).await;
    outbound
        .call(&unlimited(), write(&provider.url))
        .await
        .unwrap();
    let outcome = outbound.call(&unlimited(), write(&provider.url)).await;
    assert!(matches!(outcome, Err(CallError::Unanswered { .. })));
    assert_eq!(provider.count(), 2);
}

#[tokio::test]
async fn reads_are_repeated_until_they_are_answered() {
    let (_database, outbound) = outbound(quick()).await;
    for breakage in breakages() {
        let provider = Provider::new([breakage.clone(), breakage.clone()], Reaction::ok()).await;
        let outcome = outbound.call(&unlimited(), read(&provider.url)).await;
        let reply = outcome.unwrap_or_else(|error| panic!("{breakage:?}: {error}"));
        assert_eq!(reply.body, b"{\"ok\":true}");
        assert_eq!(provider.count(), 3, "{breakage:?}");
    }
}

#[tokio::test]
async fn reads_are_given_up_after_the_last_retry() {
    let options = Options {
        retries: 2,
        ..quick()
    };
    let (_database, outbound) = outbound(options).await;
    let provider = Provider::new([], Reaction::Close).await;
    let outcome = outbound.call(&unlimited(), read(&provider.url)).await;
    assert!(matches!(outcome, Err(CallError::Unanswered { .. })));
    assert_eq!(provider.count(), 3);
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_was_surely_sent_nothing() {
    let (_database, outbound) = outbound(quick()).await;
    let free_port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    for url in [
        format!("http://127.0.0.1:{free_port}/"),
        // Nobody speaks TLS there.
        Provider::new([], Reaction::Close)
            .await
            .url
            .as_str()
            .replace("http:", "https:"),
        "http://nowhere.localhost:1/".to_owned(),
    ] {
        let url = url.parse().unwrap();
        for call in [read(&url), write(&url)] {
            let outcome = outbound.call(&unlimited(), call).await;
            let Err(error @ CallError::NotSent { .. }) = outcome else {
                panic!("{url}: {outcome:?}");
            };
            let Error::Unavailable { reason, .. } = error.into() else {
                panic!("{url} is not unavailable");
            };
            assert_eq!(reason, "PROVIDER_UNREACHABLE");
        }
    }
}

#[tokio::test]
async fn a_read_reaches_a_provider_that_comes_up_meanwhile() {
    let options = Options {
        backoff_base: Duration::from_millis(200),
        backoff_max: Duration::from_secs(2),
        retries: 20,
        ..quick()
    };
    let (_database, outbound) = outbound(options).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}/").parse().unwrap();
    let call = tokio::spawn(async move { outbound.call(&unlimited(), read(&url)).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let app = axum::Router::new().route("/", axum::routing::get(|| async { "up" }));
    let listener = TcpListener::bind(address).await.unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let reply = call.await.unwrap().unwrap();
    assert_eq!(reply.body, b"up");
    server.abort();
}

async fn retry_after_is_obeyed_by_all_replicas(database: Database) {
    let here = Outbound::new(database.connect().await, quick()).unwrap();
    let there = Outbound::new(database.connect().await, quick()).unwrap();
    let account = limited("throttled", 1_000, Duration::from_secs(60));

    // A wait that is short enough is waited for, for writes as well: 429 is a definite "not done".
    for call in [read, write] {
        let throttled = Reaction::status(429).with_header("Retry-After", "1");
        let provider = Provider::new([throttled], Reaction::ok()).await;
        here.call(&account, call(&provider.url)).await.unwrap();
        let times = provider.times();
        assert_eq!(times.len(), 2);
        assert!(times[1] - times[0] >= Duration::from_millis(995));
    }

    // A longer one is told, and nobody asks meanwhile.
    let throttled = Reaction::status(429).with_header("Retry-After", "60");
    let provider = Provider::new([throttled], Reaction::ok()).await;
    let now = database.connect().await.now();
    let outcome = here.call(&account, write(&provider.url)).await;
    let Err(CallError::NotSent {
        retry_at: Some(at), ..
    }) = outcome
    else {
        panic!("{outcome:?}");
    };
    assert!((55..=65).contains(&(at - now).num_seconds()), "{at}");
    for outbound in [&here, &there] {
        let outcome = outbound.call(&account, read(&provider.url)).await;
        let Err(CallError::OutOfBudget { until, .. }) = outcome else {
            panic!("{outcome:?}");
        };
        assert!((until - at).abs().num_milliseconds() < 1, "{until}");
    }
    assert_eq!(provider.count(), 1);
}

#[tokio::test]
async fn a_rate_limit_without_retry_after_is_left_alone_for_longer_each_time() {
    let options = Options {
        backoff_base: Duration::from_millis(40),
        backoff_max: Duration::from_secs(20),
        ..quick()
    };
    let (_database, outbound) = outbound(options).await;
    let provider = Provider::new(vec![Reaction::status(429); 4], Reaction::ok()).await;
    outbound
        .call(&unlimited(), write(&provider.url))
        .await
        .unwrap();
    let times = provider.times();
    let waits: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, least) in waits.iter().zip([20, 40, 80, 160]) {
        assert!(*wait >= Duration::from_millis(least), "{waits:?}");
    }
}

#[tokio::test]
async fn a_rate_limit_in_the_providers_own_words_is_a_rate_limit() {
    let (_database, outbound) = outbound(quick()).await;
    let limit = Reaction::status(403).with_body("{\"reason\":\"rateLimitExceeded\"}");
    let provider = Provider::new([limit], Reaction::status(403)).await;
    let call = Call {
        throttled: |status, body| {
            status == StatusCode::FORBIDDEN && body.windows(9).any(|text| text == b"rateLimit")
        },
        ..write(&provider.url)
    };
    let outcome = outbound.call(&unlimited(), call).await;
    let Err(CallError::Refused(refusal)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(refusal.status, StatusCode::FORBIDDEN);
    assert_eq!(refusal.body, b"{\"ok\":true}");
    assert_eq!(provider.count(), 2);
}

#[tokio::test]
async fn a_refusal_is_final_even_when_its_text_is_cut_off_or_endless() {
    let (_database, outbound) = outbound(quick()).await;
    for status in [400, 401, 403, 404, 405, 409, 410] {
        for body in [0, 200_000] {
            let provider =
                Provider::new([], Reaction::status(status).with_body(vec![b'x'; body])).await;
            let outcome = outbound.call(&unlimited(), read(&provider.url)).await;
            let Err(CallError::Refused(refusal)) = outcome else {
                panic!("{status}: {outcome:?}");
            };
            assert_eq!(refusal.status.as_u16(), status);
            assert!(refusal.body.len() <= 64 << 10);
            assert_eq!(provider.count(), 1);
        }
    }
}

#[tokio::test]
async fn a_body_above_the_limit_is_not_read_to_its_end() {
    let (_database, outbound) = outbound(quick()).await;
    for (bytes, fits) in [(64 << 10, true), ((64 << 10) + 1, false)] {
        let provider = Provider::new([], Reaction::ok().with_body(vec![b'x'; bytes])).await;
        let outcome = outbound.call(&unlimited(), read(&provider.url)).await;
        match outcome {
            Ok(reply) => assert!(fits && reply.body.len() == bytes),
            Err(CallError::Unanswered { why }) => assert!(!fits && why.contains("larger"), "{why}"),
            Err(other) => panic!("{other}"),
        }
        assert_eq!(provider.count(), 1);
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (_database, outbound) = outbound(quick()).await;
    let elsewhere = Provider::new([], Reaction::ok()).await;
    for status in [301, 302, 303, 307, 308] {
        let away = Reaction::status(status).with_header("Location", elsewhere.url.as_str());
        let provider = Provider::new([], away).await;
        for call in [read(&provider.url), write(&provider.url)] {
            let reply = outbound.call(&unlimited(), call).await.unwrap();
            assert_eq!(reply.status.as_u16(), status);
        }
    }
    assert_eq!(elsewhere.count(), 0);
}

#[tokio::test]
async fn credentials_do_not_leave_this_machine_in_clear() {
    let (_database, outbound) = outbound(quick()).await;
    // Addresses for documentation; a call to them would end in a time-out.
    let url = "http://192.0.2.1/".parse().unwrap();
    let begun = Instant::now();
    let outcome = outbound.call(&unlimited(), write(&url)).await;
    let Err(CallError::NotSent { why, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(why.contains("plain http"), "{why}");
    assert!(begun.elapsed() < Duration::from_millis(300));
}

#[tokio::test]
async fn a_call_carries_its_credential_its_body_and_the_trace() {
    let options = Options {
        trace: |headers| {
            headers.insert("traceparent", "00-trace-span-01".parse().unwrap());
        },
        ..quick()
    };
    let (_database, outbound) = outbound(options).await;
    let provider = Provider::new([], Reaction::ok()).await;
    let cases = [
        (
            Auth::None,
            Body::Empty,
            vec!["traceparent: 00-trace-span-01"],
        ),
        (
            Auth::Bearer("ya29.composed".into()),
            Body::Json(serde_json::json!({"a": 1})),
            vec![
                "authorization: Bearer ya29.composed",
                "content-type: application/json",
                "{\"a\":1}",
            ],
        ),
        (
            Auth::Header("X-Api-Key", "composed".into()),
            Body::Form(vec![
                ("grant_type", "refresh_token".into()),
                ("t", "1//0 &".into()),
            ]),
            vec![
                "x-api-key: composed",
                "content-type: application/x-www-form-urlencoded",
                "grant_type=refresh_token&t=1%2F%2F0+%26",
            ],
        ),
    ];
    for (auth, body, expected) in cases {
        let call = Call {
            auth,
            body,
            ..write(&provider.url)
        };
        outbound.call(&unlimited(), call).await.unwrap();
        let request = provider.last();
        for text in expected {
            assert!(request.contains(text), "{text} is not in {request}");
        }
        assert!(request.contains("user-agent: syncline/"), "{request}");
    }
}

#[tokio::test]
async fn json_that_was_not_promised_is_no_answer() {
    let (_database, outbound) = outbound(quick()).await;
    let page = Reaction::ok().with_body("<html>log in first</html>");
    let provider = Provider::new([], page).await;
    let reply = outbound
        .call(&unlimited(), write(&provider.url))
        .await
        .unwrap();
    let error = reply.json::<serde_json::Value>().unwrap_err();
    assert!(matches!(error, CallError::Unanswered { .. }));
    assert!(!error.to_string().contains("log in"), "{error}");
}

#[tokio::test]
async fn one_attempt_is_over_within_the_time_out_and_is_not_repeated() {
    let (_database, outbound) = outbound(quick()).await;
    let account = limited("attempt", 100, Duration::from_secs(60));
    for reaction in [
        Reaction::Hang,
        Reaction::status(429).with_header("Retry-After", "0"),
        Reaction::status(503),
    ] {
        let provider = Provider::new([reaction.clone()], Reaction::ok()).await;
        let mut permits = outbound.reserve(&account, 5).await.unwrap();
        assert_eq!(permits.left(), 5);
        let begun = Instant::now();
        let outcome = outbound.call_with(&mut permits, write(&provider.url)).await;
        assert!(outcome.is_err(), "{reaction:?}");
        assert!(begun.elapsed() < outbound.timeout() + Duration::from_millis(300));
        assert_eq!((provider.count(), permits.left()), (1, 4));
    }
}

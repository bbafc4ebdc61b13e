//! Lists that never end: the clients stop, and say so.

use super::{Lab, access};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use syncline::connectors::{
    clockify::{Clockify, ClockifyError},
    google::{Endpoints, GoogleError, Meet, meet::ConferenceFilter},
};
use syncline::outbound::CallError;

/// A server that answers everything alike; returns its address, and how often it was asked.
async fn parrot(body: &'static str) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let app = axum::Router::new().fallback(move || {
        count.fetch_add(1, Ordering::SeqCst);
        async move { body }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("http://{address}"), asked)
}

#[tokio::test]
async fn a_repeated_page_token_ends_the_list_with_an_error() {
    let (address, asked) = parrot(r#"{"conferenceRecords":[],"nextPageToken":"again"}"#).await;
    let lab = Lab::empty().await;
    let endpoints = Endpoints {
        meet_url: address.parse().expect("a URL"),
        ..Endpoints::default()
    };
    let meet = Meet::new(
        lab.outbound.clone(),
        &endpoints,
        access("google", "x".into()),
    );
    let error = meet.list_conferences(&ConferenceFilter::default()).await;
    let unanswered = matches!(error, Err(GoogleError::Call(CallError::Unanswered { .. })));
    assert!(unanswered, "{error:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_repeated_page_ends_the_list_with_an_error() {
    let (address, asked) = parrot(r#"[{"id":"64c7","name":"ACME"}]"#).await;
    let lab = Lab::empty().await;
    let base = format!("{address}/api/v1").parse().expect("a URL");
    let clockify = Clockify::new(lab.outbound.clone(), base, access("clockify", "x".into()));
    let error = clockify.projects("w").await;
    let unanswered = matches!(
        error,
        Err(ClockifyError::Call(CallError::Unanswered { .. }))
    );
    assert!(unanswered, "{error:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

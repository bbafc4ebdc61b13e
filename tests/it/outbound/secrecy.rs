//! What calls tell about themselves, and what they keep to themselves.

use super::{
    provider::{Provider, Reaction},
    quick, read, unlimited, write,
};
use crate::kit::Database;
use std::{
    io,
    sync::{Arc, Mutex},
};
use syncline::{
    db::Engine,
    outbound::{Auth, Body, Call, Outbound},
};
use tracing_subscriber::fmt::MakeWriter;

/// In the query, the credential, and both bodies.
const CANARY: &str = "ya29.composed-canary";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_is_in_errors_debug_output_or_logs() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(log.clone())
        .finish();
    let guard = crate::kit::listen(subscriber);
    let database = Database::new(Engine::Sqlite).await;
    let outbound = Outbound::new(database.connect().await, quick()).unwrap();

    let mut told = String::new();
    for reaction in [
        Reaction::ok()
            .with_body(CANARY)
            .with_header("X-Echo", CANARY),
        Reaction::status(400).with_body(CANARY),
        Reaction::status(429).with_body(CANARY),
        Reaction::status(500).with_body(CANARY),
        Reaction::Close,
        Reaction::Half,
        Reaction::Hang,
    ] {
        let provider = Provider::new([], reaction).await;
        let mut url = provider.url.clone();
        url.set_query(Some(&format!("code={CANARY}")));
        let mut nowhere = url.clone();
        nowhere.set_port(Some(1)).unwrap();
        for (url, auth) in [
            (&url, Auth::Bearer(CANARY.into())),
            (&url, Auth::Header("X-Api-Key", CANARY.into())),
            (&url, Auth::Bearer(format!("{CANARY}\n").into())),
            (&nowhere, Auth::Bearer(CANARY.into())),
        ] {
            let with = |body| Call {
                auth: auth.clone(),
                body,
                ..write(url)
            };
            // Tests on other threads, which log nothing, switch off what they reach first.
            tracing::callsite::rebuild_interest_cache();
            for call in [
                with(Body::Form(vec![("refresh_token", CANARY.into())])),
                with(Body::Json(serde_json::json!({"key": CANARY}))),
                read(url),
            ] {
                told += &format!("{call:?}\n");
                match outbound.call(&unlimited(), call).await {
                    Ok(reply) => {
                        told += &format!("{reply:?}\n");
                        let error = reply.json::<u8>().unwrap_err();
                        told += &format!("{error:?} {error}\n");
                    }
                    Err(error) => {
                        told += &format!("{error:?} {error}\n");
                        let error = syncline::base::Error::from(error);
                        told += &format!("{error:?} {error}\n");
                    }
                }
            }
        }
    }
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("test.things.create"), "nothing was logged");
    for (place, text) in [("an error", &told), ("the log", &log)] {
        let found = text.lines().find(|line| line.contains("canary"));
        assert_eq!(found, None, "in {place}");
    }
}

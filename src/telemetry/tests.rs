use super::*;
use crate::base::Secret;
use http::HeaderMap;
use std::{
    io,
    sync::{Arc, Mutex},
};
use tracing::{Dispatch, Span, Subscriber, info_span, subscriber::NoSubscriber};

/// What was written.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn config(level: &str) -> Config {
    let mut config = Config::with_defaults(".");
    config.log.level = level.parse().unwrap();
    config
}

/// Runs `work` with this subscriber. As long as it is the only one in the process, the thread that comes to a line first is
/// asked whether anybody hears it, and other tests are on other threads: so there is another one.
fn with_default<T>(subscriber: impl Subscriber + Send + Sync, work: impl FnOnce() -> T) -> T {
    let _second = Dispatch::new(NoSubscriber::default());
    tracing::subscriber::with_default(subscriber, work)
}

fn logged(config: &Config, work: impl FnOnce()) -> String {
    let written = Written::default();
    let writer = written.clone();
    with_default(
        subscriber(config, move || writer.clone(), false, None),
        work,
    );
    written.text()
}

/// Runs `work` with traces that nobody collects.
fn traced<T>(work: impl FnOnce() -> T) -> T {
    let provider = SdkTracerProvider::builder().build();
    with_default(
        subscriber(&config("info"), io::sink, false, Some(&provider)),
        work,
    )
}

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn libraries_are_held_at_warnings_at_every_level() {
    for level in ["error", "info", "trace", "info,syncline::tokens=trace"] {
        let text = logged(&config(level), || {
            tracing::info!(target: "h2::client", "canary header");
            tracing::debug!(target: "sqlx::query", "canary statement");
            tracing::trace!(target: "hyper", "canary body");
            tracing::warn!(target: "sqlx::query", "a slow statement");
        });
        assert!(!text.contains("canary"), "{level}: {text}");
        assert!(text.contains("a slow statement"), "{level}: {text}");
    }
}

#[test]
fn our_own_modules_say_what_was_asked_for() {
    let said = |level: &str| {
        logged(&config(level), || {
            tracing::trace!(target: "syncline::tokens", "deep");
            tracing::debug!(target: "syncline::runs", "middle");
            tracing::info!(target: "syncline", "high");
        })
    };
    let words = |text: &str| ["deep", "middle", "high"].map(|word| text.contains(word));
    assert_eq!(words(&said("error")), [false, false, false]);
    assert_eq!(words(&said("info")), [false, false, true]);
    assert_eq!(words(&said("debug")), [false, true, true]);
    assert_eq!(
        words(&said("info,syncline::tokens=trace")),
        [true, false, true]
    );
}

#[test]
fn json_is_one_object_a_line_and_no_secret_is_in_it() {
    let mut config = config("info");
    config.log.format = LogFormat::Json;
    let secret = Secret::new("composed-canary");
    let text = logged(&config, || {
        let span = info_span!("call", token = %secret);
        let _inside = span.enter();
        tracing::info!(target: "syncline::x", key = ?secret, attempts = 2, "called");
    });
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&line["message"], &line["attempts"], &line["level"]),
        (&"called".into(), &2.into(), &"INFO".into())
    );
    assert!(!text.contains("canary"), "{text}");
}

#[test]
fn lines_for_people_are_no_json_and_have_no_colours_outside_of_a_terminal() {
    let mut config = config("info");
    config.log.format = LogFormat::Human;
    let text = logged(&config, || tracing::info!(target: "syncline", "started"));
    assert!(
        text.contains("INFO syncline: started") && !text.contains('\u{1b}'),
        "{text}"
    );
}

#[test]
fn without_traces_there_is_nothing_to_pass_on() {
    let mut headers = HeaderMap::new();
    logged(&config("info"), || {
        let span = info_span!(target: "syncline", "call");
        set_parent(&span, PARENT);
        span.in_scope(|| inject(&mut headers));
        assert_eq!(span.in_scope(current_traceparent), None);
    });
    assert!(headers.is_empty());
}

#[test]
fn a_trace_goes_through() {
    traced(|| {
        assert_eq!(current_traceparent(), None);
        let span = info_span!(target: "syncline", "call");
        set_parent(&span, PARENT);
        let inside = span.in_scope(current_traceparent).unwrap();
        assert!(
            inside.starts_with("00-0af7651916cd43dd8448eb211c80319c-"),
            "{inside}"
        );
        assert_ne!(inside, PARENT);

        let mut headers = HeaderMap::new();
        span.in_scope(|| inject(&mut headers));
        assert_eq!(headers["traceparent"], inside);

        let next = info_span!(target: "syncline", "next");
        let mut metadata = tonic::metadata::MetadataMap::new();
        metadata.insert("traceparent", PARENT.parse().unwrap());
        set_parent_from(&next, metadata.as_ref());
        let inside = next.in_scope(current_traceparent).unwrap();
        assert!(
            inside.starts_with("00-0af7651916cd43dd8448eb211c80319c-"),
            "{inside}"
        );
    });
}

#[test]
fn a_foreign_text_is_no_parent_and_breaks_nothing() {
    traced(|| {
        for wrong in [
            "",
            "canary",
            "00-00000000000000000000000000000000-0000000000000000-01",
            "\u{1f600}",
            "00-0-0-0",
        ] {
            let span = info_span!(target: "syncline", "call");
            set_parent(&span, wrong);
            link(&span, wrong);
            assert!(span.in_scope(current_traceparent).is_some());
        }
        link(&Span::none(), PARENT);
    });
}

/// A collector that keeps what it is sent, as bytes: names and texts are readable in them.
async fn collector() -> (String, Written) {
    let written = Written::default();
    let keep = written.clone();
    let app = axum::Router::new().fallback(move |request: axum::extract::Request| async move {
        let path = request.uri().path().to_owned();
        let body = axum::body::to_bytes(request.into_body(), 1 << 20).await;
        let mut kept = keep.0.lock().unwrap();
        kept.extend(path.bytes().chain(body.unwrap()).map(|byte| byte & 0x7f));
        let empty_message = vec![0_u8; 5];
        (
            [("content-type", "application/grpc"), ("grpc-status", "0")],
            empty_message,
        )
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_routes(tonic::service::Routes::from(app))
            .serve_with_incoming(incoming),
    );
    (endpoint, written)
}

#[tokio::test]
async fn our_spans_reach_the_collector_by_the_end_and_those_of_libraries_do_not() {
    let (endpoint, received) = collector().await;
    let config = config("trace");
    let provider = exporting(&endpoint, &config.otel).unwrap();
    with_default(
        subscriber(&config, io::sink, false, Some(&provider)),
        || {
            let secret = Secret::new("composed-canary");
            let span = info_span!(target: "syncline::outbound", "our call", token = ?secret);
            link(&span, PARENT);
            span.in_scope(|| {
                tracing::info!(target: "hyper", "canary event");
                let _inner = info_span!(target: "sqlx", "canary span").entered();
            });
        },
    );
    Telemetry {
        provider: Some(provider),
    }
    .shutdown()
    .await;
    let text = received.text();
    assert!(
        text.contains("TraceService/Export") && text.contains("our call"),
        "{text}"
    );
    assert!(
        text.contains("service.name") && text.contains("[secret]"),
        "{text}"
    );
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test]
async fn a_collector_that_is_not_there_does_not_hold_up_the_end() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let config = config("info");
    let provider = exporting(&endpoint, &config.otel).unwrap();
    with_default(
        subscriber(&config, io::sink, false, Some(&provider)),
        || {
            info_span!(target: "syncline", "call").in_scope(|| {});
        },
    );
    let telemetry = Telemetry {
        provider: Some(provider),
    };
    tokio::time::timeout(LAST_SPANS * 2, telemetry.shutdown())
        .await
        .unwrap();
}

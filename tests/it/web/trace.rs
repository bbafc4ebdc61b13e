//! One trace leads from an HTTP request through the run that it started to the providers.

use super::Server;
use crate::{
    cli::{LONG, Stage},
    serve::collector::{Collector, Span},
};
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeSet;

const CALLER_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER_SPAN: &str = "00f067aa0ba902b7";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_leads_from_an_http_request_through_the_run_to_the_providers() {
    let collector = Collector::start();
    let stage = Stage::with_sync(&[]).await;
    let command = stage
        .command(&["--json", "serve"])
        .env("SYNCLINE_OTEL_ENDPOINT", &collector.endpoint);
    let mut server = Server::ready(command).await;
    stage.simulator.calls().clear();
    let asked = server
        .request(Method::POST, "/sync?sync=tenants/default/syncs/work")
        .header("traceparent", format!("00-{CALLER_TRACE}-{CALLER_SPAN}-01"));
    let accepted: Value = asked.send().await.unwrap().json().await.unwrap();
    let run = accepted["run"].as_str().unwrap();
    let watched = stage.run(&["--json", "sync", "watch", run]).await;
    assert_eq!(watched.code, 0, "{}", watched.text);
    server.process.terminate();
    assert!(server.process.wait_exit(LONG).await.success());

    let spans = collector.spans();
    let named = |name: &str| -> Vec<&Span> {
        let ours = |span: &&Span| span.name == name && span.trace() == CALLER_TRACE;
        spans.iter().filter(ours).collect()
    };
    let [http] = named("http")[..] else {
        panic!("one request is traced");
    };
    assert_eq!(http.parent(), CALLER_SPAN);
    assert_eq!(http.attribute("http.route"), "/sync");
    let [run] = named("run")[..] else {
        panic!("one run is traced");
    };
    assert_eq!(run.parent(), http.id());
    let outbound = named("outbound");
    assert!(outbound.iter().all(|call| call.parent() == run.id()));
    let told: BTreeSet<String> = stage
        .simulator
        .calls()
        .all()
        .iter()
        .map(|call| call.traceparent.clone().unwrap_or_default())
        .collect();
    assert_eq!(told.len(), outbound.len(), "each call has a span");
    let prefix = format!("00-{CALLER_TRACE}-");
    assert!(
        told.iter().all(|told| told.starts_with(&prefix)),
        "{told:?}"
    );
}

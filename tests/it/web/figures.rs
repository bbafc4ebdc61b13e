//! `/metrics`, read by the reader that the Prometheus project ships for Python.

use super::Server;
use crate::{cli::Stage, simulator::clients::python};
use serde_json::{Value, json};
use syncline::telemetry::metrics::METRICS;

/// The value of the one sample with this name and at least these labels.
fn value(families: &Value, name: &str, labels: &[(&str, &str)]) -> f64 {
    let samples = families.as_array().unwrap().iter();
    let samples = samples.flat_map(|family| family["samples"].as_array().unwrap());
    let fits = |sample: &&Value| {
        sample["name"] == name
            && labels
                .iter()
                .all(|(label, value)| sample["labels"][label] == *value)
    };
    let found: Vec<_> = samples.filter(fits).collect();
    assert_eq!(found.len(), 1, "{name} {labels:?} in {families:#}");
    found[0]["value"].as_f64().unwrap()
}

/// All samples of this name together.
fn sum(families: &Value, name: &str) -> f64 {
    let samples = families.as_array().unwrap().iter();
    let samples = samples.flat_map(|family| family["samples"].as_array().unwrap());
    let values = samples.filter(|sample| sample["name"] == name);
    values.map(|sample| sample["value"].as_f64().unwrap()).sum()
}

async fn figures(server: &Server) -> Value {
    let answer = server.get("/metrics").await;
    let kind = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let text = answer.text().await.unwrap();
    let parsed = python("prometheus_python.py", &json!({ "text": text }));
    parsed["families"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_reads_what_happened() {
    let stage = Stage::with_sync(&[]).await;
    let server = Server::ready(stage.command(&["--json", "serve"])).await;
    stage.simulator.world().expire_access_tokens();
    let earlier = stage.simulator.calls().all().len();
    let url = server.grpc_url();
    for _ in 0..2 {
        let run = stage.run(&["--server", url, "sync", "run", "work"]).await;
        assert_eq!(run.code, 0, "{}", run.text);
    }
    server.get("/nope").await;
    let families = figures(&server).await;
    let value = |name: &str, labels: &[(&str, &str)]| value(&families, name, labels);

    assert_eq!(value("syncline_ready", &[]), 1.0);
    assert_eq!(value("syncline_check_ok", &[("check", "database")]), 1.0);
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(value("syncline_build_info", &version), 1.0);
    let done = [("kind", "sync"), ("result", "succeeded")];
    assert_eq!(value("syncline_runs_total", &done), 2.0);
    assert_eq!(value("syncline_run_duration_seconds_count", &done), 2.0);
    let calls = stage.simulator.calls().all().len() - earlier;
    assert_eq!(
        sum(&families, "syncline_provider_requests_total"),
        calls as f64
    );
    let written = [("provider", "clockify"), ("result", "ok")];
    assert!(value("syncline_provider_requests_total", &written) >= 16.0);
    let refreshed = [("provider", "google"), ("result", "refreshed")];
    assert!(value("syncline_token_refreshes_total", &refreshed) >= 1.0);
    let unknown = [("route", "other"), ("method", "GET"), ("status", "404")];
    assert_eq!(value("syncline_http_requests_total", &unknown), 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_is_counted_by_state() {
    let stage = Stage::with_sync(&[]).await;
    let command = stage.command(&["--json", "serve", "--roles", "rpc,web"]);
    let server = Server::ready(command).await;
    for _ in 0..3 {
        let accepted = server.post("/sync?sync=tenants/default/syncs/work").await;
        assert!(accepted.status().is_success());
    }
    let families = figures(&server).await;
    let queued = [("kind", "sync"), ("state", "queued")];
    assert_eq!(value(&families, "syncline_queue_runs", &queued), 3.0);
    let running = [("kind", "sync"), ("state", "running")];
    assert_eq!(value(&families, "syncline_queue_runs", &running), 0.0);
    assert_eq!(
        value(&families, "syncline_queue_oldest_seconds", &running),
        0.0
    );
    let age = value(&families, "syncline_queue_oldest_seconds", &queued);
    assert!((0.0..60.0).contains(&age), "{age}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_figure_is_listed_with_its_kind_its_labels_and_no_id() {
    let stage = Stage::with_sync(&[]).await;
    let server = Server::ready(stage.command(&["--json", "serve"])).await;
    let url = server.grpc_url();
    let run = stage.run(&["--server", url, "sync", "run", "work"]).await;
    assert_eq!(run.code, 0, "{}", run.text);
    let families = figures(&server).await;
    for family in families.as_array().unwrap() {
        let name = family["name"].as_str().unwrap();
        // The reader takes the end off counters' names.
        let listed = METRICS
            .iter()
            .find(|metric| metric.name.trim_end_matches("_total") == name)
            .unwrap_or_else(|| panic!("{name} is not listed"));
        let kind = format!("{:?}", listed.kind).to_lowercase();
        let kind = kind.split('(').next().unwrap();
        assert_eq!(family["type"], kind, "{name}");
        assert_eq!(family["help"], listed.help, "{name}");
        for sample in family["samples"].as_array().unwrap() {
            for (label, value) in sample["labels"].as_object().unwrap() {
                assert!(
                    label == "le" || listed.labels.contains(&label.as_str()),
                    "{name}: {label}"
                );
                let value = value.as_str().unwrap();
                assert!(!value.contains("tenants/") && value.len() < 30, "{value}");
            }
        }
    }
}

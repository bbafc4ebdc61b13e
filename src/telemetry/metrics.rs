//! Figures for Prometheus: which there are, and how each is counted. Rooms call the functions here where something
//! happens; in a process that shows its figures to nobody, all of this does nothing.
//!
//! Labels are few and never hold an id: each combination is a series that somebody stores for years.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::{sync::OnceLock, time::Duration};
use tokio_util::sync::CancellationToken;

/// What a figure is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Only grows, until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often values fell below these bounds.
    Histogram(&'static [f64]),
}

/// One figure.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// With its unit.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it is split by.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// Runs take from a blink to hours.
const RUN_SECONDS: &[f64] = &[
    0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
];
/// Providers answer within their time-out of half a minute.
const CALL_SECONDS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Schedules fire within a second, or somebody was away.
const LAG_SECONDS: &[f64] = &[0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 3600.0];

const BUILD: &str = "syncline_build_info";
const READY: &str = "syncline_ready";
const CHECK: &str = "syncline_check_ok";
const QUEUE_RUNS: &str = "syncline_queue_runs";
const QUEUE_AGE: &str = "syncline_queue_oldest_seconds";
const RUNS: &str = "syncline_runs_total";
const RUN_DURATION: &str = "syncline_run_duration_seconds";
const LAG: &str = "syncline_schedule_lag_seconds";
const OVERDUE: &str = "syncline_schedule_overdue_seconds";
const OUTSIDE_JOBS: &str = "syncline_outside_jobs_total";
const REFRESHES: &str = "syncline_token_refreshes_total";
const HTTP_REQUESTS: &str = "syncline_http_requests_total";
const NOTICES: &str = "syncline_notices_total";
const PROBLEMS: &str = "syncline_problems";
const CONNECTIONS: &str = "syncline_connections";
const REFUSED: &str = "syncline_connections_refused_total";
const CERTIFICATES: &str = "syncline_certificate_reads_total";

/// All figures, as `docs/http.md` lists them.
pub const METRICS: &[Metric] = &[
    Metric {
        name: BUILD,
        kind: Kind::Gauge,
        labels: &["version"],
        help: "1, with the version of this process",
    },
    Metric {
        name: READY,
        kind: Kind::Gauge,
        labels: &[],
        help: "1 when calls should be sent to this process, as /health/ready says",
    },
    Metric {
        name: CHECK,
        kind: Kind::Gauge,
        labels: &["check"],
        help: "1 when this part of /health/ready is as it should be",
    },
    Metric {
        name: QUEUE_RUNS,
        kind: Kind::Gauge,
        labels: &["kind", "state"],
        help: "runs that are not finished, the same in every process; NaN while the database does not answer",
    },
    Metric {
        name: QUEUE_AGE,
        kind: Kind::Gauge,
        labels: &["kind", "state"],
        help: "for how long the oldest of them is due, or running",
    },
    Metric {
        name: RUNS,
        kind: Kind::Counter,
        labels: &["kind", "result"],
        help: "runs that this process brought to their end",
    },
    Metric {
        name: RUN_DURATION,
        kind: Kind::Histogram(RUN_SECONDS),
        labels: &["kind", "result"],
        help: "from when a run was first taken until its end, waits and other attempts included",
    },
    Metric {
        name: LAG,
        kind: Kind::Histogram(LAG_SECONDS),
        labels: &[],
        help: "from the time of a schedule until its run was accepted",
    },
    Metric {
        name: OVERDUE,
        kind: Kind::Gauge,
        labels: &[],
        help: "for how long the schedule that waits longest is due, the same in every process; NaN while the database does not answer",
    },
    Metric {
        name: OUTSIDE_JOBS,
        kind: Kind::Counter,
        labels: &["queue", "result"],
        help: "jobs of others in our queues of Redis that this process was handed for the first time",
    },
    Metric {
        name: "syncline_provider_requests_total",
        kind: Kind::Counter,
        labels: &["provider", "result"],
        help: "requests to providers, each attempt counted",
    },
    Metric {
        name: "syncline_provider_request_duration_seconds",
        kind: Kind::Histogram(CALL_SECONDS),
        labels: &["provider"],
        help: "how long providers took to answer",
    },
    Metric {
        name: REFRESHES,
        kind: Kind::Counter,
        labels: &["provider", "result"],
        help: "refreshes of access tokens by this process",
    },
    Metric {
        name: HTTP_REQUESTS,
        kind: Kind::Counter,
        labels: &["route", "method", "status"],
        help: "HTTP requests that were answered",
    },
    Metric {
        name: NOTICES,
        kind: Kind::Counter,
        labels: &["reason"],
        help: "times that this process told people that one is needed",
    },
    Metric {
        name: PROBLEMS,
        kind: Kind::Gauge,
        labels: &["reason"],
        help: "what needs a person now, the same in every process, as in /health/ready",
    },
    Metric {
        name: CONNECTIONS,
        kind: Kind::Gauge,
        labels: &["face"],
        help: "connections that are open",
    },
    Metric {
        name: REFUSED,
        kind: Kind::Counter,
        labels: &["face", "why"],
        help: "connections that were closed at once: full (limits.connections), share (limits.connections_per_address), handshake, slow; or later, of gRPC: idle (grpc.idle), stall (limits.stall)",
    },
    Metric {
        name: CERTIFICATES,
        kind: Kind::Counter,
        labels: &["result"],
        help: "times that the files of the certificate had changed: renewed, or broken and not used",
    },
];

/// How often counted values are put together; between, each one takes memory.
const PUT_TOGETHER: Duration = Duration::from_secs(5);

static FIGURES: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to count, in this whole process; doing it again changes nothing.
pub fn install() {
    FIGURES.get_or_init(|| {
        let recorder = METRICS
            .iter()
            .fold(PrometheusBuilder::new(), |builder, metric| {
                match metric.kind {
                    Kind::Histogram(bounds) => builder
                        .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds)
                        .expect("the bounds are not empty"),
                    Kind::Counter | Kind::Gauge => builder,
                }
            })
            .build_recorder();
        let handle = recorder.handle();
        // Somebody else in this process counts already: then these figures stay empty.
        let _ = ::metrics::set_global_recorder(recorder);
        for metric in METRICS {
            match metric.kind {
                Kind::Counter => ::metrics::describe_counter!(metric.name, metric.help),
                Kind::Gauge => ::metrics::describe_gauge!(metric.name, metric.help),
                Kind::Histogram(_) => ::metrics::describe_histogram!(metric.name, metric.help),
            }
        }
        ::metrics::gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        handle
    });
}

/// All figures in Prometheus' text; nothing before [`install`].
pub fn render() -> String {
    FIGURES
        .get()
        .map_or_else(String::new, PrometheusHandle::render)
}

/// Keeps counted values from piling up where nobody asks for them.
pub async fn keep_small(stop: CancellationToken) {
    let wait = || tokio::time::timeout(PUT_TOGETHER, stop.cancelled());
    while wait().await.is_err() {
        if let Some(figures) = FIGURES.get() {
            figures.run_upkeep();
        }
    }
}

/// The runs of one kind and state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Queue {
    /// How many.
    pub runs: i64,
    /// How long the oldest is due, or running.
    pub age: Duration,
}

/// Whether the process is ready.
pub fn ready(is: bool) {
    ::metrics::gauge!(READY).set(f64::from(is));
}

/// Whether one part of it is as it should be.
pub fn check(what: &'static str, is_ok: bool) {
    ::metrics::gauge!(CHECK, "check" => what).set(f64::from(is_ok));
}

/// How many runs are in a state; `None` when nobody could count.
pub fn queue(kind: &str, state: &'static str, queue: Option<Queue>) {
    let (runs, age) = queue.map_or((f64::NAN, f64::NAN), |queue| {
        (queue.runs as f64, queue.age.as_secs_f64())
    });
    ::metrics::gauge!(QUEUE_RUNS, "kind" => kind.to_owned(), "state" => state).set(runs);
    ::metrics::gauge!(QUEUE_AGE, "kind" => kind.to_owned(), "state" => state).set(age);
}

/// A run came to its end.
pub fn run_ended(kind: &str, result: &'static str, took: Duration) {
    ::metrics::counter!(RUNS, "kind" => kind.to_owned(), "result" => result).increment(1);
    ::metrics::histogram!(RUN_DURATION, "kind" => kind.to_owned(), "result" => result)
        .record(took.as_secs_f64());
}

/// A schedule's run was accepted so long after its time.
pub fn schedule_fired(lag: Duration) {
    ::metrics::histogram!(LAG).record(lag.as_secs_f64());
}

/// How long the schedule that waits longest is due; `None` when nobody could look.
pub fn schedules_overdue(by: Option<Duration>) {
    let seconds = by.map_or(f64::NAN, |by| by.as_secs_f64());
    ::metrics::gauge!(OVERDUE).set(seconds);
}

/// A job of somebody else was `adopted` as a run, or `refused`.
pub fn outside_job(queue: &str, result: &'static str) {
    ::metrics::counter!(OUTSIDE_JOBS, "queue" => queue.to_owned(), "result" => result).increment(1);
}

/// A refresh of an access token came to its end.
pub fn token_refreshed(provider: &'static str, result: &'static str) {
    ::metrics::counter!(REFRESHES, "provider" => provider, "result" => result).increment(1);
}

/// An HTTP request was answered.
pub fn http_request(route: &str, method: &'static str, status: u16) {
    ::metrics::counter!(
        HTTP_REQUESTS,
        "route" => route.to_owned(), "method" => method, "status" => status.to_string()
    )
    .increment(1);
}

/// Somebody was told that a person is needed.
pub fn notice(reason: &'static str) {
    ::metrics::counter!(NOTICES, "reason" => reason).increment(1);
}

/// So many things need a person now.
pub fn problem(reason: &'static str, count: usize) {
    ::metrics::gauge!(PROBLEMS, "reason" => reason).set(count as f64);
}

/// So many connections of a face are open.
pub fn connections(face: &'static str, open: usize) {
    ::metrics::gauge!(CONNECTIONS, "face" => face).set(open as f64);
}

/// A connection was closed before it was of use.
pub fn connection_refused(face: &'static str, why: &'static str) {
    ::metrics::counter!(REFUSED, "face" => face, "why" => why).increment(1);
}

/// The files of the certificate had changed.
pub fn certificate_read(result: &'static str) {
    ::metrics::counter!(CERTIFICATES, "result" => result).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    #[test]
    fn the_page_lists_every_figure_with_its_labels() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/http.md");
        let page = fs::read_to_string(path).unwrap();
        let listed = page
            .lines()
            .filter(|line| line.starts_with("| `syncline_"))
            .count();
        assert_eq!(listed, METRICS.len(), "docs/http.md lists others");
        for metric in METRICS {
            let kind = match metric.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram(_) => "histogram",
            };
            let labels: Vec<_> = metric
                .labels
                .iter()
                .map(|label| format!("`{label}`"))
                .collect();
            let row = format!(
                "| `{}` | {kind} | {} | {} |",
                metric.name,
                labels.join(", "),
                metric.help
            );
            assert!(page.contains(&row), "docs/http.md lacks:\n{row}");
        }
    }

    #[test]
    fn names_end_in_their_unit() {
        for metric in METRICS {
            let fits = match metric.kind {
                Kind::Counter => metric.name.ends_with("_total"),
                Kind::Histogram(_) => metric.name.ends_with("_seconds"),
                Kind::Gauge => !metric.name.ends_with("_total"),
            };
            assert!(fits, "{}", metric.name);
        }
    }
}

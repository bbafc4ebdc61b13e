//! How the process is, for load balancers and supervisors: what was found is written on one board, which gRPC's health
//! service tells from, too.

use crate::web::Site;
use axum::{Json, extract::State};
use http::StatusCode;
use serde_json::{Map, Value, json};

/// What a look at the process found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Whether the process ends: then nothing new should be sent, whatever else was found.
    pub stopping: bool,
    /// Everything that was looked at.
    pub findings: Vec<Finding>,
    /// What needs a person, and keeps nothing from working. Without names, because anybody may ask for health.
    pub problems: Vec<Problem>,
}

/// Something that needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A reason of `docs/errors.md`.
    pub reason: &'static str,
    /// How many there are.
    pub count: usize,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it was, as in `database`.
    pub what: &'static str,
    /// What is wrong with it: a reason of `docs/errors.md`. More stands in the log, because anybody may ask for health.
    pub wrong: Option<&'static str>,
    /// Whether calls make no sense while it is wrong.
    pub needed: bool,
}

impl Finding {
    /// Something without which calls make no sense.
    pub fn needed(what: &'static str, wrong: Option<&'static str>) -> Self {
        Self {
            what,
            wrong,
            needed: true,
        }
    }

    /// Something that is only said.
    pub fn noted(what: &'static str, wrong: Option<&'static str>) -> Self {
        Self {
            needed: false,
            ..Self::needed(what, wrong)
        }
    }
}

impl Report {
    /// Whether calls make sense.
    pub fn is_ready(&self) -> bool {
        let broken = |finding: &Finding| finding.needed && finding.wrong.is_some();
        !self.stopping && !self.findings.iter().any(broken)
    }

    fn document(&self) -> Value {
        let checks: Map<String, Value> = self
            .findings
            .iter()
            .map(|finding| {
                let finding_document = match finding.wrong {
                    None => json!({ "status": "ok" }),
                    Some(reason) => json!({
                        "status": if finding.needed { "failing" } else { "warning" },
                        "reason": reason,
                    }),
                };
                (finding.what.to_owned(), finding_document)
            })
            .collect();
        let status = match (self.is_ready(), self.stopping) {
            (true, _) => "ready",
            (false, true) => "stopping",
            (false, false) => "not_ready",
        };
        let problems: Vec<Value> = self
            .problems
            .iter()
            .map(|problem| json!({ "reason": problem.reason, "count": problem.count }))
            .collect();
        json!({ "status": status, "checks": checks, "problems": problems })
    }
}

/// `/health/live`: the process is there. A restart would not help as long as this answers.
pub async fn live() -> Json<Value> {
    Json(json!({ "status": "live" }))
}

/// `/health/ready`: whether to send calls here, and what was found.
pub async fn ready(State(site): State<Site>) -> (StatusCode, Json<Value>) {
    let report = site.health.borrow();
    (code(&report), Json(report.document()))
}

/// `/health`: the same truth in the form of the original server, which always said "healthy".
pub async fn original(State(site): State<Site>) -> (StatusCode, Json<Value>) {
    let report = site.health.borrow();
    let status = match report.is_ready() {
        true => "healthy",
        false => "unhealthy",
    };
    let now = crate::base::Clock::system().now();
    let timestamp = now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let document = json!({ "status": status, "timestamp": timestamp });
    (code(&report), Json(document))
}

fn code(report: &Report) -> StatusCode {
    match report.is_ready() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_noted_does_not_make_it_unready() {
        let mut report = Report {
            stopping: false,
            findings: vec![
                Finding::needed("database", None),
                Finding::noted("clock", Some("CLOCKS_DIFFER")),
            ],
            problems: vec![Problem {
                reason: "TOKEN_NEEDS_OWNER",
                count: 2,
            }],
        };
        assert!(report.is_ready());
        assert_eq!(report.document()["checks"]["clock"]["status"], "warning");
        assert_eq!(report.document()["problems"][0]["count"], 2);
        report.findings[0].wrong = Some("DATABASE_UNREACHABLE");
        assert!(!report.is_ready());
        assert_eq!(report.document()["status"], "not_ready");
    }

    #[test]
    fn a_process_that_ends_is_not_ready() {
        let report = Report {
            stopping: true,
            ..Report::default()
        };
        assert!(!report.is_ready());
        assert_eq!(report.document()["status"], "stopping");
    }
}

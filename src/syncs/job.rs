//! The job that executes a run of a sync.

use crate::{
    app::App,
    base::Result,
    runs::{Ended, Failure, Handle, Job, accept::Request},
    syncs::{
        asked,
        engine::{Options, Pass},
        preview, store,
        summary::Summary,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kind of these runs.
pub const KIND: &str = "sync";

/// Executes runs of syncs.
pub struct SyncJob;

/// What a run may be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Arguments {
    /// Only say what would be done.
    pub dry_run: bool,
    /// Look back so many days; 0 as the definition says.
    pub days: u32,
    /// Read the whole window again.
    pub full: bool,
}

#[tonic::async_trait]
impl Job for SyncJob {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn asked(&self, app: &App, payload: &Value) -> Result<Request> {
        asked::read(app, payload).await
    }

    async fn run(&self, handle: &Handle) -> Ended {
        let earlier = earlier(handle);
        let mut summary = Summary::default();
        let outcome = run(handle, &mut summary).await;
        count_earlier(&mut summary, &earlier);
        if let Err(error) = outcome {
            keep_earlier(&mut summary, earlier);
            return Ended::from(error)
                .with_result(serde_json::to_value(&summary).unwrap_or_default());
        }
        let result = serde_json::to_value(&summary).unwrap_or_default();
        let missing = summary.failed + summary.unresolved;
        if missing == 0 {
            return Ended::Succeeded(result);
        }
        let message = format!(
            "{missing} meetings have no entry: {}",
            summary
                .failures
                .first()
                .map_or("the answer never came", String::as_str)
        );
        let done = summary.created + summary.updated + summary.adopted + summary.skipped;
        if done == 0 && summary.unresolved == 0 {
            Ended::Fail(Failure::new("ALL_ENTRIES_FAILED", message), Some(result))
        } else {
            Ended::Partial(result, Failure::new("SOME_ENTRIES_FAILED", message))
        }
    }
}

async fn run(handle: &Handle, summary: &mut Summary) -> Result<()> {
    let arguments: Arguments =
        serde_json::from_value(handle.run.arguments.clone()).unwrap_or_default();
    let mut tx = handle.app.db.read(handle.scope()).await?;
    let sync = store::syncs::get(&mut tx, &handle.run.sync)
        .await?
        .ok_or_else(|| handle.run.sync.not_found())?;
    drop(tx);
    let app = handle.app.counting_calls();
    let options = Options {
        days: arguments.days,
        full: arguments.full,
    };
    let outcome = async {
        if arguments.dry_run || app.config.syncs.dry_run {
            let (pass, source) = Pass::open_both(&app, &sync, None, options).await?;
            handle
                .log("info", "a dry run: nothing is written to any provider")
                .await?;
            *summary = preview::preview(&pass, source).await?.summary;
            if !arguments.dry_run {
                let notice = "syncs.dry_run (DRY_RUN) is set where this ran: nothing was written";
                summary.notices.push(notice.to_owned());
            }
            return Ok(());
        }
        let (pass, source) = Pass::open_both(&app, &sync, Some(handle), options).await?;
        summary.window_start_time = Some(pass.window.start);
        summary.window_end_time = Some(pass.window.end);
        let meetings = pass.read(source, true, summary).await?;
        let cases = pass.cases(meetings);
        handle
            .log("info", &format!("{} meetings to look at", cases.len()))
            .await?;
        pass.settle(cases, summary).await
    }
    .await;
    summary.calls = app.outbound.calls();
    for notice in summary.notices.clone() {
        handle.log("warn", &notice).await?;
    }
    match &outcome {
        Ok(()) => handle.log("info", &told(summary)).await?,
        Err(error) => handle.log("warn", &format!("stopped: {error}")).await?,
    }
    outcome
}

/// What the attempts before this one did.
fn earlier(handle: &Handle) -> Summary {
    let result = handle.run.result.clone();
    result
        .and_then(|result| serde_json::from_value(result).ok())
        .unwrap_or_default()
}

/// Adds what each attempt does anew.
fn count_earlier(summary: &mut Summary, earlier: &Summary) {
    for (endpoint, count) in &earlier.calls {
        *summary.calls.entry(endpoint.clone()).or_default() += count;
    }
    summary.duplicates_deleted += earlier.duplicates_deleted;
}

/// An attempt that reached its end has counted what those before it wrote. One that did not may have stopped before it
/// looked: then what they counted stands.
fn keep_earlier(summary: &mut Summary, earlier: Summary) {
    let wrote = summary.created + summary.updated + summary.adopted;
    if wrote + summary.failed == 0 {
        summary.failed = earlier.failed;
        summary.failures = earlier.failures;
        summary.unresolved = summary.unresolved.max(earlier.unresolved);
    }
    if summary.skipped < earlier.skipped {
        summary.skipped = earlier.skipped;
        summary.skips = earlier.skips;
    }
    for (figure, before) in [
        (&mut summary.meetings_found, earlier.meetings_found),
        (&mut summary.created, earlier.created),
        (&mut summary.updated, earlier.updated),
        (&mut summary.adopted, earlier.adopted),
        (
            &mut summary.total_in_destination,
            earlier.total_in_destination,
        ),
    ] {
        *figure = before.max(*figure);
    }
    summary.window_start_time = summary.window_start_time.or(earlier.window_start_time);
    summary.window_end_time = summary.window_end_time.or(earlier.window_end_time);
}

/// A result in one line.
fn told(summary: &Summary) -> String {
    format!(
        "{} meetings: {} created, {} updated, {} adopted, {} skipped, {} failed, {} unresolved",
        summary.meetings_found,
        summary.created,
        summary.updated,
        summary.adopted,
        summary.skipped,
        summary.failed,
        summary.unresolved
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(created: u64, skipped: u64) -> Summary {
        Summary {
            meetings_found: 240,
            created,
            skipped,
            skips: [("unchanged".to_owned(), skipped)].into(),
            calls: [("clockify.entries".to_owned(), 3)].into(),
            ..Summary::default()
        }
    }

    #[test]
    fn an_attempt_that_stops_before_it_looks_keeps_what_those_before_it_wrote() {
        let earlier = written(100, 20);
        let mut summary = Summary::default();
        count_earlier(&mut summary, &earlier);
        keep_earlier(&mut summary, earlier);
        assert_eq!(
            (summary.created, summary.skipped, summary.meetings_found),
            (100, 20, 240)
        );
        assert_eq!(summary.skips["unchanged"], 20);
        assert_eq!(summary.calls["clockify.entries"], 3);
    }

    #[test]
    fn an_attempt_that_wrote_more_says_so() {
        let earlier = Summary {
            failed: 2,
            failures: vec!["a: no".to_owned(), "b: no".to_owned()],
            ..written(100, 20)
        };
        let mut summary = written(130, 10);
        count_earlier(&mut summary, &earlier);
        keep_earlier(&mut summary, earlier);
        assert_eq!((summary.created, summary.failed), (130, 0));
        assert_eq!(summary.calls["clockify.entries"], 6);
    }
}

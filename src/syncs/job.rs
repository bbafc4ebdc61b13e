//! The job that executes a run of a sync.

use crate::{
    base::Result,
    runs::{Ended, Failure, Handle, Job},
    syncs::{
        engine::{Options, Pass},
        preview, store,
        summary::Summary,
    },
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

    async fn run(&self, handle: &Handle) -> Ended {
        let mut summary = Summary::default();
        let outcome = run(handle, &mut summary).await;
        let result = serde_json::to_value(&summary).unwrap_or_default();
        if let Err(error) = outcome {
            return match Ended::from(error) {
                Ended::Stopped(_) => Ended::Stopped(Some(result)),
                Ended::Fail(failure, _) => Ended::Fail(failure, Some(result)),
                Ended::Wait(until, why, _) => Ended::Wait(until, why, Some(result)),
                other => other,
            };
        }
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
        if arguments.dry_run {
            let (pass, source) = Pass::open_both(&app, &sync, None, options).await?;
            handle
                .log("info", "a dry run: nothing is written to any provider")
                .await?;
            *summary = preview::preview(&pass, source).await?.summary;
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
    summary.calls = with_earlier(app.outbound.calls(), handle);
    for notice in summary.notices.clone() {
        handle.log("warn", &notice).await?;
    }
    match &outcome {
        Ok(()) => handle.log("info", &told(summary)).await?,
        Err(error) => handle.log("warn", &format!("stopped: {error}")).await?,
    }
    outcome
}

/// The calls of this attempt and of those before it.
fn with_earlier(mut calls: BTreeMap<String, u64>, handle: &Handle) -> BTreeMap<String, u64> {
    let earlier = handle
        .run
        .result
        .clone()
        .and_then(|result| serde_json::from_value::<Summary>(result).ok());
    for (endpoint, count) in earlier.unwrap_or_default().calls {
        *calls.entry(endpoint).or_default() += count;
    }
    calls
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

//! Runs of the past and the present: list, follow, stop, repeat, read their log.

use super::{Exit, Output, Session, figures, follow::follow, last, table, time};
use crate::api::v1;

/// Arguments of `sync runs`.
#[derive(clap::Args, Debug)]
pub struct List {
    /// Only runs of this sync
    sync: Option<String>,
    /// Only runs in this state, as in failed
    #[arg(long)]
    state: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20)]
    limit: i32,
}

pub async fn list(args: List, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let conditions = [
        args.sync
            .as_ref()
            .map(|sync| format!("sync = \"{}\"", session.sync(sync))),
        args.state
            .as_ref()
            .map(|state| format!("state = \"{}\"", state.to_uppercase())),
    ];
    let conditions: Vec<_> = conditions.into_iter().flatten().collect();
    let request = v1::ListRunsRequest {
        parent: session.parent(),
        page_size: args.limit,
        filter: conditions.join(" AND "),
        ..Default::default()
    };
    let runs = session.syncs().list_runs(request).await?.into_inner();
    output.result(&runs, |runs| match runs.runs.is_empty() {
        true => "no runs".to_owned(),
        false => table(
            [
                "RUN",
                "SYNC",
                "STATE",
                "ACCEPTED (UTC)",
                "CREATED",
                "SKIPPED",
                "FAILED",
            ],
            runs.runs.iter().map(|run| {
                let result = run.result.clone().unwrap_or_default();
                [
                    last(&run.name),
                    last(&run.sync),
                    figures::state(run),
                    time::moment(run.create_time.as_ref()),
                    result.created.to_string(),
                    result.skipped.to_string(),
                    (result.failed + result.unresolved).to_string(),
                ]
            }),
        ),
    })?;
    Ok(Exit::Done)
}

pub async fn watch(run: &str, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let run = follow(&session.run(run), session, output).await?;
    output.result(&run, figures::figures)?;
    Ok(figures::exit(&run))
}

pub async fn cancel(run: &str, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let request = v1::CancelRunRequest {
        name: session.run(run),
    };
    let run = session.syncs().cancel_run(request).await?.into_inner();
    output.result(&run, |run| match run.state() {
        v1::RunState::Cancelled => format!("{} is cancelled", run.name),
        _ => format!("{} was asked to stop", run.name),
    })?;
    Ok(Exit::Done)
}

/// Follows the new attempt, as `sync run` does.
pub async fn retry(run: &str, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let request = v1::RetryRunRequest {
        name: session.run(run),
    };
    let run = session.syncs().retry_run(request).await?.into_inner();
    watch(&run.name, session, output).await
}

pub async fn logs(run: &str, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let mut all = v1::ListRunLogsResponse::default();
    loop {
        let request = v1::ListRunLogsRequest {
            parent: session.run(run),
            page_size: 500,
            page_token: std::mem::take(&mut all.next_page_token),
        };
        let page = session.syncs().list_run_logs(request).await?.into_inner();
        all.logs.extend(page.logs);
        if page.next_page_token.is_empty() {
            break;
        }
        all.next_page_token = page.next_page_token;
    }
    output.result(&all, |all| {
        let rows = all.logs.iter();
        let rows = rows.map(|line| {
            [
                time::moment(line.time.as_ref()),
                line.level.clone(),
                line.message.clone(),
            ]
        });
        table(["TIME (UTC)", "LEVEL", "MESSAGE"], rows)
    })?;
    Ok(Exit::Done)
}

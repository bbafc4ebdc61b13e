//! `syncline sync preview`.

use super::{Exit, Output, Session, figures, rule, table, time};
use crate::api::v1::{PlannedEntry, PreviewSyncRequest, PreviewSyncResponse};

/// Arguments of `sync preview`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The sync's id
    id: String,
    /// Look back so many days
    #[arg(long)]
    days: Option<i32>,
}

pub async fn run(args: Args, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let request = PreviewSyncRequest {
        name: session.sync(&args.id),
        days: args.days.unwrap_or_default(),
        sync: None,
    };
    let preview = session.syncs().preview_sync(request).await?.into_inner();
    output.result(&preview, text)?;
    Ok(Exit::Done)
}

fn text(preview: &PreviewSyncResponse) -> String {
    let entries = table(
        [
            "ACTION",
            "START (UTC)",
            "LENGTH",
            "PROJECT",
            "TITLE",
            "RULE",
            "WHY",
        ],
        preview.entries.iter().map(row),
    );
    let Some(result) = &preview.result else {
        return entries;
    };
    let mut text = format!("{entries}\n\n{}", figures::counts(result, true));
    for notice in &result.notices {
        text.push_str(&format!("\nnote: {notice}"));
    }
    text
}

fn row(entry: &PlannedEntry) -> [String; 7] {
    let action = entry
        .action()
        .as_str_name()
        .trim_start_matches("PLANNED_ACTION_");
    [
        action.to_lowercase(),
        time::moment(entry.start_time.as_ref()),
        time::length(entry.start_time.as_ref(), entry.end_time.as_ref()),
        entry
            .target
            .as_ref()
            .map(rule::target_text)
            .unwrap_or_default(),
        entry.title.clone(),
        entry.rule.clone(),
        entry.reason.clone(),
    ]
}

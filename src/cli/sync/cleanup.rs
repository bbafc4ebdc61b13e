//! `syncline sync duplicates` and `cleanup`: what is at the destination, and getting rid of what is ours.

use super::{Exit, Output, Session, table, time};
use crate::{
    api::v1::{CleanUpSyncRequest, ReconcileSyncRequest, ReconcileSyncResponse},
    base::Error,
};
use std::io::BufRead as _;

/// Arguments of `sync cleanup`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The sync's id
    id: String,
    /// The window's start: a day, or a moment; as many days back as the definition says when it is not given
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// The window's end, the day included; now when it is not given
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// Do not ask: delete exactly so many entries, or nothing
    #[arg(long, value_name = "COUNT")]
    yes_delete: Option<i64>,
}

pub async fn run(args: Args, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let moment = |flag, end, text: &Option<String>| {
        text.as_deref()
            .map(|text| time::parse(flag, end, text))
            .transpose()
    };
    let mut request = CleanUpSyncRequest {
        name: session.sync(&args.id),
        start_time: moment("--from", time::End::From, &args.from)?,
        end_time: moment("--to", time::End::To, &args.to)?,
        expected_count: 0,
        validate_only: true,
    };
    let expected = match args.yes_delete {
        Some(count) => count,
        None => {
            let found = session
                .syncs()
                .clean_up_sync(request.clone())
                .await?
                .into_inner();
            if found.found == 0 {
                output.result(&found, |_| {
                    "there is nothing of ours in the window".to_owned()
                })?;
                return Ok(Exit::Done);
            }
            asked(found.found, output)?
        }
    };
    request.expected_count = expected;
    request.validate_only = false;
    let done = session.syncs().clean_up_sync(request).await?.into_inner();
    output.result(&done, |done| match done.failed {
        0 => format!("{} entries deleted", done.deleted),
        failed => format!(
            "{} entries deleted, {failed} could not be deleted",
            done.deleted
        ),
    })?;
    Ok(match done.failed {
        0 => Exit::Done,
        _ => Exit::Partial,
    })
}

/// Lets the person type the number, so that nothing is deleted by habit.
fn asked(count: i64, output: Output) -> anyhow::Result<i64> {
    output.note(format!(
        "{count} entries with our marker would be deleted. They are written again by the next run.\nType their number to delete them:"
    ));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    match line.trim().parse::<i64>() {
        Ok(typed) if typed == count => Ok(count),
        _ => {
            let message = format!("{count} was not typed; in scripts, use --yes-delete {count}");
            Err(Error::precondition("COUNT_MISMATCH", message).into())
        }
    }
}

/// `sync duplicates`. Fails when there are some, so that a script can watch for them.
pub async fn duplicates(
    id: &str,
    days: Option<i32>,
    session: &Session,
    output: Output,
) -> anyhow::Result<Exit> {
    let request = ReconcileSyncRequest {
        name: session.sync(id),
        days: days.unwrap_or_default(),
        validate_only: true,
    };
    let found = session.syncs().reconcile_sync(request).await?.into_inner();
    output.result(&found, text)?;
    Ok(match found.duplicates.is_empty() {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

fn text(found: &ReconcileSyncResponse) -> String {
    let row = |name: &str, count: i64| [name.to_owned(), count.to_string()];
    let extra: usize = found
        .duplicates
        .iter()
        .map(|meeting| meeting.extra_entry_ids.len())
        .sum();
    let mut text = table(
        ["", ""],
        [
            row("entries of ours", found.entries),
            row(
                "meetings with more than one",
                i64::try_from(found.duplicates.len()).unwrap_or(i64::MAX),
            ),
            row("second copies", i64::try_from(extra).unwrap_or(i64::MAX)),
            row("edited by the user", found.edited),
            row("deleted by the user", found.deleted),
            row("unanswered writes that arrived", found.adopted),
            row("unanswered writes to send again", found.to_send_again),
        ],
    );
    if !found.duplicates.is_empty() {
        let rows = found.duplicates.iter();
        let rows = rows.map(|meeting| {
            [
                meeting.conference.clone(),
                meeting.kept_entry_id.clone(),
                meeting.extra_entry_ids.join(" "),
            ]
        });
        text.push_str(&format!(
            "\n\n{}",
            table(["MEETING", "OLDEST ENTRY", "SECOND COPIES"], rows)
        ));
    }
    text
}

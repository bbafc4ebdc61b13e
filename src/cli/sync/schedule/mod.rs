//! `syncline sync pause`, `resume`, `backfill`, `occurrences` and `times`.

mod flags;
mod shown;

pub use flags::Flags;
pub use shown::{next, rows};

use super::{Exit, Output, Session, define, run::uuid, time};
use crate::{api::v1, cli::Usage};
use time::End;
use uuid::Uuid;

/// Times of a page of the service.
const PAGE: i32 = 500;

/// Arguments of `sync backfill`.
#[derive(clap::Args, Debug)]
pub struct Backfill {
    /// The sync's id
    id: String,
    /// Times from this day or moment on, as in 2026-11-20 or 2026-11-20T08:00:00Z
    #[arg(long, value_name = "TIME")]
    from: String,
    /// Times up to this day, or before this moment; until now when it is not given
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// A UUID: asking twice with the same one starts the same runs
    #[arg(long, value_name = "UUID", value_parser = uuid)]
    request_id: Option<Uuid>,
    /// Only say which times would be run
    #[arg(long)]
    validate_only: bool,
}

/// Arguments of `sync occurrences`.
#[derive(clap::Args, Debug)]
pub struct Occurrences {
    /// The sync's id
    id: String,
    /// Times from this day or moment on
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Times up to this day, or before this moment
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..))]
    limit: i32,
}

/// Arguments of `sync times`.
#[derive(clap::Args, Debug)]
pub struct Times {
    /// The sync's id, whose schedule is shown, with the flags below if any are given; a schedule of flags alone without
    id: Option<String>,
    /// So many times
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(i32).range(1..=500))]
    count: i32,
    /// Times after this day or moment; from now on when it is not given
    #[arg(long, value_name = "TIME")]
    after: Option<String>,
    #[command(flatten)]
    flags: Flags,
}

pub async fn pause(
    id: &str,
    note: String,
    session: &Session,
    output: Output,
) -> anyhow::Result<Exit> {
    let name = session.sync(id);
    let request = v1::PauseSyncRequest { name, note };
    let sync = session.syncs().pause_sync(request).await?.into_inner();
    output.result(&sync, |sync| {
        format!(
            "{} rests until `syncline sync resume {id}`; runs that were accepted go on",
            sync.name
        )
    })?;
    Ok(Exit::Done)
}

pub async fn resume(id: &str, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let name = session.sync(id);
    let request = v1::ResumeSyncRequest { name };
    let sync = session.syncs().resume_sync(request).await?.into_inner();
    output.result(&sync, |sync| {
        let next = sync.schedule.as_ref().map(next).unwrap_or_default();
        match next.is_empty() {
            true => format!("{} goes on; no time comes any more", sync.name),
            false => format!("{} goes on: next at {next} UTC", sync.name),
        }
    })?;
    Ok(Exit::Done)
}

pub async fn backfill(args: Backfill, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let end = args.to.as_deref();
    let request = v1::BackfillSyncRequest {
        name: session.sync(&args.id),
        start_time: Some(time::parse("--from", End::From, &args.from)?),
        end_time: end.map(|to| time::parse("--to", End::To, to)).transpose()?,
        request_id: args.request_id.unwrap_or_else(Uuid::new_v4).to_string(),
        validate_only: args.validate_only,
    };
    let filled = session.syncs().backfill_sync(request).await?.into_inner();
    output.result(&filled, |filled| {
        let times = match filled.occurrences.len() {
            0 => return "every time of that range has its run already".to_owned(),
            1 => "1 time".to_owned(),
            count => format!("{count} times"),
        };
        let what = match args.validate_only {
            true => "would be run",
            false => "to be run: the runs of one sync follow one another",
        };
        let table = shown::occurrences(&filled.occurrences);
        format!("{table}\n\n{times} {what}")
    })?;
    Ok(Exit::Done)
}

pub async fn occurrences(
    args: Occurrences,
    session: &Session,
    output: Output,
) -> anyhow::Result<Exit> {
    let parse = |flag: &str, end: End, text: &Option<String>| -> Result<_, Usage> {
        let text = text.as_deref();
        text.map(|text| time::parse(flag, end, text)).transpose()
    };
    let mut request = v1::ListOccurrencesRequest {
        parent: session.sync(&args.id),
        page_size: 0,
        page_token: String::new(),
        start_time: parse("--from", End::From, &args.from)?,
        end_time: parse("--to", End::To, &args.to)?,
    };
    let mut all = v1::ListOccurrencesResponse::default();
    let limit = usize::try_from(args.limit)?;
    while all.occurrences.len() < limit {
        let left = limit - all.occurrences.len();
        // The token holds for pages of any size.
        request.page_size = i32::try_from(left).unwrap_or(PAGE).min(PAGE);
        let mut syncs = session.syncs();
        let page = syncs.list_occurrences(request.clone()).await?.into_inner();
        all.occurrences.extend(page.occurrences);
        all.next_page_token.clone_from(&page.next_page_token);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    output.result(&all, |all| match all.occurrences.is_empty() {
        true => "no time of the schedule has come yet".to_owned(),
        false => shown::occurrences(&all.occurrences),
    })?;
    Ok(Exit::Done)
}

pub async fn times(args: Times, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let name = args.id.as_deref().map(|id| session.sync(id));
    let name = name.unwrap_or_default();
    if name.is_empty() && !args.flags.any() {
        return Err(Usage(
            "expected the id of a sync that has a schedule, or a schedule: --cron or --every"
                .to_owned(),
        )
        .into());
    }
    let schedule = match args.flags.any() {
        true => {
            let known = match name.as_str() {
                "" => None,
                name => define::get(name, session).await?.schedule,
            };
            args.flags.apply(known)?
        }
        false => None,
    };
    let after = args.after.as_deref();
    let request = v1::PreviewScheduleRequest {
        name,
        schedule,
        count: args.count,
        after_time: after
            .map(|after| time::parse("--after", End::From, after))
            .transpose()?,
    };
    let mut syncs = session.syncs();
    let previewed = syncs.preview_schedule(request).await?.into_inner();
    output.result(&previewed, shown::times)?;
    Ok(Exit::Done)
}

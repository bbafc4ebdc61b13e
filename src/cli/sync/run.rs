//! `syncline sync run`.

use super::{Exit, Output, Session, figures, follow::follow};
use crate::api::v1::RunSyncRequest;
use uuid::Uuid;

/// Arguments of `sync run`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The sync's id
    id: String,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Look back so many days in this run
    #[arg(long)]
    days: Option<i32>,
    /// Read the whole window again, not only what is new
    #[arg(long)]
    full: bool,
    /// A UUID: asking twice with the same one starts one run
    #[arg(long, value_name = "UUID", value_parser = uuid)]
    request_id: Option<Uuid>,
    /// Do not wait for the end; a server executes the run
    #[arg(long)]
    detach: bool,
}

pub async fn run(args: Args, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let request = RunSyncRequest {
        name: session.sync(&args.id),
        request_id: args.request_id.unwrap_or_else(Uuid::new_v4).to_string(),
        dry_run: args.dry_run,
        days: args.days.unwrap_or_default(),
        full: args.full,
        ..RunSyncRequest::default()
    };
    let run = session.syncs().run_sync(request).await?.into_inner();
    if args.detach {
        output.result(&run, |run| {
            let here = match session.app() {
                Some(_) => "; a `syncline serve` on this database executes it",
                None => "",
            };
            format!("{} is accepted{here}", run.name)
        })?;
        return Ok(Exit::Done);
    }
    let run = follow(&run.name, session, output).await?;
    output.result(&run, figures::figures)?;
    Ok(figures::exit(&run))
}

/// Reads a UUID from the command line.
pub fn uuid(text: &str) -> Result<Uuid, &'static str> {
    Uuid::parse_str(text).map_err(|_| "expected a UUID as in 7c9e6679-7425-40de-944b-e07fc1f90ae7")
}

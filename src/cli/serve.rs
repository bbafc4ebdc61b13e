//! `syncline serve`.

use super::{Context, Exit, Usage, signals, token_file};
use crate::{
    base::Clock,
    serve::{self, Listeners, Start},
    startup::{Migrate, original::Wanted},
    telemetry,
};
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `serve`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Refuse to start on a database of an older version, instead of bringing it to this one
    #[arg(long)]
    no_migrate: bool,

    /// Which parts of a server this process is: some of rpc, web, worker and scheduler, separated by commas
    #[arg(long, value_name = "ROLES")]
    pub roles: Option<String>,

    /// The token file of meet-clockify-sync, for a server with its variables; `token.json` is read if it is there
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
}

pub async fn run(args: Args, mut context: Context) -> anyhow::Result<Exit> {
    telemetry::announce(&context.notices);
    let wanted = match (context.original, args.token) {
        (Some(said), file) => Some(Wanted {
            token_file: token_file::content(file.as_deref(), &said)?,
            said,
        }),
        (None, Some(_)) => {
            let why = "--token: the file is for the sync of GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET and CLOCKIFY_API_TOKEN, which are not \
                       all set; `syncline token import` stores it without them";
            return Err(Usage(why.to_owned()).into());
        }
        (None, None) => None,
    };
    let shutdown = signals::shutdown()?;
    let listeners = Listeners::bind(&context.config).await?;
    // With port 0 the system chose one, and browsers must be told which.
    context.config.http.addr = listeners.http_address()?;
    let migrate = match args.no_migrate {
        true => Migrate::Refuse,
        false => Migrate::Apply,
    };
    if context.output.is_json() {
        let addresses = json!({
            "address": listeners.grpc_address()?.map(|address| address.to_string()),
            "http_address": listeners.http_address()?.to_string(),
        });
        context.output.result(&addresses, |_| String::new())?;
    }
    let start = Start::Settings {
        config: Box::new(context.config),
        clock: Clock::system(),
        migrate,
        wanted: wanted.map(Box::new),
    };
    serve::run(start, listeners, shutdown).await?;
    Ok(Exit::Done)
}

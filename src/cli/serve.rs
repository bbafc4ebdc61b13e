//! `syncline serve`.

use super::{Context, Exit, signals};
use crate::{
    base::Clock,
    serve::{self, Listeners, Start},
    startup::Migrate,
    telemetry,
};
use serde_json::json;

/// Arguments of `serve`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Refuse to start on a database of an older version, instead of bringing it to this one
    #[arg(long)]
    no_migrate: bool,

    /// Which parts of a server this process is: some of rpc, web, worker and scheduler, separated by commas
    #[arg(long, value_name = "ROLES")]
    pub roles: Option<String>,
}

pub async fn run(args: Args, context: Context) -> anyhow::Result<Exit> {
    telemetry::announce(&context.notices);
    let shutdown = signals::shutdown()?;
    let listeners = Listeners::bind(&context.config).await?;
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
    let start = Start::Settings(Box::new(context.config), Clock::system(), migrate);
    serve::run(start, listeners, shutdown).await?;
    Ok(Exit::Done)
}

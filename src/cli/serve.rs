//! `syncline serve`.

use super::{Context, Exit, signals};
use crate::{
    base::{Clock, Error},
    serve,
    startup::{self, Migrate},
    telemetry,
};
use serde_json::json;
use tokio::net::TcpListener;

/// Arguments of `serve`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Refuse to start on a database of an older version, instead of bringing it to this one
    #[arg(long)]
    no_migrate: bool,
}

pub async fn run(args: Args, context: Context) -> anyhow::Result<Exit> {
    telemetry::announce(&context.notices);
    let shutdown = signals::shutdown()?;
    let addr = context.config.grpc.addr;
    let listener = TcpListener::bind(addr).await.map_err(|cause| {
        Error::unavailable(
            "ADDRESS_UNAVAILABLE",
            format!("cannot listen on {addr}: {cause}; choose another one with SYNCLINE_GRPC_ADDR"),
        )
    })?;
    let addr = listener.local_addr()?;
    let migrate = match args.no_migrate {
        true => Migrate::Refuse,
        false => Migrate::Apply,
    };
    let app = startup::open(context.config, Clock::system(), migrate).await?;
    if context.output.is_json() {
        context
            .output
            .result(&json!({ "address": addr.to_string() }), |_| String::new())?;
    }
    serve::run(app, listener, shutdown).await?;
    Ok(Exit::Done)
}

//! `syncline simulate`: the fake Google and Clockify alone, for trying things out and for clients in other languages.

use super::{Context, Exit, Usage, output::table, signals};
use crate::{
    base::Clock,
    config::units,
    simulator::{
        Fault, Now, Options, Quotas, Simulator, Visibility, WorldSpec,
        world::{CLIENT_ID, CLIENT_SECRET},
    },
};
use anyhow::Context as _;
use serde_json::{Map, json};
use std::{net::Ipv4Addr, time::Duration};

/// Arguments of `simulate`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Port on 127.0.0.1; a free one when it is 0
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Decides all made-up data
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Added to each call, as in 20ms
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = units::duration)]
    latency: Duration,
    /// Days with meetings, at most 30
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=30))]
    days: u32,
    /// Meetings on each of them
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(0..=200))]
    meetings: u32,
    /// Lists show only meetings that the user organised
    #[arg(long)]
    organized_only: bool,
    /// Rate limits: none, those of paid workspaces, or those of new free ones
    #[arg(long, default_value = "none", value_parser = ["none", "real", "real-free"])]
    quotas: String,
    /// Put a fault of the menu in force; may be given several times
    #[arg(long, value_name = "NAME")]
    fault: Vec<String>,
    /// Print the fault menu and end
    #[arg(long)]
    list_faults: bool,
}

pub async fn run(args: Args, context: Context) -> anyhow::Result<Exit> {
    let output = context.output;
    if args.list_faults {
        let menu = Fault::menu();
        let rows = menu
            .iter()
            .map(|fault| [fault.name.to_owned(), fault.description.to_owned()]);
        output.result(&json!({ "faults": menu }), |_| {
            table(["FAULT", "WHAT GOES WRONG"], rows)
        })?;
        return Ok(Exit::Done);
    }
    let shutdown = signals::shutdown()?;
    let simulator = Simulator::start(options(&args))
        .with_context(|| format!("port {} cannot be used", args.port))?;
    for name in &args.fault {
        if simulator.faults().apply_named(name).is_none() {
            let message = format!("there is no fault {name:?}: --list-faults prints the menu");
            return Err(Usage(message).into());
        }
    }
    let endpoints = simulator.endpoints();
    let key = simulator
        .world()
        .clockify
        .users
        .first()
        .map(|user| user.api_key.clone());
    let key = key.unwrap_or_default();
    let mut variables = endpoints
        .env()
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec();
    variables.push(("SYNCLINE_GOOGLE_CLIENT_ID", CLIENT_ID.to_owned()));
    variables.push(("SYNCLINE_GOOGLE_CLIENT_SECRET", CLIENT_SECRET.to_owned()));
    let environment: Map<_, _> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    let document = json!({
        "address": simulator.address().to_string(),
        "control": endpoints.control,
        "clockify_api_key": key,
        "environment": environment,
    });
    output.result(&document, |_| {
        let exports = variables.iter().map(|(name, value)| format!("export {name}='{value}'"));
        let exports = exports.collect::<Vec<_>>().join("\n");
        format!(
            "{exports}\n\n# Clockify's API key: {key}\n# Faults, calls and state: {}\n# Ctrl-C ends it.",
            endpoints.control
        )
    })?;
    shutdown.cancelled().await;
    simulator.shutdown();
    Ok(Exit::Done)
}

fn options(args: &Args) -> Options {
    Options {
        seed: args.seed,
        listen: (Ipv4Addr::LOCALHOST, args.port).into(),
        latency: args.latency,
        world: match args.days * args.meetings {
            0 => WorldSpec::empty(),
            _ => WorldSpec::of(args.days, args.meetings),
        },
        visibility: match args.organized_only {
            true => Visibility::OrganizedOnly,
            false => Visibility::Attended,
        },
        quotas: match args.quotas.as_str() {
            "real" => Quotas::REAL,
            "real-free" => Quotas::REAL_FREE,
            _ => Quotas::NONE,
        },
        ..Options::new(Now::Running(Clock::system().now()))
    }
}

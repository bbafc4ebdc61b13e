//! The command line: one file per subcommand. With `--server` it is a gRPC client; without, it builds the same services
//! in this process on the configured database. What it prints is decided here, what it does is decided by the rooms.

mod args;
mod audit;
mod db;
mod demo;
mod doctor;
mod failure;
mod key;
mod output;
mod queue;
mod serve;
mod session;
mod settings;
mod signals;
mod simulate;
mod sync;
mod tenant;
mod time;
mod token;
mod token_file;
mod user;

use self::{
    args::{Cli, Command},
    failure::{Failure, Usage},
    output::Output,
};
use crate::{
    config::{Config, MeetClockify, Notice, Sources},
    startup::original,
    telemetry,
};
use clap::Parser as _;
use std::{ffi::OsString, process::ExitCode};

/// Threads that execute tasks. The work waits for the network and the disk, and each thread costs memory.
const THREADS: usize = 4;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done.
    Done = 0,
    /// It was not done.
    Failed = 1,
    /// Something was done and something failed.
    Partial = 3,
    /// What was typed or set is wrong.
    Wrong = 64,
}

/// What every command is given.
pub struct Context {
    /// The arguments that all commands share.
    pub global: args::Global,
    /// The settings.
    pub config: Config,
    /// What the variables of meet-clockify-sync say, for the commands that obey them.
    pub original: Option<MeetClockify>,
    /// What loading the settings found worth saying.
    pub notices: Vec<Notice>,
    /// Where results go.
    pub output: Output,
}

/// Runs the program and returns its exit code: 0 done, 1 failed, 3 done in part, 64 what was typed or set is wrong.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return failure::of_arguments(&error, &arguments),
    };
    let output = Output::new(cli.global.json);
    match start(cli, output) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(error) => {
            let failure = Failure::from(error);
            output.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn start(cli: Cli, output: Output) -> anyhow::Result<Exit> {
    if let Command::Settings(args) = &cli.command {
        args::server(&cli.command, cli.global.server.clone(), None)?;
        return settings::run(args, &sources(&cli), output);
    }
    let context = prepare(&cli, output)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        let telemetry = telemetry::init(&context.config)?;
        let outcome = run(cli.command, context).await;
        telemetry.shutdown().await;
        outcome
    });
    // Somebody may still be asked for a line on standard input; nobody waits for it any more.
    runtime.shutdown_background();
    outcome
}

fn prepare(cli: &Cli, output: Output) -> anyhow::Result<Context> {
    let mut global = cli.global.clone();
    let sources = sources(cli);
    let variable = sources.variable("SYNCLINE_SERVER");
    let (server, passed_over) = args::server(&cli.command, global.server, variable)?;
    global.server = server;
    if let Some(text) = passed_over {
        output.note(format!("note: {text}"));
    }
    let (mut config, original, notices) = if cli.command.is_one_off() {
        let (config, said, notices) = MeetClockify::for_one_off(&sources)?;
        (config, Some(said), notices)
    } else if cli.command.is_server() {
        MeetClockify::for_server(&sources, original::is_schedule)?
    } else {
        let (config, notices) = Config::load(&sources)?;
        (config, None, notices)
    };
    if !cli.command.is_server() {
        args::quiet(&mut config)?;
    }
    Ok(Context {
        global,
        config,
        original,
        notices,
        output,
    })
}

/// Where the settings of this command come from.
fn sources(cli: &Cli) -> Sources {
    let mut sources = Sources::of_process();
    sources.file.clone_from(&cli.global.config);
    sources.flags.clone_from(&cli.global.set);
    if let Command::Serve(serve::Args {
        roles: Some(roles), ..
    }) = &cli.command
    {
        sources
            .flags
            .push(("serve.roles".to_owned(), roles.clone()));
    }
    sources
}

async fn run(command: Command, context: Context) -> anyhow::Result<Exit> {
    match command {
        Command::Serve(args) => serve::run(args, context).await,
        Command::Demo(args) => demo::run(args, context).await,
        Command::Simulate(args) => simulate::run(args, context).await,
        Command::Sync { command } => sync::run(command, context).await,
        Command::Token { command } => token::run(command, context).await,
        Command::Queue { command } => queue::run(command, context).await,
        Command::Key { command } => key::run(command, context).await,
        Command::User { command } => user::run(command, context).await,
        Command::Tenant { command } => tenant::run(command, context).await,
        Command::Audit(args) => audit::run(args, context).await,
        Command::Db { command } => db::run(command, context).await,
        Command::Settings(_) => unreachable!("done before"),
        Command::Doctor => doctor::run(context).await,
    }
}

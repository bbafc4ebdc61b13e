//! What can be typed: the global arguments and the list of commands. Each command's own arguments stand in its file.

use super::{db, demo, queue, serve, simulate, sync, token};
use crate::config::{Config, Levels};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Copies data between SaaS products, exactly once.
///
/// Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 done in part (something failed), 64 wrong settings.
#[derive(Debug, Parser)]
#[command(name = "syncline", version, color = clap::ColorChoice::Auto, disable_help_subcommand = true)]
pub struct Cli {
    /// What all commands share.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What all commands share.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Settings file; `syncline.toml` is read if it is there
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Talk to this server, as in http://127.0.0.1:50051, instead of doing it in this process
    #[arg(long, global = true, value_name = "URL", env = "SYNCLINE_SERVER")]
    pub server: Option<String>,

    /// Print one JSON document (proto3 JSON) on standard output, errors too
    #[arg(long, global = true)]
    pub json: bool,

    /// Whose tokens and syncs
    #[arg(long, global = true, value_name = "ID", default_value = "default")]
    pub tenant: String,

    /// Change a setting, as in --set clockify.budget=30/1h; may be given several times
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the server
    Serve(serve::Args),
    /// Show everything with simulated providers: no account, no settings, nothing left behind
    Demo(demo::Args),
    /// Start the simulated Google and Clockify alone
    Simulate(simulate::Args),
    /// Define and run syncs
    Sync {
        /// Which of them.
        #[command(subcommand)]
        command: sync::Command,
    },
    /// Keep credentials of Google and Clockify
    Token {
        /// Which of them.
        #[command(subcommand)]
        command: token::Command,
    },
    /// Look at what waits to be run, and steer it
    Queue {
        /// Which of them.
        #[command(subcommand)]
        command: queue::Command,
    },
    /// Look after the database
    Db {
        /// Which of them.
        #[command(subcommand)]
        command: db::Command,
    },
    /// Look for everything that is known to go wrong, and say what to do
    Doctor,
}

impl Command {
    /// Whether it obeys the variables of the original's one-off run.
    pub fn is_one_off(&self) -> bool {
        matches!(
            self,
            Self::Sync {
                command: sync::Command::Once(_)
            }
        )
    }

    /// Whether it stays, and its log is what people look at.
    pub fn is_server(&self) -> bool {
        matches!(self, Self::Serve(_))
    }
}

/// A command says what it did by itself; its log is held at warnings, unless somebody asked for another level.
pub fn quiet(config: &mut Config) -> anyhow::Result<()> {
    let default: Levels = "info".parse().map_err(anyhow::Error::msg)?;
    if config.log.level == default {
        config.log.level = "warn".parse().map_err(anyhow::Error::msg)?;
    }
    Ok(())
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected section.key=value".to_owned()),
    }
}

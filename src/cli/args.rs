//! What can be typed: the global arguments and the list of commands. Each command's own arguments stand in its file.

use super::{
    Usage, audit, db, demo, key, queue, serve, settings, simulate, sync, tenant, token, user,
};
use crate::{
    base::ResourceId,
    config::{Config, Levels},
};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Copies data between SaaS products, exactly once.
///
/// Exit codes: 0 done, 1 failed, 3 done in part (something failed), 64 what was typed or set is wrong: the same again would
/// fail again.
#[derive(Debug, Parser)]
#[command(name = "syncline", version, color = clap::ColorChoice::Auto)]
pub struct Cli {
    /// What all commands share.
    #[command(flatten, next_help_heading = "Options of all commands")]
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

    /// Let this server do it, as in http://127.0.0.1:50051; or by SYNCLINE_SERVER
    #[arg(long, global = true, value_name = "URL")]
    pub server: Option<String>,

    /// Print one JSON document (proto3 JSON) on standard output, errors too
    #[arg(long, global = true)]
    pub json: bool,

    /// Whose tokens and syncs
    #[arg(long, global = true, value_name = "ID", default_value = "default", value_parser = tenant)]
    pub tenant: ResourceId,

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
    /// Make and end the keys by which programs call, and say from where
    Key {
        /// Which of them.
        #[command(subcommand)]
        command: key::Command,
    },
    /// Look after the people who log in
    User {
        /// Which of them.
        #[command(subcommand)]
        command: user::Command,
    },
    /// Keep tenants: who owns data
    Tenant {
        /// Which of them.
        #[command(subcommand)]
        command: tenant::Command,
    },
    /// List who did what, the newest first
    Audit(audit::Args),
    /// Look after the database
    Db {
        /// Which of them.
        #[command(subcommand)]
        command: db::Command,
    },
    /// List all settings with their values and where these come from; secrets are hidden
    Settings(settings::Args),
    /// Look for everything that is known to go wrong, and say what to do
    Doctor,
}

impl Command {
    /// Whether it is the original's one-off run.
    pub fn is_one_off(&self) -> bool {
        matches!(
            self,
            Self::Sync {
                command: sync::Command::Once(_)
            }
        )
    }

    /// What it is called, where it works in this process only and no server can do it instead.
    fn is_here_only(&self) -> Option<&'static str> {
        match self {
            Self::Serve(_) => Some("serve"),
            Self::Demo(_) => Some("demo"),
            Self::Simulate(_) => Some("simulate"),
            Self::Db { .. } => Some("db"),
            Self::Settings(_) => Some("settings"),
            Self::Doctor => Some("doctor"),
            Self::Sync {
                command: sync::Command::Once(_),
            } => Some("sync once"),
            Self::Sync { .. }
            | Self::Token { .. }
            | Self::Queue { .. }
            | Self::Tenant { .. }
            | Self::Key { .. }
            | Self::User { .. }
            | Self::Audit(_) => None,
        }
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

/// Which server a command is for: the one of the flag, else the one of the variable. The flag is refused where it would
/// not be obeyed, because whoever types it means that server. The variable may be there for other commands, so it only
/// gives a notice, where somebody could take this machine's data for the server's.
pub fn server(
    command: &Command,
    flag: Option<String>,
    variable: Option<String>,
) -> Result<(Option<String>, Option<String>), Usage> {
    let variable = variable.filter(|server| !server.is_empty());
    match (command.is_here_only(), flag) {
        (Some(name), Some(_)) => Err(Usage(format!(
            "--server: `{name}` works on this machine alone and asks no server: leave the flag out, or run it where the server runs"
        ))),
        (Some(name), None) => {
            let looks_like_it = matches!(name, "db" | "doctor" | "sync once");
            let notice = variable.filter(|_| looks_like_it).map(|server| {
                format!(
                    "SYNCLINE_SERVER ({server}) is not asked: `{name}` works on this machine alone"
                )
            });
            Ok((None, notice))
        }
        (None, flag) => Ok((flag.or(variable), None)),
    }
}

fn tenant(text: &str) -> Result<ResourceId, String> {
    ResourceId::parse("id", text).map_err(|_| {
        "expected lower-case letters, digits and hyphens, starting with a letter".to_owned()
    })
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected section.key=value".to_owned()),
    }
}

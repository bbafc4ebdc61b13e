//! Simulated providers, and a folder with a fresh installation of Syncline that is pointed at them.

use crate::process::{self, Took};
use anyhow::ensure;
use serde_json::Value;
use std::{path::Path, process::Command, time::Duration};
use syncline::{
    base::Clock,
    simulator::{
        Now, Options, Quotas, Simulator,
        world::{CLIENT_ID, CLIENT_SECRET, SCOPES},
    },
};
use tempfile::TempDir;

/// What the fake providers let every call take.
pub const LATENCY: Duration = Duration::from_millis(20);
/// Meetings of the standard world.
pub const MEETINGS: usize = 240;
/// Switches our own budgets off.
const LIFTED: [(&str, &str); 3] = [
    ("SYNCLINE_GOOGLE_MEET_BUDGET", "none"),
    ("SYNCLINE_GOOGLE_CALENDAR_BUDGET", "none"),
    ("SYNCLINE_CLOCKIFY_BUDGET", "none"),
];

/// Whether the providers' limits are in force, with them and in our own settings alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budgets {
    /// No limits anywhere.
    Lifted,
    /// Meet and Calendar 600 a minute, Clockify 50 a second, in any stretch of that length.
    Real,
}

/// A month of meetings, nothing written yet, and a sync `s` with both its tokens.
pub struct Stage {
    /// The providers.
    pub simulator: Simulator,
    folder: TempDir,
    budgets: Budgets,
}

impl Stage {
    /// Makes one; nothing of it takes part in what is measured.
    pub fn new(budgets: Budgets) -> anyhow::Result<Self> {
        let options = Options::new(Now::Running(Clock::system().now()));
        let stage = Self {
            simulator: Simulator::start(options)?,
            folder: tempfile::tempdir()?,
            budgets,
        };
        let key = stage.simulator.world().clockify_me().api_key;
        stage.run(&["token", "add", "clockify"], &key)?;
        stage.run(&["token", "import", "-"], &stage.token_json())?;
        stage.run(&["sync", "create", "meet-to-clockify", "s"], "")?;
        stage.simulator.set_latency(LATENCY);
        if budgets == Budgets::Real {
            stage.simulator.set_quotas(Quotas::REAL);
        }
        stage.simulator.calls().clear();
        Ok(stage)
    }

    /// Runs the sync once from a new process, and makes sure that it did what it should: `created` new entries, and all
    /// meetings there exactly once.
    pub fn sync(&self, created: usize) -> anyhow::Result<Took> {
        self.simulator.calls().clear();
        let took = self.run(&["--json", "sync", "run", "s"], "")?;
        let run: Value = serde_json::from_str(&took.output)?;
        let result = &run["result"];
        ensure!(
            result["created"].as_str().unwrap_or("0") == created.to_string(),
            "expected {created} new entries: {result}"
        );
        let entries = self.simulator.world().entries().len();
        ensure!(entries == MEETINGS, "{entries} entries are there");
        Ok(took)
    }

    /// The program with these arguments, in this installation and pointed at these providers.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments, self.folder.path());
        command
            .env("SYNCLINE_GOOGLE_CLIENT_ID", CLIENT_ID)
            .env("SYNCLINE_GOOGLE_CLIENT_SECRET", CLIENT_SECRET)
            .envs(self.simulator.endpoints().env());
        if self.budgets == Budgets::Lifted {
            command.envs(LIFTED);
        }
        command
    }

    fn run(&self, arguments: &[&str], input: &str) -> anyhow::Result<Took> {
        process::run(self.command(arguments), input)
    }

    /// A token file of a grant that works, without an access token: the first run gets one.
    fn token_json(&self) -> String {
        let mut world = self.simulator.world();
        let me = world.me();
        let grant = world.grant(&me.id, &SCOPES);
        serde_json::json!({
            "refresh_token": grant.refresh_token,
            "scope": grant.scopes.join(" "),
            "token_type": "Bearer",
            "expiry_date": 1_762_600_000_123_i64,
        })
        .to_string()
    }
}

/// The program that was built with these benchmarks, with nothing of this environment but PATH.
pub fn program(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syncline"));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("SYNCLINE_DATA_DIR", folder)
        .env("SYNCLINE_GRPC_ADDR", "127.0.0.1:0")
        .env("SYNCLINE_HTTP_ADDR", "127.0.0.1:0")
        .current_dir(folder);
    command
}

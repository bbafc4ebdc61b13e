//! The command line, as a person and as a script meet it.

mod cleanup;
mod commands;
mod demo;
pub mod doctor;
mod login;
mod once;
mod queue;
mod runs;
mod schedules;
mod server;
mod tenants;
mod whereto;
mod wire;
mod words;

use crate::kit::{Builder, Process, temp_dir};
use serde_json::Value;
use std::time::Duration;
use syncline::{
    base::Clock,
    simulator::{
        Now, Options, Simulator, WorldSpec,
        world::{CLIENT_ID, CLIENT_SECRET},
    },
};
use tempfile::TempDir;

/// No command of these tests takes longer, on a busy machine.
pub const LONG: Duration = Duration::from_secs(60);

/// Fake providers, and a folder that commands share.
pub struct Stage {
    pub simulator: Simulator,
    pub folder: TempDir,
}

/// How a command ended, and everything it printed.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub text: String,
}

impl Ended {
    /// The document that a command with `--json` printed; log lines and notes may stand beside it.
    pub fn json(&self) -> Value {
        let text = &self.text;
        let start = text.find("{\n").unwrap_or_default();
        let end = text.rfind("\n}").map_or(text.len(), |at| at + 2);
        serde_json::from_str(&text[start..end])
            .unwrap_or_else(|error| panic!("no JSON document: {error}\n{text}"))
    }
}

impl Stage {
    /// Sixteen meetings, and nothing stored yet.
    pub fn new() -> Self {
        let options = Options {
            world: WorldSpec::of(8, 2),
            ..Options::new(Now::Running(Clock::system().now()))
        };
        Self {
            simulator: Simulator::start(options).expect("a free port"),
            folder: temp_dir(),
        }
    }

    /// The same with both tokens.
    pub async fn with_tokens() -> Self {
        let stage = Self::new();
        let key = stage.simulator.world().clockify_me().api_key;
        let added = stage
            .run_with(&["token", "add", "clockify"], &format!("{key}\n"))
            .await;
        assert_eq!(added.code, 0, "{}", added.text);
        let imported = stage
            .run_with(&["token", "import", "-"], &stage.token_json())
            .await;
        assert_eq!(imported.code, 0, "{}", imported.text);
        stage
    }

    /// The same with a sync `work` of these flags.
    pub async fn with_sync(flags: &[&str]) -> Self {
        let stage = Self::with_tokens().await;
        let created = stage
            .run(&[&["sync", "create", "meet-to-clockify", "work"], flags].concat())
            .await;
        assert_eq!(created.code, 0, "{}", created.text);
        stage
    }

    /// A token.json as the original wrote it, of a grant that works.
    pub fn token_json(&self) -> String {
        let mut world = self.simulator.world();
        let me = world.me();
        let grant = world.grant(&me.id, &syncline::simulator::world::SCOPES);
        serde_json::json!({
            "refresh_token": grant.refresh_token,
            "scope": grant.scopes.join(" "),
            "token_type": "Bearer",
            "expiry_date": 1_762_600_000_123_i64,
        })
        .to_string()
    }

    /// A command that finds the fake providers, and the data of the commands before.
    pub fn command(&self, arguments: &[&str]) -> Builder {
        let endpoints = self.simulator.endpoints();
        let mut command = Process::syncline(arguments)
            .env("SYNCLINE_DATA_DIR", self.folder.path())
            .env("SYNCLINE_GRPC_ADDR", "127.0.0.1:0")
            .env("SYNCLINE_GOOGLE_CLIENT_ID", CLIENT_ID)
            .env("SYNCLINE_GOOGLE_CLIENT_SECRET", CLIENT_SECRET)
            .env("SYNCLINE_OUTBOUND_BACKOFF_BASE", "5ms")
            .env("SYNCLINE_OUTBOUND_BACKOFF_MAX", "20ms");
        for (name, value) in endpoints.env() {
            command = command.env(name, value);
        }
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments)).await
    }

    /// Runs a command that is told something on standard input.
    pub async fn run_with(&self, arguments: &[&str], input: &str) -> Ended {
        ended(self.command(arguments).input(input)).await
    }

    /// How many time entries there really are.
    pub fn entries(&self) -> usize {
        self.simulator.world().entries().len()
    }
}

/// Runs a program to its end.
pub async fn ended(builder: Builder) -> Ended {
    let (status, text) = builder.finish(LONG).await;
    Ended {
        code: status.code().unwrap_or(-1),
        text,
    }
}

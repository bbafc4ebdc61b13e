//! What the tool that Syncline replaces was used for, done by real processes: killed, doubled, told to stop, fed with the
//! files and variables that people have.

mod canaries;
mod doubles;
mod handover;
mod kills;
mod once;
mod page;
mod replicas;
mod server;
mod together;

use crate::{
    cli::{Ended, LONG},
    kit::{Builder, Database, Process, temp_dir},
};
use std::{collections::BTreeMap, time::Duration};
use syncline::{
    base::Clock,
    db::Engine,
    simulator::{
        Now, Options, Simulator,
        world::{CLIENT_ID, CLIENT_SECRET, SCOPES},
    },
    syncs::marker,
};
use tempfile::TempDir;

/// Meetings of the standard world.
const MEETINGS: usize = 240;
/// Where entries are written.
const CREATE: &str = "clockify.timeEntries.create";

/// The fake providers, a database, and the folder of the key.
struct Scene {
    sim: Simulator,
    database: Database,
    folder: TempDir,
}

impl Scene {
    /// 240 meetings, an empty Clockify, nothing stored; calls take some milliseconds.
    async fn standard(engine: Engine) -> Self {
        let options = Options {
            latency: Duration::from_millis(4),
            ..Options::new(Now::Running(Clock::system().now()))
        };
        Self::of(options, engine).await
    }

    async fn of(options: Options, engine: Engine) -> Self {
        let scene = Self {
            sim: Simulator::start(options).expect("a free port"),
            database: Database::new(engine).await,
            folder: temp_dir(),
        };
        std::fs::write(scene.token_file(), scene.token_json()).unwrap();
        scene
    }

    fn token_file(&self) -> std::path::PathBuf {
        self.folder.path().join("token.json")
    }

    /// As the original wrote it after the consent: compact, with an access token that has ended.
    fn token_json(&self) -> String {
        let mut world = self.sim.world();
        let me = world.me();
        let grant = world.grant(&me.id, &SCOPES);
        serde_json::json!({
            "access_token": "ya29.composedOld",
            "refresh_token": grant.refresh_token,
            "scope": grant.scopes.join(" "),
            "token_type": "Bearer",
            "expiry_date": 1_762_600_000_123_i64,
        })
        .to_string()
    }

    /// A command on the database that finds the fake providers, and waits shortly for them.
    fn command(&self, arguments: &[&str]) -> Builder {
        let endpoints = self.sim.endpoints();
        let mut command = Process::syncline(arguments)
            .env("SYNCLINE_DATA_DIR", self.folder.path())
            .env("DATABASE_URL", self.database.url())
            .env("GOOGLE_CLIENT_ID", CLIENT_ID)
            .env("GOOGLE_CLIENT_SECRET", CLIENT_SECRET)
            .env("SYNCLINE_GRPC_ADDR", "127.0.0.1:0")
            .env("SYNCLINE_GOOGLE_MEET_BUDGET", "none")
            .env("SYNCLINE_GOOGLE_CALENDAR_BUDGET", "none")
            .env("SYNCLINE_CLOCKIFY_BUDGET", "none")
            .env("SYNCLINE_OUTBOUND_TIMEOUT", "1s")
            .env("SYNCLINE_OUTBOUND_CONNECT_TIMEOUT", "1s")
            .env("SYNCLINE_OUTBOUND_BACKOFF_BASE", "5ms")
            .env("SYNCLINE_OUTBOUND_BACKOFF_MAX", "50ms")
            .env("SYNCLINE_SYNCS_VISIBILITY_GRACE", "200ms");
        for (name, value) in endpoints.env() {
            command = command.env(name, value);
        }
        command
    }

    /// The original's one-off run with the original's variables.
    fn once(&self) -> Builder {
        let key = self.sim.world().clockify_me().api_key;
        let api = self.sim.endpoints().clockify;
        let file = self.token_file();
        let file = file.to_str().expect("a readable path");
        self.command(&["--json", "sync", "once", "--token", file])
            .env("SYNCLINE_CLOCKIFY_URL", "")
            .env("CLOCKIFY_API_BASE", api.trim_end_matches("/v1"))
            .env("CLOCKIFY_API_TOKEN", key)
            .env("GOOGLE_USER_EMAIL", "dana@example.com")
            .env("SYNC_DAYS", "30")
            .env("MEET_PROJECT_NAME", "Google Meet")
            .env("TZ", "Europe/Zurich")
    }

    /// Runs a command to its end.
    async fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments)).await
    }

    /// Runs a command that must end with 0.
    async fn run_well(&self, command: Builder) -> Ended {
        let ended = ended(command).await;
        assert_eq!(ended.code, 0, "{}", ended.text);
        ended
    }

    /// Keeps both credentials, and defines the sync `work`.
    async fn with_sync(self) -> Self {
        let key = self.sim.world().clockify_me().api_key;
        let add = self.command(&["token", "add", "clockify"]);
        self.run_well(add.input(&format!("{key}\n"))).await;
        let import = self.command(&["token", "import", "-"]);
        self.run_well(import.input(&self.token_json())).await;
        let create = self.command(&["sync", "create", "meet-to-clockify", "work"]);
        self.run_well(create).await;
        self
    }

    /// Starts a server, and waits until it serves; returns its URL, too.
    async fn serve(&self) -> (Process, String) {
        self.serve_with(|command| command).await
    }

    async fn serve_with(&self, change: impl FnOnce(Builder) -> Builder) -> (Process, String) {
        let mut server = change(self.command(&["serve"])).start();
        let line = server.line("serving gRPC on", LONG).await;
        let after = line.split("serving gRPC on ").nth(1).expect("it is there");
        let address = after.split(',').next().expect("there is a first part");
        let url = format!("http://{address}");
        (server, url)
    }

    /// How often each meeting is in Clockify.
    fn written(&self) -> BTreeMap<String, usize> {
        let mut written = BTreeMap::new();
        for entry in self.sim.world().entries() {
            for conference in marker::found_in(&entry.description) {
                *written.entry(conference.to_owned()).or_default() += 1;
            }
        }
        written
    }

    /// Each of 240 meetings exactly once, in one project.
    fn assert_all_once(&self, what: &str) {
        let written = self.written();
        let doubled: Vec<_> = written.iter().filter(|(_, count)| **count > 1).collect();
        assert!(doubled.is_empty(), "{what}: doubled {doubled:?}");
        assert_eq!(written.len(), MEETINGS, "{what}: meetings with an entry");
        let entries = self.sim.world().entries().len();
        assert_eq!(entries, MEETINGS, "{what}: entries");
        let projects = self.sim.world().clockify.projects.len();
        assert_eq!(projects, 1, "{what}: projects");
    }

    fn calls(&self) -> usize {
        self.sim.calls().len()
    }
}

/// Runs a program to its end.
async fn ended(command: Builder) -> Ended {
    let (status, text) = command.finish(LONG).await;
    Ended {
        code: status.code().unwrap_or(-1),
        text,
    }
}

/// `meetings_found`, `synced`, `skipped`, `failed`, `total_in_clockify` of a one-off run.
fn figures(ended: &Ended) -> [i64; 5] {
    let document = ended.json();
    [
        "meetings_found",
        "synced",
        "skipped",
        "failed",
        "total_in_clockify",
    ]
    .map(|name| document[name].as_i64().expect("it is a number"))
}

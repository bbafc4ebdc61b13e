//! A server with the original's variables and nothing else: it makes its tokens, its sync and the schedule once, runs,
//! and leaves to people what they change.

use super::{Ended, Scene, ended};
use crate::{
    cli::LONG,
    kit::{Builder, Database, Process, each_engine, eventually, redis},
};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use std::time::Duration;
use syncline::{
    base::Clock,
    db::Engine,
    simulator::{Now, Options, WorldSpec},
};

each_engine!(
    the_first_start_makes_everything_and_later_ones_leave_it_to_people,
    what_is_missing_is_said_and_it_goes_on_by_itself,
);

/// The sync that the variables make.
pub const DEFAULT: &str = "tenants/default/syncs/default";

impl Scene {
    /// Sixteen meetings.
    pub async fn small(engine: Engine) -> Self {
        let options = Options {
            world: WorldSpec::of(8, 2),
            ..Options::new(Now::Running(Clock::system().now()))
        };
        Self::of(options, engine).await
    }

    /// A server with what the original needed, but without the token file.
    pub fn server_without_file(&self) -> Builder {
        self.with_variables(self.command(&["serve"]))
    }

    /// A server with what the original needed.
    pub fn server(&self) -> Builder {
        let file = self.token_file();
        let file = file.to_str().expect("a readable path");
        self.with_variables(self.command(&["serve", "--token", file]))
    }

    fn with_variables(&self, command: Builder) -> Builder {
        let key = self.sim.world().clockify_me().api_key;
        let api = self.sim.endpoints().clockify;
        command
            .env("SYNCLINE_CLOCKIFY_URL", "")
            .env("CLOCKIFY_API_BASE", api.trim_end_matches("/v1"))
            .env("CLOCKIFY_API_TOKEN", key)
            .env("GOOGLE_USER_EMAIL", "dana@example.com")
            .env(
                "GOOGLE_REDIRECT_URI",
                "http://localhost:3000/oauth2callback",
            )
            .env("CLOCKIFY_API_DELAY", "50")
            .env("NODE_ENV", "production")
            .env("SYNC_DAYS", "30")
            .env("MEET_PROJECT_NAME", "Google Meet")
            .env("SYNC_SCHEDULE", "0 * * * *")
            .env("TZ", "Europe/Zurich")
            .env("SYNCLINE_RUNS_HEARTBEAT", "500ms")
            .env("SYNCLINE_RUNS_DEAD_AFTER", "2s")
    }

    /// Waits until that many entries are written.
    pub async fn entries(&self, count: usize) {
        eventually(LONG, async || {
            let entries = self.sim.world().entries().len();
            (entries >= count)
                .then_some(())
                .ok_or(format!("{entries} entries"))
        })
        .await;
    }

    pub async fn json(&self, arguments: &[&str]) -> Value {
        let command = self.command(&[&["--json"], arguments].concat());
        self.run_well(command).await.json()
    }

    /// All runs of the sync of the variables, newest first.
    pub async fn runs(&self) -> Vec<Value> {
        let listed = self
            .json(&["sync", "runs", "default", "--limit", "200"])
            .await;
        listed["runs"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until none of them is open any more.
    pub async fn all_ended(&self) -> Vec<Value> {
        eventually(LONG, async || {
            let runs = self.runs().await;
            let open = runs.iter().find(|run| run["finishTime"].is_null());
            match open {
                None => Ok(runs),
                Some(open) => Err(open.to_string()),
            }
        })
        .await
    }
}

/// Waits until it serves, and returns where it answers HTTP.
pub async fn http_of(server: &mut Process) -> String {
    let line = server.line("serving HTTP on", LONG).await;
    let after = line.split("serving HTTP on ").nth(1).expect("it is there");
    after.split(',').next().expect("there is one").to_owned()
}

/// `POST /sync`, with nothing more.
pub async fn post(http: &str) -> Response {
    let client = Client::builder().no_proxy().build().unwrap();
    client.post(format!("{http}/sync")).send().await.unwrap()
}

async fn stopped(mut server: Process) -> String {
    server.terminate();
    assert!(
        server.wait_exit(LONG).await.success(),
        "{}",
        server.output()
    );
    server.output()
}

async fn the_first_start_makes_everything_and_later_ones_leave_it_to_people(database: Database) {
    let scene = Scene::small(database.engine()).await;
    let mut first = scene.server().start();
    first.line("was made of the variables", LONG).await;
    scene.entries(16).await;
    let runs = scene.all_ended().await;
    assert_eq!((runs.len(), &runs[0]["cause"]), (1, &"start".into()));
    let sync = scene.json(&["sync", "show", "default"]).await;
    assert_eq!(sync["name"], DEFAULT);
    assert_eq!(sync["schedule"]["cron"], "0 * * * *");
    assert_eq!(sync["schedule"]["timeZone"], "Europe/Zurich");
    assert_eq!(sync["meetToClockify"]["days"], 30);
    let tokens = scene.json(&["token", "list"]).await;
    let names: Vec<_> = tokens["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| &token["name"])
        .collect();
    assert_eq!(
        names,
        [
            "tenants/default/tokens/clockify",
            "tenants/default/tokens/google"
        ]
    );
    let said = stopped(first).await;
    assert!(
        !said.contains(&scene.sim.world().clockify_me().api_key),
        "a secret was logged"
    );

    // The same again: nothing is made, nothing is said to differ, and one start is one run.
    let mut second = scene.server().start();
    second.line("serving gRPC on", LONG).await;
    let said = stopped(second).await;
    assert!(
        !said.contains("differs") && !said.contains("was made"),
        "{said}"
    );
    assert_eq!(scene.runs().await.len(), 1);

    // What people changed stays, and which variables say something else is told with what to type.
    scene
        .json(&[
            "sync",
            "update",
            "default",
            "--cron",
            "30 4 * * *",
            "--days",
            "7",
        ])
        .await;
    let mut third = scene
        .server()
        .env("CLOCKIFY_API_TOKEN", "composedOther")
        .start();
    third
        .line(
            "SYNC_SCHEDULE (0 * * * *) differs from tenants/default/syncs/default",
            LONG,
        )
        .await;
    third
        .line("syncline sync update default --days '30'", LONG)
        .await;
    third.line("CLOCKIFY_API_TOKEN was changed", LONG).await;
    stopped(third).await;
    let sync = scene.json(&["sync", "show", "default"]).await;
    assert_eq!(sync["schedule"]["cron"], "30 4 * * *");
    scene.json(&["token", "check", "clockify"]).await;

    // What people removed stays away.
    scene.json(&["sync", "rm", "default"]).await;
    scene.json(&["token", "rm", "clockify"]).await;
    let mut fourth = scene.server().start();
    fourth.line("is gone: they make it only once", LONG).await;
    stopped(fourth).await;
    assert!(scene.json(&["sync", "list"]).await["syncs"].is_null());
    let gone = scene.run(&["token", "show", "clockify"]).await;
    assert_eq!(gone.code, 1, "{}", gone.text);
    println!(
        "{:?}: made once, 16 entries, 1 run; changes and removals stayed",
        database.engine()
    );
}

async fn what_is_missing_is_said_and_it_goes_on_by_itself(database: Database) {
    let scene = Scene::small(database.engine()).await;
    let mut server = scene.server_without_file().start();
    let http = http_of(&mut server).await;
    let said = server.line("there is no Google token yet", LONG).await;
    assert!(
        said.contains("--token") && said.contains("syncline token login google"),
        "{said}"
    );
    let refused = post(&http).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(refused["error"]["reason"], "NEEDS_REAUTH");
    let import = scene.command(&["token", "import", "-"]);
    scene.run_well(import.input(&scene.token_json())).await;
    server.line("was made of the variables", LONG).await;
    scene.entries(16).await;
    assert_eq!(post(&http).await.status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn replicas_started_at_the_same_moment_make_one_sync_and_run_it_once() {
    let scene = Scene::small(Engine::Postgres).await;
    let redis = redis();
    let start = || scene.server().env("REDIS_URL", redis.url()).start();
    let mut replicas = [start(), start(), start()];
    for replica in &mut replicas {
        replica.line("serving gRPC on", LONG).await;
    }
    scene.entries(16).await;
    // All three have looked by then.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let runs = scene.all_ended().await;
    assert_eq!(runs.len(), 1, "{runs:?}");
    let mut all = String::new();
    for replica in replicas {
        all.push_str(&stopped(replica).await);
    }
    assert_eq!(all.matches("was made of the variables").count(), 1, "{all}");
    assert_eq!(
        all.matches("because the server started").count(),
        1,
        "{all}"
    );
    assert_eq!(scene.sim.world().entries().len(), 16);
}

#[tokio::test]
async fn a_dry_run_of_a_server_writes_nothing_whoever_asks() {
    let scene = Scene::small(Engine::Sqlite).await;
    let mut server = scene.server().env("DRY_RUN", "true").start();
    let http = http_of(&mut server).await;
    server.line("because the server started", LONG).await;
    assert_eq!(post(&http).await.status(), StatusCode::ACCEPTED);
    let runs = scene.all_ended().await;
    assert_eq!(runs.len(), 2);
    for run in runs {
        assert_eq!(run["dryRun"], true);
        assert_eq!(run["result"]["created"], "16", "{run}");
    }
    assert_eq!(scene.sim.calls().writing().count(), 0);
    let clean = ["sync", "cleanup", "default", "--yes-delete", "0"];
    let clean: Ended = ended(scene.command(&clean).env("DRY_RUN", "1")).await;
    assert!(clean.text.contains("DRY_RUN"), "{}", clean.text);
}

#[tokio::test]
async fn wrong_values_are_refused_at_the_start_by_their_names() {
    let scene = Scene::small(Engine::Sqlite).await;
    let wrong = scene
        .server()
        .env("SYNC_SCHEDULE", "0 25 * * *")
        .env("SYNC_DAYS", "0");
    let refused = ended(wrong).await;
    assert_eq!(refused.code, 64, "{}", refused.text);
    for part in [
        "2 settings are wrong",
        "SYNC_SCHEDULE: hour: expected",
        "SYNC_DAYS: expected",
    ] {
        assert!(refused.text.contains(part), "{part}: {}", refused.text);
    }
    let lonely = scene.command(&["serve", "--token", "token.json"]);
    let lonely = ended(lonely).await;
    assert_eq!(lonely.code, 64, "{}", lonely.text);
    assert!(lonely.text.contains("token import"), "{}", lonely.text);
}

#[tokio::test]
async fn a_token_of_somebody_else_makes_no_sync() {
    let scene = Scene::small(Engine::Sqlite).await;
    let mut server = scene
        .server()
        .env("GOOGLE_USER_EMAIL", "bo@example.org")
        .start();
    server
        .line("belongs to another account than GOOGLE_USER_EMAIL", LONG)
        .await;
    assert!(scene.json(&["sync", "list"]).await["syncs"].is_null());
    assert_eq!(scene.sim.world().entries().len(), 0);
}

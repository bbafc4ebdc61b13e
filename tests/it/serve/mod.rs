//! A server, and a command line, to which things happen: its database dies, fills up or stands still, somebody presses
//! Ctrl-C, a collector listens in.

mod chores;
pub mod collector;
mod database_dies;
mod disk_full;
mod heartbeat;
mod interrupted;
mod progress;
mod traces;

use crate::{
    cli::{Ended, LONG, Stage, ended},
    kit::{Builder, Process, eventually, temp_dir},
};
use std::{collections::BTreeMap, fmt::Debug, time::Duration};
use syncline::{
    api::{
        status::Refusal,
        v1::{self, Run, sync_service_client::SyncServiceClient},
    },
    base::Clock,
    simulator::{Now, Options, Simulator, WorldSpec},
    syncs::marker,
};
use tonic::transport::Channel;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// Where entries are written.
const CREATE: &str = "clockify.timeEntries.create";
/// The sync that [`Site::with_sync`] defines.
const WORK: &str = "tenants/default/syncs/work";

/// Fake providers, and what every command on them is told.
struct Site {
    stage: Stage,
    variables: Vec<(&'static str, String)>,
}

/// A server that runs.
struct Server {
    process: Process,
    channel: Channel,
}

impl Site {
    /// So many meetings on each of ten days; SQLite unless told otherwise. Who is silent counts as dead after two seconds.
    fn of(meetings_per_day: u32) -> Self {
        let options = Options {
            world: WorldSpec::of(10, meetings_per_day),
            ..Options::new(Now::Running(Clock::system().now()))
        };
        let stage = Stage {
            simulator: Simulator::start(options).expect("a free port"),
            folder: temp_dir(),
        };
        let site = Self {
            stage,
            variables: Vec::new(),
        };
        site.with("SYNCLINE_RUNS_HEARTBEAT", "500ms")
            .with("SYNCLINE_RUNS_DEAD_AFTER", "2s")
            .with("SYNCLINE_SYNCS_VISIBILITY_GRACE", "200ms")
            .with("SYNCLINE_OUTBOUND_TIMEOUT", "2s")
            .with("SYNCLINE_OUTBOUND_CONNECT_TIMEOUT", "2s")
    }

    /// With one more variable for all commands.
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    fn command(&self, arguments: &[&str]) -> Builder {
        let command = self.stage.command(arguments);
        let variables = self.variables.iter();
        variables.fold(command, |command, (name, value)| command.env(name, value))
    }

    /// Runs a command to its end.
    async fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments)).await
    }

    /// Keeps both credentials and defines the sync `work`.
    async fn with_sync(self) -> Self {
        let key = self.stage.simulator.world().clockify_me().api_key;
        let add = self.command(&["token", "add", "clockify"]);
        let import = self.command(&["token", "import", "-"]);
        let create = self.command(&["sync", "create", "meet-to-clockify", "work"]);
        for command in [
            add.input(&format!("{key}\n")),
            import.input(&self.stage.token_json()),
            create,
        ] {
            let ended = ended(command).await;
            assert_eq!(ended.code, 0, "{}", ended.text);
        }
        self
    }

    async fn serve(&self) -> Server {
        let mut process = self.command(&["serve"]).start();
        let line = process.line("serving gRPC on", LONG).await;
        let after = line.split("serving gRPC on ").nth(1).expect("it is there");
        let address = after.split(',').next().expect("there is a first part");
        let channel = Channel::from_shared(format!("http://{address}"))
            .expect("an address")
            .connect()
            .await
            .expect("the server listens");
        Server { process, channel }
    }

    fn entries(&self) -> usize {
        self.stage.entries()
    }

    /// Each meeting has exactly one entry; returns how many meetings there are.
    fn assert_all_once(&self, what: &str) -> usize {
        let world = self.stage.simulator.world();
        let mut written = BTreeMap::<_, usize>::new();
        for entry in world.entries() {
            for conference in marker::found_in(&entry.description) {
                *written.entry(conference).or_default() += 1;
            }
        }
        let doubled: Vec<_> = written.iter().filter(|(_, count)| **count > 1).collect();
        assert!(doubled.is_empty(), "{what}: doubled {doubled:?}");
        assert_eq!(
            written.len(),
            world.google.conferences.len(),
            "{what}: meetings with an entry"
        );
        assert_eq!(world.entries().len(), written.len(), "{what}: entries");
        written.len()
    }

    /// Waits until so many entries are written.
    async fn written(&self, count: usize) {
        eventually(LONG, || {
            let entries = self.entries();
            std::future::ready(
                (entries >= count)
                    .then_some(())
                    .ok_or(format!("{entries} entries")),
            )
        })
        .await;
    }
}

impl Server {
    fn syncs(&self) -> SyncServiceClient<Channel> {
        SyncServiceClient::new(self.channel.clone())
    }

    /// Starts a run of `work` and returns its name.
    async fn run(&self) -> String {
        let request = v1::RunSyncRequest {
            name: WORK.to_owned(),
            ..Default::default()
        };
        let run = self
            .syncs()
            .run_sync(request)
            .await
            .expect("it is accepted");
        run.into_inner().name
    }

    /// Waits until the run is in its last state. A server that cannot say is asked again.
    async fn finished(&self, name: &str) -> Run {
        eventually(LONG, || async move {
            let request = v1::GetRunRequest {
                name: name.to_owned(),
            };
            let answer = self.syncs().get_run(request).await;
            let run = answer.map_err(|status| status.to_string())?.into_inner();
            match run.finish_time {
                Some(_) => Ok(run),
                None => Err(format!("{run:?}")),
            }
        })
        .await
    }

    async fn status(&self, service: &str) -> ServingStatus {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = HealthClient::new(self.channel.clone()).check(request).await;
        answer
            .expect("the health service answers")
            .into_inner()
            .status()
    }

    /// Waits until readiness is as expected. Liveness is never in doubt meanwhile: a restart would not help.
    async fn readiness_becomes(&self, expected: ServingStatus, within: Duration) {
        eventually(within, || async move {
            assert_eq!(self.status("liveness").await, ServingStatus::Serving);
            let status = self.status("readiness").await;
            (status == expected)
                .then_some(())
                .ok_or(format!("{status:?}"))
        })
        .await;
    }
}

/// Code and reason of a refused call, as clients read them.
fn refused<T: Debug>(answer: Result<T, tonic::Status>) -> (String, String) {
    let refusal = Refusal::from(&answer.expect_err("it is refused"));
    (refusal.code, refusal.reason)
}

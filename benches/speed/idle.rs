//! `./bench idle`: a server that does nothing, all roles, embedded: how soon it is ready and what it holds.

use crate::{
    figure::{Figure, Source, median, spread},
    process::Running,
    stage::{Budgets, Stage, program},
};
use anyhow::Context as _;
use serde_json::Value;
use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};
use syncline::api::v1::{
    RunState, RunSyncRequest, WatchRunRequest, sync_service_client::SyncServiceClient,
};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// Starts that are measured: the first makes the database, the others find it.
const STARTS: usize = 7;
/// How long a server is left alone before its memory counts.
const REST: Duration = Duration::from_secs(20);
/// How often a run is repeated before memory is looked at again: as often as in the peer's figure.
const RUNS: usize = 3;
/// What the server of meet-clockify-sync held after three jobs, and the quickest it was ready.
const PEER_MEMORY: f64 = 212.0;
const PEER_START: f64 = 2.9;

pub fn bench() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure())
}

async fn measure() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let server = Server::start(program(&["--json", "serve"], folder.path())).await?;
        starts.push(server.ready_after);
    }
    let (first, others) = starts.split_first().context("there are some")?;
    eprintln!("start, database made: {first:.3} s");
    eprintln!(
        "start, database there: {} s",
        spread(others.iter().copied())
    );

    let server = Server::start(program(&["--json", "serve"], folder.path())).await?;
    server.tell("memory after start");
    thread::sleep(REST);
    server.tell("memory after 20 s");
    let idle = server.resident();
    drop(server);

    let worked = after_runs().await?;
    let recorded = Source::Recorded;
    let ready = median(others.iter().copied());
    Figure::new("idle.rss", idle, PEER_MEMORY, "MiB", recorded).print()?;
    Figure::new("idle.rss.after_runs", worked, PEER_MEMORY, "MiB", recorded).print()?;
    Figure::new("idle.start", ready, PEER_START, "s", recorded).print()
}

/// What a server holds that has worked, as the peer had when it was looked at.
async fn after_runs() -> anyhow::Result<f64> {
    let stage = Stage::new(Budgets::Lifted)?;
    let server = Server::start(stage.command(&["--json", "serve"])).await?;
    let mut syncs = SyncServiceClient::new(server.channel.clone());
    for _ in 0..RUNS {
        let request = RunSyncRequest {
            name: "tenants/default/syncs/s".to_owned(),
            ..RunSyncRequest::default()
        };
        let run = syncs.run_sync(request).await?.into_inner();
        let request = WatchRunRequest { name: run.name };
        let mut stream = syncs.watch_run(request).await?.into_inner();
        let mut state = RunState::Unspecified;
        while let Some(response) = stream.message().await? {
            state = response.run.map_or(state, |run| run.state());
        }
        anyhow::ensure!(state == RunState::Succeeded, "a run ended as {state:?}");
    }
    server.tell("memory after three runs");
    thread::sleep(REST);
    server.tell("memory 20 s later");
    Ok(server.resident())
}

/// A server that is ready.
struct Server {
    process: Running,
    channel: Channel,
    /// From before it was started until it said so, in seconds.
    ready_after: f64,
}

impl Server {
    async fn start(command: Command) -> anyhow::Result<Self> {
        let began = Instant::now();
        let (process, document) = Running::start(command)?;
        let document: Value = serde_json::from_str(&document)?;
        let address = document["address"].as_str().context("it says where")?;
        let channel = Endpoint::from_shared(format!("http://{address}"))?
            .connect()
            .await?;
        let mut health = HealthClient::new(channel.clone());
        loop {
            let service = "readiness".to_owned();
            let answer = health.check(HealthCheckRequest { service }).await;
            if answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(Self {
            process,
            channel,
            ready_after: began.elapsed().as_secs_f64(),
        })
    }

    /// Resident memory, in MiB.
    fn resident(&self) -> f64 {
        self.process.memory("status", "VmRSS")
    }

    fn tell(&self, heading: &str) {
        eprintln!(
            "{heading}: {:.1} MiB resident ({:.1} of its own making), {:.1} MiB by share, {} threads",
            self.resident(),
            self.process.memory("status", "RssAnon"),
            self.process.memory("smaps_rollup", "Pss"),
            self.process.threads(),
        );
    }
}

//! Those who ask for runs, and ask again when no answer comes.

use super::{SYNCS, meet};
use crate::cli::Stage;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use syncline::api::v1::{Run, RunSyncRequest, sync_service_client::SyncServiceClient};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;
use uuid::Uuid;

/// Between two runs that one customer asks for: no more than a busy machine can run, or everything would wait for the
/// backlog.
const PAUSE: Duration = Duration::from_millis(400);
/// An answer that did not come by then is lost.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);
/// Longer than the longest fault, and what the servers need to get over it.
const ACCEPTED_WITHIN: Duration = Duration::from_secs(150);

/// What clients know.
#[derive(Default)]
pub struct Clients {
    /// Where servers listen; empty for one that is not there.
    addresses: Mutex<Vec<String>>,
    accepted: Mutex<Vec<Accepted>>,
}

/// A run that a server said it accepted.
#[derive(Clone, Debug)]
pub struct Accepted {
    name: String,
    request: Uuid,
}

impl Accepted {
    /// The last part of its name.
    pub fn id(&self) -> Uuid {
        let id = self.name.rsplit('/').next().unwrap_or_default();
        id.parse().expect("runs have UUIDs")
    }
}

impl Clients {
    /// The addresses of all servers, to be changed.
    pub fn addresses(&self) -> MutexGuard<'_, Vec<String>> {
        lock(&self.addresses)
    }

    /// Everything that was accepted.
    pub fn accepted(&self) -> Vec<Accepted> {
        lock(&self.accepted).clone()
    }

    /// Asks for a run of a sync until somebody accepts it.
    pub async fn ask(&self, sync: usize) -> Accepted {
        let request = Uuid::new_v4();
        let since = Instant::now();
        loop {
            for address in self.present() {
                match once(&address, sync, request).await {
                    Ok(Run { name, .. }) => {
                        let accepted = Accepted { name, request };
                        lock(&self.accepted).push(accepted.clone());
                        return accepted;
                    }
                    Err(status) => assert!(
                        since.elapsed() < ACCEPTED_WITHIN,
                        "nobody accepts a run: {status}"
                    ),
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn present(&self) -> Vec<String> {
        let all = self.addresses();
        all.iter().filter(|at| !at.is_empty()).cloned().collect()
    }

    async fn work(&self, stage: &Stage, seed: u64, stop: CancellationToken) {
        let mut dice = StdRng::seed_from_u64(seed);
        while !stop.is_cancelled() {
            if dice.random_ratio(1, 8) {
                meet(&stage.simulator);
            }
            let sync = dice.random_range(1..SYNCS);
            let run = self.ask(sync).await;
            // A client whose answer got lost asks once more, whomever it reaches.
            let servers = self.present();
            let which = dice.random_range(0..servers.len().max(1));
            if let Some(server) = servers.get(which)
                && let Ok(again) = once(server, sync, run.request).await
            {
                assert_eq!(again.name, run.name, "the same request, the same run");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn once(address: &str, sync: usize, request: Uuid) -> Result<Run, tonic::Status> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    let channel = endpoint
        .connect_timeout(ANSWER_WITHIN)
        .timeout(ANSWER_WITHIN)
        .connect_lazy();
    let asked = RunSyncRequest {
        name: format!("tenants/default/syncs/s{sync}"),
        request_id: request.to_string(),
        ..Default::default()
    };
    let answer = SyncServiceClient::new(channel).run_sync(asked).await?;
    Ok(answer.into_inner())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Somebody who asks for one run after the other. Now and then there was a meeting.
pub struct Customer {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Customer {
    /// Begins to ask.
    pub fn start(clients: &Arc<Clients>, stage: &Arc<Stage>, seed: u64) -> Self {
        let stop = CancellationToken::new();
        let (clients, stage, told) = (clients.clone(), stage.clone(), stop.clone());
        let task = tokio::spawn(async move { clients.work(&stage, seed, told).await });
        Self { stop, task }
    }

    /// Asks for nothing more. Returns when the last request was accepted.
    pub async fn stop(self) {
        self.stop.cancel();
        self.task
            .await
            .expect("every request was accepted in the end");
    }
}

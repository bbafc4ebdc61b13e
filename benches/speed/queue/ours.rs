//! Our queue with a worker whose jobs do nothing, in this process.

use super::Side;
use crate::redis::Redis;
use anyhow::ensure;
use serde_json::json;
use std::time::{Duration, Instant};
use syncline::queue::{
    Claim, Connection, ConnectionOptions, Finish, FinishCode, Job, Keep, Put, Queue,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
};

/// Jobs in one call, as a worker of the program takes them.
const AT_ONCE: usize = 50;

pub struct Ours {
    runtime: Runtime,
    queue: Queue,
    concurrency: usize,
}

impl Ours {
    pub fn new(redis: &Redis) -> anyhow::Result<Self> {
        // One thread, as BullMQ has.
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let options = ConnectionOptions::new(redis.url());
        let connection = runtime.block_on(Connection::open(options))?;
        Ok(Self {
            queue: Queue::new(&connection, "ours")?,
            runtime,
            concurrency: 1,
        })
    }
}

impl Side for Ours {
    fn pid(&self) -> u32 {
        std::process::id()
    }

    fn queue(&self) -> &'static str {
        "ours"
    }

    fn add(&mut self, jobs: usize) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            for from in (0..jobs).step_by(1_000) {
                let until = jobs.min(from + 1_000);
                self.queue
                    .put(&(from..until).map(job).collect::<Vec<_>>())
                    .await?;
            }
            Ok(())
        })
    }

    fn prepare(&mut self, concurrency: usize) -> anyhow::Result<()> {
        self.concurrency = concurrency;
        Ok(())
    }

    fn process(&mut self, jobs: usize) -> anyhow::Result<()> {
        let lanes = lanes(self.concurrency);
        let slots = self.concurrency / lanes;
        self.runtime.block_on(async {
            let mut working = tokio::task::JoinSet::new();
            for lane in 0..lanes {
                working.spawn(work(self.queue.clone(), format!("bench-{lane}"), slots));
            }
            let mut done = 0;
            while let Some(lane) = working.join_next().await {
                done += lane??;
            }
            ensure!(done == jobs, "{done} of {jobs} jobs were worked off");
            Ok(())
        })
    }

    fn latency(&mut self, samples: usize) -> anyhow::Result<Vec<f64>> {
        self.runtime.block_on(async {
            let (done, mut finished) = mpsc::unbounded_channel();
            let worker = tokio::spawn(serve(self.queue.clone(), done));
            let mut took = Vec::with_capacity(samples);
            for number in 0..samples {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let began = Instant::now();
                self.queue.put(&[job(number)]).await?;
                ensure!(finished.recv().await.is_some(), "the worker ended");
                took.push(began.elapsed().as_secs_f64() * 1e3);
            }
            worker.abort();
            Ok(took)
        })
    }
}

/// As large as the peer's.
fn job(number: usize) -> Put {
    let data = json!({
        "id": number,
        "tenant": format!("tenant-{}", number % 50),
        "kind": "sync",
        "cursor": "2026-01-01T00:00:00Z",
        "note": "x".repeat(32),
    });
    Put::new(format!("job-{number}"), "run", data)
}

/// A job as a worker runs it: a task of its own that reads its data.
async fn run(job: Job) -> Finish {
    let read = serde_json::from_str::<serde_json::Value>(&job.data).is_ok();
    Finish::completed(&job, json!({"ok": read}), Keep::All)
}

/// While Redis works for one lane, the others run their jobs.
fn lanes(concurrency: usize) -> usize {
    concurrency.div_ceil(AT_ONCE).max(2).min(concurrency)
}

/// Works until the queue is empty, with up to `slots` jobs at a time: what ended is exchanged for the next.
async fn work(queue: Queue, token: String, slots: usize) -> anyhow::Result<usize> {
    let claim = Claim::new(token);
    let (done, mut finished) = mpsc::channel(slots);
    let (mut running, mut all) = (0, 0);
    let mut ends = Vec::with_capacity(slots);
    loop {
        let (codes, claimed) = queue.exchange(&claim, &ends, slots - running).await?;
        ensure!(
            codes.iter().all(|code| *code == FinishCode::Done),
            "a job was lost"
        );
        ends.clear();
        running += claimed.jobs.len();
        all += claimed.jobs.len();
        for job in claimed.jobs {
            let done = done.clone();
            tokio::spawn(async move { done.send(run(job).await).await });
        }
        if running == 0 {
            return Ok(all);
        }
        running -= finished.recv_many(&mut ends, slots).await;
    }
}

/// Waits for jobs and runs them, one by one.
async fn serve(queue: Queue, done: mpsc::UnboundedSender<()>) -> anyhow::Result<()> {
    let claim = Claim::new("bench");
    let mut waiter = queue.waiter();
    loop {
        for job in queue.claim(&claim, 10).await?.jobs {
            let end = run(job).await;
            queue.finish("bench", &[end]).await?;
            done.send(())?;
        }
        waiter.wait(Duration::from_secs(5)).await?;
    }
}

//! `./bench queue`: jobs added to Redis and worked off, beside BullMQ from npm on the same server, in turn.

mod ours;
mod peer;

use crate::{
    figure::{Figure, Source, median, spread},
    redis::Redis,
};
use anyhow::ensure;
use std::time::Instant;

const JOBS: usize = 50_000;
const ROUNDS: usize = 3;
const SAMPLES: usize = 500;
/// What is left out at the start of the latencies, while both sides warm up.
const WARM_UP: usize = 50;
const CONCURRENCIES: [usize; 3] = [1, 50, 200];

/// What one step cost.
struct Cost {
    /// Seconds.
    wall: f64,
    /// Seconds of the processor in the client.
    client: f64,
    /// Seconds of the processor in Redis.
    redis: f64,
}

impl Cost {
    fn rate(&self) -> f64 {
        JOBS as f64 / self.wall
    }

    fn micros(seconds: f64) -> f64 {
        seconds * 1e6 / JOBS as f64
    }
}

/// One round of one side.
struct Round {
    add: Cost,
    /// Bytes that a waiting job takes.
    memory: f64,
    process: Vec<Cost>,
    /// Milliseconds, sorted.
    latency: Vec<f64>,
}

/// A side that is measured: ours or the peer's.
trait Side {
    /// The number of its process.
    fn pid(&self) -> u32;
    /// The queue's name.
    fn queue(&self) -> &'static str;
    /// Adds jobs.
    fn add(&mut self, jobs: usize) -> anyhow::Result<()>;
    /// Makes ready what working off needs.
    fn prepare(&mut self, concurrency: usize) -> anyhow::Result<()>;
    /// Works off the jobs that are there.
    fn process(&mut self, jobs: usize) -> anyhow::Result<()>;
    /// Milliseconds from before the add until the worker has heard that the job is completed, one job at a time.
    fn latency(&mut self, samples: usize) -> anyhow::Result<Vec<f64>>;
}

pub fn bench() -> anyhow::Result<()> {
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let redis = Redis::start()?;
        ours.push(measure(&redis, &mut ours::Ours::new(&redis)?)?);
        let redis = Redis::start()?;
        peers.push(measure(&redis, &mut peer::Peer::start(&redis)?)?);
        eprintln!("round {} of {ROUNDS} is done", round + 1);
    }
    tell("ours", &ours);
    tell("BullMQ", &peers);
    print(&ours, &peers)
}

fn measure(redis: &Redis, side: &mut dyn Side) -> anyhow::Result<Round> {
    let before = redis.memory()?;
    let add = cost(redis, side, |side| side.add(JOBS))?;
    let memory = (redis.memory()? - before) / JOBS as f64;
    let mut process = Vec::new();
    for (at, concurrency) in CONCURRENCIES.into_iter().enumerate() {
        if at > 0 {
            side.add(JOBS)?;
        }
        side.prepare(concurrency)?;
        process.push(cost(redis, side, |side| side.process(JOBS))?);
        redis.expect_worked_off(side.queue(), JOBS)?;
    }
    let mut latency = side.latency(WARM_UP + SAMPLES)?.split_off(WARM_UP);
    latency.sort_by(f64::total_cmp);
    ensure!(latency.len() == SAMPLES, "{} latencies", latency.len());
    Ok(Round {
        add,
        memory,
        process,
        latency,
    })
}

fn cost(
    redis: &Redis,
    side: &mut dyn Side,
    step: impl FnOnce(&mut dyn Side) -> anyhow::Result<()>,
) -> anyhow::Result<Cost> {
    let time = crate::process::processor_time;
    let (client, server) = (time(side.pid()), time(redis.pid()));
    let began = Instant::now();
    step(side)?;
    Ok(Cost {
        wall: began.elapsed().as_secs_f64(),
        client: time(side.pid()) - client,
        redis: time(redis.pid()) - server,
    })
}

fn print(ours: &[Round], peers: &[Round]) -> anyhow::Result<()> {
    let of = |rounds: &[Round], what: &dyn Fn(&Round) -> f64| median(rounds.iter().map(what));
    let more = |name: String, what: &dyn Fn(&Round) -> f64| {
        Figure::more(
            name,
            of(ours, what),
            of(peers, what),
            "jobs/s",
            Source::Live,
        )
        .print()
    };
    let fewer = |name: String, unit, what: &dyn Fn(&Round) -> f64| {
        Figure::new(name, of(ours, what), of(peers, what), unit, Source::Live).print()
    };
    more("queue.add".into(), &|round| round.add.rate())?;
    for (at, concurrency) in CONCURRENCIES.into_iter().enumerate() {
        more(format!("queue.process.c{concurrency}"), &|round| {
            round.process[at].rate()
        })?;
    }
    let percentile = |percent: usize| move |round: &Round| round.latency[SAMPLES * percent / 100];
    fewer("queue.latency.p50".into(), "ms", &percentile(50))?;
    fewer("queue.latency.p99".into(), "ms", &percentile(99))?;
    // At concurrency 50, as the goal has it.
    fewer("queue.redis_cpu".into(), "us/job", &|round| {
        Cost::micros(round.process[1].redis)
    })?;
    fewer("queue.client_cpu".into(), "us/job", &|round| {
        Cost::micros(round.process[1].client)
    })?;
    fewer("queue.memory".into(), "bytes/job", &|round| round.memory)
}

fn tell(side: &str, rounds: &[Round]) {
    eprintln!("{side}, {} rounds of {JOBS} jobs:", rounds.len());
    let line = |name: String, costs: Vec<&Cost>| {
        let each = |what: fn(&Cost) -> f64| spread(costs.iter().map(|cost| what(cost)));
        eprintln!(
            "  {name:<14} {} jobs/s; client {}, Redis {} us/job",
            each(Cost::rate),
            each(|cost| Cost::micros(cost.client)),
            each(|cost| Cost::micros(cost.redis)),
        );
    };
    line(
        "add".into(),
        rounds.iter().map(|round| &round.add).collect(),
    );
    for (at, concurrency) in CONCURRENCIES.into_iter().enumerate() {
        let costs = rounds.iter().map(|round| &round.process[at]).collect();
        line(format!("process c{concurrency}"), costs);
    }
    eprintln!(
        "  latency p50    {} ms",
        spread(rounds.iter().map(|round| round.latency[SAMPLES / 2]))
    );
    eprintln!(
        "  memory         {} bytes/job",
        spread(rounds.iter().map(|round| round.memory))
    );
}

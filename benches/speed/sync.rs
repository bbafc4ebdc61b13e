//! `./bench sync`: a month of meetings written for the first time, and again when nothing is new.

use crate::{
    figure::{Figure, Source, median, spread},
    process::Took,
    stage::{Budgets, Stage},
};
use anyhow::ensure;
use std::collections::BTreeMap;
use syncline::simulator::{Limit, Quotas};

/// How often each run is repeated, every time on a fresh installation.
const ROUNDS: usize = 5;
const ROUNDS_WITH_BUDGETS: usize = 3;

/// What meet-clockify-sync took for the same meetings, the same latency and the same machine size, with its own delays.
struct Peer {
    wall: f64,
    calls: f64,
    memory: f64,
}

const PEER_FIRST: Peer = Peer {
    wall: 43.8,
    calls: 728.0,
    memory: 204.0,
};
const PEER_SECOND: Peer = Peer {
    wall: 25.6,
    calls: 487.0,
    memory: 201.0,
};

/// One run: what it took, and the calls that it made.
struct Sample {
    took: Took,
    calls: BTreeMap<String, Called>,
}

/// The calls to one endpoint.
#[derive(Default)]
struct Called {
    count: usize,
    /// Answered with 429.
    refused: usize,
    /// When the first and the last one arrived, in seconds since the program was started.
    from: f64,
    until: f64,
}

impl Sample {
    fn of(stage: &Stage, created: usize) -> anyhow::Result<Self> {
        let began = stage.simulator.clock().now();
        let took = stage.sync(created)?;
        let mut calls: BTreeMap<String, Called> = BTreeMap::new();
        for call in stage.simulator.calls().all() {
            let at = (call.at - began).as_seconds_f64();
            let called = calls.entry(call.endpoint.clone()).or_insert(Called {
                from: at,
                ..Called::default()
            });
            called.count += 1;
            called.refused += usize::from(call.status == Some(429));
            called.until = at;
        }
        Ok(Self { took, calls })
    }

    fn calls(&self) -> usize {
        self.calls.values().map(|called| called.count).sum()
    }

    fn refused(&self) -> usize {
        self.calls.values().map(|called| called.refused).sum()
    }
}

pub fn bench() -> anyhow::Result<()> {
    let (first, second) = rounds(Budgets::Lifted, ROUNDS)?;
    lines("sync.first", &first, &PEER_FIRST)?;
    lines("sync.second", &second, &PEER_SECOND)?;
    let (first, second) = rounds(Budgets::Real, ROUNDS_WITH_BUDGETS)?;
    let wall = |samples: &[Sample]| median(samples.iter().map(|sample| sample.took.wall));
    let floor = median(first.iter().map(|sample| floor(&sample.calls)));
    Figure::new("sync.first.budgets", wall(&first), floor, "s", Source::Live).print()?;
    Figure::new(
        "sync.second.budgets",
        wall(&second),
        PEER_SECOND.wall,
        "s",
        Source::Recorded,
    )
    .print()?;
    let refused: usize = first.iter().chain(&second).map(Sample::refused).sum();
    ensure!(
        refused == 0,
        "the providers refused {refused} calls as too many"
    );
    Ok(())
}

fn rounds(budgets: Budgets, rounds: usize) -> anyhow::Result<(Vec<Sample>, Vec<Sample>)> {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let stage = Stage::new(budgets)?;
        first.push(Sample::of(&stage, crate::stage::MEETINGS)?);
        second.push(Sample::of(&stage, 0)?);
    }
    tell(&format!("first run, budgets {budgets:?}"), &first);
    tell(&format!("second run, budgets {budgets:?}"), &second);
    Ok((first, second))
}

fn lines(name: &str, samples: &[Sample], peer: &Peer) -> anyhow::Result<()> {
    let wall = median(samples.iter().map(|sample| sample.took.wall));
    let calls = median(samples.iter().map(|sample| sample.calls() as f64));
    let memory = median(samples.iter().map(|sample| sample.took.memory));
    let recorded = Source::Recorded;
    Figure::new(name, wall, peer.wall, "s", recorded).print()?;
    Figure::new(
        format!("{name}.calls"),
        calls,
        peer.calls,
        "calls",
        recorded,
    )
    .print()?;
    Figure::new(
        format!("{name}.memory"),
        memory,
        peer.memory,
        "MiB",
        recorded,
    )
    .print()
}

/// The time that the budgets alone take, were everything else free: the first `limit` calls at once, so many more with
/// each period that has passed. Accounts do not wait for each other.
fn floor(calls: &BTreeMap<String, Called>) -> f64 {
    let of = |prefix: &str| {
        calls
            .iter()
            .filter(|(endpoint, _)| endpoint.starts_with(prefix))
            .map(|(_, called)| called.count)
            .sum::<usize>()
    };
    let limits = Quotas::REAL;
    let seconds = |calls: usize, limit: Option<Limit>| {
        limit.map_or(0, |limit| {
            calls.saturating_sub(1) as i64 / limit.calls as i64 * limit.seconds
        })
    };
    let floors = [
        seconds(of("meet."), limits.meet),
        seconds(of("calendar."), limits.calendar),
        seconds(of("clockify."), limits.clockify),
    ];
    floors.into_iter().max().unwrap_or(0) as f64
}

fn tell(heading: &str, samples: &[Sample]) {
    eprintln!("{heading}, {} rounds:", samples.len());
    let took = |what: fn(&Took) -> f64| samples.iter().map(move |sample| what(&sample.took));
    eprintln!("  wall      {} s", spread(took(|took| took.wall)));
    eprintln!("  processor {} s", spread(took(|took| took.cpu)));
    eprintln!("  memory    {} MiB", spread(took(|took| took.memory)));
    for (round, sample) in samples.iter().enumerate() {
        let (calls, refused) = (sample.calls(), sample.refused());
        eprintln!(
            "  round {}   {:.3} s, {calls} calls, {refused} refused",
            round + 1,
            sample.took.wall
        );
    }
    let Some(last) = samples.last() else { return };
    eprintln!("  calls of the last round, and when they were made:");
    for (endpoint, called) in &last.calls {
        let Called {
            count, from, until, ..
        } = called;
        eprintln!("    {count:>4} {endpoint:<32} {from:.3} to {until:.3} s");
    }
}

//! `./bench runs`: durable runs that do nothing, from the accept until the result is in PostgreSQL, beside a BullMQ
//! worker that inserts a row per job; on the same servers, in turn.

mod ours;

use crate::{
    figure::{Figure, Source, median, spread},
    node::{Node, modules},
    postgres::Postgres,
    process::{family_time, processor_time},
    redis::Redis,
};
use ours::Ours;
use serde_json::json;

const RUNS: usize = 20_000;
const ROUNDS: usize = 3;
const CONCURRENCY: usize = 50;

/// What one round of one side cost.
struct Cost {
    /// Seconds.
    wall: f64,
    /// Seconds of the processor: of the client, of Redis, and of PostgreSQL.
    processor: [f64; 3],
}

impl Cost {
    fn rate(&self) -> f64 {
        RUNS as f64 / self.wall
    }

    /// Of all three, in microseconds a run.
    fn micros(&self) -> f64 {
        self.processor.iter().map(|seconds| micros(*seconds)).sum()
    }
}

fn micros(seconds: f64) -> f64 {
    seconds * 1e6 / RUNS as f64
}

/// The servers that both sides use.
struct Servers {
    redis: Redis,
    postgres: Postgres,
}

impl Servers {
    fn start() -> anyhow::Result<Self> {
        let servers = Self {
            redis: Redis::start()?,
            postgres: Postgres::start(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let postgres = &servers.postgres;
            // As every real server has it; the kit's tests are too short for it.
            postgres
                .administer("ALTER SYSTEM SET autovacuum_naptime = '10s'")
                .await;
            postgres
                .administer("ALTER SYSTEM SET shared_buffers = '128MB'")
                .await;
            postgres
                .administer("ALTER SYSTEM SET max_wal_size = '1GB'")
                .await;
            postgres.create_database("ours", "pg_default").await;
            postgres.create_database("peer", "pg_default").await;
            postgres.kill();
            postgres.start_again();
        });
        Ok(servers)
    }

    fn cost(
        &self,
        client: u32,
        step: impl FnOnce() -> anyhow::Result<f64>,
    ) -> anyhow::Result<Cost> {
        let postgres = self.postgres.process();
        let times = || {
            [
                processor_time(client),
                processor_time(self.redis.pid()),
                family_time(postgres),
            ]
        };
        let before = times();
        let wall = step()? / 1e3;
        let after = times();
        Ok(Cost {
            wall,
            processor: std::array::from_fn(|at| after[at] - before[at]),
        })
    }
}

pub fn bench() -> anyhow::Result<()> {
    let modules = modules("peers", "pg", "./bench runs")?;
    let servers = Servers::start()?;
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let database = servers.postgres.url("ours");
        let admin = servers.postgres.admin_url("ours");
        {
            let mut side = Ours::start(&servers.redis, &database, &admin, CONCURRENCY)?;
            let pid = std::process::id();
            ours.push(servers.cost(pid, || side.durable(&servers.redis, RUNS))?);
        }
        servers.redis.empty()?;
        let arguments = [
            servers.redis.port().to_string(),
            servers.postgres.url("peer"),
        ];
        let mut side = Node::start("runs.cjs", &modules, arguments)?;
        let step = json!({"step": "durable", "jobs": RUNS, "concurrency": CONCURRENCY});
        let pid = side.pid();
        peers.push(servers.cost(pid, || Ok(serde_json::from_value(side.step(&step)?)?))?);
        drop(side);
        servers.redis.empty()?;
        eprintln!("round {} of {ROUNDS} is done", round + 1);
        tell("  ours", &ours[round..]);
        tell("  BullMQ and pg", &peers[round..]);
    }
    tell("ours", &ours);
    tell("BullMQ and pg", &peers);
    let of = |costs: &[Cost], what: fn(&Cost) -> f64| median(costs.iter().map(what));
    Figure::more(
        "runs.durable",
        of(&ours, Cost::rate),
        of(&peers, Cost::rate),
        "runs/s",
        Source::Live,
    )
    .print()?;
    Figure::new(
        "runs.durable.cpu",
        of(&ours, Cost::micros),
        of(&peers, Cost::micros),
        "us/run",
        Source::Live,
    )
    .print()
}

fn tell(side: &str, costs: &[Cost]) {
    let each = |at: usize| spread(costs.iter().map(|cost| micros(cost.processor[at])));
    eprintln!(
        "{side}: {} runs/s; client {}, Redis {}, PostgreSQL {} us/run",
        spread(costs.iter().map(Cost::rate)),
        each(0),
        each(1),
        each(2),
    );
}

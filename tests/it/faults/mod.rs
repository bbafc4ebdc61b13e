//! Everything at once, as it is deployed: several processes of `syncline serve` on PostgreSQL and Redis, reached over
//! wires that break, while clients ask for runs. Whatever happens, what was accepted is done once.

mod customer;
mod database;
mod mixed;
mod redis;

use crate::{
    cli::{LONG, Stage, ended},
    kit::{Builder, Postgres, Process, Redis, Wire, eventually, redis, temp_dir},
};
use chrono::TimeDelta;
use customer::{Accepted, Clients, Customer};
use sqlx::{Connection as _, PgConnection};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use syncline::{
    base::Clock,
    simulator::{Now, Options, Simulator, WorldSpec, world::Meeting},
    syncs::marker,
};
use uuid::Uuid;

/// What was accepted ends within this time after the last fault, on a busy machine.
const ENDS_WITHIN: Duration = Duration::from_secs(180);
/// Syncs whose runs are asked for; the first one is left to the tests. They share one account, so each finds most
/// entries written by another.
const SYNCS: usize = 7;

/// PostgreSQL, Redis, the fake providers, and servers between them.
struct Site {
    stage: Arc<Stage>,
    postgres: Postgres,
    redis: Redis,
    to_postgres: Wire,
    to_redis: Wire,
    replicas: Vec<Process>,
    clients: Arc<Clients>,
}

impl Site {
    async fn open(replicas: usize) -> Self {
        let options = Options {
            world: WorldSpec::of(1, 3),
            ..Options::new(Now::Running(Clock::system().now()))
        };
        let stage = Stage {
            simulator: Simulator::start(options).expect("a free port"),
            folder: temp_dir(),
        };
        let (postgres, redis) = (Postgres::start(), redis());
        postgres.create_database("syncline", "pg_default").await;
        let mut site = Self {
            to_postgres: Wire::to(postgres.port()).await,
            to_redis: Wire::to(redis.port()).await,
            stage: Arc::new(stage),
            postgres,
            redis,
            replicas: Vec::new(),
            clients: Arc::default(),
        };
        site.define_syncs().await;
        for _ in 0..replicas {
            let process = site.start().await;
            site.clients.addresses().push(address(&process));
            site.replicas.push(process);
        }
        site
    }

    /// A command on the real database, past the wires.
    fn command(&self, arguments: &[&str]) -> Builder {
        self.stage
            .command(arguments)
            .env("DATABASE_URL", self.postgres.url("syncline"))
            .env("SYNCLINE_RUNS_HEARTBEAT", "500ms")
            .env("SYNCLINE_RUNS_DEAD_AFTER", "3s")
            .env("SYNCLINE_DATABASE_ACQUIRE_TIMEOUT", "3s")
            .env("SYNCLINE_SYNCS_VISIBILITY_GRACE", "200ms")
            .env("SYNCLINE_OUTBOUND_TIMEOUT", "2s")
            .env("SYNCLINE_OUTBOUND_CONNECT_TIMEOUT", "2s")
            .env("SYNCLINE_GOOGLE_MEET_BUDGET", "none")
            .env("SYNCLINE_GOOGLE_CALENDAR_BUDGET", "none")
            .env("SYNCLINE_CLOCKIFY_BUDGET", "none")
    }

    async fn define_syncs(&self) {
        let key = self.stage.simulator.world().clockify_me().api_key;
        let add = self.command(&["token", "add", "clockify"]);
        let import = self.command(&["token", "import", "-"]);
        let mut commands = vec![
            add.input(&format!("{key}\n")),
            import.input(&self.stage.token_json()),
        ];
        let ids = (0..SYNCS).map(|number| format!("s{number}"));
        for id in ids {
            commands.push(self.command(&["sync", "create", "meet-to-clockify", &id]));
        }
        for command in commands {
            let ended = ended(command).await;
            assert_eq!(ended.code, 0, "{}", ended.text);
        }
    }

    /// Starts a server on the wires, and waits until it is ready.
    async fn start(&self) -> Process {
        let port = |port: u16| format!(":{port}/");
        let database = self
            .postgres
            .url("syncline")
            .replace(&port(self.postgres.port()), &port(self.to_postgres.port()));
        let command = self.command(&["serve"]).env("DATABASE_URL", database).env(
            "REDIS_URL",
            format!("redis://127.0.0.1:{}", self.to_redis.port()),
        );
        let mut process = command.start();
        process.line("serving gRPC on", LONG).await;
        process
    }

    /// Somebody who asks for one run after the other.
    fn customer(&self, seed: u64) -> Customer {
        Customer::start(&self.clients, &self.stage, seed)
    }

    /// Ends one at once (SIGKILL), and starts another in its place.
    async fn kill(&mut self, which: usize) {
        self.clients.addresses()[which].clear();
        self.replicas[which].kill();
        self.replicas[which] = self.start().await;
        let address = address(&self.replicas[which]);
        self.clients.addresses()[which] = address;
    }

    async fn query(&self, sql: &'static str) -> Vec<(Uuid, String)> {
        let mut connection = PgConnection::connect(&self.postgres.admin_url("syncline"))
            .await
            .expect("the server is up");
        sqlx::query_as(sql)
            .fetch_all(&mut connection)
            .await
            .expect("the query is right")
    }

    /// How long it takes from now until a run that is accepted goes through Redis from its beginning to its end.
    async fn goes_through_redis(&self, within: Duration) -> Duration {
        let since = Instant::now();
        let mut asked = Vec::new();
        loop {
            // One that was handed out when an answer got lost comes through Redis later than the next one.
            asked.push(self.clients.ask(0).await);
            let patience = Instant::now() + Duration::from_secs(5);
            while Instant::now() < patience {
                let completed = |run: &Accepted| {
                    let score = format!("ZSCORE bull:sync:completed {}", run.id());
                    !self.redis.say(&score).is_empty()
                };
                if self.redis.answers() && asked.iter().any(completed) {
                    return since.elapsed();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let open = "SELECT run_id, state || ' ' || subject || ' ' || fence FROM syncline.runs \
                 WHERE finished_at IS NULL ORDER BY run_id";
            assert!(
                since.elapsed() < within,
                "runs do not go through Redis again: {asked:?}, open {:?}\n{}",
                self.query(open).await,
                self.said()
            );
        }
    }

    /// Every run that was accepted is there once and succeeded, nothing else is there, and every meeting has one entry.
    async fn assert_all_done_once(&self) -> String {
        // What was written last may be seen by one more run only.
        self.clients.ask(0).await;
        let accepted = self.clients.accepted();
        let runs = eventually(ENDS_WITHIN, || async {
            let open = self
                .query("SELECT run_id, state FROM syncline.runs WHERE finished_at IS NULL")
                .await;
            match open.first() {
                Some(first) => Err(format!(
                    "{} open, as {first:?}\n{}",
                    open.len(),
                    self.said()
                )),
                None => Ok(self.query("SELECT run_id, state FROM syncline.runs").await),
            }
        })
        .await;
        let states: BTreeMap<_, _> = runs.into_iter().collect();
        let lost: Vec<_> = accepted
            .iter()
            .filter(|run| !states.contains_key(&run.id()))
            .collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        for run in &accepted {
            assert_eq!(states[&run.id()], "succeeded", "{run:?}\n{}", self.said());
        }
        assert_eq!(states.len(), accepted.len(), "none doubled");
        let world = self.stage.simulator.world();
        let mut written = BTreeMap::<_, usize>::new();
        for entry in world.entries() {
            for conference in marker::found_in(&entry.description) {
                *written.entry(conference).or_default() += 1;
            }
        }
        let doubled: Vec<_> = written.iter().filter(|(_, count)| **count > 1).collect();
        assert!(doubled.is_empty(), "doubled: {doubled:?}");
        let meetings = world.google.conferences.len();
        assert_eq!(written.len(), meetings, "meetings with an entry");
        format!(
            "{} runs accepted, 0 lost, 0 doubled, all succeeded; {meetings} meetings, 0 entries doubled, 0 missing",
            accepted.len()
        )
    }

    /// What the servers printed last.
    fn said(&self) -> String {
        let mut said = String::new();
        for process in &self.replicas {
            let output = process.output();
            let lines: Vec<_> = output
                .lines()
                .filter(|line| !line.contains("\"the run "))
                .collect();
            let last = lines[lines.len().saturating_sub(25)..].join("\n");
            said += &format!("--- process {}\n{last}\n", process.pid());
        }
        said
    }
}

fn address(process: &Process) -> String {
    let output = process.output();
    let after = output.split("serving gRPC on ").nth(1);
    let address = after.and_then(|after| after.split([',', '\n']).next());
    address.expect("it said where it listens").to_owned()
}

/// A meeting that ended a while ago; the next run of any sync writes its entry.
fn meet(simulator: &Simulator) {
    let start = simulator.clock().now() - TimeDelta::minutes(50);
    let meeting = Meeting::between(start, start + TimeDelta::minutes(30));
    simulator.world().add_meeting(meeting);
}

//! Jobs that npm's `bullmq` adds, run by a real server: PostgreSQL, Redis and the fake providers.

use super::PATIENCE;
use crate::{
    cli::{Stage, ended},
    kit::{self, Builder, Database, Process, eventually},
    queue::outside::{Outside, VERSIONS},
};
use serde_json::Value;
use syncline::{
    db::Engine,
    simulator::faults::{Effect, Rule, When},
};

/// What a server says when a job of somebody else became a run.
const ADOPTED: &str = "a job of somebody else became a run";

/// A server's surroundings: sixteen meetings, the sync `work`, and Node.
struct Hall {
    stage: Stage,
    database: Database,
    redis: kit::Redis,
    node: Outside,
}

impl Hall {
    async fn open(version: &str) -> Self {
        let stage = Stage::new();
        let redis = kit::redis();
        let hall = Self {
            node: Outside::start(version, &redis.url()),
            database: Database::new(Engine::Postgres).await,
            stage,
            redis,
        };
        let key = hall.stage.simulator.world().clockify_me().api_key;
        for (words, input) in [
            (&["token", "add", "clockify"][..], format!("{key}\n")),
            (&["token", "import", "-"], hall.stage.token_json()),
            (
                &["sync", "create", "meet-to-clockify", "work"],
                String::new(),
            ),
        ] {
            let done = ended(hall.command(words).input(&input)).await;
            assert_eq!(done.code, 0, "{}", done.text);
        }
        hall
    }

    fn command(&self, words: &[&str]) -> Builder {
        self.stage
            .command(words)
            .env("DATABASE_URL", self.database.url())
    }

    /// A server, attached to Redis.
    async fn serve(&self) -> Process {
        let command = self
            .command(&["serve"])
            .env("REDIS_URL", self.redis.url())
            .env("SYNCLINE_RUNS_HEARTBEAT", "500ms")
            .env("SYNCLINE_RUNS_DEAD_AFTER", "2s")
            .env("SYNCLINE_SYNCS_VISIBILITY_GRACE", "200ms")
            .env("SYNCLINE_OUTBOUND_TIMEOUT", "2s")
            .env("SYNCLINE_OUTBOUND_CONNECT_TIMEOUT", "2s");
        let mut server = command.start();
        server.line("attached to Redis", PATIENCE).await;
        server
    }

    /// Cause and state of every run, the oldest first.
    async fn runs(&self) -> Vec<String> {
        let sql = "SELECT cause || ' ' || state FROM syncline.runs ORDER BY run_id";
        self.database.column(sql).await
    }

    /// The job's state and why it failed, once it is finished.
    async fn finished(&mut self, id: &str) -> (String, String) {
        let code = format!(
            "return until(async () => {{ const job = await seen('{id}'); return job && job.finished && job; }}, 50000)"
        );
        let job = self.node.run(&code).await;
        let text = |field: &str| job[field].as_str().unwrap_or_default().to_owned();
        (text("state"), text("failedReason"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_node_is_a_run_whose_result_node_gets() {
    for version in VERSIONS {
        let mut hall = Hall::open(version).await;
        let _server = hall.serve().await;
        let work = "{ sync: 'tenants/default/syncs/work', request_id: '5e0b7a8e-0c1f-4c52-9d5e-6a5b9f4f1c11' }";
        let code = format!(
            "globalThis.listener = await listen();
             const job = await queue.add('run', {work}, {{ jobId: 'mine', attempts: 2, removeOnComplete: 5 }});
             return job.waitUntilFinished(globalThis.listener, 50000);"
        );
        let result = hall.node.run(&code).await;
        assert_eq!(result["created"], 16, "{version}: {result}");
        assert_eq!(hall.stage.entries(), 16);
        assert_eq!(hall.runs().await, ["queue succeeded"]);

        // The same request again is the same run, and its result is there at once.
        let code = format!(
            "const job = await queue.add('run', {work}, {{ jobId: 'again' }});
             return job.waitUntilFinished(globalThis.listener, 50000);"
        );
        assert_eq!(hall.node.run(&code).await, result);
        assert_eq!(hall.runs().await.len(), 1);

        // Two that are handed out together are one run, too, and nobody waits for a lock to run out.
        let twice = "await queue.pause();
             const data = { sync: 'tenants/default/syncs/work', dry_run: true, request_id: '0e9c4b53-96a9-4c3c-9a43-3a52d4c54d5e' };
             const jobs = await queue.addBulk([{ name: 'run', data }, { name: 'run', data }]);
             await queue.resume();
             const [one, two] = await Promise.all(jobs.map(job => job.waitUntilFinished(globalThis.listener, 20000)));
             return JSON.stringify(one) === JSON.stringify(two)";
        assert_eq!(hall.node.run(twice).await, true);
        assert_eq!(hall.runs().await.len(), 2);

        // What the run said on its way is at the job, and listeners heard of it.
        let logs = "return until(async () => { const { logs } = await queue.getJobLogs('mine'); return logs.length > 1 && logs; })";
        let logs = hall.node.run(logs).await.to_string();
        assert!(logs.contains("info: 16 meetings to look at"), "{logs}");
        let progress = hall.node.run("return (await seen('mine')).progress").await;
        assert!(progress["phase"].is_string(), "{progress}");
        let code = "return until(() => told().some(({ event, jobId }) => event === 'progress' && jobId === 'mine'))";
        hall.node.run(code).await;
        let names = hall
            .database
            .column("SELECT max_attempts::text FROM syncline.runs ORDER BY run_id LIMIT 1")
            .await;
        assert_eq!(names, ["2"], "as many attempts as the producer asked for");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_become_a_run_fails_and_says_why() {
    for version in VERSIONS {
        let mut hall = Hall::open(version).await;
        let _server = hall.serve().await;
        let bad = [
            (
                "{}",
                "{}",
                "data.sync: expected tenants/{tenant}/syncs/{sync}",
            ),
            ("5", "{}", "expected a JSON object"),
            (
                "{ sync: 'work', days: -1, colour: 'red' }",
                "{}",
                "data.days",
            ),
            (
                "{ sync: 'work', days: -1, colour: 'red' }",
                "{}",
                "data.colour",
            ),
            (
                "{ sync: 'tenants/default/syncs/none' }",
                "{}",
                "does not exist",
            ),
            (
                "{ sync: 'tenants/default/syncs/work' }",
                "{ attempts: 1000 }",
                "opts.attempts: expected at most 100",
            ),
        ];
        for (number, (data, options, reason)) in bad.into_iter().enumerate() {
            let id = format!("bad-{number}");
            let code = format!("await queue.add('run', {data}, {{ ...{options}, jobId: '{id}' }})");
            hall.node.run(&code).await;
            let (state, why) = hall.finished(&id).await;
            assert_eq!(state, "failed", "{version} {data}");
            assert!(why.contains(reason), "{version} {data}: {why}");
        }
        // What ties jobs of others together is theirs to carry on.
        let code = "await queue.upsertJobScheduler('nightly', { every: 3600000 }, { name: 'run', data: { sync: 'tenants/default/syncs/work' } });
             return until(async () => { const [job] = await queue.getFailed(0, 0); return job && job.id.startsWith('repeat:') && job.failedReason; })";
        let why = hall.node.run(code).await.to_string();
        assert!(
            why.contains("job scheduler") && why.contains("nightly"),
            "{version}: {why}"
        );
        let code = "const { job } = await flows().add({ name: 'parent', queueName: 'sync', data: { sync: 'tenants/default/syncs/work' },
                children: [{ name: 'child', queueName: 'elsewhere', data: 1 }] });
             worker_of('elsewhere', async () => 'done');
             return until(async () => { const seen = await queue.getJob(job.id); return seen.failedReason; })";
        let why = hall.node.run(code).await.to_string();
        assert!(why.contains("parent of a flow"), "{version}: {why}");
        if version == "bullmq-v5" {
            let code = "const job = await queue.add('run', { sync: 'tenants/default/syncs/work' }, { repeat: { every: 1000, limit: 3, immediately: true } });
                 return until(async () => (await queue.getFailed(0, 9)).find(({ id }) => id === job.id)?.failedReason)";
            let why = hall.node.run(code).await.to_string();
            assert!(why.contains("job scheduler"), "{why}");
        }
        assert!(hall.runs().await.is_empty(), "none of them was run");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_goes_on_when_its_child_was_run_here_or_refused_here() {
    let mut hall = Hall::open("bullmq").await;
    let _server = hall.serve().await;
    let code = "const child = { name: 'run', queueName: 'sync', data: { sync: 'tenants/default/syncs/work' } };
         await flows().add({ name: 'parent', queueName: 'up', data: {}, children: [child] });
         const values = await new Promise(resolve => worker_of('up', async job => resolve(await job.getChildrenValues())));
         return Object.values(values)[0].created";
    assert_eq!(hall.node.run(code).await, 16);
    let code = "const child = { name: 'run', queueName: 'sync', data: {}, opts: { failParentOnFailure: true } };
         const { job } = await flows().add({ name: 'parent', queueName: 'up', data: {}, children: [child] });
         return until(async () => { const up = keep(new bullmq.Queue('up', { connection }));
            const parent = await up.getJob(job.id); return parent.failedReason; })";
    let why = hall.node.run(code).await.to_string();
    assert!(why.contains("failed"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_server_was_killed_is_still_one_run() {
    let mut hall = Hall::open("bullmq").await;
    let slow = Rule::on(
        "clockify.timeEntries.create",
        When::Nth(8),
        Effect::Delay { millis: 2_000 },
    );
    hall.stage.simulator.faults().add(slow);
    let mut server = hall.serve().await;
    hall.node
        .run("await queue.add('run', { sync: 'tenants/default/syncs/work' }, { jobId: 'mine' })")
        .await;
    server.line(ADOPTED, PATIENCE).await;
    eventually(PATIENCE, || async {
        match hall.stage.entries() {
            0..5 => Err("hardly begun"),
            _ => Ok(()),
        }
    })
    .await;
    server.kill();
    let second = hall.serve().await;
    let database = &hall.database;
    eventually(PATIENCE, || async {
        let runs = database
            .column("SELECT cause || ' ' || state FROM syncline.runs")
            .await;
        if runs == ["queue succeeded"] {
            Ok(())
        } else {
            Err(format!("{runs:?}"))
        }
    })
    .await;
    assert_eq!(hall.stage.entries(), 16);
    // The dead server's lock has to run out before the job is handed out again and found to be done.
    let code = "const end = Date.now() + 50000; let job;
         do { job = await seen('mine'); await new Promise(resolve => setTimeout(resolve, 100)); }
         while (job.state !== 'completed' && Date.now() < end);
         return job;";
    let mut job = Value::Null;
    for _ in 0..3 {
        job = hall.node.run(code).await;
        if job["state"] == "completed" {
            break;
        }
    }
    assert_eq!(job["state"], "completed", "{job}\n{}", second.output());
    assert!(job["returnvalue"].is_object(), "{job}");
    assert_eq!(hall.runs().await.len(), 1);
    assert!(!second.output().contains(ADOPTED), "it was adopted before");
}

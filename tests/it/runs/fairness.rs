//! One tenant's backlog is nobody else's.

use super::{Desk, PATIENCE, Seen, done, schema, worker};
use crate::kit::{self, Database};
use std::{sync::Arc, time::Duration};
use syncline::{db::Engine, runs::relay::Relay};

kit::each_engine!(
    another_tenants_run_starts_within_a_second_beside_a_huge_backlog,
    redis_holds_little_of_a_huge_backlog_and_another_tenants_run_starts_within_a_second,
    tenants_with_backlogs_take_turns,
);

/// Runs that may begin between the acceptance of another tenant's run and its beginning: the claim that is on its way and
/// the next one, with some room. Counted in turns, because a second is no measure on a machine that runs other tests.
const TURNS: usize = 3 * 8;
/// The same through Redis, where the run is put there first: that takes a look at the table, during which others begin.
const TURNS_WITH_REDIS: usize = 10 * 8;
/// What Redis may hold of any backlog: the window, what ended lately, and its own buffers.
const MOST_MEMORY: u64 = 16 * 1024 * 1024;
/// What one run takes.
const WORK: Duration = Duration::from_millis(10);

/// Runs that wait, written past the program: accepting a million would take long.
async fn backlog(desk: &Desk, tenant: &str, runs: usize) {
    let schema = schema(desk.database.engine());
    let columns = "tenant_id, run_id, kind, subject, cause, state, priority, arguments, attempt, max_attempts, crashes, \
        fence, due_at, wait_reason, created_at, updated_at";
    let (id, numbers) = match desk.database.engine() {
        Engine::Postgres => (
            "gen_random_uuid()",
            format!("generate_series(1, {runs}) AS n(i)"),
        ),
        Engine::Sqlite => ("randomblob(16)", "n".to_owned()),
    };
    let prefix = match desk.database.engine() {
        Engine::Postgres => String::new(),
        Engine::Sqlite => format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {runs}) "
        ),
    };
    let at = "'2026-01-01T00:00:00+00:00'";
    let sql = format!(
        "{prefix} SELECT '{tenant}', {id}, 'sync', 's' || i, 'test', 'queued', 0, '{{}}', 0, 3, 0, 0, {at}, '', {at}, {at} FROM {numbers}"
    );
    let sql = match desk.database.engine() {
        Engine::Postgres => {
            let cast = sql
                .replace("'{}'", "CAST('{}' AS JSONB)")
                .replace(at, &format!("CAST({at} AS TIMESTAMPTZ)"));
            // The server does this by itself within a minute; until then it plans as for a small table.
            format!("INSERT INTO {schema}runs ({columns}) {cast}; ANALYZE {schema}runs")
        }
        Engine::Sqlite => format!("INSERT INTO runs ({columns}) {sql}"),
    };
    desk.database.execute(&sql).await;
}

async fn another_tenants_run_starts_within_a_second_beside_a_huge_backlog(database: Database) {
    let desk = Desk::open(database).await;
    beside_a_backlog(&desk, TURNS).await;
}

async fn redis_holds_little_of_a_huge_backlog_and_another_tenants_run_starts_within_a_second(
    database: Database,
) {
    let redis = kit::redis();
    let url = redis.url();
    let desk = Desk::with(database, |config| {
        config.redis.url = Some(url.into());
    })
    .await;
    let relay = Relay::start(&desk.app).await.unwrap().unwrap();
    let empty = redis.figure("memory", "used_memory");
    beside_a_backlog(&desk, TURNS_WITH_REDIS).await;
    let peak = redis.figure("memory", "used_memory_peak") - empty;
    println!("Redis held at most {} KiB more than empty", peak / 1024);
    assert!(peak < MOST_MEMORY, "{peak} bytes");
    let window = u64::from(desk.app.config.queue.window);
    let listed = redis.say("ZCARD bull:sync:prioritized");
    let listed: u64 = listed.trim_start_matches(':').parse().unwrap();
    assert!(listed <= 2 * window, "{listed} jobs wait in Redis");
    relay.stop().await;
}

/// Begins runs of one tenant's backlog, and accepts runs of another tenant in between: those begin soon.
async fn beside_a_backlog(desk: &Desk, turns: usize) {
    desk.tenant("large").await;
    backlog(desk, "large", kit::rounds(50_000, 1_000_000)).await;
    let seen = Arc::new(Seen::default());
    let worker = worker(&desk.app, &seen, |_, _| async {
        tokio::time::sleep(WORK).await;
        done()
    })
    .await;
    kit::eventually(PATIENCE, || async {
        let begun = seen.order().len();
        if begun > 100 {
            Ok(())
        } else {
            Err(format!("{begun} begun"))
        }
    })
    .await;
    let (mut slowest, mut most) = (chrono::TimeDelta::zero(), 0);
    for round in 0..kit::rounds(10, 50) {
        let small = format!("small-{round}");
        let run = desk.accept(&small, |_| {}).await;
        let before = seen.order().len();
        let run = desk.ended(&run).await;
        let place = seen.order().iter().position(|sync| *sync == small);
        let waited = place.unwrap().saturating_sub(before);
        assert!(waited <= turns, "{waited} runs began before {small}");
        most = most.max(waited);
        slowest = slowest.max(run.started_at.unwrap() - run.created_at);
    }
    println!(
        "slowest start beside the backlog: {} ms, {most} other runs began before it; {} began in all",
        slowest.num_milliseconds(),
        seen.order().len()
    );
    assert!(
        !kit::long() || slowest < chrono::TimeDelta::seconds(1),
        "{slowest}"
    );
    worker.shut_down(PATIENCE).await;
}

async fn tenants_with_backlogs_take_turns(database: Database) {
    let desk = Desk::with(database, |config| config.runs.concurrency = 3).await;
    let tenants: Vec<_> = (0..7).map(|number| format!("t{number}")).collect();
    for (number, tenant) in tenants.iter().enumerate() {
        desk.tenant(tenant).await;
        backlog(&desk, tenant, 60 + 200 * number).await;
    }
    let seen = Arc::new(Seen::default());
    let of_tenants = seen.clone();
    let counts: Arc<std::sync::Mutex<std::collections::BTreeMap<String, usize>>> = Arc::default();
    let counted = counts.clone();
    let worker = worker(&desk.app, &of_tenants, move |run, _| {
        let counted = counted.clone();
        async move {
            *counted
                .lock()
                .unwrap()
                .entry(run.name.tenant.to_string())
                .or_default() += 1;
            tokio::time::sleep(Duration::from_millis(1)).await;
            done()
        }
    })
    .await;
    let all = kit::eventually(PATIENCE, || async {
        let all = counts.lock().unwrap().clone();
        if all.values().sum::<usize>() >= 210 {
            Ok(all)
        } else {
            Err(format!("{all:?}"))
        }
    })
    .await;
    worker.shut_down(PATIENCE).await;
    let (least, most) = (all.values().min().unwrap(), all.values().max().unwrap());
    assert!(all.len() == 7 && most - least <= 4, "{all:?}");
}

//! Runs that workers of others execute, while things break: Redis is emptied or away, workers die, many look at once.

use super::external::Shop;
use crate::kit;
use fred::prelude::*;
use serde_json::json;
use syncline::{
    db::Engine,
    queue::{JobState, Put},
    runs::{
        State,
        relay::{Redis, Relay, Standing},
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_come_again_when_redis_was_emptied_while_they_waited_and_while_they_ran() {
    let shop = Shop::open(Engine::Sqlite).await;
    let outside = Client::new(
        Config::from_url(&shop.redis.url()).unwrap(),
        None,
        None,
        None,
    );
    outside.init().await.unwrap();
    let waiting = shop.add("waits", json!({}), |_| {}).await;
    shop.job_is(&waiting, Some(JobState::Prioritized)).await;
    let _: () = outside.flushall(false).await.unwrap();
    shop.job_is(&waiting, Some(JobState::Prioritized)).await;

    let mut node = shop.node("bullmq");
    node.run(
        "globalThis.begun = 0;
         worker_of('thumbnails', async () => { globalThis.begun += 1; while (!globalThis.open) await new Promise(r => setTimeout(r, 20)); return globalThis.begun; }, { concurrency: 2 })",
    )
    .await;
    shop.run_is(&waiting, State::Running).await;
    let _: () = outside.flushall(false).await.unwrap();
    node.run("await until(() => globalThis.begun === 2, 30000); globalThis.open = true")
        .await;
    let ended = shop.desk.ended(&waiting).await;
    assert_eq!(
        (ended.state, ended.attempt),
        (State::Succeeded, 1),
        "{ended:?}"
    );
    shop.nothing_is_left_in_redis().await;
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_worker_died_is_found_by_the_other_workers_of_its_kind() {
    let shop = Shop::open(Engine::Sqlite).await;
    let run = shop.add("resize", json!({}), |_| {}).await;
    let mut first = shop.node("bullmq");
    let quick = "{ lockDuration: 1000, stalledInterval: 500 }";
    first
        .run(&format!(
            "worker_of('thumbnails', () => new Promise(() => {{}}), {quick})"
        ))
        .await;
    shop.run_is(&run, State::Running).await;
    drop(first);
    let mut second = shop.node("bullmq");
    second
        .run(&format!(
            "worker_of('thumbnails', async () => 'second', {quick})"
        ))
        .await;
    let ended = shop.desk.ended(&run).await;
    assert_eq!(
        (ended.state, ended.result),
        (State::Succeeded, Some(json!({"value": "second"})))
    );
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_that_look_after_many_jobs_have_each_executed_once() {
    let shop = Shop::open(Engine::Postgres).await;
    let second = Relay::start(&shop.desk.replica().await)
        .await
        .unwrap()
        .unwrap();
    let mut node = shop.node("bullmq");
    node.run(
        "globalThis.times = {};
         worker_of('thumbnails', async ({ data }) => { globalThis.times[data.n] = (globalThis.times[data.n] ?? 0) + 1; }, { concurrency: 5 })",
    )
    .await;
    let count = kit::rounds(150, 3_000);
    let mut runs = Vec::new();
    for n in 0..count {
        runs.push(shop.add("count", json!({"n": n}), |_| {}).await);
    }
    for run in &runs {
        assert_eq!(shop.desk.ended(run).await.state, State::Succeeded);
    }
    let times = node.run("return [Object.keys(globalThis.times).length, Math.max(...Object.values(globalThis.times))]");
    assert_eq!(times.await, json!([count, 1]));
    shop.nothing_is_left_in_redis().await;
    second.stop().await;
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_accepted_while_redis_is_away_and_executed_when_it_is_back() {
    let mut shop = Shop::open(Engine::Postgres).await;
    shop.redis.kill();
    let id = uuid::Uuid::new_v4();
    let run = shop
        .add("resize", json!({"n": 2}), |wish| wish.request_id = Some(id))
        .await;
    let same = shop
        .add("resize", json!({"n": 2}), |wish| wish.request_id = Some(id))
        .await;
    assert_eq!(run.name, same.name, "asked twice, accepted once");
    shop.redis.restart();
    let mut node = shop.node("bullmq");
    node.run("worker_of('thumbnails', async job => job.data.n)")
        .await;
    assert_eq!(
        shop.desk.ended(&run).await.result,
        Some(json!({"value": 2}))
    );
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_died_between_its_intent_and_the_job_costs_nothing() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let Standing::Attached(life) = Redis::of(&shop.desk.app).unwrap().standing() else {
        panic!("it was attached");
    };
    shop.relay.take().unwrap().stop().await;
    let never_put = shop.add("never-put", json!({}), |_| {}).await;
    let put = shop.add("put", json!({}), |_| {}).await;
    let sql = format!("UPDATE runs SET put_epoch = '~{life}'");
    shop.desk.database.execute(&sql).await;
    let job = Put::new(put.name.id.to_string(), "put", json!({}));
    shop.queue().put(&[job]).await.unwrap();
    shop.relay = Relay::start(&shop.desk.app).await.unwrap();
    shop.job_is(&never_put, Some(JobState::Prioritized)).await;
    shop.job_is(&put, Some(JobState::Waiting)).await;
    kit::eventually(super::PATIENCE, async || {
        let places = shop.places().await;
        if places == [life.clone(), life.clone()] {
            Ok(())
        } else {
            Err(format!("{places:?}"))
        }
    })
    .await;
    let mut node = shop.node("bullmq");
    node.run("worker_of('thumbnails', async ({ name }) => name)")
        .await;
    for run in [&never_put, &put] {
        assert_eq!(shop.desk.ended(run).await.state, State::Succeeded);
    }
    shop.nothing_is_left_in_redis().await;
    shop.end().await;
}

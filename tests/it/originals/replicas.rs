//! Two replicas of a server with the original's variables, on one PostgreSQL and one Redis: killed, asked at once, told to
//! stop, and on a schedule. The original doubled entries as soon as there were two.

use super::{
    MEETINGS, Scene,
    server::{http_of, post},
};
use crate::{
    cli::LONG,
    kit::{Process, Redis, redis, rounds},
};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};
use syncline::db::Engine;

/// What the supervisor gives a server.
const GRACE: Duration = Duration::from_secs(4);

struct Pair {
    scene: Scene,
    redis: Redis,
}

impl Pair {
    async fn standard() -> Self {
        Self::on(Scene::standard(Engine::Postgres).await)
    }

    fn on(scene: Scene) -> Self {
        Self {
            scene,
            redis: redis(),
        }
    }

    /// One replica, and where it answers HTTP.
    async fn replica(&self, schedule: &str) -> (Process, String) {
        let mut replica = self
            .scene
            .server()
            .env("SYNC_SCHEDULE", schedule)
            .env("REDIS_URL", self.redis.url())
            .env("SYNCLINE_RUNS_GRACE", format!("{}s", GRACE.as_secs()))
            .start();
        let http = http_of(&mut replica).await;
        (replica, http)
    }
}

/// Not soon.
const YEARLY: &str = "0 0 1 1 *";

/// Check 7.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_killed_after_some_entries_and_started_again_make_240_entries_once() {
    for round in 0..rounds(1, 10) {
        let pair = Pair::standard().await;
        // Entries come many at a time: slow enough that the kill comes between two of these times.
        pair.scene.sim.set_latency(Duration::from_millis(150));
        let mut both = [pair.replica(YEARLY).await.0, pair.replica(YEARLY).await.0];
        pair.scene.entries(20 + 10 * round).await;
        for replica in &mut both {
            replica.kill();
        }
        let written = pair.scene.sim.world().entries().len();
        assert!(written < MEETINGS, "the kill comes too late");
        let again = Instant::now();
        let _both = [pair.replica(YEARLY).await, pair.replica(YEARLY).await];
        pair.scene.entries(MEETINGS).await;
        pair.scene.all_ended().await;
        pair.scene.assert_all_once("both killed");
        println!(
            "both killed with {written} entries, started again: 240 entries after {:.1?}, 0 doubled",
            again.elapsed()
        );
    }
}

/// Check 8.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_asked_at_the_same_moment_make_240_entries_once() {
    for _ in 0..rounds(1, 10) {
        let pair = Pair::standard().await;
        let ((_one, first), (_two, second)) =
            tokio::join!(pair.replica(YEARLY), pair.replica(YEARLY));
        // Until the sync is there: it runs by itself, too.
        pair.scene.entries(1).await;
        let answers = tokio::join!(post(&first), post(&second), post(&first), post(&second));
        for answer in [answers.0, answers.1, answers.2, answers.3] {
            assert_eq!(answer.status(), StatusCode::ACCEPTED);
        }
        let runs = pair.scene.all_ended().await;
        assert_eq!(
            runs.len(),
            5,
            "four that were asked for, and the first start's"
        );
        pair.scene.assert_all_once("asked at once");
        let created = |run: &Value| {
            run["result"]["created"]
                .as_str()
                .map_or(0, |text| text.parse().unwrap())
        };
        let created: Vec<usize> = runs.iter().map(created).collect();
        assert_eq!(created.iter().sum::<usize>(), MEETINGS, "{created:?}");
        println!(
            "two replicas asked twice each, at once: runs created {created:?}: 240 entries, 0 doubled"
        );
    }
}

/// Check 16, with an hour of two seconds: each time is kept once, by whichever replica.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_keep_each_time_of_the_schedule_once() {
    let pair = Pair::on(Scene::small(Engine::Postgres).await);
    let every_two = "*/2 * * * * *";
    let (one, _) = pair.replica(every_two).await;
    let (two, _) = pair.replica(every_two).await;
    let times = rounds(8, 200);
    pair.scene.entries(16).await;
    let occurrences = async || {
        let limit = (times * 2 + 100).to_string();
        let told = pair
            .scene
            .json(&["sync", "occurrences", "default", "--limit", &limit])
            .await;
        told["occurrences"].as_array().cloned().unwrap_or_default()
    };
    let deadline = Instant::now() + LONG + Duration::from_secs(3) * u32::try_from(times).unwrap();
    let told = loop {
        let told = occurrences().await;
        if told.len() >= times {
            break told;
        }
        assert!(Instant::now() < deadline, "{told:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let at = |line: &Value| {
        line["time"]
            .as_str()
            .unwrap()
            .parse::<DateTime<Utc>>()
            .unwrap()
    };
    for pair in told.windows(2) {
        assert_eq!(
            at(&pair[0]) - at(&pair[1]),
            TimeDelta::seconds(2),
            "{pair:?}"
        );
    }
    let ran: Vec<_> = told
        .iter()
        .filter(|line| line["outcome"] == "OCCURRENCE_OUTCOME_RAN")
        .collect();
    let runs: BTreeSet<_> = ran.iter().map(|line| line["run"].to_string()).collect();
    assert_eq!(runs.len(), ran.len(), "a run of its own for each");
    assert!(ran.len() * 2 > told.len(), "{told:?}");
    drop((one, two));
    assert_eq!(pair.scene.sim.world().entries().len(), 16);
    println!(
        "{} times on two replicas: {} ran, each once, the others have one outcome, 16 entries",
        told.len(),
        ran.len()
    );
}

/// Check 16, the rest: what is asked for by hand is answered at once, or says what is missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_accepted_at_once_on_either_replica_unless_a_token_does_not_work() {
    let pair = Pair::standard().await;
    pair.scene.sim.set_latency(Duration::from_millis(100));
    let replicas = [
        pair.replica("0 * * * *").await,
        pair.replica("0 * * * *").await,
    ];
    pair.scene.entries(1).await;
    for (_, http) in &replicas {
        let asked = Instant::now();
        let answer = post(http).await;
        let took = asked.elapsed();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        let answer: Value = answer.json().await.unwrap();
        let job = answer["jobId"].as_str().unwrap();
        assert_eq!(answer["run"], format!("tenants/default/runs/{job}"));
        assert!(took < Duration::from_secs(2), "{took:?}");
        println!("accepted after {took:.1?}, while a run of many seconds goes on");
    }
    pair.scene.json(&["token", "revoke", "google"]).await;
    for (_, http) in &replicas {
        let answer = post(http).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["error"]["reason"], "NEEDS_REAUTH");
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains("syncline token login google"), "{message}");
    }
}

/// Check 19.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_told_to_stop_leaves_in_time_and_the_other_one_finishes_its_run() {
    let pair = Pair::standard().await;
    pair.scene.sim.set_latency(Duration::from_millis(150));
    let (mut first, _) = pair.replica(YEARLY).await;
    pair.scene.entries(20).await;
    let (_second, _) = pair.replica(YEARLY).await;
    let told = Instant::now();
    first.terminate();
    let status = first.wait_exit(LONG).await;
    let left = told.elapsed();
    assert!(status.success(), "{}", first.output());
    assert!(left < GRACE + Duration::from_secs(1), "took {left:?}");
    let written = pair.scene.sim.world().entries().len();
    assert!(written < MEETINGS, "it should have stopped in the middle");
    pair.scene.entries(MEETINGS).await;
    let runs = pair.scene.all_ended().await;
    assert_eq!(runs.len(), 1, "the same run went on");
    pair.scene.assert_all_once("after SIGTERM");
    println!(
        "left {left:.1?} after SIGTERM with {written} entries; the other replica made it 240, 0 doubled"
    );
}

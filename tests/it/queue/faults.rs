//! Redis dies, hangs, is full, or drops connections: errors are clear, and all goes on by itself.

use super::{MINUTE, SOON, Stage, TOKEN, job, patient_queue_at, queue_at};
use crate::kit;
use fred::prelude::ClientInterface as _;
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};
use syncline::{
    base::Error,
    queue::{Finish, FinishCode, Keep, Put, PutCode},
};

/// What a command may take where it is to run out.
const SHORT: Duration = Duration::from_secs(2);

fn reason(error: &Error) -> &str {
    match error {
        Error::Unavailable { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_redis_that_died_is_told_at_once_and_used_again_when_it_is_back() {
    let mut stage = Stage::with_patience(SHORT).await;
    stage.add("a").await;
    stage.redis.kill();
    kit::eventually(SOON, || async {
        match stage.queue.counts().await {
            Err(error) if reason(&error) == "REDIS_UNREACHABLE" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    // A call that was under way while the loss was noticed may have to wait for its time-out; no later one does.
    kit::eventually(SOON, || async {
        let started = Instant::now();
        let error = stage.queue.put(&[job("b")]).await.unwrap_err();
        assert!(error.to_string().contains("127.0.0.1:"), "{error}");
        match (reason(&error), started.elapsed()) {
            ("REDIS_UNREACHABLE", took) if took < Duration::from_millis(500) => Ok(()),
            (reason, took) => Err(format!("{reason} after {took:?}")),
        }
    })
    .await;
    assert!(!stage.queue.connection().is_up());

    stage.redis.restart();
    kit::eventually(SOON, || async {
        match stage.queue.put(&[job("a")]).await {
            Ok(codes) if codes == [PutCode::Added] => Ok(()),
            Ok(codes) => panic!("{codes:?}: Redis was empty, and it is put once"),
            Err(error) => Err(error.to_string()),
        }
    })
    .await;
    assert_eq!(stage.claim(5).await.len(), 1);
}

#[tokio::test]
async fn a_waiter_outlives_a_restart_and_keeps_its_name() {
    let mut stage = Stage::new().await;
    let mut waiter = stage.queue.waiter();
    waiter.wait(Duration::from_millis(10)).await.unwrap();
    stage.redis.kill();
    assert_eq!(
        reason(&waiter.wait(MINUTE).await.unwrap_err()),
        "REDIS_UNREACHABLE"
    );
    stage.redis.restart();
    let deadline = Instant::now() + SOON;
    while let Err(error) = waiter.wait(Duration::from_millis(10)).await {
        assert!(Instant::now() < deadline, "{error}");
    }
    let outside = super::outside_at(&stage.redis.url()).await;
    let clients: String = outside
        .client_list::<String, String>(None, None)
        .await
        .unwrap();
    assert!(clients.contains("name=bull:c3luYw=="), "{clients}");
}

#[tokio::test]
async fn killed_connections_are_built_up_again() {
    let stage = Stage::new().await;
    for round in 0..kit::rounds(5, 50) {
        stage.say("CLIENT KILL TYPE normal SKIPME yes").await;
        let id = format!("j{round}");
        kit::eventually(SOON, || async {
            match stage.queue.put(&[job(&id)]).await {
                Ok(_) => Ok(()),
                Err(error) => Err(reason(&error).to_owned()),
            }
        })
        .await;
    }
    let claimed = stage.claim(100).await;
    let unique: BTreeSet<_> = claimed.iter().map(|job| &job.id).collect();
    assert_eq!(
        (claimed.len(), unique.len()),
        (kit::rounds(5, 50), kit::rounds(5, 50))
    );
}

#[tokio::test]
async fn a_redis_that_hangs_costs_one_time_out_and_its_late_answers_confuse_nobody() {
    let stage = Stage::with_patience(SHORT).await;
    stage.add("a").await;
    stage.say("CLIENT PAUSE 6000 ALL").await;
    let started = Instant::now();
    let error = stage.queue.put(&[job("b")]).await.unwrap_err();
    assert_eq!(reason(&error), "REDIS_TIMEOUT");
    assert!(started.elapsed() < Duration::from_secs(5));
    let counts = kit::eventually(SOON, || async { stage.queue.counts().await }).await;
    // Whether what timed out was done all the same nobody knows; looking finds that out.
    let expected = match counts.total() {
        1 => PutCode::Added,
        _ => PutCode::Waiting,
    };
    assert_eq!(stage.put(job("b")).await, expected);
    assert_eq!(stage.queue.counts().await.unwrap().total(), 2);
}

#[tokio::test]
async fn a_blocking_read_that_outlives_its_time_is_given_up() {
    let stage = Stage::new().await;
    let mut waiter = stage.queue.waiter();
    waiter.wait(Duration::from_millis(5)).await.unwrap();
    stage.say("CLIENT PAUSE 6000 ALL").await;
    assert_eq!(
        reason(&waiter.wait(Duration::from_millis(5)).await.unwrap_err()),
        "REDIS_TIMEOUT"
    );
    let deadline = Instant::now() + SOON;
    while let Err(error) = waiter.wait(Duration::from_millis(5)).await {
        assert!(Instant::now() < deadline, "{error}");
    }
}

#[tokio::test]
async fn scripts_that_the_server_forgot_are_given_again() {
    let stage = Stage::new().await;
    stage.add("a").await;
    stage.say("SCRIPT FLUSH").await;
    stage.add("b").await;
    assert_eq!(stage.claim(5).await.len(), 2);
}

#[tokio::test]
async fn a_full_redis_refuses_new_jobs_whole_and_lets_what_is_there_run_out() {
    let stage = Stage::new().await;
    stage.say("CONFIG SET maxmemory-policy noeviction").await;
    stage.say("CONFIG SET maxmemory 4mb").await;
    let mut put = Vec::new();
    let error = loop {
        let round = put.len();
        let text = "x".repeat(2_000);
        let jobs: Vec<Put> = (0..20)
            .map(|n| Put::new(format!("j{round}-{n}"), "run", text.clone().into()))
            .collect();
        match stage.queue.put(&jobs).await {
            Ok(_) => put.push(jobs),
            Err(error) => break error,
        }
        assert!(put.len() < 1_000, "it is never full");
    };
    assert_eq!(reason(&error), "REDIS_FULL");
    assert_eq!(
        stage.counts().await.total(),
        put.len() as u64 * 20,
        "the refused ones left nothing"
    );

    let claimed = stage.claim(50).await;
    assert_eq!(claimed.len(), 50, "a full Redis hands out what it has");
    let ends: Vec<Finish> = claimed
        .iter()
        .map(|job| Finish::completed(job, 1.into(), Keep::Nothing))
        .collect();
    let codes = stage.queue.finish(TOKEN, &ends).await.unwrap();
    assert!(codes.iter().all(|code| *code == FinishCode::Done));

    stage.say("CONFIG SET maxmemory 0").await;
    stage.add("again").await;
}

#[tokio::test]
async fn a_redis_that_was_never_there_is_told_and_wrong_settings_are_refused() {
    let queue = patient_queue_at("redis://127.0.0.1:1", SHORT).await;
    assert_eq!(
        reason(&queue.counts().await.unwrap_err()),
        "REDIS_UNREACHABLE"
    );
    let options = syncline::queue::ConnectionOptions::new("http://here");
    assert!(matches!(
        syncline::queue::Connection::open(options).await,
        Err(Error::Invalid(_))
    ));
}

#[tokio::test]
async fn a_wrong_password_is_told_without_showing_it() {
    let stage = Stage::new().await;
    stage.say("CONFIG SET requirepass right-one").await;
    let wrong = stage.redis.url().replace("//", "//:wrong-one@");
    let queue = patient_queue_at(&wrong, SHORT).await;
    let error = queue.counts().await.unwrap_err();
    assert!(
        ["REDIS_REFUSED", "REDIS_UNREACHABLE"].contains(&reason(&error)),
        "{error}"
    );
    assert!(!error.to_string().contains("wrong-one"));
    let queue = queue_at(&stage.redis.url().replace("//", "//:right-one@")).await;
    queue.counts().await.unwrap();
}

#[tokio::test]
async fn an_eviction_policy_is_complained_about() {
    let stage = Stage::new().await;
    let connection = stage.queue.connection();
    assert!(connection.complaints().await.unwrap().is_empty());
    stage.say("CONFIG SET maxmemory-policy allkeys-lru").await;
    let complaints = connection.complaints().await.unwrap();
    assert_eq!(complaints.len(), 1);
    assert!(complaints[0].contains("allkeys-lru"), "{complaints:?}");
}

//! `finish`: every way a run can end, and every reason why it cannot.

use super::{Stage, TOKEN, ids_of, job};
use serde_json::json;
use std::time::Duration;
use syncline::queue::{Finish, FinishCode, JobState, Keep, Options, Outcome, Put};

#[tokio::test]
async fn a_completed_job_keeps_its_result_as_json() {
    let stage = Stage::new().await;
    stage.add("a").await;
    let claimed = stage.claim_one().await;
    let end = Finish::completed(&claimed, json!({"created": 3}), Keep::All);
    assert_eq!(stage.finish(end.clone()).await, FinishCode::Done);
    let hash = stage.hash("a").await;
    assert_eq!(
        (hash["returnvalue"].as_str(), hash["atm"].as_str()),
        (r#"{"created":3}"#, "1")
    );
    assert!(hash.contains_key("finishedOn"));
    assert_eq!(stage.ids("completed").await, ["a"]);
    assert!(stage.ids("active").await.is_empty());
    assert!(stage.say("GET bull:sync:a:lock").await.is_null());
    let events = stage.events().await;
    assert_eq!(
        events[events.len() - 2..],
        [
            r#"completed jobId a returnvalue {"created":3} prev active"#,
            "drained"
        ]
    );
    assert_eq!(
        stage.finish(end).await,
        FinishCode::LockLost,
        "a second finish changes nothing"
    );
    assert_eq!(stage.ids("completed").await, ["a"]);
}

#[tokio::test]
async fn a_failed_job_says_why_and_that_its_attempts_are_used_up() {
    let stage = Stage::new().await;
    let options = Options {
        attempts: 1,
        keep_traces: Some(1),
        ..Options::default()
    };
    stage
        .put(Put {
            options,
            ..job("a")
        })
        .await;
    let claimed = stage.claim_one().await;
    stage
        .finish(Finish::failed(&claimed, "it said \"no\"", Keep::All))
        .await;
    let hash = stage.hash("a").await;
    assert_eq!(hash["failedReason"], "it said \"no\"");
    assert_eq!(hash["stacktrace"], r#"["it said \"no\""]"#);
    let events = stage.events().await;
    let last = &events[events.len() - 3..];
    assert_eq!(
        last[0],
        "failed jobId a failedReason it said \"no\" prev active"
    );
    assert_eq!(last[1], "retries-exhausted jobId a attemptsMade 1");
}

#[tokio::test]
async fn a_retry_counts_an_attempt_and_waits_or_goes_to_the_line() {
    let stage = Stage::new().await;
    stage.add("b").await;
    stage.add("a").await;
    let claimed = stage.claim_one().await;
    stage
        .finish(Finish::retry(&claimed, "first", Duration::ZERO))
        .await;
    assert_eq!(
        stage.ids("wait").await,
        ["b", "a"],
        "behind those that wait"
    );
    assert_eq!(stage.hash("b").await["atm"], "1");
    assert_eq!(
        stage.events().await.last().unwrap(),
        "waiting jobId b prev active"
    );
    stage.claim_one().await;
    let claimed = stage.claim_one().await;
    assert_eq!(
        (
            claimed.id.as_str(),
            claimed.attempts_made,
            claimed.attempts_started
        ),
        ("b", 1, 2)
    );
    stage
        .finish(Finish::retry(&claimed, "second", Duration::from_secs(60)))
        .await;
    let hash = stage.hash("b").await;
    assert_eq!(
        (hash["atm"].as_str(), hash["delay"].as_str()),
        ("2", "60000")
    );
    assert_eq!(hash["stacktrace"], r#"["first","second"]"#);
    assert_eq!(stage.state("b").await, Some(JobState::Delayed));
    assert!(
        stage
            .events()
            .await
            .last()
            .unwrap()
            .starts_with("delayed jobId b delay ")
    );
}

#[tokio::test]
async fn a_delayed_or_released_run_counts_no_attempt() {
    let stage = Stage::new().await;
    stage
        .queue
        .put(&[job("a"), job("b"), job("c")])
        .await
        .unwrap();
    let claimed = stage.claim(2).await;
    let ends = [
        Finish::delay(&claimed[0], Duration::from_secs(60)),
        Finish::release(&claimed[1]),
    ];
    assert_eq!(
        stage.queue.finish(TOKEN, &ends).await.unwrap(),
        [FinishCode::Done; 2]
    );
    assert_eq!(stage.state("a").await, Some(JobState::Delayed));
    assert_eq!(
        ids_of(&stage.claim(5).await),
        ["b", "c"],
        "released ones come first"
    );
    assert!(
        !stage.hash("a").await.contains_key("atm") && !stage.hash("b").await.contains_key("atm")
    );
}

#[tokio::test]
async fn a_released_job_is_first_of_its_priority() {
    let stage = Stage::new().await;
    let with = |id: &str, priority| Put {
        priority,
        ..job(id)
    };
    stage
        .queue
        .put(&[with("a", 2), with("b", 2), with("c", 1)])
        .await
        .unwrap();
    let claimed = stage.claim(2).await;
    assert_eq!(ids_of(&claimed), ["c", "a"]);
    stage.finish(Finish::release(&claimed[1])).await;
    assert_eq!(ids_of(&stage.claim(5).await), ["a", "b"]);
}

#[tokio::test]
async fn a_job_that_is_not_held_is_left_as_it_is() {
    let stage = Stage::new().await;
    stage
        .queue
        .put(&[
            job("lost"),
            job("stolen"),
            job("moved"),
            job("gone"),
            job("ok"),
        ])
        .await
        .unwrap();
    let claimed = stage.claim(5).await;
    stage.say("DEL bull:sync:lost:lock bull:sync:gone").await;
    stage.say("SET bull:sync:stolen:lock somebody").await;
    stage.say("LREM bull:sync:active 0 moved").await;
    stage.say("LPUSH bull:sync:wait moved").await;
    let before = stage.hash("moved").await;
    let ends: Vec<Finish> = claimed
        .iter()
        .map(|job| Finish::completed(job, json!(1), Keep::All))
        .collect();
    use FinishCode::{Done, LockLost, LockOfAnother, Missing, NotActive};
    let codes = stage.queue.finish(TOKEN, &ends).await.unwrap();
    assert_eq!(codes, [LockLost, LockOfAnother, NotActive, Missing, Done]);
    assert_eq!(stage.hash("moved").await, before);
    assert_eq!(stage.ids("completed").await, ["ok"]);
    let mut active = stage.ids("active").await;
    active.sort();
    assert_eq!(active, ["gone", "lost", "stolen"]);
}

#[tokio::test]
async fn the_same_job_twice_in_one_call_is_finished_once() {
    let stage = Stage::new().await;
    stage.add("a").await;
    let claimed = stage.claim_one().await;
    let ends = [
        Finish::completed(&claimed, json!(1), Keep::All),
        Finish::failed(&claimed, "no", Keep::All),
    ];
    let codes = stage.queue.finish(TOKEN, &ends).await.unwrap();
    assert_eq!(codes, [FinishCode::Done, FinishCode::NotActive]);
    assert_eq!(
        (
            stage.ids("completed").await.len(),
            stage.ids("failed").await.len()
        ),
        (1, 0)
    );
}

#[tokio::test]
async fn the_keep_policy_decides_what_stays() {
    let stage = Stage::new().await;
    let jobs: Vec<Put> = (0..10).map(|n| job(&format!("j{n}"))).collect();
    stage.queue.put(&jobs).await.unwrap();
    let claimed = stage.claim(10).await;
    stage.say("RPUSH bull:sync:j1:logs line").await;
    stage
        .finish(Finish::completed(&claimed[0], json!(1), Keep::Nothing))
        .await;
    assert!(stage.hash("j0").await.is_empty());
    for job in &claimed[1..5] {
        stage
            .finish(Finish::completed(job, json!(1), Keep::newest(2)))
            .await;
    }
    let mut kept = stage.ids("completed").await;
    kept.sort();
    assert_eq!(kept.len(), 2);
    assert!(
        stage
            .say("EXISTS bull:sync:j1 bull:sync:j1:logs")
            .await
            .as_i64()
            .unwrap()
            == 0
    );
    stage.say("ZADD bull:sync:failed 1000 old").await;
    stage.say("HSET bull:sync:old name run").await;
    let keep = Keep::Newest {
        count: None,
        age: Some(Duration::from_secs(60)),
        limit: None,
    };
    stage.finish(Finish::failed(&claimed[5], "no", keep)).await;
    assert_eq!(stage.ids("failed").await, ["j5"]);
    assert!(stage.hash("old").await.is_empty());
}

#[tokio::test]
async fn what_the_job_asks_to_keep_wins_over_the_worker() {
    let stage = Stage::new().await;
    let options = Options {
        keep_completed: Some(Keep::Nothing),
        ..Options::default()
    };
    stage
        .put(Put {
            options,
            ..job("a")
        })
        .await;
    let claimed = stage.claim_one().await;
    stage
        .finish(Finish::completed(&claimed, json!(1), Keep::All))
        .await;
    assert_eq!(stage.counts().await.total(), 0);
}

#[tokio::test]
async fn a_finish_without_a_job_at_hand_works_by_its_id() {
    let stage = Stage::new().await;
    stage.add("a").await;
    stage.claim_one().await;
    let outcome = Outcome::Failed {
        reason: "parked".into(),
        stack_traces: None,
        keep: Keep::All,
    };
    assert_eq!(
        stage.finish(Finish::by_id("a", outcome)).await,
        FinishCode::Done
    );
    assert_eq!(stage.state("a").await, Some(JobState::Failed));
}

#[tokio::test]
async fn the_event_stream_stays_as_long_as_it_is_set() {
    let stage = Stage::new().await;
    stage.say("HSET bull:sync:meta opts.maxLenEvents 200").await;
    for round in 0..20 {
        let jobs: Vec<Put> = (0..50).map(|n| job(&format!("r{round}-{n}"))).collect();
        stage.queue.put(&jobs).await.unwrap();
    }
    let length = stage.say("XLEN bull:sync:events").await.as_i64().unwrap();
    assert!((200..400).contains(&length), "{length}");
}

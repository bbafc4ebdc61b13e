//! `exchange`: what a finish and a claim do, in one step.

use super::{MINUTE, Stage, TOKEN, ids_of, job};
use serde_json::json;
use std::time::Duration;
use syncline::queue::{Claim, Finish, FinishCode, Job, Keep, Put};

fn done(job: &Job) -> Finish {
    Finish::completed(job, json!(1), Keep::All)
}

async fn exchange(stage: &Stage, ends: &[Finish], most: usize) -> (Vec<FinishCode>, Vec<Job>) {
    let claim = Claim::new(TOKEN);
    let (codes, claimed) = stage.queue.exchange(&claim, ends, most).await.unwrap();
    (codes, claimed.jobs)
}

#[tokio::test]
async fn what_ends_is_finished_and_the_next_are_taken() {
    let stage = Stage::new().await;
    for id in ["a", "b", "c"] {
        stage.add(id).await;
    }
    let first = stage.claim_one().await;
    let told = stage.events().await.len();
    let (codes, jobs) = exchange(&stage, &[done(&first)], 5).await;
    assert_eq!(codes, [FinishCode::Done]);
    assert_eq!(ids_of(&jobs), ["b", "c"]);
    assert_eq!(jobs[0].attempts_started, 1);
    assert!(jobs[0].started_at.is_some());
    assert_eq!(
        stage.events().await[told..],
        [
            "completed jobId a returnvalue 1 prev active",
            "active jobId b prev waiting",
            "active jobId c prev waiting",
        ]
    );
    let (codes, jobs) = exchange(&stage, &[done(&jobs[1]), done(&jobs[0])], 5).await;
    assert_eq!(codes, [FinishCode::Done, FinishCode::Done]);
    assert!(jobs.is_empty());
    assert_eq!(stage.events().await.last().unwrap(), "drained");
    assert_eq!(stage.ids("completed").await, ["a", "b", "c"]);
}

#[tokio::test]
async fn one_that_is_lost_keeps_no_other_from_ending() {
    let stage = Stage::new().await;
    let ids: Vec<String> = (0..8).map(|number| format!("j{number}")).collect();
    for id in &ids {
        stage.add(id).await;
    }
    let jobs = stage.claim(8).await;
    stage.say("LREM bull:sync:active 0 j1").await;
    stage.say("DEL bull:sync:j2:lock").await;
    stage.say("SET bull:sync:j3:lock other").await;
    stage.say("DEL bull:sync:j4").await;
    let ends: Vec<Finish> = jobs[..6].iter().map(done).collect();
    let (codes, next) = exchange(&stage, &ends, 0).await;
    assert_eq!(
        codes,
        [
            FinishCode::Done,
            FinishCode::NotActive,
            FinishCode::LockLost,
            FinishCode::LockOfAnother,
            FinishCode::Missing,
            FinishCode::Done,
        ]
    );
    assert!(next.is_empty());
    assert_eq!(stage.ids("completed").await, ["j0", "j5"]);
    assert_eq!(stage.ids("active").await, ["j7", "j6", "j4", "j3", "j2"]);
}

#[tokio::test]
async fn those_that_end_before_older_ones_leave_them_active() {
    let stage = Stage::new().await;
    for number in 0..8 {
        stage.add(&format!("j{number}")).await;
    }
    let jobs = stage.claim(8).await;
    let ends: Vec<Finish> = jobs[2..6].iter().map(done).collect();
    exchange(&stage, &ends, 0).await;
    assert_eq!(stage.ids("active").await, ["j7", "j6", "j1", "j0"]);
    let twice = [done(&jobs[0]), done(&jobs[1]), done(&jobs[0])];
    let (codes, _) = exchange(&stage, &twice, 0).await;
    assert_eq!(
        codes,
        [FinishCode::Done, FinishCode::Done, FinishCode::NotActive]
    );
    assert_eq!(stage.ids("active").await, ["j7", "j6"]);
    let all_and_one_twice = [done(&jobs[6]), done(&jobs[7]), done(&jobs[6])];
    let (codes, _) = exchange(&stage, &all_and_one_twice, 0).await;
    assert_eq!(
        codes,
        [FinishCode::Done, FinishCode::Done, FinishCode::NotActive]
    );
}

#[tokio::test]
async fn who_takes_nothing_wakes_somebody_who_may() {
    let stage = Stage::new().await;
    stage.add("a").await;
    stage.add("b").await;
    let first = stage.claim_one().await;
    stage.say("DEL bull:sync:marker").await;
    exchange(&stage, &[Finish::release(&first)], 0).await;
    assert_eq!(
        stage.say("ZCARD bull:sync:marker").await.as_i64(),
        Some(1),
        "there are jobs, and nobody who was told of them"
    );
    let (_, jobs) = exchange(&stage, &[], 1).await;
    assert_eq!(ids_of(&jobs), ["a"], "a released job is the next");
}

#[tokio::test]
async fn a_paused_queue_gives_nothing_and_takes_ends() {
    let stage = Stage::new().await;
    stage.add("a").await;
    stage.add("b").await;
    let first = stage.claim_one().await;
    stage.queue.pause().await.unwrap();
    let (codes, jobs) = exchange(&stage, &[done(&first)], 5).await;
    assert_eq!((codes, jobs), (vec![FinishCode::Done], Vec::new()));
    assert_eq!(stage.say("ZCARD bull:sync:marker").await.as_i64(), Some(0));
}

#[tokio::test]
async fn a_full_queue_has_room_for_what_ended() {
    let stage = Stage::new().await;
    stage.say("HSET bull:sync:meta concurrency 2").await;
    for id in ["a", "b", "c", "d"] {
        stage.add(id).await;
    }
    let jobs = stage.claim(5).await;
    assert_eq!(ids_of(&jobs), ["a", "b"]);
    let (_, next) = exchange(&stage, &[done(&jobs[0])], 5).await;
    assert_eq!(ids_of(&next), ["c"]);
}

#[tokio::test]
async fn more_ends_than_fit_into_one_call_are_all_finished() {
    let stage = Stage::new().await;
    let many: Vec<Put> = (0..600).map(|number| job(&format!("j{number}"))).collect();
    stage.queue.put(&many).await.unwrap();
    let jobs = stage.claim(590).await;
    let ends: Vec<Finish> = jobs.iter().map(done).collect();
    let (codes, next) = exchange(&stage, &ends, 50).await;
    assert_eq!(codes.len(), 590);
    assert!(codes.iter().all(|code| *code == FinishCode::Done));
    assert_eq!(next.len(), 10);
}

#[tokio::test]
async fn a_parent_that_a_job_got_while_it_ran_hears_of_its_end() {
    let stage = Stage::new().await;
    stage.add("a").await;
    let job = stage.claim_one().await;
    stage
        .say("HSET bull:up:p name parent data {} opts {} timestamp 1 delay 0 priority 0")
        .await;
    stage.say("ZADD bull:up:waiting-children 1 p").await;
    stage.say("SADD bull:up:p:dependencies bull:sync:a").await;
    stage
        .say(r#"HSET bull:sync:a parentKey bull:up:p parent {"id":"p","queueKey":"bull:up"}"#)
        .await;
    exchange(&stage, &[done(&job)], 1).await;
    assert_eq!(stage.say("LLEN bull:up:wait").await.as_i64(), Some(1));
}

#[tokio::test]
async fn jobs_that_have_more_than_the_usual_come_whole() {
    let stage = Stage::new().await;
    stage.add("a").await;
    stage.add("b").await;
    let first = stage.claim_one().await;
    stage
        .finish(Finish::retry(&first, "first", Duration::ZERO))
        .await;
    let claim = Claim {
        worker: Some("w".into()),
        lock: MINUTE,
        ..Claim::new(TOKEN)
    };
    let jobs = stage.queue.claim(&claim, 5).await.unwrap().jobs;
    assert_eq!(ids_of(&jobs), ["b", "a"]);
    assert_eq!((jobs[0].attempts_started, jobs[0].attempts_made), (1, 0));
    assert_eq!((jobs[1].attempts_started, jobs[1].attempts_made), (2, 1));
    assert_eq!(jobs[1].stack_traces, ["first"]);
    assert_eq!(jobs[1].failed_reason.as_deref(), Some("first"));
    assert_eq!(jobs[0].worker.as_deref(), Some("w"));
    assert_eq!(stage.hash("b").await["pb"], "w");
    assert_eq!(jobs[0].data, r#"{"run":"b"}"#);
    let (codes, _) = exchange(&stage, &[done(&jobs[0]), done(&jobs[1])], 1).await;
    assert_eq!(codes, [FinishCode::Done, FinishCode::Done]);
    assert_eq!(stage.hash("a").await["atm"], "2");
    assert_eq!(stage.hash("b").await["atm"], "1");
}

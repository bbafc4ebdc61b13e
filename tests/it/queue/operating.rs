//! What operators do: pause, resume, retry, promote, remove, clean, drain, and looking.

use super::{MINUTE, Stage, ids_of, job};
use std::time::Duration;
use syncline::queue::{Epoch, Finish, JobState, Keep, Operated, Order, Put, Which};

fn delayed(id: &str) -> Put {
    Put {
        delay: MINUTE,
        ..job(id)
    }
}

async fn fail(stage: &Stage, ids: &[&str]) {
    for id in ids {
        stage.add(id).await;
        let claimed = stage.claim_one().await;
        stage
            .finish(Finish::failed(&claimed, "no", Keep::All))
            .await;
    }
}

fn named(ids: &[&str]) -> Which {
    Which::Ids(ids.iter().map(|id| (*id).to_owned()).collect())
}

fn codes(answers: &[(String, Operated)]) -> Vec<Operated> {
    answers.iter().map(|(_, code)| *code).collect()
}

#[tokio::test]
async fn pausing_and_resuming_is_told_once() {
    let stage = Stage::new().await;
    assert!(stage.queue.pause().await.unwrap());
    assert!(!stage.queue.pause().await.unwrap());
    assert!(stage.queue.is_paused().await.unwrap() && stage.counts().await.is_paused);
    assert!(stage.queue.resume().await.unwrap());
    assert!(!stage.queue.resume().await.unwrap());
    assert!(!stage.queue.is_paused().await.unwrap());
    assert_eq!(stage.events().await, ["paused", "resumed"]);
}

#[tokio::test]
async fn what_version_5_set_aside_comes_back_before_what_came_later() {
    let stage = Stage::new().await;
    let ids: Vec<String> = (0..9_000).map(|n| format!("j{n}")).collect();
    for part in ids.chunks(1_000) {
        let words: Vec<&str> = ["LPUSH", "bull:sync:paused"]
            .into_iter()
            .chain(part.iter().map(String::as_str))
            .collect();
        stage.tell(&words).await;
    }
    stage.say("HSET bull:sync:meta paused 1").await;
    stage.add("later").await;
    assert_eq!(stage.counts().await.of(JobState::Paused), 9_000);
    assert!(stage.queue.resume().await.unwrap());
    let mut line = stage.ids("wait").await;
    line.reverse();
    assert_eq!(line.len(), 9_001);
    let unique: std::collections::BTreeSet<_> = line.iter().collect();
    assert_eq!(unique.len(), 9_001);
    assert_eq!(line.last().unwrap(), "later");
    assert!(stage.ids("paused").await.is_empty());
}

#[tokio::test]
async fn a_few_jobs_of_version_5_keep_their_order() {
    let stage = Stage::new().await;
    stage.queue.put(&[job("a"), job("b")]).await.unwrap();
    stage.say("RENAME bull:sync:wait bull:sync:paused").await;
    stage.say("HSET bull:sync:meta paused 1").await;
    stage.add("c").await;
    stage.queue.resume().await.unwrap();
    assert_eq!(ids_of(&stage.claim(5).await), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_failed_job_is_retried_with_or_without_its_attempts() {
    let stage = Stage::new().await;
    fail(&stage, &["a", "b"]).await;
    let answers = stage
        .queue
        .retry(JobState::Failed, named(&["a", "nobody"]), false)
        .await
        .unwrap();
    assert_eq!(codes(&answers), [Operated::Done, Operated::Missing]);
    let hash = stage.hash("a").await;
    assert_eq!(hash["atm"], "1");
    assert!(!hash.contains_key("failedReason") && !hash.contains_key("finishedOn"));
    assert_eq!(
        stage.events().await.last().unwrap(),
        "waiting jobId a prev failed"
    );
    stage
        .queue
        .retry(JobState::Failed, named(&["b"]), true)
        .await
        .unwrap();
    assert!(!stage.hash("b").await.contains_key("atm"));
    let answers = stage
        .queue
        .retry(JobState::Failed, named(&["b"]), true)
        .await
        .unwrap();
    assert_eq!(codes(&answers), [Operated::OtherState]);
    assert!(
        stage
            .queue
            .retry(JobState::Active, named(&["b"]), true)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn the_oldest_are_retried_first_and_keep_their_priority() {
    let stage = Stage::new().await;
    fail(&stage, &["a", "b", "c"]).await;
    for (at, id) in ["a", "b", "c"].iter().enumerate() {
        stage.say(&format!("ZADD bull:sync:failed {at} {id}")).await;
    }
    stage.say("HSET bull:sync:b priority 3").await;
    let answers = stage
        .queue
        .retry(JobState::Failed, Which::Oldest(2), false)
        .await
        .unwrap();
    assert_eq!(answers.len(), 2);
    assert_eq!(stage.ids("failed").await, ["c"]);
    assert_eq!(stage.ids("prioritized").await, ["b"]);
    assert_eq!(
        stage
            .queue
            .retry(JobState::Failed, Which::Oldest(5_000), false)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_delayed_job_is_promoted() {
    let stage = Stage::new().await;
    stage
        .queue
        .put(&[
            delayed("a"),
            Put {
                priority: 2,
                ..delayed("b")
            },
            job("c"),
        ])
        .await
        .unwrap();
    let answers = stage.queue.promote(named(&["a", "c"])).await.unwrap();
    assert_eq!(codes(&answers), [Operated::Done, Operated::OtherState]);
    assert_eq!(
        stage.queue.promote(Which::Oldest(10)).await.unwrap().len(),
        1
    );
    assert_eq!(ids_of(&stage.claim(5).await), ["c", "a", "b"]);
    assert_eq!(stage.hash("b").await["delay"], "0");
}

#[tokio::test]
async fn a_removed_job_is_gone_wherever_it_was() {
    let stage = Stage::new().await;
    fail(&stage, &["failed-1"]).await;
    stage
        .queue
        .put(&[
            job("active-1"),
            job("wait-1"),
            delayed("delayed-1"),
            Put {
                priority: 1,
                ..job("prio")
            },
        ])
        .await
        .unwrap();
    stage.claim_one().await;
    let ids = [
        "failed-1",
        "active-1",
        "wait-1",
        "delayed-1",
        "prio",
        "nobody",
    ]
    .map(str::to_owned)
    .to_vec();
    let answers = stage.queue.remove(ids).await.unwrap();
    use Operated::{Done, Locked, Missing};
    assert_eq!(codes(&answers), [Done, Locked, Done, Done, Done, Missing]);
    assert_eq!(stage.counts().await.total(), 1);
    assert!(
        stage
            .events()
            .await
            .contains(&"removed jobId wait-1 prev wait".to_owned())
    );
    assert!(stage.hash("delayed-1").await.is_empty());
}

#[tokio::test]
async fn only_finished_jobs_are_removed_when_that_is_asked_for() {
    let stage = Stage::new().await;
    fail(&stage, &["a"]).await;
    stage.add("b").await;
    let answers = stage
        .queue
        .remove_finished(vec!["a".into(), "b".into()])
        .await
        .unwrap();
    assert_eq!(codes(&answers), [Operated::Done, Operated::OtherState]);
}

#[tokio::test]
async fn the_next_job_of_a_scheduler_stays() {
    let stage = Stage::new().await;
    stage.say("ZADD bull:sync:repeat 1795218871143 x").await;
    for id in ["repeat:x:1795218871143", "repeat:x:1"] {
        stage
            .say(&format!("HSET bull:sync:{id} name run rjk x timestamp 1"))
            .await;
        stage.say(&format!("LPUSH bull:sync:wait {id}")).await;
    }
    let answers = stage
        .queue
        .remove(vec!["repeat:x:1795218871143".into()])
        .await
        .unwrap();
    assert_eq!(codes(&answers), [Operated::OfScheduler]);
    assert_eq!(
        stage
            .queue
            .clean(JobState::Waiting, Duration::ZERO, 9)
            .await
            .unwrap(),
        ["repeat:x:1"]
    );
    assert_eq!(stage.queue.drain(true).await.unwrap(), 0);
    assert_eq!(stage.ids("wait").await, ["repeat:x:1795218871143"]);
}

#[tokio::test]
async fn cleaning_removes_the_oldest_first_and_spares_the_young() {
    let stage = Stage::new().await;
    fail(&stage, &["a", "b", "c", "young"]).await;
    for (at, id) in ["a", "b", "c"].iter().enumerate() {
        stage.say(&format!("ZADD bull:sync:failed {at} {id}")).await;
    }
    assert_eq!(
        stage
            .queue
            .clean(JobState::Failed, MINUTE, 2)
            .await
            .unwrap(),
        ["a", "b"]
    );
    assert_eq!(
        stage
            .queue
            .clean(JobState::Failed, MINUTE, 9)
            .await
            .unwrap(),
        ["c"]
    );
    assert_eq!(stage.ids("failed").await, ["young"]);
    assert_eq!(stage.events().await.last().unwrap(), "cleaned count 1");
    stage.queue.put(&[job("x"), job("y")]).await.unwrap();
    stage.claim_one().await;
    assert_eq!(
        stage
            .queue
            .clean(JobState::Waiting, Duration::ZERO, 9)
            .await
            .unwrap(),
        ["y"]
    );
    assert!(
        stage
            .queue
            .clean(JobState::Active, Duration::ZERO, 9)
            .await
            .unwrap()
            .is_empty(),
        "it is locked"
    );
}

#[tokio::test]
async fn draining_removes_what_waits() {
    let stage = Stage::new().await;
    stage
        .queue
        .put(&[
            job("running"),
            job("a"),
            Put {
                priority: 1,
                ..job("b")
            },
            delayed("c"),
        ])
        .await
        .unwrap();
    stage.claim_one().await;
    assert_eq!(stage.queue.drain(false).await.unwrap(), 2);
    assert_eq!(
        (
            stage.counts().await.of(JobState::Delayed),
            stage.counts().await.total()
        ),
        (1, 2)
    );
    assert_eq!(stage.queue.drain(true).await.unwrap(), 1);
    assert_eq!(stage.ids("active").await, ["running"]);
    assert!(stage.hash("a").await.is_empty());
}

#[tokio::test]
async fn jobs_are_listed_from_either_end() {
    let stage = Stage::new().await;
    stage
        .queue
        .put(&["a", "b", "c", "d"].map(job))
        .await
        .unwrap();
    let list = async |first, most, order| {
        let jobs = stage
            .queue
            .list(JobState::Waiting, first, most, order)
            .await
            .unwrap();
        ids_of(&jobs).join("")
    };
    assert_eq!(list(0, 3, Order::OldestFirst).await, "abc");
    assert_eq!(list(1, 9, Order::OldestFirst).await, "bcd");
    assert_eq!(list(0, 3, Order::NewestFirst).await, "dcb");
    assert_eq!(list(4, 3, Order::OldestFirst).await, "");
    assert_eq!(list(0, 0, Order::OldestFirst).await, "");
    fail(&stage, &[]).await;
    let (found, state) = stage.queue.get("b").await.unwrap().unwrap();
    assert_eq!((found.id.as_str(), state), ("b", Some(JobState::Waiting)));
    assert_eq!(stage.queue.get("nobody").await.unwrap(), None);
}

#[tokio::test]
async fn the_epoch_tells_ours_from_others_and_from_an_emptied_redis() {
    let stage = Stage::new().await;
    let connection = stage.queue.connection();
    assert_eq!(connection.attach("one").await.unwrap(), Epoch::Fresh);
    assert_eq!(connection.attach("one").await.unwrap(), Epoch::Ours);
    assert_eq!(
        connection.attach("two").await.unwrap(),
        Epoch::Foreign("one".into())
    );
    assert_eq!(connection.epoch().await.unwrap().as_deref(), Some("one"));
    stage.say("FLUSHALL").await;
    assert_eq!(connection.epoch().await.unwrap(), None);
    assert_eq!(connection.attach("one").await.unwrap(), Epoch::Fresh);
}

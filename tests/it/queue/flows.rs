//! What ties jobs of others together: flows and deduplication keep working when our worker runs a part of them.

use super::Stage;
use serde_json::json;
use syncline::queue::{Finish, FinishCode, JobState, Keep};

/// A parent in another queue, and its children in ours, as a flow producer leaves them. `flag` is how a failure counts.
async fn family(stage: &Stage, children: &[&str], flag: &str) {
    stage
        .say("HSET bull:up:p name parent data {} opts {} timestamp 1 delay 0 priority 0")
        .await;
    stage.say("ZADD bull:up:waiting-children 1 p").await;
    for id in children {
        let parent = format!(r#"{{"id":"p","queueKey":"bull:up"{flag}}}"#);
        let key = format!("bull:sync:{id}");
        stage
            .tell(&[
                "HSET",
                &key,
                "name",
                "child",
                "data",
                "{}",
                "opts",
                "{}",
                "parentKey",
                "bull:up:p",
                "parent",
                &parent,
            ])
            .await;
        stage
            .say(&format!("SADD bull:up:p:dependencies {key}"))
            .await;
        stage.say(&format!("LPUSH bull:sync:wait {id}")).await;
    }
}

async fn parent_waits(stage: &Stage) -> bool {
    let waiting: Vec<String> = stage
        .say("LRANGE bull:up:wait 0 -1")
        .await
        .convert()
        .unwrap();
    waiting == ["p"]
}

#[tokio::test]
async fn a_parent_is_ready_when_its_last_child_is_done() {
    let stage = Stage::new().await;
    family(&stage, &["a", "b"], "").await;
    let jobs = stage.claim(2).await;
    stage
        .finish(Finish::completed(&jobs[0], json!({"n": 1}), Keep::All))
        .await;
    assert!(!parent_waits(&stage).await);
    stage
        .finish(Finish::completed(&jobs[1], json!(null), Keep::Nothing))
        .await;
    assert!(parent_waits(&stage).await);
    let processed = stage.say("HGET bull:up:p:processed bull:sync:a").await;
    assert_eq!(processed.as_string().unwrap(), r#"{"n":1}"#);
    assert_eq!(stage.say("ZCARD bull:up:marker").await.as_i64(), Some(1));
}

#[tokio::test]
async fn a_failed_child_without_a_flag_keeps_its_parent_waiting() {
    let stage = Stage::new().await;
    family(&stage, &["a"], "").await;
    let job = stage.claim_one().await;
    stage.finish(Finish::failed(&job, "no", Keep::All)).await;
    assert!(!parent_waits(&stage).await);
    assert_eq!(
        stage.say("SCARD bull:up:p:dependencies").await.as_i64(),
        Some(1)
    );
}

#[tokio::test]
async fn a_failed_child_is_told_to_its_parent_as_its_flag_says() {
    for (flag, released, kept_in) in [
        (r#","fpof":true"#, true, "unsuccessful"),
        (r#","cpof":true"#, true, "failed"),
        (r#","idof":true"#, false, "failed"),
        (r#","rdof":true"#, false, ""),
    ] {
        let stage = Stage::new().await;
        family(&stage, &["a", "b"], flag).await;
        let jobs = stage.claim(2).await;
        stage
            .finish(Finish::failed(&jobs[0], "no", Keep::All))
            .await;
        assert_eq!(parent_waits(&stage).await, released, "{flag}");
        for suffix in ["unsuccessful", "failed"] {
            let there = stage
                .say(&format!("EXISTS bull:up:p:{suffix}"))
                .await
                .as_i64();
            assert_eq!(there, Some(i64::from(suffix == kept_in)), "{flag} {suffix}");
        }
        let deferred = stage.say("HGET bull:up:p defa").await;
        assert_eq!(!deferred.is_null(), flag.contains("fpof"), "{flag}");
        stage
            .finish(Finish::completed(&jobs[1], json!(1), Keep::All))
            .await;
        assert!(parent_waits(&stage).await, "{flag}");
    }
}

#[tokio::test]
async fn a_parent_with_pending_or_failed_children_cannot_complete() {
    let stage = Stage::new().await;
    stage.add("a").await;
    let job = stage.claim_one().await;
    stage
        .say("SADD bull:sync:a:dependencies bull:other:1")
        .await;
    let end = Finish::completed(&job, json!(1), Keep::All);
    assert_eq!(stage.finish(end.clone()).await, FinishCode::ChildrenPending);
    stage.say("DEL bull:sync:a:dependencies").await;
    stage
        .say("ZADD bull:sync:a:unsuccessful 1 bull:other:1")
        .await;
    assert_eq!(stage.finish(end).await, FinishCode::ChildrenFailed);
    assert_eq!(stage.state("a").await, Some(JobState::Active));
    assert_eq!(
        stage.finish(Finish::failed(&job, "no", Keep::All)).await,
        FinishCode::Done
    );
}

#[tokio::test]
async fn a_removed_child_is_waited_for_no_longer_and_a_retried_one_is_again() {
    let stage = Stage::new().await;
    family(&stage, &["a", "b"], r#","idof":true"#).await;
    stage.queue.remove(vec!["a".into()]).await.unwrap();
    assert!(!parent_waits(&stage).await);
    stage.say("SADD bull:up:p:dependencies bull:other:1").await;
    let job = stage.claim_one().await;
    stage.finish(Finish::failed(&job, "no", Keep::All)).await;
    assert_eq!(
        stage.say("SCARD bull:up:p:dependencies").await.as_i64(),
        Some(1)
    );
    let which = syncline::queue::Which::Oldest(1);
    stage
        .queue
        .retry(JobState::Failed, which, false)
        .await
        .unwrap();
    assert_eq!(
        stage.say("SCARD bull:up:p:dependencies").await.as_i64(),
        Some(2)
    );
    stage.say("SREM bull:up:p:dependencies bull:other:1").await;
    stage.queue.remove(vec!["b".into()]).await.unwrap();
    assert!(parent_waits(&stage).await, "the last one is gone");
}

#[tokio::test]
async fn a_deduplication_id_is_given_back_and_the_job_that_came_meanwhile_follows() {
    let stage = Stage::new().await;
    stage
        .say("HSET bull:sync:1 name run data {} opts {} deid d")
        .await;
    stage.say("SET bull:sync:de:d 1").await;
    stage.say("LPUSH bull:sync:wait 1").await;
    let job = stage.claim_one().await;
    stage
        .say(r#"HSET bull:sync:dn:d jid 2 name next data {"n":2} opts {"priority":3}"#)
        .await;
    stage
        .finish(Finish::completed(&job, json!(1), Keep::All))
        .await;
    assert_eq!(stage.ids("prioritized").await, ["2"]);
    assert_eq!(
        stage.say("GET bull:sync:de:d").await.as_string().unwrap(),
        "2"
    );
    let next = stage.claim_one().await;
    assert_eq!(
        (next.name.as_str(), next.data.as_str()),
        ("next", r#"{"n":2}"#)
    );
    stage
        .finish(Finish::completed(&next, json!(1), Keep::All))
        .await;
    assert!(stage.say("GET bull:sync:de:d").await.is_null());
}

#[tokio::test]
async fn a_deduplication_id_with_a_time_of_its_own_stays() {
    let stage = Stage::new().await;
    stage
        .say("HSET bull:sync:1 name run data {} opts {} deid d")
        .await;
    stage.say("SET bull:sync:de:d 1 PX 60000").await;
    stage.say("LPUSH bull:sync:wait 1").await;
    let job = stage.claim_one().await;
    stage
        .finish(Finish::completed(&job, json!(1), Keep::All))
        .await;
    assert_eq!(
        stage.say("GET bull:sync:de:d").await.as_string().unwrap(),
        "1"
    );
}

//! Locks, stalled jobs, progress and logs.

use super::{Stage, TOKEN, ids_of, job};
use crate::kit;
use std::time::Duration;
use syncline::queue::{Claim, Finish, FinishCode, Keep, Put};

const AT_ONCE: Duration = Duration::from_millis(1);

/// Looks for stalled jobs as soon as the last look is long enough ago.
async fn look(stage: &Stage) -> Vec<String> {
    stage.say("DEL bull:sync:stalled-check").await;
    stage.queue.recover_stalled(super::MINUTE, 1).await.unwrap()
}

#[tokio::test]
async fn extending_answers_which_locks_are_lost() {
    let stage = Stage::new().await;
    stage
        .queue
        .put(&[job("a"), job("b"), job("c")])
        .await
        .unwrap();
    stage.claim(3).await;
    stage.say("DEL bull:sync:b:lock").await;
    stage.say("SET bull:sync:c:lock somebody").await;
    let ids: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
    let lost = stage
        .queue
        .extend(TOKEN, Duration::from_secs(90), &ids)
        .await
        .unwrap();
    assert_eq!(lost, ["b", "c"]);
    let left: i64 = stage.say("PTTL bull:sync:a:lock").await.convert().unwrap();
    assert!(left > 80_000, "{left}");
    assert!(
        stage.say("GET bull:sync:b:lock").await.is_null(),
        "a lost lock is not taken back"
    );
}

#[tokio::test]
async fn a_job_whose_worker_is_gone_comes_back_first_at_the_second_look() {
    let stage = Stage::new().await;
    stage
        .put(Put {
            priority: 5,
            ..job("a")
        })
        .await;
    let mut claim = Claim::new("dead");
    claim.lock = AT_ONCE;
    stage.queue.claim(&claim, 1).await.unwrap();
    stage.add("b").await;
    assert!(look(&stage).await.is_empty());
    kit::eventually(super::SOON, || async {
        match look(&stage).await {
            found if found == ["a"] => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let events = stage.events().await;
    assert_eq!(
        events[events.len() - 2..],
        ["waiting jobId a prev active", "stalled jobId a"]
    );
    let claimed = stage.claim(5).await;
    assert_eq!(ids_of(&claimed), ["a", "b"]);
    assert_eq!(claimed[0].stalled, 1);
    let late = Finish::release(&claimed[0]);
    assert_eq!(
        stage.queue.finish("dead", &[late]).await.unwrap(),
        [FinishCode::LockOfAnother]
    );
}

#[tokio::test]
async fn a_job_that_stalls_too_often_has_to_be_failed() {
    let stage = Stage::new().await;
    stage.add("a").await;
    for _ in 0..2 {
        stage.claim_one().await;
        stage.say("DEL bull:sync:a:lock").await;
        look(&stage).await;
        assert_eq!(look(&stage).await, ["a"]);
    }
    let claimed = stage.claim_one().await;
    assert_eq!(
        claimed.deferred_failure.as_deref(),
        Some("job stalled more than allowable limit")
    );
    stage
        .finish(Finish::failed(&claimed, "stalled", Keep::All))
        .await;
    assert!(!stage.hash("a").await.contains_key("defa"));
}

#[tokio::test]
async fn a_job_that_is_held_does_not_stall_and_one_look_in_an_interval_is_made() {
    let stage = Stage::new().await;
    stage.add("a").await;
    stage.claim_one().await;
    for _ in 0..3 {
        assert!(look(&stage).await.is_empty());
    }
    stage.say("DEL bull:sync:a:lock").await;
    assert!(
        stage
            .queue
            .recover_stalled(super::MINUTE, 1)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(stage.ids("active").await, ["a"]);
}

#[tokio::test]
async fn progress_is_kept_and_told_as_json() {
    let stage = Stage::new().await;
    stage.add("a").await;
    let progress = serde_json::json!({"done": 3, "of": 7});
    assert!(stage.queue.progress("a", &progress).await.unwrap());
    assert!(!stage.queue.progress("nobody", &progress).await.unwrap());
    let (job, _) = stage.queue.get("a").await.unwrap().unwrap();
    assert_eq!(job.progress, Some(progress));
    assert_eq!(
        stage.events().await.last().unwrap(),
        r#"progress jobId a data {"done":3,"of":7}"#
    );
    assert!(stage.hash("nobody").await.is_empty());
}

#[tokio::test]
async fn the_newest_log_lines_stay() {
    let stage = Stage::new().await;
    stage.add("a").await;
    let lines: Vec<String> = (0..5).map(|n| format!("line {n}")).collect();
    assert!(stage.queue.log("a", &lines, None).await.unwrap());
    assert!(
        stage
            .queue
            .log("a", &["last".to_owned()], Some(3))
            .await
            .unwrap()
    );
    let (read, all) = stage.queue.logs("a", 0, 10).await.unwrap();
    assert_eq!(
        (read, all),
        (
            vec!["line 3".to_owned(), "line 4".to_owned(), "last".to_owned()],
            3
        )
    );
    assert_eq!(stage.queue.logs("a", 1, 1).await.unwrap().0, ["line 4"]);
    assert!(!stage.queue.log("nobody", &lines, None).await.unwrap());
}

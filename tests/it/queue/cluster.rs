//! Every verb on a Redis cluster: it refuses a step whose keys are not all in one slot.

use super::{MINUTE, TOKEN, ids_of, job, queue_at};
use crate::kit;
use serde_json::json;
use std::time::Duration;
use syncline::queue::{Claim, Finish, FinishCode, JobState, Keep, PutCode, Which};

#[tokio::test]
async fn every_verb_works_on_a_cluster() {
    let redis = kit::redis_cluster();
    let queue = queue_at(&redis.cluster_url()).await;
    let id = |text: &str| vec![text.to_owned()];
    let claim = Claim::new(TOKEN);
    let added = queue.put(&["a", "b", "c", "d"].map(job)).await.unwrap();
    assert_eq!(added, [PutCode::Added; 4]);
    let mut later = job("later");
    later.delay = MINUTE;
    queue.put(&[later]).await.unwrap();
    assert_eq!(redis.say("EXISTS {bull}:sync:a"), ":1");

    assert!(queue.pause().await.unwrap());
    assert!(queue.is_paused().await.unwrap());
    assert!(queue.resume().await.unwrap());

    let jobs = queue.claim(&claim, 2).await.unwrap().jobs;
    assert_eq!(ids_of(&jobs), ["a", "b"]);
    let ids = ["a", "b"].map(str::to_owned);
    assert!(queue.extend(TOKEN, MINUTE, &ids).await.unwrap().is_empty());
    assert!(queue.progress("a", &json!(50)).await.unwrap());
    assert!(queue.log("a", &id("a line"), None).await.unwrap());
    assert_eq!(queue.logs("a", 0, 10).await.unwrap().0, ["a line"]);

    let failed = Finish::failed(&jobs[1], "no", Keep::All);
    let codes = queue.finish(TOKEN, &[failed]).await.unwrap();
    assert_eq!(codes, [FinishCode::Done]);
    let ended = Finish::completed(&jobs[0], json!(1), Keep::All);
    let (codes, claimed) = queue.exchange(&claim, &[ended], 1).await.unwrap();
    assert_eq!(codes, [FinishCode::Done]);
    assert_eq!(ids_of(&claimed.jobs), ["c"]);

    queue.recover_stalled(MINUTE, 5).await.unwrap();
    queue.promote(Which::Ids(id("later"))).await.unwrap();
    queue.remove(id("d")).await.unwrap();
    queue
        .clean(JobState::Completed, Duration::ZERO, 10)
        .await
        .unwrap();
    let states = ["a", "b", "c", "d", "later"].map(str::to_owned);
    assert_eq!(
        queue.states(&states).await.unwrap(),
        [
            None,
            Some(JobState::Failed),
            Some(JobState::Active),
            None,
            Some(JobState::Waiting),
        ]
    );
    let mut waiter = queue.waiter();
    waiter.wait(Duration::from_secs(1)).await.unwrap();
    queue.drain(true).await.unwrap();
    assert_eq!(queue.counts().await.unwrap().ready(), 0);
    assert_eq!(
        queue.connection().attach("us").await.unwrap(),
        syncline::queue::Epoch::Fresh
    );
}

//! `claim`: what runs next, and when nothing may.

use super::{MINUTE, SOON, Stage, TOKEN, ids_of, job};
use crate::kit;
use std::{collections::BTreeSet, time::Duration};
use syncline::queue::{Claim, Finish, JobState, Keep, Put, Rate};

#[tokio::test]
async fn a_claimed_job_is_locked_and_active() {
    let stage = Stage::new().await;
    stage.add("a").await;
    let mut claim = Claim::new(TOKEN);
    claim.worker = Some("w1".into());
    let jobs = stage.queue.claim(&claim, 5).await.unwrap().jobs;
    assert_eq!((jobs[0].attempts_started, jobs[0].attempts_made), (1, 0));
    assert!(jobs[0].started_at.is_some());
    let hash = stage.hash("a").await;
    assert_eq!((hash["ats"].as_str(), hash["pb"].as_str()), ("1", "w1"));
    assert_eq!(stage.ids("active").await, ["a"]);
    let left: i64 = stage.say("PTTL bull:sync:a:lock").await.convert().unwrap();
    assert!((20_000..=30_000).contains(&left), "{left}");
    assert_eq!(
        stage.events().await.last().unwrap(),
        "active jobId a prev waiting"
    );
    assert!(stage.claim(5).await.is_empty());
}

#[tokio::test]
async fn many_claimers_never_get_the_same_job() {
    let stage = Stage::new().await;
    let jobs: Vec<Put> = (0..2_000).map(|n| job(&format!("j{n}"))).collect();
    stage.queue.put(&jobs).await.unwrap();
    let mut claimers = tokio::task::JoinSet::new();
    for claimer in 0..16 {
        let queue = super::queue_at(&stage.redis.url()).await;
        claimers.spawn(async move {
            let claim = Claim::new(format!("worker-{claimer}"));
            let mut mine = Vec::new();
            loop {
                let jobs = queue.claim(&claim, 7).await.unwrap().jobs;
                if jobs.is_empty() {
                    return mine;
                }
                mine.extend(jobs.into_iter().map(|job| job.id));
            }
        });
    }
    let all: Vec<String> = claimers.join_all().await.into_iter().flatten().collect();
    assert_eq!(all.len(), 2_000);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 2_000);
}

#[tokio::test]
async fn jobs_without_priority_come_first_then_the_lowest_number() {
    let stage = Stage::new().await;
    let with = |id: &str, priority| Put {
        priority,
        ..job(id)
    };
    let jobs = [
        with("p3", 3),
        with("p1", 1),
        with("p3b", 3),
        job("none"),
        with("top", 2_097_151),
    ];
    stage.queue.put(&jobs).await.unwrap();
    assert_eq!(ids_of(&stage.claim(3).await), ["none", "p1", "p3"]);
    assert_eq!(ids_of(&stage.claim(3).await), ["p3b", "top"]);
    stage.put(with("last", 2)).await;
    assert_eq!(
        stage.say("GET bull:sync:pc").await.as_string().unwrap(),
        "1",
        "the turn starts anew"
    );
}

#[tokio::test]
async fn delayed_jobs_come_in_the_order_of_their_times() {
    let stage = Stage::new().await;
    let delayed = |id: &str, ms| Put {
        delay: Duration::from_millis(ms),
        ..job(id)
    };
    let jobs: Vec<Put> = [
        ("c", 90),
        ("a", 30),
        ("b1", 60),
        ("b2", 60),
        ("far", 60_000),
    ]
    .map(|(id, ms)| delayed(id, ms))
    .to_vec();
    stage.queue.put(&jobs).await.unwrap();
    let next = stage.claimed(5).await.next_delayed_in.unwrap();
    assert!(next <= Duration::from_millis(30), "{next:?}");
    let mut order: Vec<String> = Vec::new();
    while order.len() < 4 {
        let claimed = stage.claimed(5).await;
        order.extend(claimed.jobs.into_iter().map(|job| job.id));
        let next = claimed.next_delayed_in.unwrap();
        stage.queue.waiter().wait(next.min(MINUTE)).await.unwrap();
    }
    assert_eq!(order, ["a", "b1", "b2", "c"]);
    let hash = stage.hash("a").await;
    assert_eq!(hash["delay"], "0");
    assert!(
        stage
            .events()
            .await
            .contains(&"waiting jobId a prev delayed".to_owned())
    );
}

#[tokio::test]
async fn a_thousand_jobs_due_in_the_same_millisecond_keep_their_order() {
    let stage = Stage::new().await;
    let jobs: Vec<Put> = (0..200)
        .map(|n| Put {
            delay: Duration::from_secs(5),
            ..job(&format!("j{n}"))
        })
        .collect();
    stage.queue.put(&jobs).await.unwrap();
    let order = stage.ids("delayed").await;
    assert!(order.iter().eq(jobs.iter().map(|job| &job.id)));
}

#[tokio::test]
async fn a_paused_queue_hands_nothing_out_but_its_delayed_jobs_become_ready() {
    let stage = Stage::new().await;
    stage.queue.pause().await.unwrap();
    stage.add("a").await;
    stage
        .put(Put {
            delay: Duration::from_millis(1),
            ..job("b")
        })
        .await;
    kit::eventually(SOON, || async {
        assert!(stage.claim(5).await.is_empty());
        match stage.state("b").await {
            Some(JobState::Waiting) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert!(!stage.ids("marker").await.contains(&"0".to_owned()));
    stage.queue.resume().await.unwrap();
    assert_eq!(ids_of(&stage.claim(5).await), ["a", "b"]);
}

#[tokio::test]
async fn no_more_jobs_run_than_the_queue_allows() {
    let stage = Stage::new().await;
    stage.say("HSET bull:sync:meta concurrency 2").await;
    stage
        .queue
        .put(&[job("a"), job("b"), job("c")])
        .await
        .unwrap();
    let running = stage.claim(5).await;
    assert_eq!(ids_of(&running), ["a", "b"]);
    assert!(stage.claim(5).await.is_empty());
    stage.say("DEL bull:sync:marker").await;
    stage
        .finish(Finish::completed(&running[0], 1.into(), Keep::All))
        .await;
    assert_eq!(
        stage.ids("marker").await,
        ["0"],
        "the freed place wakes somebody"
    );
    assert_eq!(ids_of(&stage.claim(5).await), ["c"]);
}

#[tokio::test]
async fn a_rate_limit_lets_so_many_start_in_each_window() {
    let stage = Stage::new().await;
    stage.say("HSET bull:sync:meta max 3 duration 400").await;
    let jobs: Vec<Put> = (0..5).map(|n| job(&format!("j{n}"))).collect();
    stage.queue.put(&jobs).await.unwrap();
    assert_eq!(stage.claim(2).await.len(), 2);
    assert_eq!(stage.claim(5).await.len(), 1);
    let limited = stage.claimed(5).await;
    assert!(limited.jobs.is_empty());
    assert!(limited.limited_for.unwrap() <= Duration::from_millis(400));
    kit::eventually(SOON, || async {
        match stage.claim(5).await.len() {
            2 => Ok(()),
            other => Err(format!("{other} jobs")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_worker_may_bring_its_own_limit() {
    let stage = Stage::new().await;
    stage.queue.put(&[job("a"), job("b")]).await.unwrap();
    let mut claim = Claim::new(TOKEN);
    claim.rate = Some(Rate {
        max: 1,
        window: MINUTE,
    });
    assert_eq!(stage.queue.claim(&claim, 5).await.unwrap().jobs.len(), 1);
    let limited = stage.queue.claim(&claim, 5).await.unwrap();
    assert!(limited.jobs.is_empty() && limited.limited_for.is_some());
}

#[tokio::test]
async fn an_id_without_a_job_is_told_and_dropped() {
    let stage = Stage::new().await;
    stage.say("LPUSH bull:sync:wait ghost").await;
    stage.add("a").await;
    let claimed = stage.claimed(5).await;
    assert_eq!(claimed.ghosts, ["ghost"]);
    assert_eq!(ids_of(&claimed.jobs), ["a"]);
    assert_eq!(stage.ids("active").await, ["a"]);
    assert!(stage.hash("ghost").await.is_empty());
}

#[tokio::test]
async fn jobs_of_schedulers_and_flows_of_others_are_told_apart() {
    let stage = Stage::new().await;
    stage.say("HSET bull:sync:repeat:x:1 name run rjk x").await;
    stage
        .say("HSET bull:sync:9 name child parentKey bull:other:1")
        .await;
    stage.say("LPUSH bull:sync:wait repeat:x:1 9").await;
    let jobs = stage.claim(5).await;
    assert_eq!(jobs[0].scheduler.as_deref(), Some("x"));
    assert_eq!(jobs[1].parent.as_deref(), Some("bull:other:1"));
    stage.say("HSET bull:sync:8 name parent").await;
    stage.say("HSET bull:sync:8:processed bull:other:1 1").await;
    stage.say("LPUSH bull:sync:wait 8").await;
    stage.add("own").await;
    let jobs = stage.claim(5).await;
    assert!(stage.queue.is_flow_parent(&jobs[0].id).await.unwrap());
    assert!(!stage.queue.is_flow_parent(&jobs[1].id).await.unwrap());
}

#[tokio::test]
async fn an_idle_worker_is_woken_at_once_and_seen_among_the_clients() {
    let stage = Stage::new().await;
    let mut waiter = stage.queue.waiter();
    let woken = tokio::spawn(async move {
        waiter.wait(MINUTE).await.unwrap();
        std::time::Instant::now()
    });
    kit::eventually(SOON, || async {
        let clients = stage.say("CLIENT LIST").await.as_string().unwrap();
        let blocked = clients
            .lines()
            .any(|line| line.contains("name=bull:c3luYw==") && line.contains("cmd=bzpopmin"));
        if blocked { Ok(()) } else { Err(clients) }
    })
    .await;
    let added = std::time::Instant::now();
    stage.add("a").await;
    assert!(woken.await.unwrap() - added < Duration::from_secs(1));
}

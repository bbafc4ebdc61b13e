//! `put`: ready, whatever is there.

use super::{Stage, TOKEN, ids_of, job};
use std::time::Duration;
use syncline::queue::{Finish, JobState, Keep, Options, Put, PutCode};

fn delayed(id: &str, delay: Duration) -> Put {
    Put { delay, ..job(id) }
}

fn prioritized(id: &str, priority: u32) -> Put {
    Put {
        priority,
        ..job(id)
    }
}

#[tokio::test]
async fn a_new_job_is_added_with_all_that_a_javascript_worker_reads() {
    let stage = Stage::new().await;
    stage.add("a").await;
    let hash = stage.hash("a").await;
    assert_eq!(hash["name"], "run");
    assert_eq!(hash["data"], r#"{"run":"a"}"#);
    assert_eq!(hash["opts"], r#"{"attempts":0,"jobId":"a"}"#);
    assert_eq!(
        (hash["delay"].as_str(), hash["priority"].as_str()),
        ("0", "0")
    );
    assert!(hash["timestamp"].parse::<i64>().unwrap() > 1_700_000_000_000);
    assert_eq!(
        stage.events().await,
        ["added jobId a name run", "waiting jobId a"]
    );
    assert_eq!(stage.ids("marker").await, ["0"]);
}

#[tokio::test]
async fn jobs_put_together_run_in_their_order() {
    let stage = Stage::new().await;
    let jobs: Vec<Put> = (0..600).map(|n| job(&format!("j{n}"))).collect();
    let codes = stage.queue.put(&jobs).await.unwrap();
    assert!(codes.iter().all(|code| *code == PutCode::Added) && codes.len() == 600);
    let claimed = stage.claim(600).await;
    assert!(
        claimed
            .iter()
            .map(|job| &job.id)
            .eq(jobs.iter().map(|job| &job.id))
    );
}

#[tokio::test]
async fn what_waits_or_runs_is_not_put_twice() {
    let stage = Stage::new().await;
    let codes = stage
        .queue
        .put(&[job("a"), job("a"), job("b")])
        .await
        .unwrap();
    assert_eq!(codes, [PutCode::Added, PutCode::Waiting, PutCode::Added]);
    assert_eq!(stage.put(job("b")).await, PutCode::Waiting);
    assert_eq!(stage.claim_one().await.id, "a");
    assert_eq!(stage.put(job("a")).await, PutCode::Active);
    assert_eq!(stage.ids("wait").await, ["b"]);
    assert_eq!(stage.ids("active").await, ["a"]);
}

#[tokio::test]
async fn a_finished_job_starts_again_with_what_it_is_given() {
    let stage = Stage::new().await;
    stage.add("a").await;
    let claimed = stage.claim_one().await;
    stage
        .finish(Finish::failed(&claimed, "no", Keep::All))
        .await;
    let again = Put {
        attempts_made: 2,
        ..job("a")
    };
    assert_eq!(stage.put(again).await, PutCode::Restarted);
    let hash = stage.hash("a").await;
    assert_eq!(hash["atm"], "2");
    assert!(!hash.contains_key("failedReason") && !hash.contains_key("finishedOn"));
    assert_eq!(
        stage.events().await.last().unwrap(),
        "waiting jobId a prev failed"
    );

    let claimed = stage.claim_one().await;
    stage
        .finish(Finish::completed(&claimed, 1.into(), Keep::All))
        .await;
    assert_eq!(
        stage.put(delayed("a", Duration::from_secs(60))).await,
        PutCode::Restarted
    );
    assert_eq!(stage.state("a").await, Some(JobState::Delayed));
    assert!(stage.ids("completed").await.is_empty());
}

#[tokio::test]
async fn a_job_in_no_list_is_rebuilt() {
    let stage = Stage::new().await;
    stage.add("a").await;
    stage.say("DEL bull:sync:wait").await;
    stage.say("SET bull:sync:a:lock somebody").await;
    assert_eq!(stage.put(job("a")).await, PutCode::Rebuilt);
    assert_eq!(ids_of(&stage.claim(10).await), ["a"]);
    assert_eq!(
        stage.say("GET bull:sync:a:lock").await.as_string().unwrap(),
        TOKEN
    );
}

#[tokio::test]
async fn a_waiting_job_gets_the_delay_that_is_asked_for_now() {
    let stage = Stage::new().await;
    stage.add("a").await;
    assert_eq!(
        stage.put(delayed("a", Duration::from_secs(60))).await,
        PutCode::Waiting
    );
    assert_eq!(stage.state("a").await, Some(JobState::Delayed));
    let events = stage.events().await.len();
    assert_eq!(
        stage.put(delayed("a", Duration::from_millis(60_400))).await,
        PutCode::Waiting
    );
    assert_eq!(
        stage.events().await.len(),
        events,
        "the same due time moves nothing"
    );
    stage.put(delayed("a", Duration::from_secs(600))).await;
    let next = stage.claimed(1).await.next_delayed_in.unwrap();
    assert!(next > Duration::from_secs(590), "{next:?}");
    assert_eq!(stage.put(job("a")).await, PutCode::Waiting);
    assert_eq!(
        stage.events().await.last().unwrap(),
        "waiting jobId a prev delayed"
    );
    assert_eq!(ids_of(&stage.claim(10).await), ["a"]);
}

#[tokio::test]
async fn a_waiting_job_gets_the_priority_that_is_asked_for_now() {
    let stage = Stage::new().await;
    stage.add("a").await;
    stage.put(prioritized("b", 5)).await;
    stage.put(prioritized("a", 6)).await;
    assert_eq!(stage.ids("prioritized").await, ["b", "a"]);
    assert!(stage.ids("wait").await.is_empty());
    stage.put(prioritized("a", 4)).await;
    assert_eq!(stage.ids("prioritized").await, ["a", "b"]);
    stage.add("c").await;
    stage.put(job("b")).await;
    assert_eq!(ids_of(&stage.claim(10).await), ["c", "b", "a"]);
}

#[tokio::test]
async fn the_trace_context_and_options_of_a_job_come_back() {
    let stage = Stage::new().await;
    let options = Options {
        attempts: 3,
        trace_context: Some(r#"{"traceparent":"00-1-2-01"}"#.into()),
        ..Options::default()
    };
    stage
        .put(Put {
            options: options.clone(),
            ..job("a")
        })
        .await;
    let claimed = stage.claim_one().await;
    assert_eq!(claimed.options, options);
    assert_eq!(claimed.data, r#"{"run":"a"}"#);
}

#[tokio::test]
async fn ids_that_would_overwrite_the_queue_are_refused() {
    let stage = Stage::new().await;
    for id in ["wait", "meta", "", "a:b"] {
        assert!(
            stage.queue.put(&[job("ok"), job(id)]).await.is_err(),
            "{id:?}"
        );
    }
    assert!(
        stage
            .queue
            .put(&[prioritized("a", 2_097_152)])
            .await
            .is_err()
    );
    assert_eq!(stage.counts().await.total(), 0, "nothing of it was put");
}

//! BullMQ from npm on the same queue, both ways and in both versions.

use super::{
    MINUTE, SOON, Stage, TOKEN, job,
    outside::{Outside, VERSIONS},
};
use crate::kit;
use serde_json::{Value, json};
use std::time::Duration;
use syncline::queue::{Finish, FinishCode, Job, JobState, Keep, Options, Put};

async fn both(fact: impl AsyncFn(Stage, Outside)) {
    for version in VERSIONS {
        let stage = Stage::new().await;
        let outside = Outside::start(version, &stage.redis.url());
        fact(stage, outside).await;
    }
}

async fn claimed(stage: &Stage) -> Job {
    kit::eventually(SOON, || async {
        let mut jobs = stage.claim(1).await;
        jobs.pop().ok_or("nothing to claim")
    })
    .await
}

#[tokio::test]
async fn we_run_what_javascript_adds() {
    both(async |stage, mut node| {
        node.run(
            "await queue.add('run', { sync: 'tenants/t/syncs/s', list: [] }, { jobId: 'mine', attempts: 3, priority: 2,
                backoff: { type: 'exponential', delay: 1000 }, removeOnFail: 5 });
             await queue.addBulk([{ name: 'b', data: 1 }, { name: 'c', data: { text: 'a/b \u{e4}' }, opts: { delay: 5 } }]);",
        )
        .await;
        let (first, second, third) = (claimed(&stage).await, claimed(&stage).await, claimed(&stage).await);
        let mut names = [first.name.as_str(), second.name.as_str(), third.name.as_str()];
        names.sort_unstable();
        assert_eq!(names, ["b", "c", "run"]);
        let all = [first, second, third];
        let mine = all.iter().find(|job| job.id == "mine").unwrap();
        assert_eq!((mine.options.attempts, mine.priority), (3, 2));
        assert_eq!(mine.options.backoff.as_ref().unwrap().pause(2, 0.0), Some(Duration::from_secs(2)));
        assert_eq!(mine.options.keep_failed, Some(Keep::newest(5)));
        let data: Value = serde_json::from_str(&mine.data).unwrap();
        assert_eq!(data["sync"], "tenants/t/syncs/s");
        let text = all.iter().find(|job| job.name == "c").unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text.data).unwrap()["text"], "a/b \u{e4}");
    })
    .await;
}

#[tokio::test]
async fn javascript_that_waits_for_a_job_gets_our_result_or_our_reason() {
    both(async |stage, mut node| {
        node.run(
            "const events = await listen();
             globalThis.good = (await queue.add('run', 1, { removeOnComplete: true })).waitUntilFinished(events);
             globalThis.bad = (await queue.add('run', 2)).waitUntilFinished(events).catch(error => error.message);",
        )
        .await;
        let (good, bad) = (claimed(&stage).await, claimed(&stage).await);
        stage.finish(Finish::completed(&good, json!({"created": [1, "b"]}), Keep::All)).await;
        stage.finish(Finish::failed(&bad, "the meeting is gone", Keep::All)).await;
        assert_eq!(node.run("return globalThis.good").await, json!({"created": [1, "b"]}));
        assert_eq!(node.run("return globalThis.bad").await, "the meeting is gone");
    })
    .await;
}

#[tokio::test]
async fn javascript_that_listens_gets_every_event_in_order() {
    both(async |stage, mut node| {
        node.run("await listen()").await;
        stage.add("a").await;
        let claim = claimed(&stage).await;
        stage.queue.progress("a", &json!({"done": 1})).await.unwrap();
        stage.finish(Finish::retry(&claim, "first", Duration::from_millis(1))).await;
        let claim = claimed(&stage).await;
        stage.finish(Finish::completed(&claim, json!(7), Keep::All)).await;
        let options = Options { attempts: 1, ..Options::default() };
        stage.put(Put { options, ..job("b") }).await;
        let claim = claimed(&stage).await;
        stage.finish(Finish::failed(&claim, "no", Keep::All)).await;
        stage.queue.pause().await.unwrap();
        stage.queue.resume().await.unwrap();
        stage.queue.remove(vec!["b".into()]).await.unwrap();
        stage.queue.clean(JobState::Completed, Duration::ZERO, 5).await.unwrap();
        let told = node
            .run("return await until(() => told().some(({ event }) => event === 'cleaned') && told())")
            .await;
        let told: Vec<String> = told.as_array().unwrap().iter().map(|event| {
            let text = |name: &str| event.get(name).map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
            let details = ["jobId", "name", "prev", "data", "returnvalue", "failedReason", "attemptsMade", "count"];
            let details: Vec<String> = details.iter().filter_map(|name| text(name)).collect();
            format!("{} {}", event["event"].as_str().unwrap(), details.join(" ")).trim().to_owned()
        }).collect();
        let expected = [
            "added a run", "waiting a", "active a waiting", r#"progress a {"done":1}"#, "delayed a", "drained",
            "waiting a delayed", "active a waiting", "completed a active 7", "drained",
            "added b run", "waiting b", "active b waiting", "failed b active no", "retries-exhausted b 1", "drained",
            "paused", "resumed", "removed b failed", "cleaned 1",
        ];
        assert_eq!(told, expected);
    })
    .await;
}

#[tokio::test]
async fn a_javascript_worker_runs_what_we_put() {
    both(async |stage, mut node| {
        let options = |attempts| Options {
            attempts,
            backoff: Some(syncline::queue::Backoff { kind: "fixed".into(), delay: Duration::from_millis(10), jitter: 0.0 }),
            ..Options::default()
        };
        let with = |id: &str, attempts| Put { options: options(attempts), ..job(id) };
        let jobs = [
            with("good", 1),
            with("bad", 2),
            with("again", 3),
            Put { delay: Duration::from_millis(50), ..with("later", 1) },
            Put { priority: 7, ..with("prio", 1) },
        ];
        stage.queue.put(&jobs).await.unwrap();
        node.run(
            "worker(async job => {
                await job.updateProgress(50); await job.log('at work');
                if (job.id === 'bad' || (job.id === 'again' && job.attemptsMade < 2)) throw new Error('no ' + job.id);
                return { ran: job.data.run };
             })",
        )
        .await;
        kit::eventually(MINUTE, || async {
            let counts = stage.counts().await;
            let finished = (counts.of(JobState::Completed), counts.of(JobState::Failed));
            if finished == (4, 1) { Ok(()) } else { Err(format!("{counts:?}")) }
        })
        .await;
        let (again, state) = stage.queue.get("again").await.unwrap().unwrap();
        assert_eq!((again.attempts_made, state), (3, Some(JobState::Completed)));
        assert_eq!(again.result.as_deref(), Some(r#"{"ran":"again"}"#));
        assert_eq!(again.progress, Some(json!(50)));
        let (bad, _) = stage.queue.get("bad").await.unwrap().unwrap();
        assert_eq!((bad.attempts_made, bad.failed_reason.as_deref()), (2, Some("no bad")));
        assert_eq!(bad.stack_traces.len(), 2);
        assert_eq!(stage.queue.logs("good", 0, 9).await.unwrap().0, ["at work"]);
        assert_eq!(stage.put(with("bad", 1)).await, syncline::queue::PutCode::Restarted);
        kit::eventually(MINUTE, || async {
            match stage.state("bad").await {
                Some(JobState::Failed) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_sleeping_javascript_worker_is_woken_by_our_put_and_our_resume() {
    both(async |stage, mut node| {
        node.run("globalThis.w = worker(async () => 1, { drainDelay: 60 }); await globalThis.w.waitUntilReady()").await;
        stage.add("first").await;
        let completed = |count: u64| {
            let stage = &stage;
            kit::eventually(Duration::from_secs(15), move || async move {
                let counts = stage.counts().await;
                if counts.of(JobState::Completed) == count { Ok(()) } else { Err(format!("{counts:?}")) }
            })
        };
        completed(1).await;
        stage.add("second").await;
        completed(2).await;
        stage.queue.pause().await.unwrap();
        stage.add("third").await;
        stage.queue.resume().await.unwrap();
        completed(3).await;
    })
    .await;
}

#[tokio::test]
async fn javascript_sees_our_jobs_as_its_own() {
    both(async |stage, mut node| {
        let options = Options {
            attempts: 2,
            trace_context: Some("{}".into()),
            ..Options::default()
        };
        stage
            .put(Put {
                options,
                priority: 3,
                ..job("a")
            })
            .await;
        let claim = stage.claim_one().await;
        stage.finish(Finish::failed(&claim, "no", Keep::All)).await;
        let seen = node.run("return seen('a')").await;
        assert_eq!(seen["data"], json!({"run": "a"}));
        assert_eq!(
            (&seen["state"], &seen["failedReason"]),
            (&json!("failed"), &json!("no"))
        );
        assert_eq!(
            (&seen["attemptsMade"], &seen["priority"]),
            (&json!(1), &json!(3))
        );
        assert_eq!(seen["stacktrace"], json!(["no"]));
        assert_eq!(seen["opts"]["attempts"], 2);
        let counts = node.run("return queue.getJobCounts()").await;
        assert_eq!(
            (&counts["failed"], &counts["prioritized"]),
            (&json!(1), &json!(0))
        );
        node.run("await (await queue.getJob('a')).retry()").await;
        let claim = claimed(&stage).await;
        assert_eq!((claim.id.as_str(), claim.attempts_made), ("a", 1));
    })
    .await;
}

#[tokio::test]
async fn both_kinds_of_workers_share_a_queue_without_running_anything_twice() {
    both(async |stage, mut node| {
        let jobs: Vec<Put> = (0..300).map(|n| job(&format!("j{n}"))).collect();
        stage.queue.put(&jobs).await.unwrap();
        node.run("worker(async () => 'theirs', { concurrency: 5 })")
            .await;
        loop {
            let claims = stage.claim(3).await;
            let ends: Vec<Finish> = claims
                .iter()
                .map(|job| Finish::completed(job, json!("ours"), Keep::All))
                .collect();
            let codes = stage.queue.finish(TOKEN, &ends).await.unwrap();
            assert!(
                codes.iter().all(|code| *code == FinishCode::Done),
                "{codes:?}"
            );
            if stage.counts().await.of(JobState::Completed) == 300 {
                break;
            }
        }
        let list = stage
            .queue
            .list(
                JobState::Completed,
                0,
                300,
                syncline::queue::Order::OldestFirst,
            )
            .await
            .unwrap();
        assert!(
            list.iter()
                .all(|job| job.attempts_started == 1 && job.attempts_made == 1)
        );
    })
    .await;
}

#[tokio::test]
async fn a_javascript_flow_goes_on_when_we_run_a_child() {
    both(async |stage, mut node| {
        node.run(
            "const flow = await flows().add({ name: 'parent', queueName: 'up', data: {}, children: [
                { name: 'child', queueName: 'sync', data: 1 }, { name: 'child', queueName: 'sync', data: 2 }] });
             globalThis.parent = flow.job;",
        )
        .await;
        for _ in 0..2 {
            let claim = claimed(&stage).await;
            assert!(claim.parent.is_some());
            stage.finish(Finish::completed(&claim, json!({"child": claim.data}), Keep::All)).await;
        }
        let values = node
            .run(
                "const { Worker } = bullmq;
                 const done = new Promise(resolve => keep(new Worker('up', async job => resolve(await job.getChildrenValues()), { connection })));
                 return done;",
            )
            .await;
        assert_eq!(values.as_object().unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_job_of_a_javascript_scheduler_is_told_as_such() {
    both(async |stage, mut node| {
        node.run("await queue.upsertJobScheduler('nightly', { every: 3600000 }, { name: 'run', data: {} })").await;
        let claim = claimed(&stage).await;
        assert_eq!(claim.scheduler.as_deref(), Some("nightly"));
        let reason = "syncs have schedules of their own; remove the job scheduler \"nightly\"";
        assert_eq!(stage.finish(Finish::failed(&claim, reason, Keep::All)).await, FinishCode::Done);
    })
    .await;
}

#[tokio::test]
async fn what_version_5_paused_is_resumed_with_nothing_lost() {
    let stage = Stage::new().await;
    let mut five = Outside::start("bullmq-v5", &stage.redis.url());
    five.run("await queue.add('run', 1, { jobId: 'a' }); await queue.add('run', 2, { jobId: 'b' }); await queue.pause();").await;
    assert!(stage.queue.is_paused().await.unwrap());
    assert!(stage.claim(5).await.is_empty());
    stage.add("c").await;
    five.run("await queue.add('run', 4, { jobId: 'd' })").await;
    stage.queue.resume().await.unwrap();
    let mut ids: Vec<String> = stage.claim(9).await.into_iter().map(|job| job.id).collect();
    assert_eq!(ids[..2], ["a", "b"]);
    ids.sort();
    assert_eq!(ids, ["a", "b", "c", "d"]);
}

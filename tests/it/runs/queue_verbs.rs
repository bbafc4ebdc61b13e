//! `QueueService`: what it does to queues and their jobs.

use super::{
    Desk, PATIENCE, Seen, done,
    queue_rpc::{SYNC, desk, fields, filled, list, refusal, set},
    worker,
};
use crate::kit::{self, Database};
use serde_json::json;
use std::sync::Arc;
use syncline::{
    api::{
        v1::{self, RunState, queue_service_server::QueueService as _},
        value,
    },
    runs::{State, queue_rpc::Queues},
};
use tonic::{Code, Request};

kit::each_engine!(
    a_paused_queue_begins_nothing_until_it_is_resumed,
    jobs_are_retried_promoted_removed_and_cleaned_and_only_those_of_the_queue,
    a_job_is_added_to_an_external_queue_once,
);

async fn a_paused_queue_begins_nothing_until_it_is_resumed(database: Database) {
    let (desk, queues) = desk(database).await;
    let pause = || queues.pause_queue(Request::new(v1::PauseQueueRequest { name: SYNC.into() }));
    assert!(pause().await.unwrap().into_inner().paused);
    assert!(pause().await.unwrap().into_inner().paused, "twice is once");
    let seen = Arc::new(Seen::default());
    let worker = worker(&desk.app, &seen, |_, _| async { done() }).await;
    let run = desk.accept("s", |_| {}).await;
    // A worker that looks so often would have begun it.
    for _ in 0..20 {
        desk.app.work_arrived.notify_waiters();
        tokio::time::sleep(desk.app.config.runs.poll / 5).await;
    }
    assert_eq!(desk.get(&run.name).await.state, State::Queued);
    let resumed = queues
        .resume_queue(Request::new(v1::ResumeQueueRequest { name: SYNC.into() }))
        .await;
    assert!(!resumed.unwrap().into_inner().paused);
    assert_eq!(desk.ended(&run).await.state, State::Succeeded);
    worker.shut_down(PATIENCE).await;
    let unknown = queues
        .pause_queue(Request::new(v1::PauseQueueRequest {
            name: "queues/nope".into(),
        }))
        .await;
    assert_eq!(refusal(unknown).0, Code::NotFound);
}

async fn jobs_are_retried_promoted_removed_and_cleaned_and_only_those_of_the_queue(
    database: Database,
) {
    let (desk, queues) = desk(database).await;
    let [good, bad, later] = filled(&desk).await;
    let all: Vec<_> = [&good, &bad, &later].map(|run| run.name.to_string()).into();
    let retry = |name: &str, jobs: &[String]| {
        let request = v1::RetryJobsRequest {
            name: name.into(),
            jobs: jobs.to_vec(),
            limit: 0,
        };
        queues.retry_jobs(Request::new(request))
    };
    let promote = |name: &str, jobs: &[String]| {
        queues.promote_jobs(Request::new(v1::PromoteJobsRequest {
            name: name.into(),
            jobs: jobs.to_vec(),
        }))
    };
    let remove = |name: &str, jobs: &[String]| {
        queues.remove_jobs(Request::new(v1::RemoveJobsRequest {
            name: name.into(),
            jobs: jobs.to_vec(),
        }))
    };
    // Jobs of another queue are left as they are.
    assert!(
        retry("queues/digest", &all)
            .await
            .unwrap()
            .into_inner()
            .jobs
            .is_empty()
    );
    assert!(
        promote("queues/digest", &all)
            .await
            .unwrap()
            .into_inner()
            .jobs
            .is_empty()
    );
    assert!(
        remove("queues/digest", &all)
            .await
            .unwrap()
            .into_inner()
            .jobs
            .is_empty()
    );

    let promoted = promote(SYNC, &all).await.unwrap().into_inner().jobs;
    assert_eq!(promoted, [all[2].clone()]);
    assert!(desk.get(&later.name).await.due_at <= desk.app.db.now());
    let retried = retry(SYNC, &[]).await.unwrap().into_inner().jobs;
    assert_eq!(retried, [all[1].clone()], "those that failed");
    assert_eq!(desk.get(&bad.name).await.state, State::Queued);
    assert!(
        retry(SYNC, &all[..1])
            .await
            .unwrap()
            .into_inner()
            .jobs
            .is_empty(),
        "it succeeded"
    );

    let removed = remove(SYNC, &all[1..]).await.unwrap().into_inner().jobs;
    assert_eq!(removed, all[1..]);
    assert_eq!(
        desk.get(&bad.name).await.state,
        State::Cancelled,
        "nobody had it"
    );
    let clean = |state: RunState, seconds| {
        let request = v1::CleanQueueRequest {
            name: SYNC.into(),
            state: state.into(),
            older_than: Some(pbjson_types::Duration { seconds, nanos: 0 }),
            limit: 1,
        };
        queues.clean_queue(Request::new(request))
    };
    assert_eq!(
        clean(RunState::Cancelled, 3600)
            .await
            .unwrap()
            .into_inner()
            .removed,
        0,
        "they are newer"
    );
    assert_eq!(
        clean(RunState::Cancelled, 0)
            .await
            .unwrap()
            .into_inner()
            .removed,
        1,
        "no more than asked for"
    );
    assert_eq!(
        clean(RunState::Cancelled, 0)
            .await
            .unwrap()
            .into_inner()
            .removed,
        1
    );
    assert_eq!(
        remove(SYNC, &all[..1]).await.unwrap().into_inner().jobs,
        all[..1],
        "a finished one is forgotten"
    );
    let gone = queues
        .get_job(Request::new(v1::GetJobRequest {
            name: all[0].clone(),
        }))
        .await;
    assert_eq!(refusal(gone).0, Code::NotFound);
}

async fn a_job_is_added_to_an_external_queue_once(database: Database) {
    let (desk, queues) = desk(database).await;
    let request = |parent: &str| v1::AddJobRequest {
        parent: parent.into(),
        job_name: "resize".into(),
        data: Some(value::from_json(json!({"n": 1, "sizes": [10, 2.5]}))),
        request_id: "7c9e6679-7425-40de-944b-e07fc1f90ae7".into(),
        ..Default::default()
    };
    let add = |request| queues.add_job(Request::new(request));
    let job = add(request("queues/thumbnails"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (job.queue.as_str(), job.subject.as_str()),
        ("queues/thumbnails", "")
    );
    assert_eq!(
        (job.state(), job.job_name.as_str()),
        (RunState::Queued, "resize")
    );
    assert_eq!(
        value::to_json(job.data.clone().unwrap()),
        json!({"n": 1, "sizes": [10, 2.5]})
    );
    assert_eq!(
        add(request("queues/thumbnails"))
            .await
            .unwrap()
            .into_inner()
            .name,
        job.name
    );
    let other = v1::AddJobRequest {
        job_name: "crop".into(),
        ..request("queues/thumbnails")
    };
    assert_eq!(
        fields(add(other).await),
        set(&["request_id"]),
        "the same id for other work"
    );

    assert_eq!(
        refusal(add(request(SYNC)).await),
        (Code::FailedPrecondition, "QUEUE_NOT_EXTERNAL".into())
    );
    assert_eq!(refusal(add(request("queues/nope")).await).0, Code::NotFound);
    let stranger = v1::AddJobRequest {
        tenant: "tenants/nobody".into(),
        ..request("queues/thumbnails")
    };
    assert_eq!(refusal(add(stranger).await).0, Code::NotFound);

    let jobs = list(&queues, |request| {
        request.parent = "queues/thumbnails".into()
    })
    .await
    .unwrap()
    .into_inner()
    .jobs;
    assert_eq!(jobs, [job]);
    // Our own workers leave it alone.
    let seen = Arc::new(Seen::default());
    let worker = worker(&desk.app, &seen, |_, _| async { done() }).await;
    let run = desk.accept("s", |_| {}).await;
    desk.ended(&run).await;
    worker.shut_down(PATIENCE).await;
    assert_eq!(seen.order(), ["s"]);
}

#[tokio::test]
async fn without_redis_there_is_nobody_to_add_jobs_for() {
    let desk = Desk::with(
        Database::new(syncline::db::Engine::Sqlite).await,
        |config| {
            config.queue.external = vec!["thumbnails".to_owned()];
        },
    )
    .await;
    let queues = Queues::new(desk.app.clone());
    let request = v1::AddJobRequest {
        parent: "queues/thumbnails".into(),
        ..Default::default()
    };
    let refused = refusal(queues.add_job(Request::new(request)).await);
    assert_eq!(refused, (Code::FailedPrecondition, "REDIS_NOT_SET".into()));
}

//! `QueueService`: looking at queues, and what it refuses.

use super::{Desk, PATIENCE, Seen, done, worker};
use crate::kit::{self, Database};
use chrono::{TimeDelta, Utc};
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};
use syncline::{
    api::{
        v1::{self, RunState, queue_service_server::QueueService as _},
        value,
    },
    runs::{Ended, Failure, Run, State, queue_rpc::Queues},
};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;

kit::each_engine!(
    queues_are_listed_with_counts_by_state,
    jobs_are_listed_page_by_page,
    every_fault_of_a_request_is_named_at_once,
);

pub(super) const SYNC: &str = "queues/sync";

pub(super) async fn desk(database: Database) -> (Desk, Queues) {
    let desk = Desk::with(database, |config| {
        config.queue.external = vec!["thumbnails".to_owned()];
        // Nobody is there: what is accepted waits in the table.
        config.redis.url = Some("redis://127.0.0.1:1".to_owned().into());
    })
    .await;
    let queues = Queues::new(desk.app.clone());
    (desk, queues)
}

/// One run that succeeded, one that failed, one that waits for its next attempt.
pub(super) async fn filled(desk: &Desk) -> [Run; 3] {
    let seen = Arc::new(Seen::default());
    let worker = worker(&desk.app, &seen, |run, _| async move {
        let no = || Failure::new("PROVIDER_REFUSED", "no");
        match run.sync.id.as_str() {
            "good" => done(),
            "bad" => Ended::Fail(no(), None),
            _ => Ended::Retry(no(), Some(run.created_at + TimeDelta::hours(1)), None),
        }
    })
    .await;
    let good = desk.accept("good", |_| {}).await;
    let bad = desk.accept("bad", |_| {}).await;
    let later = desk.accept("later", |_| {}).await;
    desk.ended(&good).await;
    desk.ended(&bad).await;
    kit::eventually(PATIENCE, || async {
        let now = desk.get(&later.name).await;
        if now.state == State::Retrying {
            Ok(())
        } else {
            Err(format!("{now:?}"))
        }
    })
    .await;
    worker.shut_down(PATIENCE).await;
    [good, bad, later]
}

/// The fields that a refusal names.
pub(super) fn fields<T>(answer: Result<Response<T>, Status>) -> BTreeSet<String> {
    let status = answer.err().expect("a refusal");
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let wrong = status.get_details_bad_request().expect("violations");
    wrong
        .field_violations
        .into_iter()
        .map(|violation| violation.field)
        .collect()
}

pub(super) fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Code and reason of a refusal.
pub(super) fn refusal<T>(answer: Result<Response<T>, Status>) -> (Code, String) {
    let status = answer.err().expect("a refusal");
    let info = status.get_details_error_info().expect("every error has it");
    (status.code(), info.reason)
}

async fn queues_are_listed_with_counts_by_state(database: Database) {
    let (desk, queues) = desk(database).await;
    filled(&desk).await;
    let due = desk.accept("due", |_| {}).await;
    let all = queues
        .list_queues(Request::new(v1::ListQueuesRequest {}))
        .await
        .unwrap()
        .into_inner()
        .queues;
    let names: Vec<_> = all
        .iter()
        .map(|queue| (queue.name.as_str(), queue.external))
        .collect();
    assert_eq!(
        names,
        [
            (SYNC, false),
            ("queues/digest", false),
            ("queues/import", false),
            ("queues/maintenance", false),
            ("queues/thumbnails", true),
        ]
    );
    let sync = queues
        .get_queue(Request::new(v1::GetQueueRequest { name: SYNC.into() }))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(sync, all[0]);
    let counts: BTreeSet<_> = sync
        .counts
        .iter()
        .map(|count| (count.state().as_str_name(), count.count))
        .collect();
    let expected =
        ["FAILED", "QUEUED", "RETRYING", "SUCCEEDED"].map(|state| format!("RUN_STATE_{state}"));
    assert_eq!(
        counts,
        expected.iter().map(|state| (state.as_str(), 1)).collect()
    );
    // The one that waits for a moment is not due yet.
    let oldest: chrono::DateTime<Utc> = sync.oldest_due_time.unwrap().try_into().unwrap();
    assert_eq!(oldest, desk.get(&due.name).await.due_at);
    assert_eq!(sync.redis, "not opened by this process");
    assert!(all[1].counts.is_empty() && all[1].oldest_due_time.is_none());
    let unknown = queues
        .get_queue(Request::new(v1::GetQueueRequest {
            name: "queues/nope".into(),
        }))
        .await;
    assert_eq!(refusal(unknown), (Code::NotFound, "NOT_FOUND".into()));
    let nameless = queues
        .get_queue(Request::new(v1::GetQueueRequest {
            name: "sync".into(),
        }))
        .await;
    assert_eq!(fields(nameless), set(&["name"]));
}

pub(super) async fn list(
    queues: &Queues,
    change: impl FnOnce(&mut v1::ListJobsRequest),
) -> Result<Response<v1::ListJobsResponse>, Status> {
    let mut request = v1::ListJobsRequest {
        parent: SYNC.into(),
        ..Default::default()
    };
    change(&mut request);
    queues.list_jobs(Request::new(request)).await
}

async fn jobs_are_listed_page_by_page(database: Database) {
    let (desk, queues) = desk(database).await;
    desk.tenant("other").await;
    let mut names = Vec::new();
    for sync in ["a", "b", "tenants/other/syncs/c", "d", "e"] {
        names.push(desk.accept(sync, |_| {}).await.name.to_string());
    }
    names.reverse();
    let (mut seen, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = list(&queues, |request| {
            request.page_size = 2;
            request.page_token.clone_from(&token);
        });
        let page = page.await.unwrap().into_inner();
        seen.extend(page.jobs.into_iter().map(|job| job.name));
        pages += 1;
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(
        (seen, pages),
        (names.clone(), 3),
        "the newest first, over all tenants"
    );
    let first = list(&queues, |request| request.page_size = 2)
        .await
        .unwrap()
        .into_inner();
    let others = list(&queues, |request| {
        request.state = RunState::Queued.into();
        request.page_token.clone_from(&first.next_page_token);
    });
    assert_eq!(
        fields(others.await),
        set(&["page_token"]),
        "a token of other arguments"
    );
    let large = list(&queues, |request| request.page_size = 100_000)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(large.jobs.len(), 5, "a page that is too large is cut");
    let none = list(&queues, |request| request.state = RunState::Failed.into())
        .await
        .unwrap()
        .into_inner();
    assert!(none.jobs.is_empty() && none.next_page_token.is_empty());

    let get = |name: &str| queues.get_job(Request::new(v1::GetJobRequest { name: name.into() }));
    let job = get(&names[2]).await.unwrap().into_inner();
    assert_eq!(
        (job.queue.as_str(), job.subject.as_str()),
        (SYNC, "tenants/other/syncs/c")
    );
    assert_eq!((job.state(), job.attempt), (RunState::Queued, 0));
    let elsewhere = names[2].replace("other", "default");
    assert_eq!(
        refusal(get(&elsewhere).await),
        (Code::NotFound, "NOT_FOUND".into())
    );
    assert_eq!(fields(get("nope").await), set(&["name"]));
}

async fn every_fault_of_a_request_is_named_at_once(database: Database) {
    let (_desk, queues) = desk(database).await;
    let listed = list(&queues, |request| {
        request.parent = "sync".into();
        request.page_size = -1;
        request.page_token = "nope".into();
        request.state = 99;
    });
    assert_eq!(
        fields(listed.await),
        set(&["parent", "page_size", "page_token", "state"])
    );
    let clean = v1::CleanQueueRequest {
        name: "sync".into(),
        state: RunState::Running.into(),
        older_than: Some(pbjson_types::Duration {
            seconds: -5,
            nanos: 0,
        }),
        limit: -1,
    };
    let clean = queues.clean_queue(Request::new(clean)).await;
    assert_eq!(
        fields(clean),
        set(&["name", "state", "older_than", "limit"])
    );
    let remove = v1::RemoveJobsRequest {
        name: "sync".into(),
        jobs: vec!["a".into(), "b".into()],
    };
    let remove = queues.remove_jobs(Request::new(remove)).await;
    assert_eq!(fields(remove), set(&["name", "jobs[0]", "jobs[1]"]));
    let promote = v1::PromoteJobsRequest {
        name: SYNC.into(),
        jobs: Vec::new(),
    };
    assert_eq!(
        fields(queues.promote_jobs(Request::new(promote)).await),
        set(&["jobs"])
    );
    let many = vec!["tenants/default/runs/01a1ff59-e45d-72c6-8a11-558d27b1bbbf".to_owned(); 1_001];
    let retry = v1::RetryJobsRequest {
        name: "sync".into(),
        jobs: many,
        limit: 2_000,
    };
    assert_eq!(
        fields(queues.retry_jobs(Request::new(retry)).await),
        set(&["name", "jobs", "limit"])
    );
    let add = v1::AddJobRequest {
        parent: "thumbnails".into(),
        tenant: "nope".into(),
        job_name: "x".repeat(201),
        data: Some(value::from_json(json!({"text": "x".repeat(300_000)}))),
        request_id: "1".into(),
        priority: 9,
        max_attempts: 101,
        ..Default::default()
    };
    let add = queues.add_job(Request::new(add)).await;
    let expected = [
        "parent",
        "tenant",
        "job_name",
        "data",
        "request_id",
        "priority",
        "max_attempts",
    ];
    assert_eq!(fields(add), set(&expected));
}

//! Queues and jobs as people read them.

use super::super::{output::table, time};
use crate::api::{v1, value};

/// All queues.
pub fn queues(all: &v1::ListQueuesResponse) -> String {
    table(
        ["QUEUE", "PAUSED", "JOBS", "OLDEST DUE (UTC)", "REDIS"],
        all.queues.iter().map(|queue| {
            [
                last(&queue.name),
                if queue.paused { "yes" } else { "" }.to_owned(),
                counts(queue),
                time::moment(queue.oldest_due_time.as_ref()),
                queue.redis.clone(),
            ]
        }),
    )
}

/// One queue.
pub fn queue(queue: &v1::Queue) -> String {
    let paused = if queue.paused { ", paused" } else { "" };
    let jobs = match counts(queue) {
        none if none.is_empty() => "no jobs".to_owned(),
        counts => counts,
    };
    format!("{}{paused}: {jobs}; Redis: {}", queue.name, queue.redis)
}

/// A page of jobs.
pub fn jobs(page: &v1::ListJobsResponse) -> String {
    if page.jobs.is_empty() {
        return "no jobs".to_owned();
    }
    table(
        [
            "RUN",
            "OF",
            "STATE",
            "PRIORITY",
            "ACCEPTED (UTC)",
            "DUE (UTC)",
        ],
        page.jobs.iter().map(|job| {
            [
                last(&job.name),
                subject(job).to_owned(),
                state(job.state()),
                priority(job),
                time::moment(job.create_time.as_ref()),
                time::moment(job.due_time.as_ref()),
            ]
        }),
    )
}

/// One job.
pub fn job(job: &v1::Job) -> String {
    let what = match job.subject.as_str() {
        "" => format!("{} in {}", job.job_name, job.queue),
        subject => subject.to_owned(),
    };
    let mut lines = vec![format!(
        "{}: {} of {what}, attempt {} of {}, priority {}",
        job.name,
        state(job.state()),
        job.attempt,
        job.max_attempts,
        priority(job)
    )];
    if !job.wait_reason.is_empty() {
        lines.push(format!("waits: {}", job.wait_reason));
    }
    if let Some(progress) = &job.progress {
        let parts = [
            progress.phase.clone(),
            format!("{} of {}", progress.done, progress.total),
        ];
        let known = if progress.total == 0 { 1 } else { 2 };
        let parts = parts.iter().take(known).filter(|part| !part.is_empty());
        lines.push(format!(
            "progress: {}",
            parts.cloned().collect::<Vec<_>>().join(", ")
        ));
    }
    if let Some(error) = &job.error {
        lines.push(format!("{}: {}", error.reason, error.message));
    }
    if let Some(result) = &job.result {
        lines.push(format!("result: {}", value::to_json(result.clone())));
    }
    lines.join("\n")
}

/// What is run, or how a worker of others knows it.
fn subject(job: &v1::Job) -> &str {
    match job.subject.as_str() {
        "" => &job.job_name,
        subject => subject,
    }
}

fn counts(queue: &v1::Queue) -> String {
    let counts = queue
        .counts
        .iter()
        .map(|count| format!("{} {}", count.count, state(count.state())));
    counts.collect::<Vec<_>>().join(", ")
}

fn state(state: v1::RunState) -> String {
    let name = state.as_str_name();
    name.strip_prefix("RUN_STATE_")
        .unwrap_or(name)
        .to_lowercase()
}

fn priority(job: &v1::Job) -> String {
    let name = job.priority().as_str_name();
    name.strip_prefix("RUN_PRIORITY_")
        .unwrap_or(name)
        .to_lowercase()
}

fn last(name: &str) -> String {
    name.rsplit('/').next().unwrap_or_default().to_owned()
}

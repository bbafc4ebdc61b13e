//! `QueueService`: messages in, messages out, no rules.

use crate::{
    api::{
        page::Page,
        v1::{self, queue_service_server::QueueService},
    },
    app::App,
    base::{Error, Result, RunName, error::all_valid, name::shown},
    db::Scope,
    runs::{
        Run, State, operate,
        relay::{Redis, Standing},
        store,
    },
};
use chrono::TimeDelta;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// Most jobs that one call names.
const MOST_NAMED: usize = 1_000;
/// Most jobs that one clean-up forgets, and how many where the caller says nothing.
const CLEANED: (i32, i64) = (10_000, 1_000);

type Answer<T> = Result<Response<T>, Status>;

/// Serves `syncline.v1.QueueService`.
#[derive(Clone, Debug)]
pub struct Queues(App);

impl Queues {
    /// Serves from `app`.
    pub fn new(app: App) -> Self {
        Self(app)
    }

    fn shown(&self, queue: operate::Queue) -> v1::Queue {
        v1::Queue {
            name: format!("queues/{}", queue.name),
            paused: queue.is_paused,
            counts: queue
                .counts
                .into_iter()
                .map(|(state, count)| v1::QueueCount {
                    state: v1::RunState::from(state).into(),
                    count,
                })
                .collect(),
            oldest_due_time: queue.oldest_due_at.map(Into::into),
            redis: self.redis(),
        }
    }

    fn redis(&self) -> String {
        if self.0.config.redis.url.is_none() {
            return "not used".to_owned();
        }
        match Redis::of(&self.0).map(|redis| redis.standing()) {
            None => "not opened by this process".to_owned(),
            Some(Standing::Attached(_)) => "attached".to_owned(),
            Some(Standing::Away(why)) => format!("away: {why}"),
            Some(Standing::Foreign(_)) => "belongs to another installation".to_owned(),
        }
    }
}

#[tonic::async_trait]
impl QueueService for Queues {
    async fn list_queues(
        &self,
        _: Request<v1::ListQueuesRequest>,
    ) -> Answer<v1::ListQueuesResponse> {
        let queues = operate::list(&self.0).await?;
        let queues = queues.into_iter().map(|queue| self.shown(queue));
        Ok(Response::new(v1::ListQueuesResponse {
            queues: queues.collect(),
        }))
    }

    async fn get_queue(&self, request: Request<v1::GetQueueRequest>) -> Answer<v1::Queue> {
        let name = queue("name", &request.get_ref().name)?;
        Ok(Response::new(
            self.shown(operate::get(&self.0, name).await?),
        ))
    }

    async fn list_jobs(
        &self,
        request: Request<v1::ListJobsRequest>,
    ) -> Answer<v1::ListJobsResponse> {
        let request = request.into_inner();
        let name = queue("parent", &request.parent)?;
        let page = Page::parse(
            request.page_size,
            &request.page_token,
            &["jobs", name, &request.state.to_string()],
        )?;
        let state = state_of(request.state)?;
        let wrong = || Error::invalid("page_token", "expected next_page_token of the page before");
        let before = page
            .after
            .as_deref()
            .map(|key| Uuid::parse_str(key).map_err(|_| wrong()));
        let before = before.transpose()?;
        let scope = Scope::System("list the runs of all tenants");
        let mut tx = self.0.db.read(scope).await?;
        let mut runs = store::list_kind(&mut tx, name, state, before, page.limit()).await?;
        let next_page_token = page.cut(&mut runs, |run| run.name.id.to_string());
        Ok(Response::new(v1::ListJobsResponse {
            jobs: runs.into_iter().map(job).collect(),
            next_page_token,
        }))
    }

    async fn get_job(&self, request: Request<v1::GetJobRequest>) -> Answer<v1::Job> {
        let name = RunName::parse("name", &request.get_ref().name)?;
        let mut tx = self.0.db.read(Scope::Tenant(name.tenant.clone())).await?;
        let run = store::get(&mut tx, &name).await?;
        Ok(Response::new(job(run.ok_or_else(|| name.not_found())?)))
    }

    async fn pause_queue(&self, request: Request<v1::PauseQueueRequest>) -> Answer<v1::Queue> {
        let name = queue("name", &request.get_ref().name)?;
        let queue = operate::set_paused(&self.0, name, true).await?;
        Ok(Response::new(self.shown(queue)))
    }

    async fn resume_queue(&self, request: Request<v1::ResumeQueueRequest>) -> Answer<v1::Queue> {
        let name = queue("name", &request.get_ref().name)?;
        let queue = operate::set_paused(&self.0, name, false).await?;
        Ok(Response::new(self.shown(queue)))
    }

    async fn retry_jobs(
        &self,
        request: Request<v1::RetryJobsRequest>,
    ) -> Answer<v1::RetryJobsResponse> {
        let request = request.into_inner();
        let name = queue("name", &request.name)?;
        let mut names = named(&request.jobs)?;
        if names.is_empty() {
            let most = i64::try_from(MOST_NAMED).unwrap_or(i64::MAX);
            let limit = limit(request.limit, 1_000, most)?;
            names = operate::failed(&self.0, name, limit).await?;
        }
        let jobs = operate::retry(&self.0, names).await?;
        Ok(Response::new(v1::RetryJobsResponse { jobs: texts(jobs) }))
    }

    async fn promote_jobs(
        &self,
        request: Request<v1::PromoteJobsRequest>,
    ) -> Answer<v1::PromoteJobsResponse> {
        queue("name", &request.get_ref().name)?;
        let jobs = operate::promote(&self.0, named(&request.get_ref().jobs)?).await?;
        Ok(Response::new(v1::PromoteJobsResponse { jobs: texts(jobs) }))
    }

    async fn remove_jobs(
        &self,
        request: Request<v1::RemoveJobsRequest>,
    ) -> Answer<v1::RemoveJobsResponse> {
        queue("name", &request.get_ref().name)?;
        let jobs = operate::remove(&self.0, named(&request.get_ref().jobs)?).await?;
        Ok(Response::new(v1::RemoveJobsResponse { jobs: texts(jobs) }))
    }

    async fn clean_queue(
        &self,
        request: Request<v1::CleanQueueRequest>,
    ) -> Answer<v1::CleanQueueResponse> {
        let request = request.into_inner();
        let name = queue("name", &request.name)?;
        let expected =
            || Error::invalid("state", "expected SUCCEEDED, PARTIAL, FAILED or CANCELLED");
        let state = state_of(request.state)?.ok_or_else(expected)?;
        let age = request.older_than.unwrap_or_default();
        let age = TimeDelta::try_seconds(age.seconds)
            .filter(|age| *age >= TimeDelta::zero())
            .ok_or_else(|| {
                Error::invalid("older_than", "expected a duration that is not negative")
            })?;
        let limit = limit(request.limit, CLEANED.0, CLEANED.1)?;
        let before = self.0.db.now() - age;
        let removed = operate::clean(&self.0, name, state, before, limit).await?;
        Ok(Response::new(v1::CleanQueueResponse {
            removed: removed.try_into().unwrap_or(i64::MAX),
        }))
    }
}

fn queue(field: &str, name: &str) -> Result<&'static str> {
    match name.strip_prefix("queues/") {
        Some(id) => operate::known(id),
        None => Err(Error::invalid(
            field,
            format!("expected queues/{{queue}}, got {}", shown(name)),
        )),
    }
}

fn named(names: &[String]) -> Result<Vec<RunName>> {
    if names.len() > MOST_NAMED {
        return Err(Error::invalid(
            "jobs",
            format!("expected at most {MOST_NAMED}, got {}", names.len()),
        ));
    }
    let (mut read, mut wrong) = (Vec::new(), Vec::new());
    for (at, name) in names.iter().enumerate() {
        match RunName::parse(&format!("jobs[{at}]"), name) {
            Ok(name) => read.push(name),
            Err(Error::Invalid(more)) => wrong.extend(more),
            Err(other) => return Err(other),
        }
    }
    all_valid(wrong)?;
    Ok(read)
}

fn limit(asked: i32, most: i32, usual: i64) -> Result<i64> {
    match asked {
        0 => Ok(usual),
        asked if (1..=most).contains(&asked) => Ok(i64::from(asked)),
        _ => Err(Error::invalid(
            "limit",
            format!("expected 0 to {most}, got {asked}"),
        )),
    }
}

fn texts(names: Vec<RunName>) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// `None` for the unspecified one.
fn state_of(state: i32) -> Result<Option<State>> {
    let wrong = || Error::invalid("state", "expected a state of runs");
    let state = v1::RunState::try_from(state).map_err(|_| wrong())?;
    Ok(State::ALL
        .iter()
        .copied()
        .find(|known| v1::RunState::from(*known) == state))
}

fn job(run: Run) -> v1::Job {
    let waits = matches!(run.state, State::Queued | State::Retrying | State::Waiting);
    v1::Job {
        name: run.name.to_string(),
        queue: format!("queues/{}", run.kind),
        subject: run.sync.to_string(),
        state: v1::RunState::from(run.state).into(),
        priority: v1::RunPriority::from(run.priority).into(),
        attempt: run.attempt.try_into().unwrap_or(i32::MAX),
        max_attempts: run.max_attempts.try_into().unwrap_or(i32::MAX),
        create_time: Some(run.created_at.into()),
        due_time: waits.then(|| run.due_at.into()),
        deadline_time: run.deadline_at.map(Into::into),
        finish_time: run.finished_at.map(Into::into),
        wait_reason: run.wait_reason,
        error: run.failure.map(|failure| v1::RunError {
            reason: failure.reason,
            message: failure.message,
        }),
    }
}

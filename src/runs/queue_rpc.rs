//! `QueueService`: messages in, messages out, no rules.

use crate::{
    api::{
        page::Page,
        v1::{self, queue_service_server::QueueService},
        value,
    },
    app::App,
    base::{
        Error, Result, RunName, Violation,
        error::all_valid,
        name::{parse_parent, shown},
    },
    db::Scope,
    runs::{
        Run, State, add, operate,
        relay::{Redis, Standing, is_external},
        rpc, store,
        terms::{collect, read_max_attempts, read_priority, read_request_id, read_time},
    },
};
use chrono::TimeDelta;
use serde_json::json;
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
            external: queue.is_external,
        }
    }

    /// The queue that a request names in `field`.
    fn queue(&self, field: &str, name: &str) -> Result<String> {
        match name.strip_prefix("queues/") {
            Some(id) => operate::known(&self.0, id).map(str::to_owned),
            None => Err(Error::invalid(
                field,
                format!("expected queues/{{queue}}, got {}", shown(name)),
            )),
        }
    }

    /// A queue and jobs of it, of which there must be one.
    fn some_of(&self, name: &str, jobs: &[String]) -> Result<(String, Vec<RunName>)> {
        let mut wrong = Vec::new();
        let name = collect(self.queue("name", name), &mut wrong)?;
        let names = collect(named(jobs), &mut wrong)?;
        if jobs.is_empty() {
            wrong.push(Violation::new("jobs", "expected at least one job"));
        }
        match (name, names, wrong.as_slice()) {
            (Some(name), Some(names), []) => Ok((name, names)),
            _ => Err(Error::Invalid(wrong)),
        }
    }

    async fn add(&self, request: v1::AddJobRequest) -> Result<Run> {
        let mut wrong = Vec::new();
        let queue = collect(self.queue("parent", &request.parent), &mut wrong)?;
        let tenant = collect(parse_parent("tenant", &request.tenant), &mut wrong)?;
        let request_id = collect(read_request_id(&request.request_id), &mut wrong)?;
        let priority = collect(read_priority(request.priority), &mut wrong)?;
        let due_at = collect(read_time("due_time", request.due_time), &mut wrong)?;
        let deadline_at = collect(
            read_time("deadline_time", request.deadline_time),
            &mut wrong,
        )?;
        let max_attempts = collect(read_max_attempts(request.max_attempts), &mut wrong)?;
        let name = match request.job_name {
            none if none.is_empty() => "run".to_owned(),
            name => name,
        };
        if name.chars().count() > add::LONGEST_NAME {
            let expected = format!("expected at most {} characters", add::LONGEST_NAME);
            wrong.push(Violation::new("job_name", expected));
        }
        let data = request.data.map_or_else(|| json!({}), value::to_json);
        let text = data.to_string();
        if text.len() > add::LARGEST_DATA {
            let most = add::LARGEST_DATA;
            let expected = format!("expected at most {most} bytes, got {}", text.len());
            wrong.push(Violation::new("data", expected));
        }
        for (field, has_zero) in [
            ("job_name", name.contains('\0')),
            ("data", text.contains("\\u0000")),
        ] {
            if has_zero {
                let expected = "expected text without the character 0";
                wrong.push(Violation::new(field, expected));
            }
        }
        let (Some(queue), Some(tenant), []) = (queue, tenant, wrong.as_slice()) else {
            return Err(Error::Invalid(wrong));
        };
        let wish = add::Wish {
            tenant,
            name,
            data,
            request_id: request_id.flatten(),
            priority: priority.unwrap_or_default(),
            due_at: due_at.flatten(),
            deadline_at: deadline_at.flatten(),
            max_attempts: max_attempts.flatten(),
        };
        add::add(&self.0, &queue, wish).await
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
        let name = self.queue("name", &request.get_ref().name)?;
        Ok(Response::new(
            self.shown(operate::get(&self.0, &name).await?),
        ))
    }

    async fn list_jobs(
        &self,
        request: Request<v1::ListJobsRequest>,
    ) -> Answer<v1::ListJobsResponse> {
        let request = request.into_inner();
        let mut wrong = Vec::new();
        let name = collect(self.queue("parent", &request.parent), &mut wrong)?;
        let page = Page::parse(
            request.page_size,
            &request.page_token,
            &["jobs", &request.parent, &request.state.to_string()],
        );
        let page = collect(page, &mut wrong)?;
        let state = collect(state_of(request.state), &mut wrong)?;
        let (Some(name), Some(page), Some(state)) = (name, page, state) else {
            return Err(Error::Invalid(wrong).into());
        };
        let other = || Error::invalid("page_token", "expected next_page_token of the page before");
        let before = page.after.as_deref();
        let before = before.map(|key| Uuid::parse_str(key).map_err(|_| other()));
        let before = before.transpose()?;
        let scope = Scope::System("list the runs of all tenants");
        let mut tx = self.0.db.read(scope).await?;
        let mut runs = store::list_kind(&mut tx, &name, state, before, page.limit()).await?;
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
        let name = self.queue("name", &request.get_ref().name)?;
        let queue = operate::set_paused(&self.0, &name, true).await?;
        Ok(Response::new(self.shown(queue)))
    }

    async fn resume_queue(&self, request: Request<v1::ResumeQueueRequest>) -> Answer<v1::Queue> {
        let name = self.queue("name", &request.get_ref().name)?;
        let queue = operate::set_paused(&self.0, &name, false).await?;
        Ok(Response::new(self.shown(queue)))
    }

    async fn add_job(&self, request: Request<v1::AddJobRequest>) -> Answer<v1::Job> {
        Ok(Response::new(job(self.add(request.into_inner()).await?)))
    }

    async fn retry_jobs(
        &self,
        request: Request<v1::RetryJobsRequest>,
    ) -> Answer<v1::RetryJobsResponse> {
        let request = request.into_inner();
        let mut wrong = Vec::new();
        let name = collect(self.queue("name", &request.name), &mut wrong)?;
        let names = collect(named(&request.jobs), &mut wrong)?;
        let most = i64::try_from(MOST_NAMED).unwrap_or(i64::MAX);
        let limit = collect(limit(request.limit, 1_000, most), &mut wrong)?;
        let (Some(name), Some(mut names), Some(limit)) = (name, names, limit) else {
            return Err(Error::Invalid(wrong).into());
        };
        if names.is_empty() {
            names = operate::failed(&self.0, &name, limit).await?;
        }
        let jobs = operate::retry(&self.0, &name, names).await?;
        Ok(Response::new(v1::RetryJobsResponse { jobs: texts(jobs) }))
    }

    async fn promote_jobs(
        &self,
        request: Request<v1::PromoteJobsRequest>,
    ) -> Answer<v1::PromoteJobsResponse> {
        let (name, names) = self.some_of(&request.get_ref().name, &request.get_ref().jobs)?;
        let jobs = operate::promote(&self.0, &name, names).await?;
        Ok(Response::new(v1::PromoteJobsResponse { jobs: texts(jobs) }))
    }

    async fn remove_jobs(
        &self,
        request: Request<v1::RemoveJobsRequest>,
    ) -> Answer<v1::RemoveJobsResponse> {
        let (name, names) = self.some_of(&request.get_ref().name, &request.get_ref().jobs)?;
        let jobs = operate::remove(&self.0, &name, names).await?;
        Ok(Response::new(v1::RemoveJobsResponse { jobs: texts(jobs) }))
    }

    async fn clean_queue(
        &self,
        request: Request<v1::CleanQueueRequest>,
    ) -> Answer<v1::CleanQueueResponse> {
        let request = request.into_inner();
        let mut wrong = Vec::new();
        let name = collect(self.queue("name", &request.name), &mut wrong)?;
        let state = collect(final_state(request.state), &mut wrong)?;
        let age = request.older_than.unwrap_or_default();
        let before = TimeDelta::try_seconds(age.seconds)
            .filter(|age| *age >= TimeDelta::zero())
            .and_then(|age| self.0.db.now().checked_sub_signed(age));
        if before.is_none() {
            let expected = "expected a duration that is not negative, and not before all time";
            wrong.push(Violation::new("older_than", expected));
        }
        let limit = collect(limit(request.limit, CLEANED.0, CLEANED.1), &mut wrong)?;
        let (Some(name), Some(state), Some(before), Some(limit)) = (name, state, before, limit)
        else {
            return Err(Error::Invalid(wrong).into());
        };
        let removed = operate::clean(&self.0, &name, state, before, limit).await?;
        Ok(Response::new(v1::CleanQueueResponse {
            removed: removed.try_into().unwrap_or(i64::MAX),
        }))
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

/// One in which nothing happens any more by itself.
fn final_state(state: i32) -> Result<State> {
    let expected = || Error::invalid("state", "expected SUCCEEDED, PARTIAL, FAILED or CANCELLED");
    let state = state_of(state).ok().flatten();
    state.filter(|state| state.is_final()).ok_or_else(expected)
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
    let external = is_external(&run.kind).then(|| run.arguments.clone());
    let part = |name: &str| external.as_ref().map(|asked| asked[name].clone());
    let job_name = part("name").unwrap_or_default();
    v1::Job {
        name: run.name.to_string(),
        queue: format!("queues/{}", run.kind),
        subject: rpc::subject(&run),
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
        job_name: job_name.as_str().unwrap_or_default().to_owned(),
        data: part("data").map(value::from_json),
        result: run
            .result
            .filter(|_| external.is_some())
            .map(|result| value::from_json(result["value"].clone())),
        progress: run.progress.map(Into::into),
    }
}

//! `syncline queue`: look at what waits to be run, and steer it.

mod add;
mod shown;

use super::{Context, Exit, failure::Usage, output::Output, session::Session};
use crate::{api::v1, config::units};
use shown::{job, jobs, queue, queues};

/// What `queue` can do. Jobs are named by the ids of their runs.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List the queues with their counts
    List,
    /// Show one queue
    Show {
        /// sync, digest, import or maintenance, or one of the setting queue.external
        queue: String,
    },
    /// List jobs, newest first
    Jobs {
        /// The queue
        queue: String,
        /// Only jobs in this state, as in failed
        #[arg(long)]
        state: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: i32,
    },
    /// Show one job
    Job {
        /// The run's id
        run: String,
    },
    /// Add a job for a worker of others, in Node or Python
    Add(add::Add),
    /// Let nobody begin a job any more; what runs goes on
    Pause {
        /// The queue
        queue: String,
    },
    /// Let jobs be begun again
    Resume {
        /// The queue
        queue: String,
    },
    /// Queue failed jobs again: these, or the newest ones
    Retry {
        /// The queue
        queue: String,
        /// Ids of runs
        runs: Vec<String>,
        /// At most so many where none are named
        #[arg(long, default_value_t = 1000)]
        limit: i32,
    },
    /// Make jobs that wait for a moment ready now
    Promote {
        /// The queue
        queue: String,
        /// Ids of runs
        #[arg(required = true)]
        runs: Vec<String>,
    },
    /// Take jobs out: waiting ones are cancelled, finished ones forgotten
    Rm {
        /// The queue
        queue: String,
        /// Ids of runs
        #[arg(required = true)]
        runs: Vec<String>,
    },
    /// Forget finished jobs, the oldest first
    Clean {
        /// The queue
        queue: String,
        /// succeeded, partial, failed or cancelled
        #[arg(long)]
        state: String,
        /// Only those that finished longer ago, as in 30d
        #[arg(long, default_value = "0s")]
        older_than: String,
        /// At most so many
        #[arg(long, default_value_t = 1000)]
        limit: i32,
    },
}

pub async fn run(command: Command, context: Context) -> anyhow::Result<Exit> {
    let session = Session::open(&context).await?;
    let outcome = on(command, &session, context.output).await;
    session.close().await;
    outcome
}

async fn on(command: Command, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let mut service = session.queues();
    let named = |runs: Vec<String>| runs.iter().map(|run| session.run(run)).collect();
    match command {
        Command::List => {
            let all = service.list_queues(v1::ListQueuesRequest {}).await?;
            output.result(&all.into_inner(), queues)?;
        }
        Command::Show { queue: name } => {
            let name = full(&name);
            let found = service.get_queue(v1::GetQueueRequest { name }).await?;
            output.result(&found.into_inner(), queue)?;
        }
        Command::Jobs {
            queue,
            state,
            limit,
        } => {
            let request = v1::ListJobsRequest {
                parent: full(&queue),
                state: state.map_or(Ok(0), |state| state_of(&state))?,
                page_size: limit,
                page_token: String::new(),
            };
            let page = service.list_jobs(request).await?;
            output.result(&page.into_inner(), jobs)?;
        }
        Command::Job { run } => {
            let name = session.run(&run);
            let found = service.get_job(v1::GetJobRequest { name }).await?;
            output.result(&found.into_inner(), job)?;
        }
        Command::Add(wanted) => {
            let request = wanted.request(session.tenant())?;
            let added = service.add_job(request).await?;
            output.result(&added.into_inner(), job)?;
        }
        Command::Pause { queue: name } => {
            let name = full(&name);
            let now = service.pause_queue(v1::PauseQueueRequest { name }).await?;
            output.result(&now.into_inner(), queue)?;
        }
        Command::Resume { queue: name } => {
            let name = full(&name);
            let now = service
                .resume_queue(v1::ResumeQueueRequest { name })
                .await?;
            output.result(&now.into_inner(), queue)?;
        }
        Command::Retry { queue, runs, limit } => {
            let request = v1::RetryJobsRequest {
                name: full(&queue),
                jobs: named(runs),
                limit,
            };
            let done = service.retry_jobs(request).await?.into_inner();
            output.result(&done, |done| told("queued again", &done.jobs))?;
        }
        Command::Promote { queue, runs } => {
            let request = v1::PromoteJobsRequest {
                name: full(&queue),
                jobs: named(runs),
            };
            let done = service.promote_jobs(request).await?.into_inner();
            output.result(&done, |done| told("ready now", &done.jobs))?;
        }
        Command::Rm { queue, runs } => {
            let request = v1::RemoveJobsRequest {
                name: full(&queue),
                jobs: named(runs),
            };
            let done = service.remove_jobs(request).await?.into_inner();
            output.result(&done, |done| told("taken out", &done.jobs))?;
        }
        Command::Clean {
            queue,
            state,
            older_than,
            limit,
        } => {
            let age = units::duration(&older_than);
            let age = age.map_err(|why| Usage(format!("--older-than: {why}")))?;
            let request = v1::CleanQueueRequest {
                name: full(&queue),
                state: state_of(&state)?,
                older_than: Some(pbjson_types::Duration {
                    seconds: age.as_secs().try_into().unwrap_or(i64::MAX),
                    nanos: 0,
                }),
                limit,
            };
            let done = service.clean_queue(request).await?.into_inner();
            output.result(&done, |done| format!("{} jobs are forgotten", done.removed))?;
        }
    }
    Ok(Exit::Done)
}

fn full(queue: &str) -> String {
    match queue.starts_with("queues/") {
        true => queue.to_owned(),
        false => format!("queues/{queue}"),
    }
}

fn state_of(text: &str) -> Result<i32, Usage> {
    let name = format!("RUN_STATE_{}", text.to_uppercase());
    v1::RunState::from_str_name(&name)
        .filter(|state| *state != v1::RunState::Unspecified)
        .map(Into::into)
        .ok_or_else(|| {
            Usage(
                "--state: expected queued, running, retrying, waiting, succeeded, partial, failed or cancelled"
                    .to_owned(),
            )
        })
}

fn told(what: &str, jobs: &[String]) -> String {
    let mut lines = vec![format!("{} jobs are {what}", jobs.len())];
    lines.extend(jobs.iter().cloned());
    lines.join("\n")
}

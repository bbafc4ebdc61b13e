//! Carries how far a run is and what it says to the job in Redis that stands for it, for those who look there: listeners
//! to BullMQ's events, and Bull Board. The table has all of it; here some may be left out, and no run ever waits.

use crate::{
    queue::{Job, Queue},
    runs::{Progress, relay::in_time},
};
use serde_json::{Value, json};
use std::{collections::HashMap, time::Duration};
use tokio::sync::mpsc;

/// News that wait to be carried, at most; what comes on top is left out.
const MOST_WAITING: usize = 2_000;
/// Shortest time between two rounds: what happens meanwhile goes together, of progress the last only.
const EVERY: Duration = Duration::from_millis(250);
/// Lines of one job in one round; of more the last ones.
const MOST_LINES: usize = 50;
/// Lines of a job that stay in Redis where the job does not say.
const LINES_KEPT: u32 = 200;
/// Characters of a line; the table has the rest.
const LONGEST_LINE: usize = 500;

/// The task that carries; it ends when this and all that it gave are gone.
pub(super) struct Mirror(mpsc::Sender<News>);

/// The way to one job.
pub(super) struct Image {
    to: mpsc::Sender<News>,
    queue: Queue,
    job: String,
    keep_lines: u32,
}

struct News {
    queue: Queue,
    job: String,
    keep_lines: u32,
    what: What,
}

enum What {
    Progress(Value),
    Line(String),
}

/// What is to be carried to one job.
struct Load {
    queue: Queue,
    keep_lines: u32,
    progress: Option<Value>,
    lines: Vec<String>,
}

impl Mirror {
    /// Starts the task.
    pub fn start() -> Self {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        tokio::spawn(carry(receiver));
        Self(sender)
    }

    /// For the run that this job stands for.
    pub fn image(&self, queue: &Queue, job: &Job) -> Image {
        Image {
            to: self.0.clone(),
            queue: queue.clone(),
            job: job.id.clone(),
            keep_lines: job.options.keep_logs.unwrap_or(LINES_KEPT),
        }
    }
}

impl Image {
    /// How far the run is. `progress` is the percentage that Bull Board draws, once it is known.
    pub fn progress(&self, at: &Progress) {
        let mut value = json!({"phase": at.phase, "done": at.done, "total": at.total});
        if let Some(percent) = (100 * at.done.min(at.total)).checked_div(at.total) {
            value["progress"] = percent.into();
        }
        self.send(What::Progress(value));
    }

    /// A line of its log.
    pub fn line(&self, level: &str, message: &str) {
        let message: String = message.chars().take(LONGEST_LINE).collect();
        self.send(What::Line(format!("{level}: {message}")));
    }

    fn send(&self, what: What) {
        // Too much is waiting: Redis is slow or away, and the table has it.
        let _ = self.to.try_send(News {
            queue: self.queue.clone(),
            job: self.job.clone(),
            keep_lines: self.keep_lines,
            what,
        });
    }
}

async fn carry(mut receiver: mpsc::Receiver<News>) {
    let mut news = Vec::new();
    while receiver.recv_many(&mut news, MOST_WAITING).await > 0 {
        for ((_, job), load) in together(news.drain(..)) {
            if let Err(error) = in_time(tell(&job, load)).await {
                // The others would fare no better, and each would take its time.
                tracing::debug!(%error, "Redis was not told how far runs are");
                break;
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn together(news: impl Iterator<Item = News>) -> HashMap<(String, String), Load> {
    let mut loads: HashMap<_, Load> = HashMap::new();
    for item in news {
        let key = (item.queue.name().to_owned(), item.job);
        let load = loads.entry(key).or_insert_with(|| Load {
            queue: item.queue,
            keep_lines: item.keep_lines,
            progress: None,
            lines: Vec::new(),
        });
        match item.what {
            What::Progress(progress) => load.progress = Some(progress),
            What::Line(line) => load.lines.push(line),
        }
    }
    loads
}

async fn tell(job: &str, mut load: Load) -> crate::base::Result<()> {
    if let Some(progress) = &load.progress {
        load.queue.progress(job, progress).await?;
    }
    let surplus = load.lines.len().saturating_sub(MOST_LINES);
    load.lines.drain(..surplus);
    if !load.lines.is_empty() {
        let keep = Some(load.keep_lines);
        load.queue.log(job, &load.lines, keep).await?;
    }
    Ok(())
}

//! One job as it stands in Redis.

use super::Options;
use chrono::{DateTime, Utc};
use fred::types::Value as Reply;
use serde_json::Value;

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JobState {
    /// Ready, without priority.
    Waiting,
    /// Ready, with a priority.
    Prioritized,
    /// Not due yet.
    Delayed,
    /// A worker has it.
    Active,
    /// Done.
    Completed,
    /// Given up.
    Failed,
    /// A parent whose children are not done.
    WaitingChildren,
    /// Ready, in the list that version 5 keeps while the queue is paused.
    Paused,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Prioritized,
        Self::Delayed,
        Self::Active,
        Self::Completed,
        Self::Failed,
        Self::WaitingChildren,
        Self::Paused,
    ];

    /// The last part of the key that holds the jobs of this state.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Waiting => "wait",
            Self::Prioritized => "prioritized",
            Self::Delayed => "delayed",
            Self::Active => "active",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::WaitingChildren => "waiting-children",
            Self::Paused => "paused",
        }
    }

    pub(super) fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.key() == key)
    }
}

/// The fields that every job has. One that was never started and belongs to nothing else has no more.
pub(super) const USUAL: [&str; 6] = ["name", "data", "opts", "timestamp", "delay", "priority"];

/// What Redis knows of a job. Text that is not UTF-8 has its odd bytes replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its id in its queue.
    pub id: String,
    /// What kind of work it is.
    pub name: String,
    /// The payload, JSON by agreement: others may have written anything.
    pub data: String,
    /// What was asked for with it.
    pub options: Options,
    /// When it was added.
    pub added_at: DateTime<Utc>,
    /// How long it was to wait, or still is.
    pub delay_ms: u64,
    /// 0 is none; else the lower runs first.
    pub priority: u32,
    /// Attempts that ended.
    pub attempts_made: u32,
    /// Attempts that began.
    pub attempts_started: u32,
    /// How often its worker was lost.
    pub stalled: u32,
    /// When it was last started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was completed or failed.
    pub finished_at: Option<DateTime<Utc>>,
    /// Name of the worker that has it, or had it last.
    pub worker: Option<String>,
    /// A number or an object.
    pub progress: Option<Value>,
    /// What it gave back, JSON by agreement.
    pub result: Option<String>,
    /// Why it failed last.
    pub failed_reason: Option<String>,
    /// One text for each failed attempt, the oldest first.
    pub stack_traces: Vec<String>,
    /// Whoever claims it must fail it with this reason, without running it.
    pub deferred_failure: Option<String>,
    /// The scheduler of others that made it. Running it would end their schedule: fail it, and say so.
    pub scheduler: Option<String>,
    /// The key of its parent in a flow of others.
    pub parent: Option<String>,
    /// The deduplication id that it holds until it is finished.
    pub deduplication: Option<String>,
    /// How many fields its hash had when it was handed out, where it was one of those that have the usual ones alone.
    /// With as many when it ends, nothing was added meanwhile, and nobody has to look.
    pub(super) usual_fields: u32,
}

impl Job {
    /// Whether it belongs to a job scheduler of others, which only BullMQ's own worker can carry on.
    pub fn is_scheduled_by_others(&self) -> bool {
        self.scheduler.is_some()
    }

    /// From the fields of its hash, names and values in turn. A later one counts. `None` where there is no hash.
    pub(super) fn read(id: String, fields: Vec<Reply>) -> Option<Self> {
        if fields.is_empty() {
            return None;
        }
        let mut job = Self::empty(id);
        let mut fields = fields.into_iter();
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            if let Some(name) = name.as_bytes_str() {
                job.set(&name, text(value));
            }
        }
        Some(job)
    }

    /// From the fields that every job has, in the order of [`USUAL`].
    pub(super) fn usual(id: String, values: [Reply; USUAL.len()]) -> Self {
        let mut job = Self::empty(id);
        for (name, value) in USUAL.into_iter().zip(values) {
            job.set(name, text(value));
        }
        job
    }

    /// As a claim leaves it that found it as it is.
    pub(super) fn start(&mut self, at: DateTime<Utc>, worker: Option<&str>) {
        self.attempts_started += 1;
        self.started_at = Some(at);
        if let Some(worker) = worker {
            self.worker = Some(worker.to_owned());
        }
    }

    fn empty(id: String) -> Self {
        Self {
            id,
            name: String::new(),
            data: "{}".to_owned(),
            options: Options::default(),
            added_at: DateTime::UNIX_EPOCH,
            delay_ms: 0,
            priority: 0,
            attempts_made: 0,
            attempts_started: 0,
            stalled: 0,
            started_at: None,
            finished_at: None,
            worker: None,
            progress: None,
            result: None,
            failed_reason: None,
            stack_traces: Vec::new(),
            deferred_failure: None,
            scheduler: None,
            parent: None,
            deduplication: None,
            usual_fields: 0,
        }
    }

    fn set(&mut self, name: &str, value: String) {
        match name {
            "name" => self.name = value,
            "data" => self.data = value,
            "opts" => self.options = Options::read(&value),
            "timestamp" => self.added_at = instant(&value).unwrap_or_default(),
            "delay" => self.delay_ms = value.parse().unwrap_or_default(),
            "priority" => self.priority = value.parse().unwrap_or_default(),
            // The second name is that of version 4.
            "atm" | "attemptsMade" => self.attempts_made = value.parse().unwrap_or_default(),
            "ats" => self.attempts_started = value.parse().unwrap_or_default(),
            "stc" => self.stalled = value.parse().unwrap_or_default(),
            "processedOn" => self.started_at = instant(&value),
            "finishedOn" => self.finished_at = instant(&value),
            "pb" => self.worker = Some(value),
            "progress" => self.progress = serde_json::from_str(&value).ok(),
            "returnvalue" => self.result = Some(value),
            "failedReason" => self.failed_reason = Some(value),
            "stacktrace" => self.stack_traces = serde_json::from_str(&value).unwrap_or_default(),
            "defa" => self.deferred_failure = Some(value),
            "rjk" => self.scheduler = Some(value),
            "parentKey" => self.parent = Some(value),
            "deid" => self.deduplication = Some(value),
            _ => {}
        }
    }
}

/// The text of a reply, odd bytes replaced.
pub(super) fn text(reply: Reply) -> String {
    match reply {
        Reply::String(text) => text.to_string(),
        Reply::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Reply::Integer(number) => number.to_string(),
        _ => String::new(),
    }
}

/// Milliseconds since the epoch, as JavaScript writes them: a fraction is cut off.
fn instant(millis: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis.parse::<f64>().ok()? as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Vec<Reply> {
        let pairs = pairs.iter().flat_map(|(name, value)| [*name, *value]);
        pairs.map(|text| Reply::String(text.into())).collect()
    }

    #[test]
    fn a_job_of_javascript_is_read() {
        let job = Job::read(
            "7".into(),
            fields(&[
                ("name", "run"),
                ("data", r#"{"sync":"tenants\/t\/syncs\/s"}"#),
                ("opts", r#"{"attempts":3}"#),
                ("timestamp", "1795218871143"),
                ("atm", "1"),
                ("progress", "40"),
                ("stacktrace", r#"["Error: no"]"#),
                ("rjk", "nightly"),
            ]),
        )
        .unwrap();
        assert_eq!(
            (job.name.as_str(), job.options.attempts, job.attempts_made),
            ("run", 3, 1)
        );
        assert_eq!(job.added_at.timestamp_millis(), 1_795_218_871_143);
        assert_eq!(job.progress, Some(Value::from(40)));
        assert_eq!(job.stack_traces, ["Error: no"]);
        assert!(job.is_scheduled_by_others());
    }

    #[test]
    fn a_job_that_lacks_everything_but_its_name_is_read() {
        let job = Job::read(
            "7".into(),
            fields(&[("name", "run"), ("stacktrace", "oops")]),
        )
        .unwrap();
        assert_eq!((job.data.as_str(), job.options), ("{}", Options::default()));
        assert!(job.stack_traces.is_empty());
        assert_eq!(Job::read("7".into(), Vec::new()), None);
    }
}

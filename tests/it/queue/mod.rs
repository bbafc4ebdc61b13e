//! The queue on a Redis of its own for each test: what every verb does, and that nothing is lost or doubled.

mod board;
mod claiming;
mod cluster;
mod exchanging;
mod faults;
mod finishing;
mod flows;
mod holding;
mod interop;
mod model;
mod operating;
pub mod outside;
mod putting;

use crate::kit;
use fred::prelude::*;
use std::{collections::BTreeMap, time::Duration};
use syncline::queue::{
    Claim, Claimed, Connection, ConnectionOptions, Counts, FinishCode, Job, JobState, Put, PutCode,
    Queue,
};

/// What most tests hold their locks with.
const TOKEN: &str = "worker-1";
const SOON: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

/// A server, a queue on it, and a look at its keys from outside.
struct Stage {
    redis: kit::Redis,
    queue: Queue,
    outside: Client,
}

impl Stage {
    async fn new() -> Self {
        Self::with_patience(SOON).await
    }

    /// With so much time for each command.
    async fn with_patience(timeout: Duration) -> Self {
        let redis = kit::redis();
        let queue = patient_queue_at(&redis.url(), timeout).await;
        let outside = outside_at(&redis.url()).await;
        Self {
            redis,
            queue,
            outside,
        }
    }

    /// One command as a person would type it, words separated by spaces.
    async fn say(&self, words: &str) -> Value {
        let words: Vec<&str> = words.split(' ').collect();
        self.tell(&words).await
    }

    async fn tell(&self, words: &[&str]) -> Value {
        let command = fred::types::CustomCommand::new(words[0], None, false);
        let arguments: Vec<&str> = words[1..].to_vec();
        self.outside.custom(command, arguments).await.unwrap()
    }

    async fn ids(&self, key: &str) -> Vec<String> {
        let kind = self
            .say(&format!("TYPE bull:sync:{key}"))
            .await
            .as_string()
            .unwrap();
        let verb = if kind == "list" { "LRANGE" } else { "ZRANGE" };
        if kind == "none" {
            return Vec::new();
        }
        self.say(&format!("{verb} bull:sync:{key} 0 -1"))
            .await
            .convert()
            .unwrap()
    }

    async fn hash(&self, id: &str) -> BTreeMap<String, String> {
        self.say(&format!("HGETALL bull:sync:{id}"))
            .await
            .convert()
            .unwrap()
    }

    async fn add(&self, id: &str) {
        assert_eq!(self.put(job(id)).await, PutCode::Added);
    }

    async fn put(&self, job: Put) -> PutCode {
        self.queue.put(&[job]).await.unwrap()[0]
    }

    async fn claim(&self, most: usize) -> Vec<Job> {
        self.claimed(most).await.jobs
    }

    async fn claimed(&self, most: usize) -> Claimed {
        self.queue.claim(&Claim::new(TOKEN), most).await.unwrap()
    }

    /// Claims a job that must be there.
    async fn claim_one(&self) -> Job {
        let mut jobs = self.claim(1).await;
        assert_eq!(jobs.len(), 1);
        jobs.remove(0)
    }

    async fn finish(&self, end: syncline::queue::Finish) -> FinishCode {
        self.queue.finish(TOKEN, &[end]).await.unwrap()[0]
    }

    async fn counts(&self) -> Counts {
        self.queue.counts().await.unwrap()
    }

    async fn state(&self, id: &str) -> Option<JobState> {
        self.queue.states(&[id.to_owned()]).await.unwrap()[0]
    }

    /// The events since the beginning, each as its fields and values in one line.
    async fn events(&self) -> Vec<String> {
        let entries: Vec<Value> = self
            .say("XRANGE bull:sync:events - +")
            .await
            .convert()
            .unwrap();
        let line = |entry: Value| {
            let parts: Vec<Value> = entry.convert().unwrap();
            let fields: Vec<String> = parts[1].clone().convert().unwrap();
            fields[1..].join(" ")
        };
        entries.into_iter().map(line).collect()
    }
}

async fn outside_at(url: &str) -> Client {
    let outside = Client::new(Config::from_url(url).unwrap(), None, None, None);
    outside.init().await.unwrap();
    outside
}

async fn queue_at(url: &str) -> Queue {
    patient_queue_at(url, SOON).await
}

async fn patient_queue_at(url: &str, timeout: Duration) -> Queue {
    let mut options = ConnectionOptions::new(url);
    options.timeout = timeout;
    Queue::new(&Connection::open(options).await.unwrap(), "sync").unwrap()
}

fn job(id: &str) -> Put {
    Put::new(id, "run", serde_json::json!({"run": id}))
}

fn ids_of(jobs: &[Job]) -> Vec<&str> {
    jobs.iter().map(|job| job.id.as_str()).collect()
}

//! `syncline queue add`: a job for a worker of others.

use super::super::failure::Usage;
use crate::{
    api::{v1, value},
    base::{Clock, ResourceId},
    config::units,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What to add, and on which terms.
#[derive(clap::Args, Debug)]
pub struct Add {
    /// The queue: one of the setting queue.external
    queue: String,
    /// What the worker gets as data, in JSON
    #[arg(default_value = "{}")]
    data: String,
    /// How the worker knows the job
    #[arg(long, default_value = "run")]
    name: String,
    /// A UUID of yours: asking twice adds one job
    #[arg(long)]
    request_id: Option<Uuid>,
    /// low, normal or high: which of the tenant's jobs go first
    #[arg(long, default_value = "normal")]
    priority: String,
    /// Not before so long from now, as in 10m
    #[arg(long)]
    delay: Option<String>,
    /// Failed when it has not ended so long from now, as in 2h
    #[arg(long)]
    deadline: Option<String>,
    /// Failed after so many failed attempts; 0: as the settings say
    #[arg(long, default_value_t = 0)]
    attempts: i32,
}

impl Add {
    /// As a request.
    pub fn request(self, tenant: &ResourceId) -> Result<v1::AddJobRequest, Usage> {
        let data: serde_json::Value = serde_json::from_str(&self.data)
            .map_err(|why| Usage(format!("DATA: expected JSON: {why}")))?;
        let priority = format!("RUN_PRIORITY_{}", self.priority.to_uppercase());
        let priority = v1::RunPriority::from_str_name(&priority)
            .filter(|priority| *priority != v1::RunPriority::Unspecified)
            .ok_or_else(|| Usage("--priority: expected low, normal or high".to_owned()))?;
        Ok(v1::AddJobRequest {
            parent: super::full(&self.queue),
            tenant: format!("tenants/{tenant}"),
            job_name: self.name,
            data: Some(value::from_json(data)),
            request_id: self.request_id.unwrap_or_else(Uuid::new_v4).to_string(),
            priority: priority.into(),
            due_time: from_now("--delay", self.delay)?.map(Into::into),
            deadline_time: from_now("--deadline", self.deadline)?.map(Into::into),
            max_attempts: self.attempts,
        })
    }
}

fn from_now(flag: &str, text: Option<String>) -> Result<Option<DateTime<Utc>>, Usage> {
    let Some(text) = text else {
        return Ok(None);
    };
    let span = units::duration(&text).map_err(|why| Usage(format!("{flag}: {why}")))?;
    let at = chrono::TimeDelta::from_std(span)
        .ok()
        .and_then(|span| Clock::system().now().checked_add_signed(span));
    at.map(Some)
        .ok_or_else(|| Usage(format!("{flag}: expected a shorter time")))
}

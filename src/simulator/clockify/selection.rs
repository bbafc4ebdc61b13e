//! Which time entries a list shows.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{errors, window};
use crate::simulator::faults::Tweak;
use crate::simulator::http::{Reply, Request};
use crate::simulator::world::{ClockifyUser, Entry, World};

/// How long a new entry stays out of lists under [`Tweak::ListLag`].
const LIST_LAG: TimeDelta = TimeDelta::minutes(1);

/// The parameters of a list.
pub(super) struct Selection {
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    description: Option<String>,
    project: Option<String>,
    task: Option<String>,
    tags: Vec<String>,
    ids: Vec<String>,
    in_progress: Option<bool>,
    needs_project: bool,
    needs_task: bool,
    made_before: Option<DateTime<Utc>>,
}

impl Selection {
    pub fn read(world: &World, request: &Request, user: &ClockifyUser) -> Result<Self, Reply> {
        let zone: Tz = user.zone.parse().unwrap_or(Tz::UTC);
        let bound = |parameter: &str| match request.query(parameter).filter(|text| !text.is_empty())
        {
            None => Ok(None),
            Some(text) => window::bound(text, zone)
                .map(Some)
                .ok_or_else(|| errors::not_convertible(parameter, text)),
        };
        let owned = |parameter: &str| {
            request
                .query(parameter)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let list = |parameter: &str| {
            request
                .query_list(parameter)
                .into_iter()
                .map(str::to_owned)
                .collect()
        };
        Ok(Self {
            from: bound("start")?,
            until: bound("end")?,
            description: owned("description").map(|text| text.to_lowercase()),
            project: owned("project"),
            task: owned("task"),
            tags: list("tags"),
            ids: list("time-entry-ids"),
            in_progress: request.query_flag("in-progress"),
            needs_project: request.query_flag("project-required") == Some(true),
            needs_task: request.query_flag("task-required") == Some(true),
            made_before: (request.tweak == Some(Tweak::ListLag)).then(|| world.now() - LIST_LAG),
        })
    }

    pub fn takes(&self, entry: &Entry) -> bool {
        let start = entry.span.start;
        let tagged = |tag: &String| entry.tags.as_ref().is_some_and(|tags| tags.contains(tag));
        self.from.is_none_or(|from| start >= from)
            && self.until.is_none_or(|until| start < until)
            && self
                .description
                .as_ref()
                .is_none_or(|term| entry.description.to_lowercase().contains(term))
            && (self.project.is_none() || self.project == entry.project)
            && (self.task.is_none() || self.task == entry.task)
            && (self.tags.is_empty() || self.tags.iter().any(tagged))
            && (self.ids.is_empty() || self.ids.contains(&entry.id))
            && self
                .in_progress
                .is_none_or(|running| running == entry.span.end.is_none())
            && (!self.needs_project || entry.project.is_some())
            && (!self.needs_task || entry.task.is_some())
            && self.made_before.is_none_or(|before| entry.created < before)
    }
}

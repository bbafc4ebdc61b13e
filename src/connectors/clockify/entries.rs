//! Time entries: list, get, create, replace, delete.

use super::{
    Clockify, ClockifyError, Entity, Entry, NewEntry,
    client::Request,
    window::{padded_window, text, whole_seconds},
};
use crate::outbound::Permits;
use chrono::{DateTime, Utc};
use http::Method;
use std::collections::HashSet;
use url::Url;

/// Entries on one page, as the original asked for them.
const PAGE: u32 = 1_000;

/// What came of deleting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It was there, and is gone now.
    Now,
    /// It was gone already.
    Before,
}

impl Clockify {
    /// All entries of `user` that start between `from` and `to`, both included, whatever the account's time zone; each
    /// once, in no order. Running timers are among them. `from` is cut to whole seconds, as the entries are.
    pub async fn list_entries(
        &self,
        workspace: &str,
        user: &str,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<Entry>, ClockifyError> {
        let mut url = self.url(["workspaces", workspace, "user", user, "time-entries"]);
        let (start, end) = padded_window(from, to);
        url.query_pairs_mut()
            .append_pair("start", &text(start))
            .append_pair("end", &text(end));
        let mut entries: Vec<Entry> = self.list("clockify.timeEntries.list", &url, PAGE).await?;
        // An entry that is made while pages are read pushes another one onto the next page, where it comes again.
        let mut seen = HashSet::new();
        entries.retain(|entry| {
            entry.start >= whole_seconds(from) && entry.start <= to && seen.insert(entry.id.clone())
        });
        Ok(entries)
    }

    /// One entry; `None` when it is not there (any more).
    pub async fn get_entry(
        &self,
        workspace: &str,
        id: &str,
    ) -> Result<Option<Entry>, ClockifyError> {
        let url = self.entry_url(workspace, Some(id));
        match self.get("clockify.timeEntries.get", url).await {
            Ok(entry) => Ok(Some(entry)),
            Err(ClockifyError::Gone {
                entity: Entity::TimeEntry,
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates an entry within the account's budget. Clockify takes the same entry twice: after
    /// [`CallError::Unanswered`](crate::outbound::CallError::Unanswered) look for it before sending it again.
    pub async fn create_entry(
        &self,
        workspace: &str,
        entry: &NewEntry,
    ) -> Result<Entry, ClockifyError> {
        let request = self.creation(workspace, entry)?;
        self.write_object(request, None).await
    }

    /// As [`Clockify::create_entry`], with a permit that was taken before the intent was written down.
    pub async fn create_entry_with(
        &self,
        permits: &mut Permits,
        workspace: &str,
        entry: &NewEntry,
    ) -> Result<Entry, ClockifyError> {
        let request = self.creation(workspace, entry)?;
        self.write_object(request, Some(permits)).await
    }

    /// Replaces an entry by what `entry` says now: read it, change it, hand it in. Everything that [`Entry`] holds is
    /// sent, because Clockify clears what is not.
    ///
    /// [`ClockifyError::Gone`] says by its entity whether the entry itself is gone, or a project, task or tag of it.
    pub async fn replace_entry(&self, entry: &Entry) -> Result<Entry, ClockifyError> {
        self.write_object(self.replacement(entry)?, None).await
    }

    /// As [`Clockify::replace_entry`], with a permit that was taken before.
    pub async fn replace_entry_with(
        &self,
        permits: &mut Permits,
        entry: &Entry,
    ) -> Result<Entry, ClockifyError> {
        self.write_object(self.replacement(entry)?, Some(permits))
            .await
    }

    /// Deletes an entry. One that is gone already is fine.
    pub async fn delete_entry(&self, workspace: &str, id: &str) -> Result<Deleted, ClockifyError> {
        let request = Request {
            endpoint: "clockify.timeEntries.delete",
            method: Method::DELETE,
            url: self.entry_url(workspace, Some(id)),
            body: None,
        };
        match self.write(request, None).await {
            Ok(_) => Ok(Deleted::Now),
            Err(ClockifyError::Gone {
                entity: Entity::TimeEntry,
            }) => Ok(Deleted::Before),
            Err(error) => Err(error),
        }
    }

    fn creation(&self, workspace: &str, entry: &NewEntry) -> Result<Request, ClockifyError> {
        Ok(Request {
            endpoint: "clockify.timeEntries.create",
            method: Method::POST,
            url: self.entry_url(workspace, None),
            body: Some(entry.body()?),
        })
    }

    fn replacement(&self, entry: &Entry) -> Result<Request, ClockifyError> {
        Ok(Request {
            endpoint: "clockify.timeEntries.replace",
            method: Method::PUT,
            url: self.entry_url(&entry.workspace_id, Some(&entry.id)),
            body: Some(entry.body()?),
        })
    }

    fn entry_url(&self, workspace: &str, id: Option<&str>) -> Url {
        let collection = ["workspaces", workspace, "time-entries"];
        self.url(collection.into_iter().chain(id))
    }
}

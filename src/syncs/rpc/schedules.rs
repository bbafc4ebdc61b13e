//! Calls about schedules.

use super::{
    Syncs,
    read::{collect, read_request_id, read_time},
};
use crate::{
    api::{page::Page, v1},
    base::{Error, Result, SyncName, TenantId, Violation, error::all_valid, name::shown},
    db::{Scope, Tx},
    schedules::{self, Schedule, Spec, change::LONGEST_NOTE, list, preview},
    syncs::{Sync, job::KIND, schedule},
};
use chrono::{DateTime, Utc};
use std::collections::HashMap;

/// Times of a preview when the client names no number, and at most.
const USUAL_COUNT: usize = 10;
const MOST_COUNT: usize = 500;

impl Syncs {
    /// A sync with its schedule; `given` is shown where nothing was stored, as with validate_only.
    pub(super) async fn shown(&self, sync: Sync, given: Option<Spec>) -> Result<v1::Sync> {
        let stored = schedule::get(&self.0, &sync.name).await?;
        Ok(v1::Sync {
            schedule: stored.map(Into::into).or(given.map(Into::into)),
            ..sync.into()
        })
    }

    /// A schedule as a client wrote it, where it wrote one.
    pub(super) fn read_schedule(&self, given: Option<v1::Schedule>) -> Result<Option<Spec>> {
        let read = |given| schedules::rpc::read("sync.schedule", given, self.0.db.now());
        given.map(read).transpose()
    }

    pub(super) async fn get(&self, name: &SyncName) -> Result<v1::Sync> {
        let sync = self.find(name).await?;
        self.shown(sync, None).await
    }

    pub(super) async fn pause(&self, request: v1::PauseSyncRequest) -> Result<v1::Sync> {
        let mut wrong = Vec::new();
        let name = collect(SyncName::parse("name", &request.name), &mut wrong)?;
        if request.note.chars().count() > LONGEST_NOTE || request.note.chars().any(char::is_control)
        {
            let expected = format!(
                "expected at most {LONGEST_NOTE} characters, none of them a control character"
            );
            wrong.push(Violation::new("note", expected));
        }
        all_valid(wrong)?;
        let name = name.ok_or_else(|| Error::internal("a field is missing that is not wrong"))?;
        let sync = self.find(&name).await?;
        let paused = schedule::pause(&self.0, &name, &request.note).await?;
        Ok(with_schedule(sync, Some(paused)))
    }

    pub(super) async fn resume(&self, name: &SyncName) -> Result<v1::Sync> {
        let sync = self.find(name).await?;
        let resumed = schedule::resume(&self.0, name).await?;
        Ok(with_schedule(sync, Some(resumed)))
    }

    pub(super) async fn preview_schedule(
        &self,
        request: v1::PreviewScheduleRequest,
    ) -> Result<v1::PreviewScheduleResponse> {
        let mut wrong = Vec::new();
        let now = self.0.db.now();
        let after = collect(read_time("after_time", request.after_time), &mut wrong)?.flatten();
        let count = match usize::try_from(request.count) {
            Ok(0) => USUAL_COUNT,
            Ok(count) => count.min(MOST_COUNT),
            Err(_) => {
                let expected = format!("expected 0 to {MOST_COUNT}, got {}", request.count);
                wrong.push(Violation::new("count", expected));
                0
            }
        };
        let name = match request.name.as_str() {
            "" => None,
            name => collect(SyncName::parse("name", name), &mut wrong)?,
        };
        let given = request
            .schedule
            .map(|given| schedules::rpc::read("schedule", given, now));
        let given = given
            .map(|read| collect(read, &mut wrong))
            .transpose()?
            .flatten();
        if given.is_none() && name.is_none() && wrong.is_empty() {
            wrong.push(Violation::new(
                "schedule",
                "expected a schedule, or the name of a sync that has one",
            ));
        }
        all_valid(wrong)?;
        let sync = match name {
            Some(name) => Some(self.find(&name).await?.name),
            None => None,
        };
        let spec = match (given, &sync) {
            (Some(spec), _) => spec,
            (None, Some(sync)) => {
                schedule::get(&self.0, sync)
                    .await?
                    .ok_or_else(schedule::none)?
                    .spec
            }
            (None, None) => return Err(Error::internal("a preview of nothing")),
        };
        let key = sync
            .map(|sync| schedule::key(&sync).to_string())
            .unwrap_or_default();
        let lines = preview::preview(&spec, &key, after.unwrap_or(now), count);
        Ok(v1::PreviewScheduleResponse {
            times: lines.into_iter().map(Into::into).collect(),
        })
    }

    pub(super) async fn list_occurrences(
        &self,
        request: v1::ListOccurrencesRequest,
    ) -> Result<v1::ListOccurrencesResponse> {
        let mut wrong = Vec::new();
        let from = collect(read_time("start_time", request.start_time), &mut wrong)?.flatten();
        let to = collect(read_time("end_time", request.end_time), &mut wrong)?.flatten();
        let name = collect(SyncName::parse("parent", &request.parent), &mut wrong)?;
        let bounds = format!("{from:?} {to:?}");
        let arguments = ["occurrences", &request.parent, &bounds];
        let page = collect(
            Page::parse(request.page_size, &request.page_token, &arguments),
            &mut wrong,
        )?;
        all_valid(wrong)?;
        let (Some(name), Some(page)) = (name, page) else {
            return Err(Error::internal("a field is missing that is not wrong"));
        };
        self.find(&name).await?;
        let now = self.0.db.now();
        let before = match &page.after {
            Some(key) => read_key(key)?,
            None => to.unwrap_or(now + chrono::TimeDelta::seconds(1)),
        };
        let from = from.unwrap_or(DateTime::UNIX_EPOCH);
        let mut tx = self.0.db.read(Scope::Tenant(name.tenant.clone())).await?;
        let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
        let lines = list::list(&mut tx, &schedule::key(&name), from, before, limit, now).await?;
        let mut lines = lines.ok_or_else(schedule::none)?;
        let next_page_token = page.cut(&mut lines, |line| line.at.timestamp().to_string());
        let owner = name.to_string();
        Ok(v1::ListOccurrencesResponse {
            occurrences: lines
                .into_iter()
                .map(|line| schedules::rpc::occurrence(&owner, line))
                .collect(),
            next_page_token,
        })
    }

    pub(super) async fn backfill(
        &self,
        request: v1::BackfillSyncRequest,
    ) -> Result<v1::BackfillSyncResponse> {
        let mut wrong = Vec::new();
        let now = self.0.db.now();
        let request_id = collect(read_request_id(&request.request_id), &mut wrong)?.flatten();
        let from = collect(read_time("start_time", request.start_time), &mut wrong)?;
        let to = collect(read_time("end_time", request.end_time), &mut wrong)?;
        let name = collect(SyncName::parse("name", &request.name), &mut wrong)?;
        if let Some(None) = from {
            wrong.push(Violation::new(
                "start_time",
                "expected a moment in the past",
            ));
        }
        let (from, to) = (from.flatten(), to.flatten().unwrap_or(now));
        if from.is_some_and(|from| from >= to) {
            wrong.push(Violation::new(
                "end_time",
                "expected a moment after start_time",
            ));
        }
        all_valid(wrong)?;
        let (Some(name), Some(from)) = (name, from) else {
            return Err(Error::internal("a field is missing that is not wrong"));
        };
        let only = request.validate_only;
        let filled = schedule::backfill(&self.0, &name, (from, to), request_id, only).await?;
        let owner = name.to_string();
        let occurrences = filled.into_iter().map(|(at, run)| {
            let line = list::Line {
                at,
                outcome: schedules::schedule::Outcome::Ran,
                run: (!only).then_some(run),
                note: String::new(),
            };
            schedules::rpc::occurrence(&owner, line)
        });
        Ok(v1::BackfillSyncResponse {
            occurrences: occurrences.collect(),
        })
    }
}

/// Syncs of a tenant with their schedules.
pub(super) async fn shown_all(
    tx: &mut Tx,
    tenant: &TenantId,
    syncs: Vec<Sync>,
) -> Result<Vec<v1::Sync>> {
    let ids: Vec<_> = syncs.iter().map(|sync| sync.name.id.as_str()).collect();
    let schedules = schedules::store::of_subjects(tx, tenant, KIND, &ids).await?;
    let mut schedules: HashMap<_, _> = schedules
        .into_iter()
        .map(|schedule| (schedule.key.subject.clone(), schedule))
        .collect();
    let shown = syncs.into_iter().map(|sync| {
        let schedule = schedules.remove(sync.name.id.as_str());
        with_schedule(sync, schedule)
    });
    Ok(shown.collect())
}

fn with_schedule(sync: Sync, schedule: Option<Schedule>) -> v1::Sync {
    v1::Sync {
        schedule: schedule.map(Into::into),
        ..sync.into()
    }
}

/// Where a page of occurrences begins.
fn read_key(key: &str) -> Result<DateTime<Utc>> {
    let at = key
        .parse()
        .ok()
        .and_then(|second| DateTime::from_timestamp(second, 0));
    at.ok_or_else(|| {
        Error::invalid(
            "page_token",
            format!(
                "expected next_page_token of the page before, got {}",
                shown(key)
            ),
        )
    })
}

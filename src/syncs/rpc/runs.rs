//! Calls about runs.

use super::{
    Syncs, page_key,
    read::{
        collect, in_filter, read_days, read_max_attempts, read_priority, read_request_id, read_time,
    },
};
use crate::{
    api::{filter, page::Page, v1},
    base::{Error, Result, RunName, SyncName, Violation, error::all_valid, name::parse_parent},
    db::Scope,
    runs,
    syncs::{job::Arguments, start},
};

impl Syncs {
    pub(super) async fn run(&self, request: v1::RunSyncRequest) -> Result<v1::Run> {
        let mut wrong = Vec::new();
        let name = collect(SyncName::parse("name", &request.name), &mut wrong)?;
        let request_id = collect(read_request_id(&request.request_id), &mut wrong)?;
        let days = collect(read_days(request.days), &mut wrong)?;
        let due_at = collect(read_time("due_time", request.due_time), &mut wrong)?;
        let deadline_at = collect(
            read_time("deadline_time", request.deadline_time),
            &mut wrong,
        )?;
        let max_attempts = collect(read_max_attempts(request.max_attempts), &mut wrong)?;
        let priority = collect(read_priority(request.priority), &mut wrong)?;
        let (Some(name), Some(request_id), Some(days)) = (name, request_id, days) else {
            return Err(Error::Invalid(wrong));
        };
        all_valid(wrong)?;
        let arguments = Arguments {
            dry_run: request.dry_run,
            days,
            full: request.full,
        };
        let terms = start::Terms {
            request_id,
            priority: priority.unwrap_or_default(),
            due_at: due_at.flatten(),
            deadline_at: deadline_at.flatten(),
            max_attempts: max_attempts.flatten(),
        };
        let accepted = start::start(&self.0, name, arguments, terms);
        Ok(accepted.await?.into())
    }

    pub(super) async fn list_runs(
        &self,
        request: v1::ListRunsRequest,
    ) -> Result<v1::ListRunsResponse> {
        let mut wrong = Vec::new();
        let tenant = collect(parse_parent("parent", &request.parent), &mut wrong)?;
        let arguments = ["runs", &request.parent, &request.filter];
        let page = Page::parse(request.page_size, &request.page_token, &arguments);
        let page = collect(page, &mut wrong)?;
        let before = page_key::after(page.as_ref(), page_key::id);
        let before = collect(before, &mut wrong)?;
        let (mut sync, mut state) = (None, None);
        let conditions = filter::parse(&request.filter, &["sync", "state"]);
        for (field, value) in collect(conditions, &mut wrong)?.unwrap_or_default() {
            if field == "sync" {
                let name = collect(in_filter(SyncName::parse("sync", &value)), &mut wrong)?;
                let elsewhere = |name: &SyncName| Some(&name.tenant) != tenant.as_ref();
                if tenant.is_some() && name.as_ref().is_some_and(elsewhere) {
                    let expected = "sync: expected a sync of the tenant that parent names";
                    wrong.push(Violation::new("filter", expected));
                }
                sync = name.map(|name| name.id);
            } else {
                state = collect(in_filter(runs::State::parse("state", &value)), &mut wrong)?;
            }
        }
        let (Some(tenant), Some(page), Some(before), []) = (tenant, page, before, wrong.as_slice())
        else {
            return Err(Error::Invalid(wrong));
        };
        let mut tx = self.0.db.read(Scope::Tenant(tenant.clone())).await?;
        let mut runs =
            runs::store::list(&mut tx, &tenant, sync.as_ref(), state, before, page.limit()).await?;
        let next_page_token = page.cut(&mut runs, |run| run.name.id.to_string());
        Ok(v1::ListRunsResponse {
            runs: runs.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }

    pub(super) async fn list_logs(
        &self,
        request: v1::ListRunLogsRequest,
    ) -> Result<v1::ListRunLogsResponse> {
        let mut wrong = Vec::new();
        let name = collect(RunName::parse("parent", &request.parent), &mut wrong)?;
        let arguments = ["logs", &request.parent];
        let page = Page::parse(request.page_size, &request.page_token, &arguments);
        let page = collect(page, &mut wrong)?;
        let (Some(name), Some(page)) = (name, page) else {
            return Err(Error::Invalid(wrong));
        };
        let run = self.find_run(&name).await?;
        let after = page
            .after
            .as_deref()
            .and_then(|key| key.parse().ok())
            .unwrap_or(0);
        let mut tx = self
            .0
            .db
            .read(Scope::Tenant(run.name.tenant.clone()))
            .await?;
        let mut logs = runs::store::logs(&mut tx, &run.name, after, page.limit()).await?;
        let next_page_token = page.cut(&mut logs, |line| line.seq.to_string());
        Ok(v1::ListRunLogsResponse {
            logs: logs.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }
}

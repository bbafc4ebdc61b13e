//! Calls about runs.

use super::{
    Syncs, page_key,
    read::{collect, read_days, read_request_id},
};
use crate::{
    api::{filter, page::Page, v1},
    base::{Error, Result, SyncName, error::all_valid, name::parse_parent},
    db::Scope,
    runs::{self, accept},
    syncs::job::{Arguments, KIND},
    telemetry,
};

impl Syncs {
    pub(super) async fn run(&self, request: v1::RunSyncRequest) -> Result<v1::Run> {
        let mut wrong = Vec::new();
        let days = collect(read_days(request.days), &mut wrong)?;
        let request_id = collect(read_request_id(&request.request_id), &mut wrong)?;
        let name = collect(SyncName::parse("name", &request.name), &mut wrong)?;
        all_valid(wrong)?;
        let sync = self.find("name", &request.name).await?;
        let arguments = Arguments {
            dry_run: request.dry_run,
            days: days.unwrap_or_default(),
            full: request.full,
        };
        let accepted = accept::accept(
            &self.0,
            accept::Request {
                request_id: request_id.flatten(),
                traceparent: telemetry::current_traceparent(),
                lane: sync.destination.id.to_string(),
                ..accept::Request::new(
                    KIND,
                    name.unwrap_or(sync.name),
                    "manual",
                    serde_json::to_value(arguments).map_err(Error::internal)?,
                )
            },
        );
        Ok(accepted.await?.into())
    }

    pub(super) async fn list_runs(
        &self,
        request: v1::ListRunsRequest,
    ) -> Result<v1::ListRunsResponse> {
        let tenant = parse_parent("parent", &request.parent)?;
        let page = Page::parse(
            request.page_size,
            &request.page_token,
            &["runs", tenant.as_str(), &request.filter],
        )?;
        let (mut sync, mut state) = (None, None);
        for (field, value) in filter::parse(&request.filter, &["sync", "state"])? {
            match field.as_str() {
                "sync" => sync = Some(SyncName::parse("filter", &value)?.id),
                _ => {
                    state = Some(
                        runs::State::parse("state", &value)
                            .map_err(|error| Error::invalid("filter", error.to_string()))?,
                    )
                }
            }
        }
        let before = page.after.as_deref().map(page_key::id).transpose()?;
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
        let page = Page::parse(
            request.page_size,
            &request.page_token,
            &["logs", &request.parent],
        )?;
        let run = self.find_run("parent", &request.parent).await?;
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

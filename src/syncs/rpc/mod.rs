//! `SyncService`: proto in, proto out; no rules here.

mod definition;
mod definitions;
mod ledger;
mod page_key;
mod read;
mod runs;
mod view;

use crate::{
    api::v1::{self, sync_service_server::SyncService},
    app::App,
    base::{Result, RunName, SyncName},
    db::Scope,
    runs::{Run, cancel, retry, store as run_store, watch::Watch},
    syncs::{Sync, delete, store},
};
use futures::{Stream, stream};
use std::pin::Pin;
use tonic::{Request, Response, Status};

/// Answers the calls of `SyncService`.
pub struct Syncs(App);

impl Syncs {
    /// Works on an application.
    pub fn new(app: App) -> Self {
        Self(app)
    }

    async fn find(&self, name: &SyncName) -> Result<Sync> {
        let mut tx = self.0.db.read(Scope::Tenant(name.tenant.clone())).await?;
        store::syncs::get(&mut tx, name)
            .await?
            .ok_or_else(|| name.not_found())
    }

    async fn find_run(&self, name: &RunName) -> Result<Run> {
        let mut tx = self.0.db.read(Scope::Tenant(name.tenant.clone())).await?;
        run_store::get(&mut tx, name)
            .await?
            .ok_or_else(|| name.not_found())
    }
}

type Watching =
    Pin<Box<dyn Stream<Item = std::result::Result<v1::WatchRunResponse, Status>> + Send>>;

/// One call after the other: the message in, what the use case says out.
macro_rules! answer {
    ($result:expr) => {
        Ok(Response::new($result?))
    };
}

#[tonic::async_trait]
impl SyncService for Syncs {
    type WatchRunStream = Watching;

    async fn create_sync(
        &self,
        request: Request<v1::CreateSyncRequest>,
    ) -> std::result::Result<Response<v1::Sync>, Status> {
        answer!(self.create(request.into_inner()).await)
    }

    async fn get_sync(
        &self,
        request: Request<v1::GetSyncRequest>,
    ) -> std::result::Result<Response<v1::Sync>, Status> {
        let name = SyncName::parse("name", &request.get_ref().name)?;
        answer!(self.find(&name).await.map(v1::Sync::from))
    }

    async fn list_syncs(
        &self,
        request: Request<v1::ListSyncsRequest>,
    ) -> std::result::Result<Response<v1::ListSyncsResponse>, Status> {
        answer!(self.list(request.into_inner()).await)
    }

    async fn update_sync(
        &self,
        request: Request<v1::UpdateSyncRequest>,
    ) -> std::result::Result<Response<v1::Sync>, Status> {
        answer!(self.update(request.into_inner()).await)
    }

    async fn delete_sync(
        &self,
        request: Request<v1::DeleteSyncRequest>,
    ) -> std::result::Result<Response<v1::DeleteSyncResponse>, Status> {
        let request = request.into_inner();
        let name = SyncName::parse("name", &request.name)?;
        answer!(
            delete::delete(&self.0, &name, &request.etag)
                .await
                .map(|()| v1::DeleteSyncResponse {})
        )
    }

    async fn run_sync(
        &self,
        request: Request<v1::RunSyncRequest>,
    ) -> std::result::Result<Response<v1::Run>, Status> {
        answer!(self.run(request.into_inner()).await)
    }

    async fn preview_sync(
        &self,
        request: Request<v1::PreviewSyncRequest>,
    ) -> std::result::Result<Response<v1::PreviewSyncResponse>, Status> {
        answer!(self.preview(request.into_inner()).await)
    }

    async fn get_run(
        &self,
        request: Request<v1::GetRunRequest>,
    ) -> std::result::Result<Response<v1::Run>, Status> {
        let name = RunName::parse("name", &request.get_ref().name)?;
        answer!(self.find_run(&name).await.map(v1::Run::from))
    }

    async fn list_runs(
        &self,
        request: Request<v1::ListRunsRequest>,
    ) -> std::result::Result<Response<v1::ListRunsResponse>, Status> {
        answer!(self.list_runs(request.into_inner()).await)
    }

    async fn watch_run(
        &self,
        request: Request<v1::WatchRunRequest>,
    ) -> std::result::Result<Response<Watching>, Status> {
        let name = RunName::parse("name", &request.get_ref().name)?;
        let (watch, first) = Watch::begin(&self.0, name).await?;
        let message = |run: Run| v1::WatchRunResponse {
            run: Some(run.into()),
        };
        let following =
            stream::unfold((watch, Some(first)), move |(mut watch, first)| async move {
                let next = match first {
                    Some(run) => Ok(Some(run)),
                    None => watch.next().await,
                };
                match next {
                    Ok(Some(run)) => Some((Ok(message(run)), (watch, None))),
                    Ok(None) => None,
                    Err(error) => Some((Err(error.into()), (watch, None))),
                }
            });
        Ok(Response::new(Box::pin(following)))
    }

    async fn cancel_run(
        &self,
        request: Request<v1::CancelRunRequest>,
    ) -> std::result::Result<Response<v1::Run>, Status> {
        let name = RunName::parse("name", &request.get_ref().name)?;
        answer!(cancel::cancel(&self.0, &name).await.map(v1::Run::from))
    }

    async fn retry_run(
        &self,
        request: Request<v1::RetryRunRequest>,
    ) -> std::result::Result<Response<v1::Run>, Status> {
        let name = RunName::parse("name", &request.get_ref().name)?;
        answer!(retry::retry(&self.0, &name).await.map(v1::Run::from))
    }

    async fn list_run_logs(
        &self,
        request: Request<v1::ListRunLogsRequest>,
    ) -> std::result::Result<Response<v1::ListRunLogsResponse>, Status> {
        answer!(self.list_logs(request.into_inner()).await)
    }

    async fn list_records(
        &self,
        request: Request<v1::ListRecordsRequest>,
    ) -> std::result::Result<Response<v1::ListRecordsResponse>, Status> {
        answer!(self.list_records(request.into_inner()).await)
    }

    async fn list_effects(
        &self,
        request: Request<v1::ListEffectsRequest>,
    ) -> std::result::Result<Response<v1::ListEffectsResponse>, Status> {
        answer!(self.list_effects(request.into_inner()).await)
    }

    async fn reconcile_sync(
        &self,
        request: Request<v1::ReconcileSyncRequest>,
    ) -> std::result::Result<Response<v1::ReconcileSyncResponse>, Status> {
        answer!(self.reconcile(request.into_inner()).await)
    }

    async fn clean_up_sync(
        &self,
        request: Request<v1::CleanUpSyncRequest>,
    ) -> std::result::Result<Response<v1::CleanUpSyncResponse>, Status> {
        answer!(self.clean_up(request.into_inner()).await)
    }
}

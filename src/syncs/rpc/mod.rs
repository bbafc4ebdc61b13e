//! `SyncService`: proto in, proto out; no rules here.

mod definition;
mod page_key;
mod view;

use crate::{
    api::{
        filter,
        page::Page,
        v1::{self, sync_service_server::SyncService},
    },
    app::App,
    base::{
        Error, ResourceId, Result, RunName, SyncName, TokenName, Violation, error::all_valid,
        name::parse_parent,
    },
    db::Scope,
    runs::{self, accept, watch::Watch},
    syncs::{
        Sync, clean_up, create, delete,
        destination::Destination,
        job::{Arguments, KIND},
        preview, reconcile,
        source::Source,
        store::{self, effects},
        update,
    },
    telemetry,
};
use chrono::{DateTime, Utc};
use definition::{read_definition, read_token};
use futures::{Stream, stream};
use std::pin::Pin;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// Longest window that may be asked for, in days.
const MOST_DAYS: i32 = 1825;

/// Answers the calls of `SyncService`.
pub struct Syncs(App);

impl Syncs {
    /// Works on an application.
    pub fn new(app: App) -> Self {
        Self(app)
    }

    async fn find(&self, field: &str, name: &str) -> Result<Sync> {
        let name = SyncName::parse(field, name)?;
        let mut tx = self.0.db.read(Scope::Tenant(name.tenant.clone())).await?;
        store::syncs::get(&mut tx, &name)
            .await?
            .ok_or_else(|| name.not_found())
    }

    async fn find_run(&self, field: &str, name: &str) -> Result<runs::Run> {
        let name = RunName::parse(field, name)?;
        let mut tx = self.0.db.read(Scope::Tenant(name.tenant.clone())).await?;
        runs::store::get(&mut tx, &name)
            .await?
            .ok_or_else(|| name.not_found())
    }

    async fn create(&self, request: v1::CreateSyncRequest) -> Result<v1::Sync> {
        let tenant = parse_parent("parent", &request.parent)?;
        let sync = request.sync.unwrap_or_default();
        let mut wrong = Vec::new();
        let id = collect(ResourceId::parse("sync_id", &request.sync_id), &mut wrong)?;
        let source = collect(
            read_token("sync.source_token", &sync.source_token, &tenant, "google"),
            &mut wrong,
        )?;
        let destination = collect(
            read_token(
                "sync.destination_token",
                &sync.destination_token,
                &tenant,
                "clockify",
            ),
            &mut wrong,
        )?;
        let definition = collect(read_definition(sync.definition), &mut wrong)?;
        let (Some(id), Some(source), Some(destination), Some(definition)) =
            (id, source, destination, definition)
        else {
            all_valid(wrong)?;
            return Err(Error::internal("a field is missing that is not wrong"));
        };
        let create = create::Create {
            name: SyncName::new(tenant, id),
            display_name: sync.display_name,
            source,
            destination,
            definition,
            validate_only: request.validate_only,
        };
        Ok(create::create(&self.0, create).await?.into())
    }

    async fn list(&self, request: v1::ListSyncsRequest) -> Result<v1::ListSyncsResponse> {
        let tenant = parse_parent("parent", &request.parent)?;
        let page = Page::parse(
            request.page_size,
            &request.page_token,
            &["syncs", tenant.as_str()],
        )?;
        let mut tx = self.0.db.read(Scope::Tenant(tenant.clone())).await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut syncs = store::syncs::list(&mut tx, &tenant, after, page.limit()).await?;
        let next_page_token = page.cut(&mut syncs, |sync| sync.name.id.to_string());
        Ok(v1::ListSyncsResponse {
            syncs: syncs.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }

    async fn update(&self, request: v1::UpdateSyncRequest) -> Result<v1::Sync> {
        const FIELDS: [&str; 4] = [
            "display_name",
            "source_token",
            "destination_token",
            "meet_to_clockify",
        ];
        let sync = request.sync.unwrap_or_default();
        let name = SyncName::parse("sync.name", &sync.name)?;
        let mask = request
            .update_mask
            .map(|mask| mask.paths)
            .unwrap_or_default();
        let unknown = mask.iter().filter(|path| !FIELDS.contains(&path.as_str()));
        all_valid(
            unknown
                .map(|path| {
                    let expected = format!(
                        "expected some of {}, got {}",
                        FIELDS.join(", "),
                        crate::base::name::shown(path)
                    );
                    Violation::new("update_mask", expected)
                })
                .collect(),
        )?;
        let given = |field: &str, is_there: bool| {
            if mask.is_empty() {
                is_there
            } else {
                mask.iter().any(|path| path == field)
            }
        };
        let token =
            |field: &'static str, text: &str, provider: &str| -> Result<Option<TokenName>> {
                let path = field.trim_start_matches("sync.");
                given(path, !text.is_empty())
                    .then(|| read_token(field, text, &name.tenant, provider))
                    .transpose()
            };
        let update = update::Update {
            display_name: given("display_name", !sync.display_name.is_empty())
                .then_some(sync.display_name),
            source: token("sync.source_token", &sync.source_token, "google")?,
            destination: token(
                "sync.destination_token",
                &sync.destination_token,
                "clockify",
            )?,
            definition: given("meet_to_clockify", sync.definition.is_some())
                .then(|| read_definition(sync.definition))
                .transpose()?,
            etag: sync.etag,
            validate_only: request.validate_only,
            name,
        };
        Ok(update::update(&self.0, update).await?.into())
    }

    async fn run(&self, request: v1::RunSyncRequest) -> Result<v1::Run> {
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
                kind: KIND,
                sync: name.unwrap_or(sync.name),
                cause: "manual",
                arguments: serde_json::to_value(arguments).map_err(Error::internal)?,
                request_id: request_id.flatten(),
                traceparent: telemetry::current_traceparent(),
            },
        );
        Ok(accepted.await?.into())
    }

    async fn preview(&self, request: v1::PreviewSyncRequest) -> Result<v1::PreviewSyncResponse> {
        let days = read_days(request.days)?;
        let sync = match (request.name.is_empty(), request.sync) {
            (false, None) => self.find("name", &request.name).await?,
            (true, Some(sync)) => self.unsaved(sync).await?,
            _ => return Err(Error::invalid("name", "expected either name or sync")),
        };
        Ok(view::preview(preview::of(&self.0, &sync, days).await?))
    }

    /// A definition that is tried before it is saved; checked as if it were.
    async fn unsaved(&self, sync: v1::Sync) -> Result<Sync> {
        let tenant = match TokenName::parse("sync.source_token", &sync.source_token) {
            Ok(token) => token.tenant,
            Err(_) => ResourceId::default_tenant(),
        };
        let create = create::Create {
            name: SyncName::new(
                tenant.clone(),
                ResourceId::parse("sync", &format!("unsaved-{}", Uuid::now_v7().simple()))?,
            ),
            display_name: sync.display_name,
            source: read_token("sync.source_token", &sync.source_token, &tenant, "google")?,
            destination: read_token(
                "sync.destination_token",
                &sync.destination_token,
                &tenant,
                "clockify",
            )?,
            definition: read_definition(sync.definition)?,
            validate_only: true,
        };
        create::create(&self.0, create).await
    }

    async fn list_runs(&self, request: v1::ListRunsRequest) -> Result<v1::ListRunsResponse> {
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
                        runs::State::parse(&value)
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

    async fn list_logs(&self, request: v1::ListRunLogsRequest) -> Result<v1::ListRunLogsResponse> {
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

    async fn list_records(
        &self,
        request: v1::ListRecordsRequest,
    ) -> Result<v1::ListRecordsResponse> {
        let page = Page::parse(
            request.page_size,
            &request.page_token,
            &["records", &request.parent],
        )?;
        let sync = self.find("parent", &request.parent).await?;
        let after = page
            .after
            .as_deref()
            .map(page_key::start_and_id)
            .transpose()?;
        let account = Source::account_of(&self.0, &sync.source).await?;
        let tenant = &sync.name.tenant;
        let mut tx = self.0.db.read(Scope::Tenant(tenant.clone())).await?;
        let mut records =
            store::records::page(&mut tx, tenant, &account, after, page.limit()).await?;
        let next_page_token = page.cut(&mut records, |record| {
            page_key::of(record.meeting.start, record.name.id)
        });
        Ok(v1::ListRecordsResponse {
            records: records.into_iter().map(view::record).collect(),
            next_page_token,
        })
    }

    async fn list_effects(
        &self,
        request: v1::ListEffectsRequest,
    ) -> Result<v1::ListEffectsResponse> {
        let page = Page::parse(
            request.page_size,
            &request.page_token,
            &["effects", &request.parent, &request.filter],
        )?;
        let mut state = None;
        for (_, value) in filter::parse(&request.filter, &["state"])? {
            state = Some(
                effects::State::parse(&value)
                    .map_err(|error| Error::invalid("filter", error.to_string()))?,
            );
        }
        let after = page
            .after
            .as_deref()
            .map(page_key::start_and_id)
            .transpose()?;
        let sync = self.find("parent", &request.parent).await?;
        let destination = Destination::open(&self.0, &sync.destination, &sync.definition).await?;
        let tenant = &sync.name.tenant;
        let mut tx = self.0.db.read(Scope::Tenant(tenant.clone())).await?;
        let mut effects = effects::page(
            &mut tx,
            tenant,
            &destination.account,
            state,
            after,
            page.limit(),
        )
        .await?;
        let next_page_token = page.cut(&mut effects, |effect| {
            page_key::of(effect.starts_at, effect.name.id)
        });
        Ok(v1::ListEffectsResponse {
            effects: effects.into_iter().map(view::effect).collect(),
            next_page_token,
        })
    }

    async fn reconcile(
        &self,
        request: v1::ReconcileSyncRequest,
    ) -> Result<v1::ReconcileSyncResponse> {
        let days = read_days(request.days)?;
        let sync = self.find("name", &request.name).await?;
        Ok(
            reconcile::reconcile(&self.0, &sync, days, request.validate_only)
                .await?
                .into(),
        )
    }

    async fn clean_up(&self, request: v1::CleanUpSyncRequest) -> Result<v1::CleanUpSyncResponse> {
        let mut wrong = Vec::new();
        let start = collect(read_time("start_time", request.start_time), &mut wrong)?;
        let end = collect(read_time("end_time", request.end_time), &mut wrong)?;
        let expected = collect(
            u64::try_from(request.expected_count)
                .map_err(|_| Error::invalid("expected_count", "expected 0 or more")),
            &mut wrong,
        )?;
        all_valid(wrong)?;
        let sync = self.find("name", &request.name).await?;
        let report = clean_up::clean_up(
            &self.0,
            &sync,
            clean_up::Request {
                start: start.flatten(),
                end: end.flatten(),
                expected: expected.unwrap_or_default(),
                only_count: request.validate_only,
            },
        );
        Ok(report.await?.into())
    }
}

/// Keeps the value, or the violations for one error with all of them; other errors end the call.
fn collect<T>(read: Result<T>, wrong: &mut Vec<Violation>) -> Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(Error::Invalid(more)) => {
            wrong.extend(more);
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

fn read_days(days: i32) -> Result<u32> {
    match u32::try_from(days) {
        Ok(read) if days <= MOST_DAYS => Ok(read),
        _ => Err(Error::invalid(
            "days",
            format!("expected 0 to {MOST_DAYS}, got {days}"),
        )),
    }
}

fn read_request_id(text: &str) -> Result<Option<Uuid>> {
    if text.is_empty() {
        return Ok(None);
    }
    Uuid::parse_str(text).map(Some).map_err(|_| {
        Error::invalid(
            "request_id",
            format!("expected a UUID, got {}", crate::base::name::shown(text)),
        )
    })
}

fn read_time(field: &str, time: Option<pbjson_types::Timestamp>) -> Result<Option<DateTime<Utc>>> {
    let Some(time) = time else {
        return Ok(None);
    };
    let nanos = u32::try_from(time.nanos)
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000);
    nanos
        .and_then(|nanos| DateTime::from_timestamp(time.seconds, nanos))
        .filter(|at| (1970..10_000).contains(&chrono::Datelike::year(at)))
        .map(Some)
        .ok_or_else(|| Error::invalid(field, "expected a time between the years 1970 and 9999"))
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
        answer!(
            self.find("name", &request.get_ref().name)
                .await
                .map(v1::Sync::from)
        )
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
        answer!(
            self.find_run("name", &request.get_ref().name)
                .await
                .map(v1::Run::from)
        )
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
        let message = |run: runs::Run| v1::WatchRunResponse {
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
                    Err(error) => Some((Err(Status::from(error)), (watch, None))),
                }
            });
        Ok(Response::new(Box::pin(following)))
    }

    async fn cancel_run(
        &self,
        request: Request<v1::CancelRunRequest>,
    ) -> std::result::Result<Response<v1::Run>, Status> {
        let name = RunName::parse("name", &request.get_ref().name)?;
        answer!(
            runs::cancel::cancel(&self.0, &name)
                .await
                .map(v1::Run::from)
        )
    }

    async fn retry_run(
        &self,
        request: Request<v1::RetryRunRequest>,
    ) -> std::result::Result<Response<v1::Run>, Status> {
        let name = RunName::parse("name", &request.get_ref().name)?;
        answer!(runs::retry::retry(&self.0, &name).await.map(v1::Run::from))
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

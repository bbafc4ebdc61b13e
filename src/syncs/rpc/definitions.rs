//! Calls about definitions.

use super::{
    Syncs,
    definition::{read_definition, read_token},
    read::collect,
};
use crate::{
    api::{page::Page, v1},
    base::{
        Error, ResourceId, Result, SyncName, TokenName, Violation,
        error::all_valid,
        name::{parse_parent, shown},
    },
    db::Scope,
    syncs::{Sync, create, preview, store, update},
};
use uuid::Uuid;

impl Syncs {
    pub(super) async fn create(&self, request: v1::CreateSyncRequest) -> Result<v1::Sync> {
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

    pub(super) async fn list(
        &self,
        request: v1::ListSyncsRequest,
    ) -> Result<v1::ListSyncsResponse> {
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

    pub(super) async fn update(&self, request: v1::UpdateSyncRequest) -> Result<v1::Sync> {
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
                        shown(path)
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

    pub(super) async fn preview(
        &self,
        request: v1::PreviewSyncRequest,
    ) -> Result<v1::PreviewSyncResponse> {
        let days = super::read::read_days(request.days)?;
        let sync = match (request.name.is_empty(), request.sync) {
            (false, None) => self.find("name", &request.name).await?,
            (true, Some(sync)) => self.unsaved(sync).await?,
            _ => return Err(Error::invalid("name", "expected either name or sync")),
        };
        Ok(super::view::preview(
            preview::of(&self.0, &sync, days).await?,
        ))
    }

    /// A definition that is tried before it is saved; checked as if it were.
    pub(super) async fn unsaved(&self, sync: v1::Sync) -> Result<Sync> {
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
}

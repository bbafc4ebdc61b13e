//! Calls about definitions.

use super::{
    Syncs,
    definition::{read_definition, read_token},
    read::{collect, read_days},
};
use crate::{
    api::{page::Page, v1},
    base::{
        Error, ResourceId, Result, SyncName, TenantId, TokenName, Violation,
        name::{parse_parent, shown},
    },
    db::Scope,
    syncs::{
        Sync,
        create::{self, Create, Parts},
        preview, store,
        update::{self, Update},
    },
};
use uuid::Uuid;

impl Syncs {
    pub(super) async fn create(&self, request: v1::CreateSyncRequest) -> Result<v1::Sync> {
        let mut wrong = Vec::new();
        let tenant = collect(parse_parent("parent", &request.parent), &mut wrong)?;
        let id = collect(ResourceId::parse("sync_id", &request.sync_id), &mut wrong)?;
        let sync = request.sync.unwrap_or_default();
        let create = Create {
            validate_only: request.validate_only,
            ..self.read_new(tenant, id, sync, wrong).await?
        };
        Ok(create::create(&self.0, create).await?.into())
    }

    /// Reads a sync that is not there yet. Fails with `wrong`, what was found before, and everything that is found here.
    async fn read_new(
        &self,
        tenant: Option<TenantId>,
        id: Option<ResourceId>,
        mut sync: v1::Sync,
        mut wrong: Vec<Violation>,
    ) -> Result<Create> {
        // Without a tenant the tokens are read all the same, so that their faults are named too.
        let owner = tenant.clone().unwrap_or_else(ResourceId::default_tenant);
        let source = read_token("sync.source_token", &sync.source_token, &owner, "google");
        let source = collect(source, &mut wrong)?;
        let destination = read_token(
            "sync.destination_token",
            &sync.destination_token,
            &owner,
            "clockify",
        );
        let destination = collect(destination, &mut wrong)?;
        let definition = collect(read_definition(sync.definition.take()), &mut wrong)?;
        if !wrong.is_empty() {
            let parts = Parts {
                tenant: tenant.as_ref(),
                display_name: Some(&sync.display_name),
                source: source.as_ref(),
                destination: destination.as_ref(),
            };
            return Err(create::refuse(&self.0, parts, wrong).await);
        }
        let (Some(tenant), Some(id), Some(source), Some(destination), Some(definition)) =
            (tenant, id, source, destination, definition)
        else {
            return Err(Error::internal("a field is missing that is not wrong"));
        };
        Ok(Create {
            name: SyncName::new(tenant, id),
            display_name: sync.display_name,
            source,
            destination,
            definition,
            validate_only: true,
        })
    }

    pub(super) async fn list(
        &self,
        request: v1::ListSyncsRequest,
    ) -> Result<v1::ListSyncsResponse> {
        let mut wrong = Vec::new();
        let tenant = collect(parse_parent("parent", &request.parent), &mut wrong)?;
        let arguments = ["syncs", &request.parent];
        let page = Page::parse(request.page_size, &request.page_token, &arguments);
        let page = collect(page, &mut wrong)?;
        let (Some(tenant), Some(page)) = (tenant, page) else {
            return Err(Error::Invalid(wrong));
        };
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
        let mut wrong = Vec::new();
        let name = collect(SyncName::parse("sync.name", &sync.name), &mut wrong)?;
        let mask = request
            .update_mask
            .map(|mask| mask.paths)
            .unwrap_or_default();
        let unknown = mask.iter().filter(|path| !FIELDS.contains(&path.as_str()));
        wrong.extend(unknown.map(|path| {
            let fields = FIELDS.join(", ");
            let expected = format!("expected some of {fields}, got {}", shown(path));
            Violation::new("update_mask", expected)
        }));
        let given = |field: &str, is_there: bool| match mask.is_empty() {
            true => is_there,
            false => mask.iter().any(|path| path == field),
        };
        let owner = name.as_ref().map(|name| name.tenant.clone());
        let owner = owner.unwrap_or_else(ResourceId::default_tenant);
        let mut token = |field: &str, text: &str, provider: &str| -> Result<Option<TokenName>> {
            match given(field, !text.is_empty()) {
                true => {
                    let read = read_token(&format!("sync.{field}"), text, &owner, provider);
                    collect(read, &mut wrong)
                }
                false => Ok(None),
            }
        };
        let source = token("source_token", &sync.source_token, "google")?;
        let destination = token("destination_token", &sync.destination_token, "clockify")?;
        let definition = match given("meet_to_clockify", sync.definition.is_some()) {
            true => collect(read_definition(sync.definition), &mut wrong)?,
            false => None,
        };
        let display_name =
            given("display_name", !sync.display_name.is_empty()).then_some(sync.display_name);
        let (Some(name), true) = (&name, wrong.is_empty()) else {
            let parts = Parts {
                tenant: name.as_ref().map(|name| &name.tenant),
                display_name: display_name.as_deref(),
                source: source.as_ref(),
                destination: destination.as_ref(),
            };
            return Err(create::refuse(&self.0, parts, wrong).await);
        };
        let update = Update {
            name: name.clone(),
            display_name,
            source,
            destination,
            definition,
            etag: sync.etag,
            validate_only: request.validate_only,
        };
        Ok(update::update(&self.0, update).await?.into())
    }

    pub(super) async fn preview(
        &self,
        request: v1::PreviewSyncRequest,
    ) -> Result<v1::PreviewSyncResponse> {
        let mut wrong = Vec::new();
        let days = collect(read_days(request.days), &mut wrong)?;
        let sync = match (request.name.as_str(), request.sync) {
            ("", Some(sync)) => self.unsaved(sync, wrong).await?,
            (name, None) if !name.is_empty() => {
                let name = collect(SyncName::parse("name", name), &mut wrong)?;
                let (Some(name), true) = (name, wrong.is_empty()) else {
                    return Err(Error::Invalid(wrong));
                };
                self.find(&name).await?
            }
            _ => {
                wrong.push(Violation::new("name", "expected either name or sync"));
                return Err(Error::Invalid(wrong));
            }
        };
        let previewed = preview::of(&self.0, &sync, days.unwrap_or_default()).await?;
        Ok(super::view::preview(previewed))
    }

    /// A definition that is tried before it is saved; checked as if it were.
    async fn unsaved(&self, sync: v1::Sync, wrong: Vec<Violation>) -> Result<Sync> {
        let tenant = match sync.source_token.as_str() {
            "" => Some(ResourceId::default_tenant()),
            token => TokenName::parse("sync.source_token", token)
                .ok()
                .map(|token| token.tenant),
        };
        let id = ResourceId::parse("sync", &format!("unsaved-{}", Uuid::now_v7().simple()))?;
        let create = self.read_new(tenant, Some(id), sync, wrong).await?;
        create::create(&self.0, create).await
    }
}

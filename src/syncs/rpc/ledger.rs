//! Calls about what was read and written.

use super::{
    Syncs, page_key,
    read::{collect, read_days, read_time},
    view,
};
use crate::{
    api::{filter, page::Page, v1},
    base::{Error, Result, error::all_valid},
    db::Scope,
    syncs::{clean_up, destination::Destination, effect::State, reconcile, source::Source, store},
};

impl Syncs {
    pub(super) async fn list_records(
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

    pub(super) async fn list_effects(
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
                State::parse("state", &value)
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
        let mut effects = store::effects::page(
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

    pub(super) async fn reconcile(
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

    pub(super) async fn clean_up(
        &self,
        request: v1::CleanUpSyncRequest,
    ) -> Result<v1::CleanUpSyncResponse> {
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

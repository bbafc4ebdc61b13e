//! Calls about what was read and written.

use super::{
    Syncs, page_key,
    read::{collect, in_filter, read_days, read_time},
    view,
};
use crate::{
    api::{filter, page::Page, v1},
    base::{Error, Result, SyncName},
    db::Scope,
    syncs::{clean_up, destination::Destination, effect::State, reconcile, source::Source, store},
};

impl Syncs {
    pub(super) async fn list_records(
        &self,
        request: v1::ListRecordsRequest,
    ) -> Result<v1::ListRecordsResponse> {
        let mut wrong = Vec::new();
        let name = collect(SyncName::parse("parent", &request.parent), &mut wrong)?;
        let arguments = ["records", &request.parent];
        let page = Page::parse(request.page_size, &request.page_token, &arguments);
        let page = collect(page, &mut wrong)?;
        let after = page_key::after(page.as_ref(), page_key::start_and_id);
        let after = collect(after, &mut wrong)?;
        let (Some(name), Some(page), Some(after)) = (name, page, after) else {
            return Err(Error::Invalid(wrong));
        };
        let sync = self.find(&name).await?;
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
        let mut wrong = Vec::new();
        let name = collect(SyncName::parse("parent", &request.parent), &mut wrong)?;
        let arguments = ["effects", &request.parent, &request.filter];
        let page = Page::parse(request.page_size, &request.page_token, &arguments);
        let page = collect(page, &mut wrong)?;
        let after = page_key::after(page.as_ref(), page_key::start_and_id);
        let after = collect(after, &mut wrong)?;
        let mut state = None;
        let conditions = collect(filter::parse(&request.filter, &["state"]), &mut wrong)?;
        for (_, value) in conditions.unwrap_or_default() {
            state = collect(in_filter(State::parse("state", &value)), &mut wrong)?;
        }
        let (Some(name), Some(page), Some(after), []) = (name, page, after, wrong.as_slice())
        else {
            return Err(Error::Invalid(wrong));
        };
        let sync = self.find(&name).await?;
        let account = Destination::account_of(&self.0, &sync.destination, &sync.definition).await?;
        let tenant = &sync.name.tenant;
        let mut tx = self.0.db.read(Scope::Tenant(tenant.clone())).await?;
        let mut effects =
            store::effects::page(&mut tx, tenant, &account, state, after, page.limit()).await?;
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
        let mut wrong = Vec::new();
        let name = collect(SyncName::parse("name", &request.name), &mut wrong)?;
        let days = collect(read_days(request.days), &mut wrong)?;
        let (Some(name), Some(days)) = (name, days) else {
            return Err(Error::Invalid(wrong));
        };
        let sync = self.find(&name).await?;
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
        let name = collect(SyncName::parse("name", &request.name), &mut wrong)?;
        let start = collect(read_time("start_time", request.start_time), &mut wrong)?;
        let end = collect(read_time("end_time", request.end_time), &mut wrong)?;
        if let (Some(Some(start)), Some(Some(end))) = (start, end) {
            collect(clean_up::check_window(start, end), &mut wrong)?;
        }
        let expected = u64::try_from(request.expected_count).map_err(|_| {
            let expected = format!("expected 0 or more, got {}", request.expected_count);
            Error::invalid("expected_count", expected)
        });
        let expected = collect(expected, &mut wrong)?;
        let (Some(name), []) = (name, wrong.as_slice()) else {
            return Err(Error::Invalid(wrong));
        };
        let sync = self.find(&name).await?;
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

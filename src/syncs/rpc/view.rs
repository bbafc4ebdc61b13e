//! What clients see of syncs, records, effects and reports.

use crate::{
    api::v1,
    syncs::{
        Sync, clean_up,
        definition::AttendedTime,
        effect::{Effect, State},
        plan::Action,
        preview::{Plan, Preview},
        reconcile,
        store::records::Record,
    },
};

impl From<Sync> for v1::Sync {
    fn from(sync: Sync) -> Self {
        Self {
            etag: sync.etag(),
            name: sync.name.to_string(),
            display_name: sync.display_name,
            source_token: sync.source.to_string(),
            destination_token: sync.destination.to_string(),
            definition: Some(v1::sync::Definition::MeetToClockify(sync.definition.into())),
            watermark: sync.watermark.map(Into::into),
            create_time: Some(sync.created_at.into()),
            update_time: Some(sync.updated_at.into()),
            schedule: None,
        }
    }
}

/// A record.
pub fn record(record: Record) -> v1::Record {
    let span = record.meeting.span(AttendedTime::Span);
    v1::Record {
        name: record.name.to_string(),
        title: record.meeting.title().unwrap_or_default().to_owned(),
        attended: !record.meeting.sessions.is_empty(),
        join_time: span.map(|span| span.start.into()),
        leave_time: span.map(|span| span.end.into()),
        settled: record.settled,
        external_id: record.meeting.conference,
        start_time: Some(record.meeting.start.into()),
        end_time: record.meeting.end.map(Into::into),
        meeting_code: record.meeting.code.unwrap_or_default(),
    }
}

/// An effect.
pub fn effect(effect: Effect) -> v1::Effect {
    let state = match effect.state {
        State::Planned => v1::EffectState::Planned,
        State::Sending => v1::EffectState::Sending,
        State::Done => v1::EffectState::Done,
        State::Unknown => v1::EffectState::Unknown,
        State::Failed => v1::EffectState::Failed,
        State::Tombstoned => v1::EffectState::Tombstoned,
    };
    v1::Effect {
        name: effect.name.to_string(),
        state: state.into(),
        source_key: effect.source_key,
        entry_id: effect.entry_id.unwrap_or_default(),
        edited: effect.edited,
        adopted: effect.adopted,
        sends: i32::try_from(effect.sends).unwrap_or(i32::MAX),
        note: effect.note,
        start_time: Some(effect.payload.start.into()),
        end_time: effect.payload.end.map(Into::into),
        description: effect.payload.description,
        update_time: Some(effect.updated_at.into()),
    }
}

/// A preview.
pub fn preview(preview: Preview) -> v1::PreviewSyncResponse {
    v1::PreviewSyncResponse {
        entries: preview.plans.into_iter().map(plan).collect(),
        // The stored form of a summary is the message's JSON.
        result: serde_json::to_value(&preview.summary)
            .and_then(serde_json::from_value)
            .ok(),
    }
}

fn plan(plan: Plan) -> v1::PlannedEntry {
    let action = match plan.action {
        Some(Action::Create) => v1::PlannedAction::Create,
        Some(Action::Update) => v1::PlannedAction::Update,
        Some(Action::Adopt { .. }) => v1::PlannedAction::Adopt,
        Some(Action::Wait(_) | Action::LookFor { .. }) => v1::PlannedAction::Resolve,
        Some(Action::Skip(_)) | None => v1::PlannedAction::Skip,
    };
    let meeting = plan.case.meeting;
    let desired = plan.case.wish.ok();
    let span = meeting.span(AttendedTime::Span);
    v1::PlannedEntry {
        title: meeting.title().unwrap_or_default().to_owned(),
        conference: meeting.conference,
        action: action.into(),
        reason: plan.reason,
        rule: plan.case.rule,
        start_time: span.map(|span| span.start.into()),
        end_time: desired
            .as_ref()
            .map(|desired| desired.end)
            .or(span.map(|span| span.end))
            .map(Into::into),
        description: desired
            .as_ref()
            .map(|desired| desired.description.clone())
            .unwrap_or_default(),
        target: desired.map(|desired| desired.target.into()),
    }
}

impl From<reconcile::Report> for v1::ReconcileSyncResponse {
    fn from(report: reconcile::Report) -> Self {
        Self {
            entries: count(report.entries),
            adopted: count(report.adopted),
            to_send_again: count(report.to_send_again),
            edited: count(report.edited),
            deleted: count(report.deleted),
            duplicates: report
                .duplicates
                .into_iter()
                .map(
                    |(conference, kept_entry_id, extra_entry_ids)| v1::DuplicateEntries {
                        conference,
                        kept_entry_id,
                        extra_entry_ids,
                    },
                )
                .collect(),
            duplicates_deleted: count(report.duplicates_deleted),
        }
    }
}

impl From<clean_up::Report> for v1::CleanUpSyncResponse {
    fn from(report: clean_up::Report) -> Self {
        Self {
            found: count(report.found),
            deleted: count(report.deleted),
            failed: count(report.failed),
        }
    }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

//! A sync on a schedule, over the API and with a real worker.

use super::{Desk, PATIENCE};
use crate::kit::{self, Database};
use syncline::{
    api::v1::{self, sync_service_server::SyncService as _},
    db::Engine,
    schedules::{Ticker, ticker::CHORES},
    syncs::{definition::Definition, rpc::Syncs},
    tokens,
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

fn schedule(json: &str) -> v1::Schedule {
    serde_json::from_str(json).unwrap()
}

fn told(status: &Status) -> Vec<String> {
    let wrong = status.get_details_bad_request().expect("fields");
    wrong
        .field_violations
        .into_iter()
        .map(|wrong| wrong.field)
        .collect()
}

fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .expect("an ErrorInfo")
        .reason
}

async fn update(
    service: &Syncs,
    name: &str,
    schedule: Option<v1::Schedule>,
) -> Result<v1::Sync, Status> {
    let request = v1::UpdateSyncRequest {
        sync: Some(v1::Sync {
            name: name.to_owned(),
            schedule,
            ..v1::Sync::default()
        }),
        update_mask: Some(pbjson_types::FieldMask {
            paths: vec!["schedule".into()],
        }),
        ..v1::UpdateSyncRequest::default()
    };
    Ok(service
        .update_sync(Request::new(request))
        .await?
        .into_inner())
}

async fn occurrences(service: &Syncs, name: &str) -> Vec<v1::Occurrence> {
    let request = v1::ListOccurrencesRequest {
        parent: name.to_owned(),
        ..v1::ListOccurrencesRequest::default()
    };
    let answer = service
        .list_occurrences(Request::new(request))
        .await
        .unwrap();
    answer.into_inner().occurrences
}

async fn a_sync_runs_on_its_schedule_until_it_is_paused(database: Database) {
    let desk = Desk::empty(database).await;
    let service = Syncs::new(desk.app.clone());
    let name = desk.sync("s", Definition::default()).await.to_string();
    let shutdown = CancellationToken::new();
    let ticker = Ticker::start(desk.app.clone(), &CHORES, shutdown.clone())
        .await
        .unwrap();
    let sync = update(
        &service,
        &name,
        Some(schedule(r#"{"interval": {"every": "1s"}}"#)),
    )
    .await
    .unwrap();
    assert!(sync.schedule.unwrap().next_due_time.is_some());
    let ran = kit::eventually(PATIENCE, || async {
        let told = occurrences(&service, &name).await;
        let ran: Vec<_> = told
            .iter()
            .filter(|line| line.outcome() == v1::OccurrenceOutcome::Ran)
            .cloned()
            .collect();
        if ran.len() >= 2 {
            Ok(ran)
        } else {
            Err(format!("{told:?}"))
        }
    })
    .await;
    let run = v1::GetRunRequest {
        name: ran[1].run.clone(),
    };
    let run = service
        .get_run(Request::new(run))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (run.cause.as_str(), run.sync.as_str()),
        ("schedule", name.as_str())
    );
    assert!(
        ran[1].name.starts_with(&format!("{name}/occurrences/20")),
        "{}",
        ran[1].name
    );
    assert_eq!(run.state(), v1::RunState::Succeeded, "{run:?}");

    let pause = v1::PauseSyncRequest {
        name: name.clone(),
        note: "holidays".into(),
    };
    let paused = service
        .pause_sync(Request::new(pause))
        .await
        .unwrap()
        .into_inner();
    let pause = paused.schedule.unwrap().pause.unwrap();
    assert_eq!(
        (pause.note.as_str(), pause.cause()),
        ("holidays", v1::PauseCause::User)
    );
    kit::eventually(PATIENCE, || async {
        let told = occurrences(&service, &name).await;
        match told[0].outcome() {
            v1::OccurrenceOutcome::Paused => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let listed = service
        .list_syncs(Request::new(v1::ListSyncsRequest::default()))
        .await
        .unwrap()
        .into_inner();
    assert!(listed.syncs[0].schedule.as_ref().unwrap().pause.is_some());
    let resume = v1::ResumeSyncRequest { name: name.clone() };
    let resumed = service
        .resume_sync(Request::new(resume))
        .await
        .unwrap()
        .into_inner();
    assert!(resumed.schedule.unwrap().pause.is_none());
    let removed = update(&service, &name, None).await.unwrap();
    assert!(removed.schedule.is_none());
    shutdown.cancel();
    ticker.ended().await;
}

async fn wrong_schedules_are_refused_with_every_fault_beside_those_of_the_rest(database: Database) {
    let desk = Desk::empty(database).await;
    let service = Syncs::new(desk.app.clone());
    let create = v1::CreateSyncRequest {
        sync_id: "UPPER".into(),
        sync: Some(v1::Sync {
            schedule: Some(schedule(
                r#"{"cron": "61 25 * * *", "timeZone": "Europe/Pariss", "jitter": "-1s"}"#,
            )),
            ..v1::Sync::default()
        }),
        ..v1::CreateSyncRequest::default()
    };
    let refused = service.create_sync(Request::new(create)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(
        told(&refused),
        [
            "sync_id",
            "sync.schedule.cron",
            "sync.schedule.cron",
            "sync.schedule.time_zone",
            "sync.schedule.jitter"
        ]
    );
    let name = desk.sync("s", Definition::default()).await.to_string();
    let pause = v1::PauseSyncRequest {
        name: name.clone(),
        ..v1::PauseSyncRequest::default()
    };
    let refused = service.pause_sync(Request::new(pause)).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "NO_SCHEDULE".to_owned())
    );
    let pause = v1::PauseSyncRequest {
        name: "tenants/default/syncs/nope".into(),
        ..v1::PauseSyncRequest::default()
    };
    assert_eq!(
        service
            .pause_sync(Request::new(pause))
            .await
            .unwrap_err()
            .code(),
        Code::NotFound
    );
    let preview = service
        .preview_schedule(Request::new(v1::PreviewScheduleRequest::default()))
        .await;
    assert_eq!(told(&preview.unwrap_err()), ["schedule"]);
    let backfill = service
        .backfill_sync(Request::new(v1::BackfillSyncRequest::default()))
        .await;
    assert_eq!(told(&backfill.unwrap_err()), ["name", "start_time"]);
}

async fn a_schedule_is_previewed_before_it_is_saved_and_made_up_for_afterwards(database: Database) {
    let desk = Desk::empty(database).await;
    let service = Syncs::new(desk.app.clone());
    let preview = v1::PreviewScheduleRequest {
        schedule: Some(schedule(
            r#"{"cron": "30 2 * * *", "timeZone": "Europe/Paris"}"#,
        )),
        count: 3,
        after_time: serde_json::from_str(r#""2026-03-27T12:00:00Z""#).unwrap(),
        ..v1::PreviewScheduleRequest::default()
    };
    let times = service
        .preview_schedule(Request::new(preview))
        .await
        .unwrap()
        .into_inner()
        .times;
    assert_eq!(times.len(), 3);
    assert_eq!(times[1].local_time, "2026-03-29 03:30:00 CEST");
    assert!(
        times[1].remark.contains("jumps over 02:30:00"),
        "{}",
        times[1].remark
    );

    let name = desk.sync("s", Definition::default()).await.to_string();
    update(
        &service,
        &name,
        Some(schedule(r#"{"interval": {"every": "3600s"}}"#)),
    )
    .await
    .unwrap();
    let mut backfill = v1::BackfillSyncRequest {
        name: name.clone(),
        start_time: Some(desk.ago(3).into()),
        request_id: uuid::Uuid::now_v7().to_string(),
        validate_only: true,
        ..v1::BackfillSyncRequest::default()
    };
    let tried = service
        .backfill_sync(Request::new(backfill.clone()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(tried.occurrences.len(), 3);
    assert!(tried.occurrences.iter().all(|line| line.run.is_empty()));
    assert!(occurrences(&service, &name).await.is_empty());
    backfill.validate_only = false;
    backfill.end_time = Some(desk.now().into());
    let first = service
        .backfill_sync(Request::new(backfill.clone()))
        .await
        .unwrap()
        .into_inner();
    let again = service
        .backfill_sync(Request::new(backfill.clone()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first.occurrences.len(), 3);
    assert!(first.occurrences.iter().all(|line| !line.run.is_empty()));
    assert_eq!(first.occurrences, again.occurrences);
    assert_eq!(occurrences(&service, &name).await.len(), 3);
}

/// Runs of a sync count for the limit of the account that they write into; a schedule must not go on by the old one.
async fn a_schedule_moves_to_the_account_of_a_changed_destination(database: Database) {
    let desk = Desk::empty(database).await;
    let service = Syncs::new(desk.app.clone());
    let name = desk.sync("s", Definition::default()).await.to_string();
    let yearly = schedule(r#"{"cron": "@yearly"}"#);
    update(&service, &name, Some(yearly)).await.unwrap();
    let other = tokens::Create {
        token_id: "other".to_owned(),
        provider: Some(tokens::Provider::Clockify),
        given: Some(tokens::Given::ApiKey(
            desk.sim.world().clockify_me().api_key.into(),
        )),
        ..tokens::Create::default()
    };
    let other = tokens::create(&desk.app, other).await.unwrap();
    let table = match desk.database.engine() {
        Engine::Postgres => "syncline.schedules",
        Engine::Sqlite => "schedules",
    };
    let lane = format!("SELECT lane FROM {table}");
    assert_eq!(desk.database.column(&lane).await, ["clockify"]);
    let request = v1::UpdateSyncRequest {
        sync: Some(v1::Sync {
            name: name.clone(),
            destination_token: other.name().to_string(),
            ..v1::Sync::default()
        }),
        ..v1::UpdateSyncRequest::default()
    };
    service.update_sync(Request::new(request)).await.unwrap();
    assert_eq!(desk.database.column(&lane).await, ["other"]);
}

kit::each_engine!(
    a_schedule_moves_to_the_account_of_a_changed_destination,
    a_sync_runs_on_its_schedule_until_it_is_paused,
    wrong_schedules_are_refused_with_every_fault_beside_those_of_the_rest,
    a_schedule_is_previewed_before_it_is_saved_and_made_up_for_afterwards,
);

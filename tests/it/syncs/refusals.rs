//! A request with several faults is refused once, with all of them.

use super::Desk;
use crate::kit::{self, Database};
use std::collections::BTreeSet;
use syncline::{
    api::{
        Timestamp,
        v1::{self, sync::Definition::MeetToClockify, sync_service_server::SyncService as _},
    },
    syncs::{definition::Definition, rpc::Syncs},
};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;

/// The fields that a refusal names.
fn fields<T>(answer: Result<Response<T>, Status>) -> BTreeSet<String> {
    let status = answer.err().expect("a refusal");
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let wrong = status.get_details_bad_request().expect("violations");
    wrong
        .field_violations
        .into_iter()
        .map(|violation| violation.field)
        .collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Wrong in its own name, in both tokens, and inside.
fn bad_sync() -> v1::Sync {
    v1::Sync {
        display_name: "two\nlines".into(),
        source_token: "google".into(),
        destination_token: "tenants/default/tokens/nobody".into(),
        definition: Some(MeetToClockify(v1::MeetToClockify {
            days: 2000,
            time_zone: "Mars/Olympus".into(),
            ..Default::default()
        })),
        ..Default::default()
    }
}

const IN_SYNC: [&str; 5] = [
    "sync.display_name",
    "sync.source_token",
    "sync.destination_token",
    "sync.meet_to_clockify.days",
    "sync.meet_to_clockify.time_zone",
];

async fn a_new_sync_is_refused_with_every_fault_of_name_and_body(database: Database) {
    let desk = Desk::empty(database).await;
    let syncs = Syncs::new(desk.app.clone());
    let request = v1::CreateSyncRequest {
        parent: "tenants/default".into(),
        sync_id: "Not An Id".into(),
        sync: Some(bad_sync()),
        ..Default::default()
    };
    let expected = set(&[&IN_SYNC[..], &["sync_id"]].concat());
    assert_eq!(
        fields(syncs.create_sync(Request::new(request.clone())).await),
        expected
    );

    // Whether a token is there cannot be said without a tenant; everything else can.
    let request = v1::CreateSyncRequest {
        parent: "nobody".into(),
        ..request
    };
    let mut expected = expected;
    expected.insert("parent".into());
    expected.remove("sync.destination_token");
    assert_eq!(
        fields(syncs.create_sync(Request::new(request)).await),
        expected
    );
}

async fn a_sync_that_is_not_saved_is_refused_with_every_fault(database: Database) {
    let desk = Desk::empty(database).await;
    let syncs = Syncs::new(desk.app.clone());
    let unsaved = v1::PreviewSyncRequest {
        days: -1,
        sync: Some(v1::Sync {
            source_token: String::new(),
            ..bad_sync()
        }),
        ..Default::default()
    };
    let mut expected = set(&[&IN_SYNC[..], &["days"]].concat());
    expected.remove("sync.source_token");
    assert_eq!(
        fields(syncs.preview_sync(Request::new(unsaved)).await),
        expected
    );
    let saved = v1::PreviewSyncRequest {
        name: "x".into(),
        days: -1,
        ..Default::default()
    };
    assert_eq!(
        fields(syncs.preview_sync(Request::new(saved)).await),
        set(&["name", "days"])
    );
    let neither = v1::PreviewSyncRequest {
        days: -1,
        ..Default::default()
    };
    assert_eq!(
        fields(syncs.preview_sync(Request::new(neither)).await),
        set(&["name", "days"])
    );
}

async fn a_change_is_refused_with_every_fault_of_name_mask_and_body(database: Database) {
    let desk = Desk::empty(database).await;
    let name = desk.sync("s", Definition::default()).await.to_string();
    let syncs = Syncs::new(desk.app.clone());
    let update = |name: &str, mask: &[&str]| {
        Request::new(v1::UpdateSyncRequest {
            sync: Some(v1::Sync {
                name: name.into(),
                ..bad_sync()
            }),
            update_mask: (!mask.is_empty()).then(|| pbjson_types::FieldMask {
                paths: mask.iter().map(|path| (*path).into()).collect(),
            }),
            ..Default::default()
        })
    };
    assert_eq!(
        fields(syncs.update_sync(update(&name, &[])).await),
        set(&IN_SYNC)
    );
    let masked = update("x", &["titel", "display_name", "meet_to_clockify"]);
    let expected = [
        "sync.name",
        "update_mask",
        "sync.display_name",
        "sync.meet_to_clockify.days",
        "sync.meet_to_clockify.time_zone",
    ];
    assert_eq!(fields(syncs.update_sync(masked).await), set(&expected));
}

async fn lists_are_refused_with_every_fault_of_parent_page_and_filter(database: Database) {
    let desk = Desk::empty(database).await;
    let syncs = Syncs::new(desk.app.clone());
    let (parent, page_token) = ("x".to_owned(), "x".to_owned());
    let page = ["parent", "page_size", "page_token"];
    let list = v1::ListSyncsRequest {
        parent: parent.clone(),
        page_size: -1,
        page_token: page_token.clone(),
    };
    assert_eq!(
        fields(syncs.list_syncs(Request::new(list)).await),
        set(&page)
    );
    let logs = v1::ListRunLogsRequest {
        parent: parent.clone(),
        page_size: -1,
        page_token: page_token.clone(),
    };
    assert_eq!(
        fields(syncs.list_run_logs(Request::new(logs)).await),
        set(&page)
    );
    let records = v1::ListRecordsRequest {
        parent: parent.clone(),
        page_size: -1,
        page_token: page_token.clone(),
    };
    assert_eq!(
        fields(syncs.list_records(Request::new(records)).await),
        set(&page)
    );
    let filtered = set(&["parent", "page_size", "page_token", "filter"]);
    let runs = v1::ListRunsRequest {
        parent: parent.clone(),
        page_size: -1,
        page_token: page_token.clone(),
        filter: "state = ODD".into(),
    };
    assert_eq!(fields(syncs.list_runs(Request::new(runs)).await), filtered);
    let effects = v1::ListEffectsRequest {
        parent,
        page_size: -1,
        page_token,
        filter: "state = ODD".into(),
    };
    assert_eq!(
        fields(syncs.list_effects(Request::new(effects)).await),
        filtered
    );
    let elsewhere = v1::ListRunsRequest {
        parent: "tenants/default".into(),
        filter: "sync = tenants/other/syncs/s".into(),
        ..Default::default()
    };
    assert_eq!(
        fields(syncs.list_runs(Request::new(elsewhere)).await),
        set(&["filter"]),
        "runs of another tenant's sync are nowhere"
    );
}

async fn runs_and_repairs_are_refused_with_every_fault(database: Database) {
    let desk = Desk::empty(database).await;
    let syncs = Syncs::new(desk.app.clone());
    let run = v1::RunSyncRequest {
        name: "x".into(),
        days: -1,
        request_id: "x".into(),
        ..Default::default()
    };
    assert_eq!(
        fields(syncs.run_sync(Request::new(run)).await),
        set(&["name", "days", "request_id"])
    );
    let reconcile = v1::ReconcileSyncRequest {
        name: "x".into(),
        days: -1,
        ..Default::default()
    };
    assert_eq!(
        fields(syncs.reconcile_sync(Request::new(reconcile)).await),
        set(&["name", "days"])
    );
    let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
    let clean_up = v1::CleanUpSyncRequest {
        name: "x".into(),
        start_time: at(-1),
        end_time: at(i64::MAX),
        expected_count: -1,
        ..Default::default()
    };
    assert_eq!(
        fields(syncs.clean_up_sync(Request::new(clean_up)).await),
        set(&["name", "start_time", "end_time", "expected_count"])
    );
    let backwards = v1::CleanUpSyncRequest {
        name: "x".into(),
        start_time: at(20),
        end_time: at(10),
        ..Default::default()
    };
    assert_eq!(
        fields(syncs.clean_up_sync(Request::new(backwards)).await),
        set(&["name", "start_time"])
    );
}

kit::each_engine!(
    a_new_sync_is_refused_with_every_fault_of_name_and_body,
    a_sync_that_is_not_saved_is_refused_with_every_fault,
    a_change_is_refused_with_every_fault_of_name_mask_and_body,
    lists_are_refused_with_every_fault_of_parent_page_and_filter,
    runs_and_repairs_are_refused_with_every_fault,
);

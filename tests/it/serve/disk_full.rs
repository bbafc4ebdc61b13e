//! The disk under PostgreSQL is full.

use super::{Site, refused};
use crate::{
    cli::LONG,
    kit::{Postgres, SmallDisk, eventually},
};
use std::{fs, time::Duration};
use syncline::api::v1::{self, MeetToClockify, Sync, sync::Definition};
use tonic_health::pb::health_check_response::ServingStatus::Serving;

/// Of the disk; an empty database takes about eight.
const MIB: usize = 40;
/// Rows of this size soon need another page.
const LONG_TEMPLATE: usize = 2_500;
/// More than fit into what PostgreSQL already has of the disk.
const MANY: usize = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_named_leaves_nothing_half_written_and_is_forgotten_when_there_is_space() {
    let disk = SmallDisk::of_mib(MIB);
    let postgres = Postgres::start();
    let folder = disk.folder().join("tables");
    fs::create_dir(&folder).expect("there is space");
    postgres.own(&folder);
    postgres
        .administer(&format!(
            "CREATE TABLESPACE small LOCATION '{}'",
            folder.display()
        ))
        .await;
    postgres.create_database("crowded", "small").await;
    let site = Site::of(8)
        .with("DATABASE_URL", postgres.url("crowded"))
        .with_sync()
        .await;
    let mut server = site.serve().await;

    // First under a run: what it cannot remember it does not write to Clockify either.
    site.stage.simulator.set_latency(Duration::from_millis(20));
    let run = server.run().await;
    eventually(LONG, || {
        let calls = site.stage.simulator.calls().count("meet.participants.list");
        std::future::ready((calls > 10).then_some(()).ok_or("it has not begun"))
    })
    .await;
    disk.fill();
    server
        .process
        .line("the database's disk is full", LONG)
        .await;
    let written = site.entries();
    disk.empty();
    let finished = server.finished(&run).await;
    assert_eq!(finished.state(), v1::RunState::Succeeded, "{finished:?}");
    let meetings = site.assert_all_once("with space again");
    println!(
        "the disk was full after {written} entries; with space again all {meetings} meetings, 0 doubled"
    );

    // Then under calls.
    disk.fill();
    let mut accepted = Vec::new();
    let refusal = loop {
        let sync_id = format!("s{}", accepted.len());
        assert!(accepted.len() < MANY, "the disk is full");
        let definition = MeetToClockify {
            description_template: "x".repeat(LONG_TEMPLATE),
            ..MeetToClockify::default()
        };
        let request = v1::CreateSyncRequest {
            parent: "tenants/default".to_owned(),
            sync_id: sync_id.clone(),
            sync: Some(Sync {
                source_token: "tenants/default/tokens/google".to_owned(),
                destination_token: "tenants/default/tokens/clockify".to_owned(),
                definition: Some(Definition::MeetToClockify(definition)),
                ..Sync::default()
            }),
            validate_only: false,
        };
        match server.syncs().create_sync(request).await {
            Ok(_) => accepted.push(sync_id),
            refusal => break refused(refusal),
        }
    };
    assert_eq!(
        refusal,
        ("UNAVAILABLE".to_owned(), "DATABASE_FULL".to_owned())
    );
    let listed = async || {
        let request = v1::ListSyncsRequest {
            parent: "tenants/default".to_owned(),
            page_size: 1_000,
            ..Default::default()
        };
        let list = server
            .syncs()
            .list_syncs(request)
            .await
            .expect("reading works");
        list.into_inner().syncs.len()
    };
    assert_eq!(
        listed().await,
        accepted.len() + 1,
        "those that were accepted, and `work`"
    );
    assert!(!server.process.has_ended(), "{}", server.process.output());

    disk.empty();
    server
        .readiness_becomes(Serving, Duration::from_secs(15))
        .await;
    let finished = server.finished(&server.run().await).await;
    assert_eq!(finished.state(), v1::RunState::Succeeded, "{finished:?}");
    site.assert_all_once("the next run");
    println!(
        "{} syncs were accepted on a full disk and are there, the next was refused",
        accepted.len()
    );
}

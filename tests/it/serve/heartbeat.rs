//! The database answers, but the worker cannot say that it lives.

use super::{Site, WORK};
use crate::kit::{Database, eventually};
use sqlx::Executor as _;
use std::time::Duration;
use syncline::{api::v1, db::Engine};
use tonic_health::pb::health_check_response::ServingStatus::{NotServing, Serving};

/// What counts as dead (two seconds here), and the looks of the health service.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_that_are_not_stored_make_not_ready_until_they_are() {
    let database = Database::new(Engine::Postgres).await;
    let site = Site::of(8)
        .with("DATABASE_URL", database.url())
        .with_sync()
        .await;
    site.stage.simulator.set_latency(Duration::from_millis(30));
    let server = site.serve().await;
    let run = server.run().await;
    site.written(1).await;

    let mut other = database.superuser().await;
    other
        .execute("BEGIN; LOCK TABLE syncline.workers IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    server.readiness_becomes(NotServing, SOON).await;
    let request = v1::GetSyncRequest {
        name: WORK.to_owned(),
    };
    let answer = server.syncs().get_sync(request).await;
    assert!(answer.is_ok(), "the database answers: {answer:?}");
    let output = server.process.output();
    assert!(
        output.contains("the worker could not say for too long that it lives"),
        "{output}"
    );
    // Others may have taken its runs by now, so it writes nothing more.
    let calls = || site.stage.simulator.calls().len();
    let mut before = calls();
    eventually(SOON, || {
        let (earlier, now) = (before, calls());
        before = now;
        async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            (earlier == now).then_some(()).ok_or(format!("{now} calls"))
        }
    })
    .await;

    other.execute("ROLLBACK").await.unwrap();
    server.readiness_becomes(Serving, SOON).await;
    let finished = server.finished(&run).await;
    assert_eq!(finished.state(), v1::RunState::Succeeded, "{finished:?}");
    site.assert_all_once("after heartbeats were lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_somebody_else_is_writing_for_long_makes_not_ready_until_it_is_free() {
    let database = Database::new(Engine::Sqlite).await;
    let site = Site::of(1).with("DATABASE_URL", database.url());
    let server = site.serve().await;
    server.readiness_becomes(Serving, SOON).await;
    let mut other = database.outsider().await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    server.readiness_becomes(NotServing, SOON).await;
    other.execute("ROLLBACK").await.unwrap();
    server.readiness_becomes(Serving, SOON).await;
}

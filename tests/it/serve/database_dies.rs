//! PostgreSQL is killed under a running server, as by a power cut, and comes back.

use super::{Site, WORK, refused};
use crate::{
    cli::LONG,
    kit::{Postgres, rounds},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::time::{Duration, Instant};
use syncline::api::v1;
use tonic_health::pb::health_check_response::ServingStatus::{NotServing, Serving};

/// A load balancer, and a person, learn what happened within this time.
const TOLD_WITHIN: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_outlives_its_killed_database_and_finishes_the_run_without_doubles() {
    let postgres = Postgres::start();
    let mut dice = StdRng::seed_from_u64(11);
    for round in 0..rounds(1, 10) {
        let database = format!("round_{round}");
        postgres.create_database(&database, "pg_default").await;
        let site = Site::of(8)
            .with("DATABASE_URL", postgres.url(&database))
            .with("SYNCLINE_DATABASE_ACQUIRE_TIMEOUT", "3s")
            .with_sync()
            .await;
        site.stage.simulator.set_latency(Duration::from_millis(30));
        let mut server = site.serve().await;
        let run = server.run().await;
        let at = dice.random_range(1..60);
        site.written(at).await;

        postgres.kill();
        let killed = Instant::now();
        let request = v1::GetSyncRequest {
            name: WORK.to_owned(),
        };
        let answer = refused(server.syncs().get_sync(request).await);
        let answered = killed.elapsed();
        assert_eq!(
            answer,
            ("UNAVAILABLE".to_owned(), "DATABASE_UNREACHABLE".to_owned())
        );
        assert!(answered < TOLD_WITHIN, "{answered:?}");
        server.readiness_becomes(NotServing, TOLD_WITHIN).await;
        let not_ready = killed.elapsed();
        assert!(!server.process.has_ended(), "{}", server.process.output());

        let restarted = Instant::now();
        postgres.start_again();
        server.readiness_becomes(Serving, TOLD_WITHIN).await;
        let ready = restarted.elapsed();
        let finished = server.finished(&run).await;
        assert_eq!(finished.state(), v1::RunState::Succeeded, "{finished:?}");
        let meetings = site.assert_all_once("after the database came back");
        let again = server.finished(&server.run().await).await;
        assert_eq!(
            again.result.clone().unwrap_or_default().created,
            0,
            "{again:?}"
        );
        site.assert_all_once("the next run");
        println!(
            "killed after {at} entries: answered {answered:?} and not ready {not_ready:?} after the kill, ready {ready:?} after the \
             restart, {meetings} meetings, 0 doubled, 0 missing"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_server_whose_database_is_gone_ends_within_seconds_of_sigterm() {
    let postgres = Postgres::start();
    postgres.create_database("idle", "pg_default").await;
    let site = Site::of(1).with("DATABASE_URL", postgres.url("idle"));
    let mut server = site.serve().await;
    postgres.kill();
    server.readiness_becomes(NotServing, TOLD_WITHIN).await;
    let told = Instant::now();
    server.process.terminate();
    let status = server.process.wait_exit(LONG).await;
    let took = told.elapsed();
    assert!(status.success(), "{}", server.process.output());
    assert!(took < Duration::from_secs(10), "{took:?}");
    println!("ended {took:.1?} after SIGTERM without its database");
}

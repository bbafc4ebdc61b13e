//! Ctrl-C, once and twice.

use super::{CREATE, Site};
use crate::{
    cli::LONG,
    kit::{Database, each_engine},
};
use std::time::{Duration, Instant};
use syncline::{
    api::v1::RunState,
    simulator::faults::{Effect, Rule, When},
};

each_engine!(
    ctrl_c_ends_a_sync_run_in_order_and_the_next_one_does_the_rest,
    a_second_signal_ends_a_server_at_once_and_the_next_start_loses_nothing,
);

/// What a shell calls a program that was ended by Ctrl-C.
const INTERRUPTED: i32 = 130;

async fn site(database: &Database) -> Site {
    Site::of(8)
        .with("DATABASE_URL", database.url())
        .with_sync()
        .await
}

async fn ctrl_c_ends_a_sync_run_in_order_and_the_next_one_does_the_rest(database: Database) {
    let engine = database.engine();
    for signal in ["INT", "TERM"] {
        let database = Database::new(engine).await;
        let site = site(&database).await;
        site.stage.simulator.set_latency(Duration::from_millis(30));
        let mut run = site.command(&["sync", "run", "work"]).start();
        site.written(5).await;
        run.signal(signal);
        let status = run.wait_exit(LONG).await;
        let said = run.output();
        assert_eq!(status.code(), Some(1), "{said}");
        let written = site.entries();
        assert!(
            (5..80).contains(&written),
            "{written}: it stopped on the way"
        );
        assert!(
            said.contains("Stopping after the entries that are being written."),
            "{said}"
        );
        assert!(said.contains(" cancelled"), "{said}");
        let created = said
            .lines()
            .find(|line| line.trim_start().starts_with("created"));
        let created = created.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        assert_eq!(created, Some(written), "it says what it did: {said}");

        site.stage.simulator.set_latency(Duration::ZERO);
        let next = site.run(&["--json", "sync", "run", "work"]).await;
        assert_eq!(next.code, 0, "{}", next.text);
        let meetings = site.assert_all_once("the next run");
        println!(
            "{engine:?}, {signal} after 5 entries: ended with {written} of {meetings}, the next run wrote the rest"
        );
        assert_eq!(
            next.json()["result"]["created"],
            (meetings - written).to_string()
        );
    }
}

async fn a_second_signal_ends_a_server_at_once_and_the_next_start_loses_nothing(
    database: Database,
) {
    let site = site(&database).await;
    let mut server = site.serve().await;
    // An answer that does not come, for longer than anybody waits.
    let hang = Rule::on(CREATE, When::Nth(7), Effect::Hang);
    site.stage.simulator.faults().add(hang);
    let run = server.run().await;
    site.written(6).await;
    server.process.terminate();
    server.process.line("stopping", LONG).await;
    let second = Instant::now();
    server.process.signal("INT");
    let status = server.process.wait_exit(LONG).await;
    assert_eq!(
        status.code(),
        Some(INTERRUPTED),
        "{}",
        server.process.output()
    );
    assert!(
        second.elapsed() < Duration::from_secs(1),
        "{:?}",
        second.elapsed()
    );

    site.stage.simulator.faults().clear();
    let server = site.serve().await;
    let finished = server.finished(&run).await;
    assert_eq!(finished.state(), RunState::Succeeded, "{finished:?}");
    site.assert_all_once("the next start");
}

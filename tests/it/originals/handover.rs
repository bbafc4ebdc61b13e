//! A server that is told to stop, or dies, in the middle of a run; the next one finishes it.

use super::{MEETINGS, Scene};
use crate::{
    cli::LONG,
    kit::{Database, each_engine, eventually},
};
use std::time::{Duration, Instant};

each_engine!(
    a_server_told_to_stop_leaves_in_time_and_the_next_one_finishes_its_run,
    a_run_of_a_killed_server_goes_on_elsewhere_within_30_seconds,
);

/// What the supervisor gives the server.
const GRACE: Duration = Duration::from_secs(4);

/// Starts a run on the server, and waits until some entries are there.
async fn begin(scene: &Scene, url: &str) -> String {
    let run = scene.command(&["--json", "--server", url, "sync", "run", "work", "--detach"]);
    let accepted = scene.run_well(run).await.json();
    eventually(LONG, async || {
        let entries = scene.sim.world().entries().len();
        (entries > 20)
            .then_some(())
            .ok_or(format!("{entries} entries"))
    })
    .await;
    accepted["name"]
        .as_str()
        .expect("runs have names")
        .to_owned()
}

/// Waits for the run's end, and checks what it did.
async fn finished(scene: &Scene, url: &str, run: &str) {
    let watch = scene.command(&["--json", "--server", url, "sync", "watch", run]);
    let watched = scene.run_well(watch).await;
    let result = &watched.json()["result"];
    assert_eq!(result["created"], "240", "{}", watched.text);
    scene.assert_all_once("after the handover");
}

async fn slow_scene(database: &Database) -> Scene {
    let scene = Scene::standard(database.engine()).await.with_sync().await;
    scene.sim.set_latency(Duration::from_millis(150));
    scene
}

async fn a_server_told_to_stop_leaves_in_time_and_the_next_one_finishes_its_run(
    database: Database,
) {
    let scene = slow_scene(&database).await;
    let grace = format!("{}s", GRACE.as_secs());
    let (mut server, url) = scene
        .serve_with(|command| command.env("SYNCLINE_RUNS_GRACE", grace))
        .await;
    let run = begin(&scene, &url).await;
    let told = Instant::now();
    server.terminate();
    let status = server.wait_exit(LONG).await;
    let left = told.elapsed();
    assert!(status.success(), "{}", server.output());
    assert!(left < GRACE + Duration::from_secs(1), "took {left:?}");
    let written = scene.sim.world().entries().len();
    assert!(written < MEETINGS, "it should have stopped in the middle");
    let (_server, url) = scene.serve().await;
    finished(&scene, &url, &run).await;
    println!(
        "{:?}: left {left:?} after SIGTERM with {written} entries; the next one made it 240, 0 doubled",
        database.engine()
    );
}

async fn a_run_of_a_killed_server_goes_on_elsewhere_within_30_seconds(database: Database) {
    let scene = slow_scene(&database).await;
    let (mut server, url) = scene.serve().await;
    let run = begin(&scene, &url).await;
    let (other, url) = scene.serve().await;
    let is_over = scene.sim.world().entries().len() == MEETINGS;
    assert!(!is_over, "the kill comes too late");
    server.kill();
    let killed = Instant::now();
    // What was on its way to the providers when it died.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let written = scene.sim.world().entries().len();
    let calls = scene.calls();
    eventually(Duration::from_secs(40), async || {
        let more = scene.calls() > calls;
        more.then_some(()).ok_or("nobody goes on")
    })
    .await;
    let taken = killed.elapsed();
    assert!(taken < Duration::from_secs(30), "{taken:?}");
    finished(&scene, &url, &run).await;
    assert!(
        other
            .output()
            .contains("took a run from a worker that died")
    );
    println!(
        "{:?}: killed with {written} entries, taken over after {taken:?}, 240 entries after {:?}, 0 doubled",
        database.engine(),
        killed.elapsed()
    );
}

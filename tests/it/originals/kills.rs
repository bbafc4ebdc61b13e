//! A one-off run is killed (SIGKILL) wherever it is, and started again.

use super::{CREATE, MEETINGS, Scene, ended, figures};
use crate::kit::{Builder, Database, each_engine, rounds};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::time::{Duration, Instant};

each_engine!(kill_9_at_random_points_of_a_sync_and_rerun_gives_240_entries_without_doubles);

/// Calls of a run that is not disturbed, a few more or less; the last 240 of them write.
const USUAL_CALLS: f64 = 790.0;
/// Nothing but a broken program takes longer.
const MOST: Duration = Duration::from_secs(60);

/// With a short memory for the dead, so that the next run does not wait 15 seconds for each of them.
fn once(scene: &Scene) -> Builder {
    scene
        .once()
        .env("SYNCLINE_RUNS_HEARTBEAT", "500ms")
        .env("SYNCLINE_RUNS_DEAD_AFTER", "2s")
}

/// Starts a run and kills it when the providers have seen so many calls more, and a moment has passed.
async fn kill_after(scene: &Scene, calls: usize, moment: Duration) {
    let before = scene.calls();
    let started = Instant::now();
    let mut victim = once(scene).start();
    while scene.calls() < before + calls && !victim.has_ended() {
        assert!(started.elapsed() < MOST, "{}", victim.output());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(moment).await;
    victim.kill();
}

async fn kill_9_at_random_points_of_a_sync_and_rerun_gives_240_entries_without_doubles(
    database: Database,
) {
    let engine = database.engine();
    let rounds = rounds(3, 50);
    let mut dice = StdRng::seed_from_u64(7);
    let mut kills = Vec::new();
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let scene = Scene::standard(engine).await;
        let latency = Duration::from_millis(dice.random_range(2..40));
        scene.sim.set_latency(latency);
        // One point in each stretch of a run, so that every phase is met; the root favours the end, where entries are
        // written.
        let part = ((round as f64 + dice.random_range(0.0..1.0)) / rounds as f64).sqrt();
        let mut points = vec![(part * USUAL_CALLS) as usize];
        // Some are killed once more, in the middle of putting things right.
        if dice.random_bool(0.3) {
            points.push(dice.random_range(1..100));
        }
        let mut written = Vec::new();
        for point in &points {
            kill_after(
                &scene,
                *point,
                Duration::from_millis(dice.random_range(0..20)),
            )
            .await;
            written.push(scene.sim.world().entries().len());
        }
        let seen = scene.calls();
        let again = Instant::now();
        let rerun = ended(once(&scene)).await;
        let took = again.elapsed();
        let what = format!(
            "round {round}: killed after {points:?} calls ({seen} seen) with {written:?} entries, rerun took {took:?}"
        );
        assert_eq!(rerun.code, 0, "{what}\n{}", rerun.text);
        scene.assert_all_once(&what);
        let [found, synced, skipped, failed, total] = figures(&rerun);
        assert_eq!(
            (found, failed, total),
            (240, 0, 240),
            "{what}\n{}",
            rerun.text
        );
        assert_eq!(synced + skipped, 240, "{what}\n{}", rerun.text);
        let third = scene.run_well(once(&scene)).await;
        assert_eq!(figures(&third), [240, 0, 240, 0, 240], "{what}");
        let posts = scene.sim.calls().count(CREATE);
        println!("{engine:?} {what}, {posts} POSTs in all");
        slowest = slowest.max(took);
        kills.extend(written);
    }
    let inside = kills.iter().filter(|count| (1..MEETINGS).contains(*count));
    println!(
        "{engine:?}: {} kills in {rounds} rounds, {} of them between the first and the last entry: 0 doubled, 0 missing; slowest rerun {slowest:?}",
        kills.len(),
        inside.count(),
    );
}

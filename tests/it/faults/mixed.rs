//! All of it at random: servers are killed and frozen, Redis and PostgreSQL are restarted, emptied and cut off.

use super::Site;
use crate::kit::{Cut, rounds};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::time::Duration;

const CUTS: [Cut; 3] = [Cut::Closed, Cut::Reset, Cut::Forgotten];
/// Longer than a server may be silent before it counts as dead.
const FROZEN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_at_random_lose_and_double_nothing() {
    let seed = match std::env::var("SYNCLINE_TEST_SEED") {
        Ok(seed) => seed.parse().expect("a number"),
        Err(_) => rand::random::<u32>().into(),
    };
    println!("SYNCLINE_TEST_SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let mut site = Site::open(3).await;
    let customer = site.customer(seed);
    let faults = rounds(10, 150);
    for _ in 0..faults {
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..1_500))).await;
        let which = dice.random_range(0..site.replicas.len());
        let some_time = Duration::from_millis(dice.random_range(100..2_500));
        let cut = CUTS[dice.random_range(0..CUTS.len())];
        match dice.random_range(0..12) {
            0..3 => site.kill(which).await,
            3 | 4 => {
                site.replicas[which].signal("STOP");
                tokio::time::sleep(FROZEN).await;
                site.replicas[which].signal("CONT");
            }
            5 => drop(site.redis.say("FLUSHALL")),
            6 => {
                site.redis.kill();
                tokio::time::sleep(some_time).await;
                site.redis.restart();
            }
            7 => {
                let _frozen = site.redis.freeze();
                tokio::time::sleep(some_time).await;
            }
            8 => site.to_redis.cut(cut),
            9 => site.to_postgres.cut(cut),
            10 => {
                site.postgres.stop("immediate");
                tokio::time::sleep(some_time).await;
                site.postgres.start_again();
            }
            _ => {
                site.to_postgres.hold();
                tokio::time::sleep(some_time).await;
                site.to_postgres.release();
            }
        }
    }
    customer.stop().await;
    let done = site.assert_all_done_once().await;
    println!("{faults} faults at random: {done}");
}

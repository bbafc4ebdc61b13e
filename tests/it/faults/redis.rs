//! Promise 7: Redis is disposable. Everything happens to it, one thing after the other, while runs are asked for.

use super::Site;
use crate::kit::{Cut, long};
use std::time::{Duration, Instant};

/// How long a fault lasts that lasts.
fn a_while() -> Duration {
    Duration::from_secs(if long() { 60 } else { 4 })
}

/// The promise: so long after Redis is back everything goes through it again.
const BACK_WITHIN: Duration = Duration::from_secs(30);

/// What happens to Redis.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Emptied,
    ClientsKilled,
    StartedAgainEmpty,
    Away,
    Frozen,
    Full,
    Cut(Cut),
    HeldUp,
}

const FAULTS: [Fault; 10] = [
    Fault::Emptied,
    Fault::ClientsKilled,
    Fault::StartedAgainEmpty,
    Fault::Away,
    Fault::Frozen,
    Fault::Full,
    Fault::Cut(Cut::Closed),
    Fault::Cut(Cut::Reset),
    Fault::Cut(Cut::Forgotten),
    Fault::HeldUp,
];

impl Site {
    /// Lets it happen, and returns when it is over.
    async fn happens_to_redis(&mut self, fault: Fault) {
        match fault {
            Fault::Emptied => drop(self.redis.say("FLUSHALL")),
            Fault::ClientsKilled => drop(self.redis.say("CLIENT KILL TYPE normal SKIPME yes")),
            Fault::StartedAgainEmpty => {
                self.redis.kill();
                self.redis.restart();
            }
            Fault::Away => {
                self.redis.kill();
                tokio::time::sleep(a_while()).await;
                self.redis.restart();
            }
            Fault::Frozen => {
                let _frozen = self.redis.freeze();
                tokio::time::sleep(a_while()).await;
            }
            Fault::Full => {
                self.redis.say("CONFIG SET maxmemory 1");
                tokio::time::sleep(a_while() / 4).await;
                self.redis.say("CONFIG SET maxmemory 0");
            }
            Fault::Cut(how) => self.to_redis.cut(how),
            Fault::HeldUp => {
                self.to_redis.hold();
                tokio::time::sleep(a_while()).await;
                self.to_redis.release();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_redis_loses_and_doubles_nothing() {
    let mut site = Site::open(2).await;
    site.goes_through_redis(BACK_WITHIN).await;
    let customer = site.customer(7);
    let mut slowest = Duration::ZERO;
    for fault in FAULTS {
        tokio::time::sleep(Duration::from_millis(700)).await;
        site.happens_to_redis(fault).await;
        let back = Instant::now();
        site.goes_through_redis(BACK_WITHIN).await;
        let took = back.elapsed();
        println!(
            "{fault:?}: runs go through Redis again after {} ms",
            took.as_millis()
        );
        slowest = slowest.max(took);
    }
    customer.stop().await;
    let done = site.assert_all_done_once().await;
    println!("{done}; through Redis again after at most {slowest:?}");
    assert!(slowest < BACK_WITHIN, "{slowest:?}");
    for replica in &mut site.replicas {
        assert!(!replica.has_ended(), "no restart was needed");
    }
}

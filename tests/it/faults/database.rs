//! PostgreSQL is restarted, killed and cut off while runs come through Redis.

use super::Site;
use crate::kit::{Cut, long};
use std::time::{Duration, Instant};

/// How long a fault lasts that lasts.
fn a_while() -> Duration {
    Duration::from_secs(if long() { 30 } else { 3 })
}

/// After a fault is over, a run that is asked for begins and ends within this time.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// What happens to PostgreSQL.
#[derive(Clone, Copy, Debug)]
enum Fault {
    RestartedFast,
    RestartedImmediately,
    Killed,
    BackendsTerminated,
    Cut(Cut),
    HeldUp,
}

const FAULTS: [Fault; 8] = [
    Fault::RestartedFast,
    Fault::RestartedImmediately,
    Fault::Killed,
    Fault::BackendsTerminated,
    Fault::Cut(Cut::Closed),
    Fault::Cut(Cut::Reset),
    Fault::Cut(Cut::Forgotten),
    Fault::HeldUp,
];

impl Site {
    /// Lets it happen, and returns when it is over.
    async fn happens_to_postgres(&mut self, fault: Fault) {
        match fault {
            Fault::RestartedFast => {
                self.postgres.stop("fast");
                self.postgres.start_again();
            }
            Fault::RestartedImmediately => {
                self.postgres.stop("immediate");
                self.postgres.start_again();
            }
            Fault::Killed => {
                self.postgres.kill();
                self.postgres.start_again();
            }
            Fault::BackendsTerminated => {
                let until = Instant::now() + a_while();
                while Instant::now() < until {
                    self.postgres.administer(TERMINATE).await;
                    tokio::time::sleep(Duration::from_millis(150)).await;
                }
            }
            Fault::Cut(how) => self.to_postgres.cut(how),
            Fault::HeldUp => {
                self.to_postgres.hold();
                tokio::time::sleep(a_while()).await;
                self.to_postgres.release();
            }
        }
    }
}

const TERMINATE: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'syncline'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_postgres_loses_and_doubles_nothing() {
    let mut site = Site::open(2).await;
    site.goes_through_redis(BACK_WITHIN).await;
    let customer = site.customer(8);
    let mut slowest = Duration::ZERO;
    for fault in FAULTS {
        tokio::time::sleep(Duration::from_millis(700)).await;
        site.happens_to_postgres(fault).await;
        let back = Instant::now();
        site.goes_through_redis(BACK_WITHIN).await;
        let took = back.elapsed();
        println!("{fault:?}: runs end again after {} ms", took.as_millis());
        slowest = slowest.max(took);
    }
    customer.stop().await;
    let done = site.assert_all_done_once().await;
    println!("{done}; going on again after at most {slowest:?}");
    assert!(slowest < BACK_WITHIN, "{slowest:?}");
    for replica in &mut site.replicas {
        assert!(!replica.has_ended(), "no restart was needed");
    }
}

//! Waiting for something to become true, with a deadline.

use std::{
    fmt::Display,
    panic::Location,
    time::{Duration, Instant},
};

const PAUSE: Duration = Duration::from_millis(20);

/// Asks `probe` again and again until it answers `Ok`, and returns that. `Err` says what was seen instead; the last one
/// is in the panic's message when `deadline` has passed.
#[track_caller]
pub fn eventually<T, E: Display, F: Future<Output = Result<T, E>>>(
    deadline: Duration,
    mut probe: impl FnMut() -> F,
) -> impl Future<Output = T> {
    let caller = Location::caller();
    async move {
        let started = Instant::now();
        loop {
            match probe().await {
                Ok(value) => return value,
                Err(seen) if started.elapsed() >= deadline => {
                    panic!("{caller}: not within {deadline:?}; last seen: {seen}")
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

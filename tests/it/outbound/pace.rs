//! A budget is used up to the full: calls are made about as fast as it allows, and never faster.

use super::{
    budget::two_processes,
    limited,
    provider::{Provider, Reaction},
    quick, write,
};
use crate::kit::{self, Database};
use chrono::TimeDelta;
use futures::future::join_all;
use std::time::{Duration, Instant};
use syncline::outbound::{Account, CallError, Options, Outbound};

kit::each_engine!(
    fifty_a_second_let_240_calls_through,
    fifty_a_second_let_240_announced_calls_through,
    fifty_a_second_lose_little_to_being_counted_in_slices,
);

const CALLS: usize = 240;
const SECOND: Duration = Duration::from_secs(1);
/// Fifty at once, the others at fifty a second.
const FLOOR: Duration = Duration::from_millis(3_800);

async fn fifty_a_second_let_240_calls_through(database: Database) {
    let outbound = Outbound::new(database.connect().await, patient()).unwrap();
    fifty_a_second("called", async |account, provider| {
        let calls = (0..CALLS).map(|_| outbound.call(account, write(&provider.url)));
        for outcome in join_all(calls).await {
            outcome.unwrap();
        }
    })
    .await;
}

async fn fifty_a_second_let_240_announced_calls_through(database: Database) {
    let outbound = Outbound::new(database.connect().await, patient()).unwrap();
    fifty_a_second("announced", async |account, provider| {
        let mut left = CALLS as u32;
        while left > 0 {
            let mut permits = outbound.reserve(account, left).await.unwrap();
            left -= permits.left();
            // As long as it takes to write down what is about to be sent.
            tokio::time::sleep(Duration::from_millis(10)).await;
            let shares: Vec<_> = (0..permits.left()).map(|_| permits.split(1)).collect();
            let calls = shares.into_iter().map(async |mut permit| {
                let call = write(&provider.url);
                outbound.call_with(&mut permit, call).await
            });
            for outcome in join_all(calls).await {
                outcome.unwrap();
            }
        }
    })
    .await;
}

fn patient() -> Options {
    Options {
        max_inline_wait: Duration::from_secs(10),
        timeout: Duration::from_secs(30),
        ..quick()
    }
}

/// Never too many in a second, however busy the machine is; how long it should take, the clock of another test says.
async fn fifty_a_second(what: &str, make: impl AsyncFn(&Account, &Provider)) {
    let provider = Provider::new([], Reaction::Late(Duration::from_millis(20))).await;
    let account = limited(what, 50, SECOND);
    let begun = Instant::now();
    make(&account, &provider).await;
    let took = begun.elapsed();
    println!("{CALLS} {what} in {took:?}, the floor is {FLOOR:?}");
    assert_eq!(provider.count(), CALLS);
    assert!(took < FLOOR * 4, "{took:?}");
    // They may be late by different times on their way, so the stretch is a little shorter here.
    let times = provider.times();
    for end in &times {
        let stretch = times
            .iter()
            .filter(|at| *at <= end && end.duration_since(**at) < Duration::from_millis(900));
        assert!(stretch.count() <= 50);
    }
}

async fn fifty_a_second_lose_little_to_being_counted_in_slices(database: Database) {
    let clock = kit::fixed_clock();
    let [outbound, _] = two_processes(&database, &clock).await;
    let account = limited("by the clock", 50, SECOND);
    let begun = clock.now();
    let (mut taken, mut kept) = (0, Vec::new());
    while taken < CALLS as u32 {
        match outbound.reserve(&account, CALLS as u32 - taken).await {
            Ok(permits) => {
                taken += permits.left();
                kept.push(permits);
            }
            Err(CallError::OutOfBudget { .. }) => clock.advance(TimeDelta::milliseconds(5)),
            Err(other) => panic!("{other}"),
        }
    }
    let took = (clock.now() - begun).to_std().expect("time passed");
    println!("{CALLS} permits in {took:?}, the floor is {FLOOR:?}");
    assert!(took <= FLOOR.mul_f64(1.15), "{took:?}");
}

//! A provider that does not work is left alone, by all replicas.

use super::{
    limited,
    provider::{Provider, Reaction},
    quick, read, unlimited, write,
};
use crate::kit::{self, Database};
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;
use syncline::outbound::{CallError, Options, Outbound, Reply};

kit::each_engine!(
    a_breaker_opens_after_failures_in_a_row_on_all_replicas,
    after_its_time_an_open_breaker_lets_one_call_through_and_closes,
    a_try_that_fails_opens_the_breaker_for_twice_as_long,
    refusals_and_rate_limits_leave_the_breaker_closed,
);

fn cautious() -> Options {
    Options {
        retries: 0,
        breaker_failures: 3,
        breaker_open: Duration::from_secs(30),
        ..quick()
    }
}

fn left_alone(outcome: Result<Reply, CallError>) -> Result<DateTime<Utc>, String> {
    match outcome {
        Err(CallError::NotSent {
            retry_at: Some(at), ..
        }) => Ok(at),
        other => Err(format!("{other:?}")),
    }
}

/// Fails until the breaker is open.
async fn break_down(outbound: &Outbound, provider: &Provider) {
    provider.turns(Reaction::status(500));
    for _ in 0..3 {
        let outcome = outbound.call(&unlimited(), write(&provider.url)).await;
        assert!(matches!(outcome, Err(CallError::Unanswered { .. })));
    }
}

async fn a_breaker_opens_after_failures_in_a_row_on_all_replicas(database: Database) {
    let clock = kit::fixed_clock();
    let here = Outbound::new(database.connect_at(clock.clone()).await, cautious()).unwrap();
    let there = Outbound::new(database.connect_at(clock.clone()).await, cautious()).unwrap();
    let provider = Provider::new([], Reaction::ok()).await;
    there.call(&unlimited(), read(&provider.url)).await.unwrap();
    for fails in [true, true, false, true, true] {
        provider.turns(Reaction::status(if fails { 500 } else { 200 }));
        let outcome = here.call(&unlimited(), read(&provider.url)).await;
        assert_eq!(outcome.is_err(), fails, "two in a row are not three");
    }
    provider.turns(Reaction::ok());
    here.call(&unlimited(), read(&provider.url)).await.unwrap();
    break_down(&here, &provider).await;

    let retry_at = clock.now() + TimeDelta::seconds(30);
    let calls = provider.count();
    let outcome = here.call(&unlimited(), read(&provider.url)).await;
    assert_eq!(left_alone(outcome), Ok(retry_at));
    assert_eq!(provider.count(), calls);
    provider.turns(Reaction::ok());
    let seen = kit::eventually(Duration::from_secs(3), || async {
        left_alone(there.call(&unlimited(), read(&provider.url)).await)
    });
    assert_eq!(seen.await, retry_at);

    // Another provider has a breaker of its own.
    let other = Provider::new([], Reaction::ok()).await;
    here.call(&unlimited(), read(&other.url)).await.unwrap();
}

async fn after_its_time_an_open_breaker_lets_one_call_through_and_closes(database: Database) {
    let clock = kit::fixed_clock();
    let here = Outbound::new(database.connect_at(clock.clone()).await, cautious()).unwrap();
    let there = Outbound::new(database.connect_at(clock.clone()).await, cautious()).unwrap();
    let provider = Provider::new([], Reaction::ok()).await;
    break_down(&here, &provider).await;
    provider.turns(Reaction::Late(Duration::from_millis(300)));
    clock.advance(TimeDelta::seconds(31));
    let account = unlimited();
    let calls = (0..20).map(|number| {
        let outbound = if number % 2 == 0 { &here } else { &there };
        outbound.call(&account, read(&provider.url))
    });
    let outcomes = futures::future::join_all(calls).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(provider.count(), 4);
    for outbound in [&here, &there] {
        kit::eventually(Duration::from_secs(3), || {
            outbound.call(&account, read(&provider.url))
        })
        .await;
    }
}

async fn a_try_that_fails_opens_the_breaker_for_twice_as_long(database: Database) {
    let clock = kit::fixed_clock();
    let outbound = Outbound::new(database.connect_at(clock.clone()).await, cautious()).unwrap();
    let provider = Provider::new([], Reaction::ok()).await;
    break_down(&outbound, &provider).await;
    for (open, doubled) in [(30, 60), (60, 120), (120, 240), (240, 480), (480, 480)] {
        clock.advance(TimeDelta::seconds(open));
        let outcome = outbound.call(&unlimited(), read(&provider.url)).await;
        assert!(matches!(outcome, Err(CallError::Unanswered { .. })));
        let outcome = outbound.call(&unlimited(), read(&provider.url)).await;
        let expected = clock.now() + TimeDelta::seconds(doubled);
        assert_eq!(left_alone(outcome), Ok(expected));
    }
}

async fn refusals_and_rate_limits_leave_the_breaker_closed(database: Database) {
    let outbound = Outbound::new(database.connect().await, cautious()).unwrap();
    let provider = Provider::new([], Reaction::status(404)).await;
    for status in [400, 401, 403, 404, 429] {
        provider.turns(Reaction::status(status).with_header("Retry-After", "0"));
        for number in 0..5 {
            let account = limited(&format!("{status}-{number}"), 10, Duration::from_secs(60));
            outbound
                .call(&account, read(&provider.url))
                .await
                .unwrap_err();
        }
    }
    assert_eq!(provider.count(), 25);
}

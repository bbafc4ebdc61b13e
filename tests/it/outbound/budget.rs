//! A budget holds over every stretch of its period and over all replicas, and is used up to the full.

use super::{
    HOUR, limited,
    provider::{Provider, Reaction},
    quick, read, unlimited, write,
};
use crate::kit::{self, Database};
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use std::time::{Duration, Instant};
use syncline::{
    base::Clock,
    db::{Engine, Scope, execute},
    outbound::{Account, CallError, Options, Outbound, Permits},
};

kit::each_engine!(
    no_stretch_of_the_period_exceeds_the_budget,
    two_processes_share_one_budget,
    a_used_up_hour_says_when_coming_back_is_worth_it,
    permits_that_were_not_used_come_back,
    a_permit_that_was_kept_is_booked_anew_and_lost_after_the_period,
    a_share_that_finds_no_permit_says_when_there_are_more,
    a_database_that_stands_still_holds_no_call_for_long,
);

/// As [`quick`], and never waits for the budget.
fn impatient() -> Options {
    Options {
        max_inline_wait: Duration::ZERO,
        retries: 0,
        ..quick()
    }
}

/// What one of two processes does next.
#[derive(Clone, Debug)]
enum Step {
    Advance(i64),
    Call(usize),
    Reserve(usize, u32),
    Send(usize),
    GiveBack(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let process = 0..2usize;
    proptest::collection::vec(
        prop_oneof![
            (1..700i64).prop_map(Step::Advance),
            process.clone().prop_map(Step::Call),
            (process.clone(), 1..12u32).prop_map(|(process, count)| Step::Reserve(process, count)),
            process.clone().prop_map(Step::Send),
            process.clone().prop_map(Step::Send),
            process.prop_map(Step::GiveBack),
        ],
        1..120,
    )
}

struct Processes {
    clock: Clock,
    provider: Provider,
    outbounds: [Outbound; 2],
}

impl Processes {
    /// Does `steps`; returns when each request was made.
    async fn make(&self, account: &Account, steps: &[Step]) -> Vec<DateTime<Utc>> {
        let mut made = Vec::new();
        let mut held: [Vec<Permits>; 2] = Default::default();
        for step in steps {
            let outcome = match step {
                Step::Advance(millis) => {
                    self.clock.advance(TimeDelta::milliseconds(*millis));
                    continue;
                }
                Step::Reserve(process, count) => {
                    let outcome = self.outbounds[*process].reserve(account, *count).await;
                    held[*process].extend(outcome.ok());
                    continue;
                }
                Step::GiveBack(process) => {
                    held[*process].pop();
                    continue;
                }
                Step::Call(process) => {
                    let outbound = &self.outbounds[*process];
                    outbound.call(account, read(&self.provider.url)).await
                }
                Step::Send(process) => {
                    let Some(permits) = held[*process].last_mut() else {
                        continue;
                    };
                    let mut one = permits.split(1);
                    let outbound = &self.outbounds[*process];
                    outbound
                        .call_with(&mut one, write(&self.provider.url))
                        .await
                }
            };
            if outcome.is_ok() {
                made.push(self.clock.now());
            }
        }
        made
    }
}

async fn no_stretch_of_the_period_exceeds_the_budget(database: Database) {
    let clock = kit::fixed_clock();
    let processes = Processes {
        provider: Provider::new([], Reaction::ok()).await,
        outbounds: two_processes(&database, &clock).await,
        clock,
    };
    let runtime = tokio::runtime::Handle::current();
    let strategy = (1..25u32, 100..5_000u64, any::<u64>(), steps());
    let config = Config {
        cases: 40,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&strategy, |(limit, period, name, steps)| {
            let period = Duration::from_millis(period);
            let account = limited(&name.to_string(), limit, period);
            let made = runtime.block_on(processes.make(&account, &steps));
            let stretch = TimeDelta::from_std(period).expect("short");
            for end in &made {
                let within = made
                    .iter()
                    .filter(|at| **at > *end - stretch && **at <= *end);
                prop_assert!(within.count() <= limit as usize, "at {end}");
            }
            // Nothing is lost for ever: when everybody was quiet for long enough, all of it is there.
            processes.clock.advance(stretch * 2);
            let all = vec![Step::Call(1); limit as usize + 1];
            let made = runtime.block_on(processes.make(&account, &all));
            prop_assert_eq!(made.len(), limit as usize);
            Ok::<(), TestCaseError>(())
        })
    });
    outcome.unwrap_or_else(|failed| panic!("{failed}"));
}

async fn two_processes_share_one_budget(database: Database) {
    let here = Outbound::new(database.connect().await, impatient()).unwrap();
    let there = Outbound::new(database.connect().await, impatient()).unwrap();
    let provider = Provider::new([], Reaction::ok()).await;
    let account = limited("shared", 40, HOUR);
    let calls = (0..120).map(|number| {
        let outbound = if number % 2 == 0 { &here } else { &there };
        outbound.call(&account, read(&provider.url))
    });
    let outcomes = join_all(calls).await;
    for outcome in &outcomes {
        assert!(
            matches!(outcome, Ok(_) | Err(CallError::OutOfBudget { .. })),
            "{outcome:?}"
        );
    }
    assert_eq!(
        outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
        40
    );
    assert_eq!(provider.count(), 40);
}

async fn a_used_up_hour_says_when_coming_back_is_worth_it(database: Database) {
    let clock = kit::fixed_clock();
    let db = database.connect_at(clock.clone()).await;
    let outbound = Outbound::new(db, impatient()).unwrap();
    let provider = Provider::new([], Reaction::ok()).await;
    let account = limited("hour", 30, HOUR);
    // A few early, most half an hour later: what the few give back is not worth a run.
    for (calls, minutes) in [(6, 30), (24, 20)] {
        for _ in 0..calls {
            outbound.call(&account, read(&provider.url)).await.unwrap();
        }
        clock.advance(TimeDelta::minutes(minutes));
    }
    let outcome = outbound.call(&account, read(&provider.url)).await;
    let Err(CallError::OutOfBudget {
        until,
        account: whose,
    }) = outcome
    else {
        panic!("{outcome:?}");
    };
    assert_eq!(whose, account.key);
    let wait = (until - clock.now()).num_minutes();
    assert!((40..=43).contains(&wait), "{wait} minutes");
    clock.advance(until - clock.now());
    for _ in 0..15 {
        outbound.call(&account, read(&provider.url)).await.unwrap();
    }
}

async fn permits_that_were_not_used_come_back(database: Database) {
    let clock = kit::fixed_clock();
    let db = database.connect_at(clock.clone()).await;
    let outbound = Outbound::new(db, impatient()).unwrap();
    let account = limited("returned", 20, HOUR);
    for later in [0, 10] {
        let permits = outbound.reserve(&account, 50).await.unwrap();
        assert_eq!(permits.left(), 20);
        clock.advance(TimeDelta::minutes(later));
        outbound.reserve(&account, 1).await.unwrap_err();
        drop(permits);
    }
    assert_eq!(outbound.reserve(&account, 20).await.unwrap().left(), 20);
}

async fn a_permit_that_was_kept_is_booked_anew_and_lost_after_the_period(database: Database) {
    let clock = kit::fixed_clock();
    let db = database.connect_at(clock.clone()).await;
    let outbound = Outbound::new(db, impatient()).unwrap();
    let provider = Provider::new([], Reaction::ok()).await;
    let account = limited("kept", 10, HOUR);
    let mut kept = outbound.reserve(&account, 10).await.unwrap();
    let mut share = kept.split(3);
    for _ in 0..3 {
        clock.advance(TimeDelta::minutes(10));
        outbound
            .call_with(&mut share, write(&provider.url))
            .await
            .unwrap();
    }
    assert_eq!((share.left(), kept.left()), (0, 7));
    // Somebody else gets what was kept for longer than it counts.
    clock.advance(TimeDelta::hours(2));
    let others = outbound.reserve(&account, 10).await.unwrap();
    assert_eq!(others.left(), 10);
    let outcome = outbound.call_with(&mut kept, write(&provider.url)).await;
    assert!(
        matches!(outcome, Err(CallError::OutOfBudget { .. })),
        "{outcome:?}"
    );
    assert_eq!(provider.count(), 3);
}

async fn a_share_that_finds_no_permit_says_when_there_are_more(database: Database) {
    let clock = kit::fixed_clock();
    let [here, there] = two_processes(&database, &clock).await;
    let provider = Provider::new([], Reaction::ok()).await;
    let account = limited("partly", 10, HOUR);
    let mut kept = here.reserve(&account, 6).await.unwrap();
    // They do not count any more, and somebody else takes most of the budget.
    clock.advance(TimeDelta::hours(2));
    let others = there.reserve(&account, 7).await.unwrap();
    assert_eq!((kept.left(), others.left()), (6, 7));
    let mut told = Vec::new();
    for number in 0..6 {
        let mut share = kept.split(1);
        let outcome = here.call_with(&mut share, write(&provider.url)).await;
        match outcome {
            Ok(_) => assert!(number < 3),
            Err(CallError::OutOfBudget { until, .. }) => told.push(until),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((provider.count(), told.len()), (3, 3));
    for until in told {
        let wait = (until - clock.now()).num_minutes();
        assert!((60..=67).contains(&wait), "{wait} minutes");
    }
}

async fn a_database_that_stands_still_holds_no_call_for_long(database: Database) {
    let db = database.connect().await;
    let outbound = Outbound::new(db.clone(), impatient()).unwrap();
    let provider = Provider::new([], Reaction::ok()).await;
    let account = limited("stands still", 10, HOUR);
    outbound.call(&account, read(&provider.url)).await.unwrap();
    let mut tx = db.write(Scope::System("a test")).await.unwrap();
    execute!(tx, "UPDATE budgets SET blocked_until = NULL").unwrap();
    let begun = Instant::now();
    let outcome = outbound.call(&account, read(&provider.url)).await;
    assert!(
        matches!(&outcome, Err(CallError::NotSent { why, .. }) if why.contains("too slow")),
        "{outcome:?}"
    );
    // The time-out is 0.7 s.
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    drop(tx);
    outbound.call(&account, read(&provider.url)).await.unwrap();
    assert_eq!(provider.count(), 2);
}

pub(super) async fn two_processes(database: &Database, clock: &Clock) -> [Outbound; 2] {
    let mut outbounds = Vec::new();
    for _ in 0..2 {
        let db = database.connect_at(clock.clone()).await;
        outbounds.push(Outbound::new(db, impatient()).unwrap());
    }
    outbounds.try_into().unwrap()
}

#[tokio::test]
async fn without_a_budget_calls_need_no_database() {
    let database = Database::new(Engine::Sqlite).await;
    let db = database.connect().await;
    let outbound = Outbound::new(db.clone(), quick()).unwrap();
    let provider = Provider::new([], Reaction::ok()).await;
    db.close().await;
    outbound
        .call(&unlimited(), read(&provider.url))
        .await
        .unwrap();
    let account = limited("closed", 10, Duration::from_secs(1));
    let outcome = outbound.call(&account, read(&provider.url)).await;
    assert!(
        matches!(outcome, Err(CallError::NotSent { .. })),
        "{outcome:?}"
    );
}

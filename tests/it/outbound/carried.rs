//! Calls that were made before it was known whose budget they use.

use super::{
    HOUR,
    budget::two_processes,
    limited,
    provider::{Provider, Reaction},
    read,
};
use crate::kit::{self, Database};
use chrono::TimeDelta;
use syncline::{db::Engine, outbound::CallError};

kit::each_engine!(
    what_stood_for_an_account_is_counted_in_its_budget,
    an_account_is_left_alone_when_what_stood_for_it_was_told_so,
);

async fn what_stood_for_an_account_is_counted_in_its_budget(database: Database) {
    let clock = kit::fixed_clock();
    let [here, there] = two_processes(&database, &clock).await;
    let provider = Provider::new([], Reaction::ok()).await;
    let (stand_in, account) = (limited("token", 40, HOUR), limited("known", 40, HOUR));
    for (outbound, whose) in [(&here, &stand_in), (&there, &account)] {
        outbound.call(whose, read(&provider.url)).await.unwrap();
    }
    here.carry_over(&stand_in, &account).await.unwrap();
    // Each process took four at once and used one; what is left of that here is good for the account.
    assert_eq!(here.reserve(&account, 40).await.unwrap().left(), 35);
    let schema = match database.engine() {
        Engine::Postgres => "syncline.",
        Engine::Sqlite => "",
    };
    for table in ["budgets", "budget_slices"] {
        let kept = format!("SELECT DISTINCT account FROM {schema}{table}");
        assert_eq!(database.column(&kept).await, [account.key.as_str()]);
    }
    // Once more is nothing more.
    here.carry_over(&stand_in, &account).await.unwrap();
}

async fn an_account_is_left_alone_when_what_stood_for_it_was_told_so(database: Database) {
    let clock = kit::fixed_clock();
    let [here, there] = two_processes(&database, &clock).await;
    let throttled = Reaction::status(429).with_header("Retry-After", "90");
    let provider = Provider::new([], throttled).await;
    let (stand_in, account) = (limited("token", 40, HOUR), limited("known", 40, HOUR));
    here.call(&stand_in, read(&provider.url)).await.unwrap_err();
    here.carry_over(&stand_in, &account).await.unwrap();
    for outbound in [&here, &there] {
        let outcome = outbound.call(&account, read(&provider.url)).await;
        let Err(CallError::OutOfBudget { until, .. }) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(until - clock.now(), TimeDelta::seconds(90));
    }
    assert_eq!(provider.count(), 1);
}

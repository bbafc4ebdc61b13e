//! Refreshing: early enough, once for all, and keeping what the provider gives.

use super::*;
use crate::kit::{each_engine, rounds};
use syncline::{simulator::faults::Tweak, tokens::Standing};

each_engine!(
    a_fresh_token_is_not_refreshed,
    a_token_is_refreshed_before_it_ends,
    refreshing_by_hand_does_not_wait_for_the_end,
    many_callers_on_two_replicas_cause_one_refresh_per_expiry,
    a_refresh_goes_on_when_its_caller_goes_away,
    an_absent_refresh_token_keeps_the_old_one,
    a_reduced_scope_shows,
    a_dead_grant_is_not_tried_again,
    a_wrong_client_changes_no_state,
);

async fn a_fresh_token_is_not_refreshed(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    let first = access(&office.app, &name).await;
    office.advance(TimeDelta::minutes(50));
    assert_eq!(access(&office.app, &name).await, first);
    assert_eq!(access(&office.replica().await, &name).await, first);
    assert_eq!(office.refreshes(), 1);
}

async fn a_token_is_refreshed_before_it_ends(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    let first = access(&office.app, &name).await;
    office.advance(TimeDelta::minutes(56));
    let second = access(&office.app, &name).await;
    assert_ne!(first, second);
    let longer = tokens::credential(&office.app, &name, TimeDelta::minutes(30))
        .await
        .unwrap();
    assert_eq!(longer, second);
    office.advance(TimeDelta::minutes(40));
    assert_eq!(access(&office.app, &name).await, second);
    let longer = tokens::credential(&office.app, &name, TimeDelta::minutes(30))
        .await
        .unwrap();
    assert_ne!(longer, second);
    assert_eq!(office.refreshes(), 3);
}

async fn refreshing_by_hand_does_not_wait_for_the_end(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    let first = access(&office.app, &name).await;
    let before = office.get(&name).await.etag();
    let token = tokens::refresh(&office.app, &name).await.unwrap();
    assert_ne!(token.etag(), before);
    assert_ne!(access(&office.app, &name).await, first);
    assert_eq!(office.refreshes(), 2);
}

async fn many_callers_on_two_replicas_cause_one_refresh_per_expiry(database: Database) {
    let office = Office::open(database).await;
    office.sim.world().google.rotate_refresh_tokens = true;
    let name = office.google().await;
    let replicas = [office.app.clone(), office.replica().await];
    let rounds = rounds(5, 1_000);
    for round in 1..=rounds {
        let calls = (0..100).map(|number| {
            let (app, name) = (replicas[number % 2].clone(), name.clone());
            tokio::spawn(async move { access(&app, &name).await })
        });
        let mut seen = futures::future::try_join_all(calls).await.unwrap();
        seen.dedup();
        assert_eq!(seen.len(), 1, "all get the same access token");
        assert_eq!(office.refreshes(), round);
        office.advance(TimeDelta::hours(1));
    }
    let token = office.get(&name).await;
    assert_eq!(token.standing(office.clock.now()), Standing::Active);
    println!(
        "{rounds} expiries, 50 callers on each of 2 replicas: {} refreshes",
        office.refreshes()
    );
}

async fn a_refresh_goes_on_when_its_caller_goes_away(database: Database) {
    let office = Office::open(database).await;
    office.sim.world().google.rotate_refresh_tokens = true;
    let name = office.google().await;
    office.fault(TOKEN, When::Nth(1), Effect::CommitThenDelay { millis: 300 });
    let caller = tokio::time::timeout(Duration::from_millis(100), try_access(&office.app, &name));
    assert!(caller.await.is_err(), "the caller gave up");
    access(&office.app, &name).await;
    assert_eq!(office.refreshes(), 1);
}

async fn an_absent_refresh_token_keeps_the_old_one(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    office.fault(
        TOKEN,
        When::Nth(2),
        Effect::Tweak(Tweak::RotateRefreshToken),
    );
    for number in 1..=4 {
        access(&office.app, &name).await;
        assert_eq!(office.refreshes(), number);
        office.advance(TimeDelta::hours(1));
    }
}

async fn a_reduced_scope_shows(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    let body = r#"{"access_token":"ya29.composedNarrow","expires_in":3599,"scope":"openid","token_type":"Bearer"}"#;
    office.fault(TOKEN, When::Nth(1), reply(200, body));
    access(&office.app, &name).await;
    assert_eq!(office.get(&name).await.missing_scopes().len(), 3);
}

async fn a_dead_grant_is_not_tried_again(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    let me = office.sim.world().me();
    office.sim.world().revoke_grants(&me.id);
    for _ in 0..5 {
        let error = try_access(&office.app, &name).await.unwrap_err();
        assert_eq!(reason(&error), "NEEDS_REAUTH");
        assert!(error.to_string().contains("invalid_grant"), "{error}");
        office.advance(TimeDelta::hours(1));
    }
    let error = tokens::refresh(&office.replica().await, &name)
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "NEEDS_REAUTH");
    assert_eq!(office.refreshes(), 1);
    assert_eq!(office.event_kinds(&name).await, ["needs_reauth", "created"]);
}

async fn a_wrong_client_changes_no_state(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    let body = r#"{"error":"invalid_client","error_description":"Unauthorized"}"#;
    office.fault(TOKEN, When::Nth(1), reply(401, body));
    let error = try_access(&office.app, &name).await.unwrap_err();
    assert_eq!(reason(&error), "CLIENT_REJECTED");
    let token = office.get(&name).await;
    assert_eq!(token.standing(office.clock.now()), Standing::Active);
    office.advance(TimeDelta::minutes(1));
    access(&office.app, &name).await;
}

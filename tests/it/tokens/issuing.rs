//! Handing credentials out.

use super::*;
use crate::kit::{each_engine, eventually};
use std::time::Instant;

each_engine!(
    a_key_is_handed_out_as_it_is,
    a_revoked_token_stops_on_every_replica_within_a_second,
    a_replaced_key_is_used_on_every_replica_within_a_second,
    a_longer_validity_than_tokens_live_is_refused_without_refreshing_each_time,
    validity_has_bounds,
    a_scope_that_was_not_granted_is_refused,
    reads_are_counted_per_token_caller_and_minute,
    the_account_is_asked_for_once,
    asking_whose_a_key_is_uses_the_budget_of_that_account,
    without_a_scope_for_it_the_account_is_not_asked_for,
    a_rejected_access_token_is_refreshed_once_for_all_who_had_it,
    a_rejected_key_needs_a_person,
    a_wider_scope_counts,
);

async fn a_key_is_handed_out_as_it_is(database: Database) {
    let office = Office::open(database).await;
    let name = office.clockify().await;
    let issued = tokens::issue(
        &office.app,
        &name,
        TimeDelta::minutes(1),
        &[],
        "test".into(),
    )
    .await
    .unwrap();
    assert_eq!(
        issued.secret.expose(),
        office.sim.world().clockify.users[0].api_key
    );
    assert_eq!(issued.expires_at, None);
    assert_eq!(office.sim.calls().len(), 0);
    let error = tokens::refresh(&office.app, &name).await.unwrap_err();
    assert_eq!(reason(&error), "NOT_REFRESHABLE");
}

async fn a_revoked_token_stops_on_every_replica_within_a_second(database: Database) {
    let office = Office::open(database).await;
    let name = office.fresh_google().await;
    let other = office.replica().await;
    access(&other, &name).await;
    tokens::revoke(&office.app, &name).await.unwrap();
    let revoked = Instant::now();
    eventually(Duration::from_secs(5), async || {
        match try_access(&other, &name).await {
            Ok(_) => Err("still handed out"),
            Err(error) => {
                assert_eq!(reason(&error), "TOKEN_REVOKED");
                Ok(())
            }
        }
    })
    .await;
    assert!(
        revoked.elapsed() < Duration::from_secs(1),
        "{:?}",
        revoked.elapsed()
    );
    // At the provider, too.
    assert!(
        office
            .sim
            .world()
            .grants()
            .iter()
            .all(|grant| grant.refresh_token.is_none())
    );
}

async fn a_replaced_key_is_used_on_every_replica_within_a_second(database: Database) {
    let office = Office::open(database).await;
    let name = office.clockify().await;
    let other = office.replica().await;
    access(&other, &name).await;
    let update = tokens::Update {
        name: name.to_string(),
        given: Some(Given::ApiKey("composedNewKey".into())),
        ..tokens::Update::default()
    };
    tokens::update(&office.app, update).await.unwrap();
    let replaced = Instant::now();
    eventually(Duration::from_secs(5), async || {
        match access(&other, &name).await.expose() {
            "composedNewKey" => Ok(()),
            _ => Err("still the old one"),
        }
    })
    .await;
    assert!(
        replaced.elapsed() < Duration::from_secs(1),
        "{:?}",
        replaced.elapsed()
    );
}

async fn a_longer_validity_than_tokens_live_is_refused_without_refreshing_each_time(
    database: Database,
) {
    let office = Office::open(database).await;
    let name = office.google().await;
    office.sim.world().google.access_token_seconds = 120;
    for _ in 0..3 {
        let error = tokens::credential(&office.app, &name, TimeDelta::minutes(10))
            .await
            .unwrap_err();
        assert_eq!(reason(&error), "VALIDITY_TOO_LONG");
    }
    access(&office.app, &name).await;
    assert_eq!(office.refreshes(), 1);
}

async fn validity_has_bounds(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    for validity in [
        TimeDelta::minutes(31),
        TimeDelta::seconds(-1),
        TimeDelta::MAX,
        TimeDelta::MIN,
    ] {
        let error = tokens::credential(&office.app, &name, validity)
            .await
            .unwrap_err();
        assert_eq!(fields(&error), ["min_validity"]);
    }
}

async fn a_scope_that_was_not_granted_is_refused(database: Database) {
    let office = Office::open(database).await;
    let name = office.fresh_google().await;
    let ask = async |scope: &str| {
        let required = [scope.to_owned()];
        tokens::issue(
            &office.app,
            &name,
            TimeDelta::minutes(1),
            &required,
            "test".into(),
        )
        .await
    };
    ask("openid").await.unwrap();
    let error = ask("https://www.googleapis.com/auth/calendar")
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "SCOPE_MISSING");
}

async fn reads_are_counted_per_token_caller_and_minute(database: Database) {
    let office = Office::open(database).await;
    let name = office.clockify().await;
    let read = async |caller: &'static str| {
        tokens::issue(
            &office.app,
            &name,
            TimeDelta::minutes(1),
            &[],
            caller.into(),
        )
        .await
        .unwrap();
    };
    for caller in ["one", "one", "two"] {
        read(caller).await;
    }
    syncline::audit::flush(&office.app).await.unwrap();
    read("one").await;
    office.advance(TimeDelta::minutes(1));
    read("one").await;
    syncline::audit::flush(&office.app).await.unwrap();
    syncline::audit::flush(&office.app).await.unwrap();
    let schema = match office.database.engine() {
        syncline::db::Engine::Postgres => "syncline.",
        syncline::db::Engine::Sqlite => "",
    };
    let counts = office
        .database
        .column(&format!(
            "SELECT actor || ' ' || CAST(count AS TEXT) FROM {schema}audit_counts ORDER BY minute, actor"
        ))
        .await;
    assert_eq!(counts, ["one 3", "two 1", "one 1"]);
}

async fn the_account_is_asked_for_once(database: Database) {
    let office = Office::open(database).await;
    let (google, clockify) = (office.google().await, office.clockify().await);
    let me = office.sim.world().me();
    for _ in 0..3 {
        let account = tokens::account(&office.replica().await, &google)
            .await
            .unwrap();
        assert_eq!(
            (account.id, account.label),
            (me.id.clone(), Some(me.email.clone()))
        );
        let user = office.sim.world().clockify.users[0].id.clone();
        let account = tokens::account(&office.replica().await, &clockify)
            .await
            .unwrap();
        assert_eq!(account.id, user);
    }
    assert_eq!(office.sim.calls().count("oauth.userinfo"), 1);
    assert_eq!(office.sim.calls().count("clockify.user.get"), 1);
}

async fn asking_whose_a_key_is_uses_the_budget_of_that_account(database: Database) {
    let office = Office::open(database).await;
    office.sim.set_quotas(Quotas {
        clockify: Some(Limit {
            calls: 4,
            seconds: 3600,
        }),
        ..Quotas::NONE
    });
    let key = office.sim.world().clockify.users[0].api_key.clone();
    let create = Create {
        given: Some(Given::ApiKey(key.into())),
        provider: Some(Provider::Clockify),
        request_budget: "4/1h".to_owned(),
        ..Create::default()
    };
    let name = tokens::create(&office.app, create).await.unwrap().name();
    let opened = tokens::open(&office.app, &name).await.unwrap();
    assert!(opened.workspace.is_some());
    let again = tokens::open(&office.replica().await, &name).await.unwrap();
    assert_eq!(
        (again.account, again.workspace),
        (opened.account.clone(), None)
    );
    assert!(tokens::check(&office.app, &name).await.unwrap().usable);
    let access = opened.access("clockify", None).unwrap();
    let clockify = tokens::clockify(&office.app, access).unwrap();
    for _ in 0..2 {
        clockify.user().await.unwrap();
    }
    let error = Error::from(clockify.user().await.unwrap_err());
    assert!(matches!(error, Error::Exhausted { .. }), "{error}");
    let error = tokens::check(&office.app, &name).await.unwrap_err();
    assert!(matches!(error, Error::Exhausted { .. }), "{error}");
    let calls = office.sim.calls();
    assert!(calls.all().iter().all(|call| call.status == Some(200)));
    assert_eq!(calls.count("clockify.user.get"), 4);
}

async fn without_a_scope_for_it_the_account_is_not_asked_for(database: Database) {
    let office = Office::open(database).await;
    let me = office.sim.world().me();
    let granted = office.sim.world().grant(&me.id, &SCOPES[2..]);
    let create = Create {
        given: Some(grant(&granted.refresh_token.expect("offline access"))),
        provider: Some(Provider::Google),
        ..Create::default()
    };
    let name = tokens::create(&office.app, create).await.unwrap().name();
    let error = tokens::account(&office.app, &name).await.unwrap_err();
    assert_eq!(reason(&error), "SCOPE_MISSING");
    let health = tokens::check(&office.app, &name).await.unwrap();
    assert!(
        !health.usable && health.problems[0].contains("openid"),
        "{health:?}"
    );
}

async fn a_rejected_access_token_is_refreshed_once_for_all_who_had_it(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    let used = access(&office.app, &name).await;
    let other = office.replica().await;
    access(&other, &name).await;
    office.sim.world().expire_access_tokens();
    let all = futures::future::join_all((0..20).map(|number| {
        let app = if number % 2 == 0 { &office.app } else { &other };
        tokens::rejected(app, &name, &used)
    }))
    .await;
    for fresh in all {
        assert_ne!(fresh.unwrap(), used);
    }
    assert_eq!(office.refreshes(), 2);
}

async fn a_rejected_key_needs_a_person(database: Database) {
    let office = Office::open(database).await;
    let name = office.clockify().await;
    let used = access(&office.app, &name).await;
    let error = tokens::rejected(&office.app, &name, &Secret::new("older"))
        .await
        .unwrap();
    assert_eq!(error, used);
    let error = tokens::rejected(&office.app, &name, &used)
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "NEEDS_REAUTH");
    assert_eq!(
        reason(&try_access(&office.app, &name).await.unwrap_err()),
        "NEEDS_REAUTH"
    );
}

async fn a_wider_scope_counts(database: Database) {
    let office = Office::open(database).await;
    let wide = [
        "openid",
        "https://www.googleapis.com/auth/userinfo.email",
        SCOPES[2],
        "https://www.googleapis.com/auth/calendar",
    ];
    let given = Given::Grant(OauthGrant {
        refresh_token: "1//0composed".into(),
        scopes: Scopes::new(wide),
        ..OauthGrant::default()
    });
    let create = Create {
        given: Some(given),
        provider: Some(Provider::Google),
        ..Create::default()
    };
    let token = tokens::create(&office.app, create).await.unwrap();
    assert!(
        token.missing_scopes().is_empty(),
        "{:?}",
        token.missing_scopes()
    );
}

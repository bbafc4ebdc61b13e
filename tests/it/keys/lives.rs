//! What a key goes through.

use super::{House, assert_wrong, reason, show};
use crate::kit::{Database, each_engine, eventually};
use chrono::TimeDelta;
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};
use syncline::{
    base::{Permissions, Role, Secret},
    config::Config,
    db::{Scope, execute},
    tenants::{
        self,
        keys::{self, Create, Kind, widget_tenant},
    },
};

each_engine!(
    a_key_is_good_for_its_tenant_and_role_and_is_kept_as_a_hash,
    unknown_revoked_and_ended_keys_are_refused_alike,
    a_revoked_key_is_refused_by_another_replica_within_a_second,
    the_old_key_goes_on_for_the_overlap_and_then_ends,
    a_successor_has_the_same_limit_and_as_long_a_life,
    twenty_at_once_make_twenty_keys_and_one_successor,
    a_widgets_key_asks_for_its_widget_and_nothing_else,
    the_sixty_first_call_in_a_minute_is_refused,
    of_replicas_that_start_together_one_makes_the_first_key,
    all_faults_of_a_key_are_named_at_once,
    a_key_that_outlived_its_tenant_is_not_the_next_ones,
);

async fn a_key_is_good_for_its_tenant_and_role_and_is_kept_as_a_hash(database: Database) {
    let house = House::open(database).await;
    let create = Create {
        role: Some(Role::Operator),
        ..Create::default()
    };
    let (key, secret) = house.create(create).await;
    assert!(secret.expose().starts_with("sl_live_") && secret.expose().len() >= 51);
    assert!(secret.expose().starts_with(&key.prefix) && key.prefix.len() == 12);
    let caller = show(&house.app, &secret).await.unwrap();
    assert_eq!(caller.name, key.name.to_string());
    let default = super::tenant("default");
    assert_eq!(
        caller.permissions,
        Permissions::tenant(default, Role::Operator)
    );
    let (_, test) = house
        .create(Create {
            instance: true,
            test: true,
            ..Create::default()
        })
        .await;
    assert!(test.expose().starts_with("sl_test_"));
    let caller = show(&house.app, &test).await.unwrap();
    assert_eq!(caller.permissions, Permissions::Instance(Role::Viewer));
    let sql = match house.database.engine() {
        syncline::db::Engine::Postgres => "SELECT hash FROM syncline.api_keys",
        syncline::db::Engine::Sqlite => "SELECT hash FROM api_keys",
    };
    let hashes = house.database.column(sql).await;
    assert_eq!(hashes.len(), 2);
    assert!(hashes.iter().all(|hash| hash.len() == 64));
}

async fn unknown_revoked_and_ended_keys_are_refused_alike(database: Database) {
    let house = House::open(database).await;
    let (revoked, revoked_secret) = house.key().await;
    keys::revoke(&house.app, &revoked.name).await.unwrap();
    let ends = house.clock.now() + TimeDelta::hours(1);
    let (ended, ending) = house
        .create(Create {
            expires_at: Some(ends),
            ..Create::default()
        })
        .await;
    assert!(show(&house.app, &ending).await.is_ok());
    house.clock.advance(TimeDelta::hours(1));
    let unknown = Secret::new(format!("sl_live_{}", "A".repeat(43)));
    for secret in [unknown, revoked_secret, ending, "no key".into()] {
        assert_wrong(show(&house.app, &secret).await);
        assert_wrong(show(&house.app, &secret).await);
    }
    let ended = &ended.name;
    assert_eq!(
        house.refused().await,
        [
            format!("{ended} KEY_EXPIRED 2 203.0.113.7"),
            format!("{} KEY_REVOKED 2 203.0.113.7", revoked.name),
            "apiKeys/- KEY_UNKNOWN 4 203.0.113.7".to_owned(),
        ]
    );
}

async fn a_revoked_key_is_refused_by_another_replica_within_a_second(database: Database) {
    let house = House::open(database).await;
    let other = house.replica().await;
    for _ in 0..crate::kit::rounds(3, 20) {
        let (key, secret) = house.key().await;
        assert!(show(&house.app, &secret).await.is_ok());
        assert!(show(&other, &secret).await.is_ok());
        let revoked = keys::revoke(&house.app, &key.name).await.unwrap();
        assert!(revoked.revoked_at.is_some());
        let since = Instant::now();
        while show(&other, &secret).await.is_ok() {
            assert!(since.elapsed() < Duration::from_secs(1), "it still works");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_wrong(show(&other, &secret).await);
        eventually(Duration::from_secs(1), || async {
            show(&house.app, &secret).await.err().ok_or("it works here")
        })
        .await;
        // Once more changes nothing.
        let again = keys::revoke(&other, &key.name).await.unwrap();
        assert_eq!(again.revoked_at, revoked.revoked_at);
    }
}

async fn the_old_key_goes_on_for_the_overlap_and_then_ends(database: Database) {
    let house = House::open(database).await;
    let (key, old) = house.key().await;
    assert!(show(&house.app, &old).await.is_ok());
    let overlap = Some(TimeDelta::hours(2));
    let rotated = keys::rotate(&house.app, &key.name, overlap).await.unwrap();
    let end = house.clock.now() + TimeDelta::hours(2);
    assert_eq!(rotated.old.expires_at, Some(end));
    let replica = house.replica().await;
    house.clock.advance(TimeDelta::minutes(119));
    for app in [&house.app, &replica] {
        assert!(show(app, &rotated.secret).await.is_ok());
        eventually(Duration::from_secs(1), || async { show(app, &old).await }).await;
    }
    house.clock.advance(TimeDelta::minutes(1));
    eventually(Duration::from_secs(1), || async {
        show(&house.app, &old).await.err().ok_or("it still works")
    })
    .await;
    assert_wrong(show(&replica, &old).await);
    assert!(show(&replica, &rotated.secret).await.is_ok());
    let again = keys::rotate(&house.app, &key.name, None).await.unwrap_err();
    assert_eq!(reason(&again), "KEY_ENDED");
    let unknown = keys::rotate(&house.app, &rotated.key.name, Some(TimeDelta::days(31))).await;
    assert_eq!(reason(&unknown.unwrap_err()), "INVALID_ARGUMENT");
}

async fn a_successor_has_the_same_limit_and_as_long_a_life(database: Database) {
    let house = House::open(database).await;
    let (key, _) = house
        .create(Create {
            display_name: "CI".to_owned(),
            role: Some(Role::Admin),
            rate_limit: 30,
            expires_at: Some(house.clock.now() + TimeDelta::days(90)),
            test: true,
            ..Create::default()
        })
        .await;
    house.clock.advance(TimeDelta::days(80));
    let rotated = keys::rotate(&house.app, &key.name, None).await.unwrap();
    let successor = &rotated.key;
    assert!(rotated.secret.expose().starts_with("sl_test_"));
    assert_eq!(
        (
            successor.display_name.as_str(),
            successor.role,
            successor.rate_limit
        ),
        ("CI", Role::Admin, 30)
    );
    let now = house.clock.now();
    assert_eq!(successor.expires_at, Some(now + TimeDelta::days(90)));
    assert_eq!(rotated.old.expires_at, Some(now + TimeDelta::days(1)));
    let audit = house.audit().await.join("\n");
    let told = format!(
        "api_key.rotate {} done its successor is {}",
        key.name, successor.name
    );
    assert!(audit.contains(&told), "{audit}");
}

async fn twenty_at_once_make_twenty_keys_and_one_successor(database: Database) {
    let house = House::open(database).await;
    let replica = house.replica().await;
    let makers = (0..20).map(|number| {
        let app = [&house.app, &replica][number % 2].clone();
        async move { keys::create(&app, Create::default()).await.unwrap().1 }
    });
    let secrets = futures::future::join_all(makers).await;
    let different: HashSet<_> = secrets.iter().map(Secret::expose).collect();
    assert_eq!(different.len(), 20);
    for secret in &secrets {
        assert!(show(&house.app, secret).await.is_ok());
    }
    let (listed, next) = keys::list(&house.app, "", false, 15, "").await.unwrap();
    let (rest, end) = keys::list(&replica, "", false, 15, &next).await.unwrap();
    assert_eq!((listed.len(), rest.len(), end.as_str()), (15, 5, ""));
    let name = listed[0].name.clone();
    let rotations = (0..10).map(|number| {
        let (app, name) = ([&house.app, &replica][number % 2].clone(), name.clone());
        async move {
            keys::rotate(&app, &name, None)
                .await
                .map_err(|error| reason(&error))
        }
    });
    let outcomes = futures::future::join_all(rotations).await;
    let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let lost = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err("KEY_ROTATED")))
        .count();
    assert_eq!((won, lost), (1, 9), "{outcomes:?}");
}

async fn a_widgets_key_asks_for_its_widget_and_nothing_else(database: Database) {
    let house = House::open(database).await;
    let ada = house.tenant("ada").await;
    let widget = Create {
        parent: "tenants/ada".to_owned(),
        kind: Some(Kind::Widget),
        ..Create::default()
    };
    let (key, secret) = house.create(widget.clone()).await;
    let rest = secret.expose().strip_prefix("pk_live_").unwrap();
    assert!(rest.len() == 64 && rest.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')));
    assert_eq!(widget_tenant(&house.app, &secret).await.unwrap(), ada);
    assert_eq!(
        reason(&show(&house.app, &secret).await.unwrap_err()),
        "CREDENTIALS_WRONG"
    );
    let (_, program) = house.key().await;
    for wrong in [program, "pk_live_x".into(), "".into()] {
        let error = widget_tenant(&house.app, &wrong).await.unwrap_err();
        assert_eq!(reason(&error), "CREDENTIALS_WRONG");
    }
    // A new one, and the old one ends at once, everywhere.
    let replica = house.replica().await;
    assert!(widget_tenant(&replica, &secret).await.is_ok());
    let now = Some(TimeDelta::zero());
    let rotated = keys::rotate(&house.app, &key.name, now).await.unwrap();
    assert!(widget_tenant(&replica, &rotated.secret).await.is_ok());
    eventually(Duration::from_secs(1), || async {
        widget_tenant(&replica, &secret)
            .await
            .err()
            .ok_or("it still works")
    })
    .await;
    let much = Create {
        role: Some(Role::Admin),
        instance: true,
        test: true,
        ..widget
    };
    let error = keys::create(&house.app, much)
        .await
        .unwrap_err()
        .to_string();
    for field in ["parent", "instance", "test", "api_key.role"] {
        assert!(error.contains(field), "{error}");
    }
}

async fn the_sixty_first_call_in_a_minute_is_refused(database: Database) {
    let house = House::with(database, |config: &mut Config| {
        config.auth.key_rate_limit = 5
    })
    .await;
    let limited = Create {
        rate_limit: 60,
        ..Create::default()
    };
    let (_, own) = house.create(limited).await;
    let (_, usual) = house.key().await;
    for (secret, limit) in [(own, 60), (usual, 5)] {
        for _ in 0..limit {
            show(&house.app, &secret).await.unwrap();
        }
        let refused = show(&house.app, &secret).await.unwrap_err();
        assert_eq!(reason(&refused), "RATE_LIMITED");
        // Another change of keys does not give the calls back.
        house.key().await;
        let (gone, _) = house.key().await;
        keys::revoke(&house.app, &gone.name).await.unwrap();
        let revoked = Instant::now();
        eventually(Duration::from_secs(2), || {
            let ready = revoked.elapsed() > Duration::from_millis(600);
            std::future::ready(ready.then_some(()).ok_or("too early"))
        })
        .await;
        assert_eq!(
            reason(&show(&house.app, &secret).await.unwrap_err()),
            "RATE_LIMITED"
        );
        house.clock.advance(TimeDelta::minutes(1));
        assert!(show(&house.app, &secret).await.is_ok());
    }
}

async fn of_replicas_that_start_together_one_makes_the_first_key(database: Database) {
    let required = |config: &mut Config| config.auth.is_required = true;
    let house = House::with(database, required).await;
    let replicas = futures::future::join_all((0..5).map(|_| house.replica())).await;
    let starts = replicas.iter().map(keys::bootstrap);
    let made = futures::future::join_all(starts).await;
    let made: Vec<_> = made.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(made.len(), 1);
    let caller = show(&replicas[0], &made[0]).await.unwrap();
    assert_eq!(caller.permissions, Permissions::Instance(Role::Admin));
    let (listed, _) = keys::list(&house.app, "", true, 0, "").await.unwrap();
    assert_eq!(listed.len(), 1);
    keys::revoke(&house.app, &listed[0].name).await.unwrap();
    let later = keys::bootstrap(&house.app).await.unwrap();
    assert!(later.is_none(), "it is made once in the life of a database");
}

async fn all_faults_of_a_key_are_named_at_once(database: Database) {
    let house = House::open(database).await;
    let wrong = Create {
        parent: "default".to_owned(),
        display_name: "two\nlines".to_owned(),
        rate_limit: -1,
        expires_at: Some(house.clock.now()),
        ..Create::default()
    };
    let error = keys::create(&house.app, wrong)
        .await
        .unwrap_err()
        .to_string();
    let fields = [
        "parent",
        "api_key.display_name",
        "api_key.rate_limit",
        "api_key.expire_time",
    ];
    for field in fields {
        assert!(error.contains(field), "{error}");
    }
    let nowhere = Create {
        parent: "tenants/nowhere".to_owned(),
        ..Create::default()
    };
    let error = keys::create(&house.app, nowhere).await.unwrap_err();
    assert_eq!(reason(&error), "NOT_FOUND");
    assert!(error.to_string().contains("tenants/nowhere"));
}

/// As one that was made while its tenant was deleted.
async fn a_key_that_outlived_its_tenant_is_not_the_next_ones(database: Database) {
    let house = House::open(database).await;
    house.tenant("ghost").await;
    let of_ghost = Create {
        parent: "tenants/ghost".to_owned(),
        ..Create::default()
    };
    let (_, secret) = house.create(of_ghost).await;
    const SQL: &str = "DELETE FROM tenants WHERE tenant_id = $1";
    let mut tx = house.app.db.write(Scope::System("test")).await.unwrap();
    execute!(tx, SQL, "ghost").unwrap();
    tx.commit().await.unwrap();
    let again = tenants::create::Create {
        id: "ghost".to_owned(),
        ..Default::default()
    };
    tenants::create::create(&house.app, again).await.unwrap();
    assert_wrong(show(&house.app, &secret).await);
}

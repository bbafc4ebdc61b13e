//! From where calls are taken, as the database has it.

use super::{House, address, reason, show_from};
use crate::kit::{Database, each_engine, eventually};
use chrono::TimeDelta;
use std::{sync::Arc, time::Duration};
use syncline::{
    app::App,
    base::{Caller, Needs, Permissions, Role, Who, reach::Reach},
    tenants::{
        keys::{self, Create, Key, Keys},
        rules::{self, Effect},
    },
};

each_engine!(
    a_rule_holds_on_every_replica_within_a_second_and_ends_when_it_says,
    a_key_is_used_from_where_its_rules_allow_and_so_is_its_successor,
    nobody_shuts_themselves_out,
    no_key_shuts_itself_out,
    rules_are_checked_listed_and_removed,
);

fn rule(effect: Effect, network: &str) -> rules::Create {
    rules::Create {
        network: network.to_owned(),
        effect: Some(effect),
        ..rules::Create::default()
    }
}

async fn soon(app: &App, from: &str, expected: bool) {
    eventually(Duration::from_secs(1), || async {
        let taken = Keys::of(app).admit(address(from)).await.is_ok();
        (taken == expected).then_some(()).ok_or(taken)
    })
    .await;
}

async fn a_rule_holds_on_every_replica_within_a_second_and_ends_when_it_says(database: Database) {
    let house = House::open(database).await;
    let replica = house.replica().await;
    soon(&replica, "203.0.113.7", true).await;
    let denied = rules::Create {
        expires_at: Some(house.clock.now() + TimeDelta::hours(1)),
        ..rule(Effect::Deny, "203.0.113.0/24")
    };
    rules::create(&house.app, denied).await.unwrap();
    for app in [&house.app, &replica] {
        soon(app, "203.0.113.7", false).await;
        soon(app, "127.0.0.1", true).await;
        soon(app, "198.51.100.1", true).await;
    }
    let error = Keys::of(&replica).admit(address("203.0.113.7")).await;
    assert_eq!(reason(&error.unwrap_err()), "ADDRESS_REFUSED");
    let allowed = rules::create(&house.app, rule(Effect::Allow, "198.51.100.1"))
        .await
        .unwrap();
    for app in [&house.app, &replica] {
        soon(app, "192.0.2.1", false).await;
        soon(app, "198.51.100.1", true).await;
    }
    rules::delete(&replica, &allowed.name()).await.unwrap();
    for app in [&house.app, &replica] {
        soon(app, "192.0.2.1", true).await;
    }
    house.clock.advance(TimeDelta::hours(1));
    for app in [&house.app, &replica] {
        soon(app, "203.0.113.7", true).await;
    }
}

async fn a_key_is_used_from_where_its_rules_allow_and_so_is_its_successor(database: Database) {
    let house = House::open(database).await;
    let (key, secret) = house.key().await;
    let (_, other) = house.key().await;
    let for_key = rules::Create {
        api_key: key.name.to_string(),
        ..rule(Effect::Allow, "198.51.100.0/24")
    };
    let near = address("198.51.100.7");
    let far = address("203.0.113.7");
    assert!(show_from(&house.app, &secret, far).await.is_ok());
    rules::create(&house.app, for_key).await.unwrap();
    let refused = eventually(Duration::from_secs(1), || async {
        show_from(&house.app, &secret, far)
            .await
            .err()
            .ok_or("it is taken")
    });
    assert_eq!(reason(&refused.await), "ADDRESS_REFUSED");
    assert!(show_from(&house.app, &secret, near).await.is_ok());
    assert!(
        show_from(
            &house.app,
            &secret,
            address("::ffff:198.51.100.7").map(|ip| ip.to_canonical())
        )
        .await
        .is_ok()
    );
    assert!(show_from(&house.app, &secret, None).await.is_err());
    assert!(show_from(&house.app, &other, far).await.is_ok());
    let rotated = keys::rotate(&house.app, &key.name, None).await.unwrap();
    assert!(show_from(&house.app, &rotated.secret, near).await.is_ok());
    let refused = show_from(&house.app, &rotated.secret, far)
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "ADDRESS_REFUSED");
    let name = rotated.key.name.to_string();
    let (of_key, _) = rules::list(&house.app, &name, 0, "").await.unwrap();
    assert_eq!(of_key.len(), 1);
}

async fn nobody_shuts_themselves_out(database: Database) {
    let house = House::open(database).await;
    let admin = Permissions::Instance(Role::Admin);
    let caller = Caller::nobody(admin, address("203.0.113.7"));
    let reach = Reach::new(Arc::new(caller), Needs::Instance(Role::Admin));
    let app = &house.app;
    reach
        .contain(async {
            for shut in [
                rule(Effect::Deny, "203.0.113.0/24"),
                rule(Effect::Allow, "198.51.100.1"),
            ] {
                let error = rules::create(app, shut).await.unwrap_err();
                assert_eq!(reason(&error), "WOULD_LOCK_OUT");
            }
            let own = rules::create(app, rule(Effect::Allow, "203.0.113.7"))
                .await
                .unwrap();
            rules::create(app, rule(Effect::Allow, "198.51.100.1"))
                .await
                .unwrap();
            let error = rules::delete(app, &own.name()).await.unwrap_err();
            assert_eq!(reason(&error), "WOULD_LOCK_OUT");
        })
        .await;
    let (all, _) = rules::list(app, "", 0, "").await.unwrap();
    assert_eq!(all.len(), 2);
}

async fn no_key_shuts_itself_out(database: Database) {
    let house = House::open(database).await;
    let instance = Create {
        instance: true,
        ..Create::default()
    };
    let (key, _) = house.create(instance).await;
    let (other, _) = house.create(Create::default()).await;
    let caller = Caller {
        name: key.name.to_string(),
        who: Who::Key(key.name.id),
        ..Caller::nobody(Permissions::Instance(Role::Admin), address("203.0.113.7"))
    };
    let of = |key: &Key, effect, network| rules::Create {
        api_key: key.name.to_string(),
        ..rule(effect, network)
    };
    let make = async |rule| {
        let reach = Reach::new(Arc::new(caller.clone()), Needs::Instance(Role::Admin));
        reach.contain(rules::create(&house.app, rule)).await
    };
    for shut in [
        of(&key, Effect::Deny, "203.0.113.0/24"),
        of(&key, Effect::Allow, "198.51.100.1"),
    ] {
        let error = make(shut).await.unwrap_err();
        assert_eq!(reason(&error), "WOULD_LOCK_OUT", "{error}");
    }
    make(of(&key, Effect::Allow, "203.0.113.7")).await.unwrap();
    let others = of(&other, Effect::Deny, "203.0.113.0/24");
    make(others).await.unwrap();
}

async fn rules_are_checked_listed_and_removed(database: Database) {
    let house = House::open(database).await;
    let app = &house.app;
    let wrong = rules::Create {
        network: "203.0.113.7/24".to_owned(),
        api_key: "x".to_owned(),
        reason: "a\nb".to_owned(),
        expires_at: Some(house.clock.now()),
        ..rules::Create::default()
    };
    let error = rules::create(app, wrong).await.unwrap_err().to_string();
    for field in ["network", "effect", "api_key", "reason", "expire_time"] {
        assert!(error.contains(&format!("access_rule.{field}")), "{error}");
    }
    let nobodys = rules::Create {
        api_key: format!("apiKeys/{}", uuid::Uuid::nil()),
        ..rule(Effect::Deny, "203.0.113.7")
    };
    let error = rules::create(app, nobodys).await.unwrap_err();
    assert_eq!(reason(&error), "NOT_FOUND");
    for number in 1..=5 {
        let network = format!("203.0.113.{number}");
        rules::create(app, rule(Effect::Deny, &network))
            .await
            .unwrap();
    }
    let (first, next) = rules::list(app, "", 3, "").await.unwrap();
    let (rest, end) = rules::list(app, "", 3, &next).await.unwrap();
    assert_eq!((first.len(), rest.len(), end.as_str()), (3, 2, ""));
    assert_eq!(first[0].network.to_string(), "203.0.113.1/32");
    rules::delete(app, &first[0].name()).await.unwrap();
    let error = rules::delete(app, &first[0].name()).await.unwrap_err();
    assert_eq!(reason(&error), "NOT_FOUND");
    let audit = house.audit().await.join("\n");
    assert!(audit.contains("access_rule.create"), "{audit}");
    assert!(audit.contains("access_rule.delete") && audit.contains("deny 203.0.113.1"));
}

//! Who may look after which keys.

use super::{House, admin, reason};
use crate::kit::{Database, each_engine};
use chrono::TimeDelta;
use std::sync::Arc;
use syncline::{
    base::{
        Caller, Error, Needs, Permissions, Role, Secret, TenantId,
        reach::{self, Reach},
    },
    tenants::{
        keys::{self, Create},
        rules,
    },
};

each_engine!(
    an_admin_of_a_tenant_has_no_power_over_keys_of_the_installation,
    nobody_gives_a_key_a_role_they_do_not_have,
    keys_of_another_tenant_do_not_exist,
    a_key_makes_none_that_is_stronger_than_itself,
    a_key_with_access_rules_hands_them_down,
    without_a_role_over_the_installation_the_setting_is_the_highest_limit,
);

/// Does something as somebody with these permissions, in a call that needs an admin of a tenant.
async fn as_admin_of<T>(permissions: Permissions, work: impl Future<Output = T>) -> T {
    let caller = Arc::new(Caller::nobody(permissions, super::address("203.0.113.7")));
    let reach = Reach::new(caller, Needs::Tenant(Role::Admin));
    reach.contain(work).await
}

fn of(tenant: &TenantId) -> Permissions {
    Permissions::tenant(tenant.clone(), Role::Admin)
}

fn low(outcome: Result<impl Sized, Error>) {
    assert_eq!(reason(&outcome.err().unwrap()), "ROLE_TOO_LOW");
}

async fn an_admin_of_a_tenant_has_no_power_over_keys_of_the_installation(database: Database) {
    let house = House::open(database).await;
    let ada = house.tenant("ada").await;
    let instance = Create {
        instance: true,
        ..Create::default()
    };
    let (key, _) = house.create(admin(instance.clone())).await;
    let app = &house.app;
    let unknown = keys::KeyName {
        tenant: None,
        id: uuid::Uuid::now_v7(),
    };
    as_admin_of(of(&ada), async {
        low(keys::create(app, instance.clone()).await);
        low(keys::list(app, "", true, 0, "").await);
        for name in [&key.name, &unknown] {
            low(keys::rotate(app, name, None).await);
            low(keys::revoke(app, name).await);
        }
        low(rules::list(app, "", 0, "").await);
        low(rules::create(app, rules::Create::default()).await);
        low(rules::delete(app, "accessRules/x").await);
    })
    .await;
    let operator = Permissions::Instance(Role::Operator);
    as_admin_of(operator, async {
        low(keys::create(app, instance).await);
        low(keys::revoke(app, &key.name).await);
    })
    .await;
    let (listed, _) = keys::list(app, "", true, 0, "").await.unwrap();
    assert!(listed.len() == 1 && listed[0].revoked_at.is_none());
}

async fn nobody_gives_a_key_a_role_they_do_not_have(database: Database) {
    let house = House::open(database).await;
    let ada = house.tenant("ada").await;
    let mine = Create {
        parent: "tenants/ada".to_owned(),
        ..Create::default()
    };
    let (app, mine_too) = (&house.app, mine.clone());
    let operator = Permissions::tenant(ada.clone(), Role::Operator);
    as_admin_of(operator, async {
        low(keys::create(app, mine_too.clone()).await);
        low(keys::create(app, admin(mine_too)).await);
    })
    .await;
    let made = as_admin_of(of(&ada), async {
        keys::create(app, admin(mine.clone())).await
    });
    let (key, secret) = made.await.unwrap();
    assert_eq!(key.role, Role::Admin);
    let caller = super::show(app, &secret).await.unwrap();
    assert_eq!(caller.permissions, of(&ada));
    assert!(reach::caller().is_none());
}

async fn keys_of_another_tenant_do_not_exist(database: Database) {
    let house = House::open(database).await;
    let (ada, bob) = (house.tenant("ada").await, house.tenant("bob").await);
    let of_ada = Create {
        parent: "tenants/ada".to_owned(),
        ..Create::default()
    };
    let (key, _) = house.create(of_ada.clone()).await;
    let mut stolen = key.name.clone();
    stolen.tenant = Some(bob.clone());
    let app = &house.app;
    as_admin_of(of(&bob), async {
        for outcome in [
            keys::create(app, of_ada.clone()).await.err(),
            keys::list(app, "tenants/ada", false, 0, "").await.err(),
            keys::rotate(app, &key.name, None).await.err(),
            keys::revoke(app, &key.name).await.err(),
            keys::rotate(app, &stolen, None).await.err(),
            keys::revoke(app, &stolen).await.err(),
        ] {
            assert_eq!(reason(&outcome.unwrap()), "NOT_FOUND");
        }
        let (listed, _) = keys::list(app, "tenants/bob", false, 0, "").await.unwrap();
        assert!(listed.is_empty());
    })
    .await;
    as_admin_of(of(&ada), async {
        assert!(keys::revoke(app, &key.name).await.is_ok());
    })
    .await;
}

/// Does something as whoever shows this key.
async fn with_key<T>(house: &House, key: &Secret, work: impl Future<Output = T>) -> T {
    let caller = super::show(&house.app, key).await.unwrap();
    let reach = Reach::new(caller, Needs::Tenant(Role::Admin));
    reach.contain(work).await
}

/// Which fields are wrong.
fn faults(outcome: Result<impl Sized, Error>) -> Vec<String> {
    match outcome.err().unwrap() {
        Error::Invalid(wrong) => wrong.into_iter().map(|fault| fault.field).collect(),
        other => panic!("unexpected: {other}"),
    }
}

async fn a_key_makes_none_that_is_stronger_than_itself(database: Database) {
    let house = House::open(database).await;
    let (app, now) = (&house.app, house.clock.now());
    let days = |days| Some(now + TimeDelta::days(days));
    let weak = admin(Create {
        rate_limit: 50,
        expires_at: days(10),
        ..Create::default()
    });
    let (key, secret) = house.create(weak).await;
    let strong = Create {
        rate_limit: 51,
        expires_at: days(11),
        ..Create::default()
    };
    let (other, _) = house.create(Create::default()).await;
    with_key(&house, &secret, async {
        assert_eq!(
            faults(keys::create(app, strong.clone()).await),
            ["api_key.expire_time", "api_key.rate_limit"]
        );
        let (made, _) = keys::create(app, Create::default()).await.unwrap();
        assert_eq!((made.rate_limit, made.expires_at), (50, days(10)));
        let less = Create {
            rate_limit: 5,
            expires_at: days(1),
            ..Create::default()
        };
        let (made, _) = keys::create(app, less).await.unwrap();
        assert_eq!((made.rate_limit, made.expires_at), (5, days(1)));
        house.clock.advance(TimeDelta::days(3));
        // Itself last: then it ends with the overlap.
        for name in [&other.name, &key.name] {
            let made = keys::rotate(app, name, None).await.unwrap().key;
            assert_eq!((made.rate_limit, made.expires_at), (50, days(10)), "{name}");
        }
    })
    .await;
    // Who works in the process itself gives what it likes.
    assert!(keys::create(app, strong).await.is_ok());
}

async fn a_key_with_access_rules_hands_them_down(database: Database) {
    let house = House::open(database).await;
    let app = &house.app;
    let (key, secret) = house.create(admin(Create::default())).await;
    let (other, _) = house.key().await;
    let here = rules::Create {
        network: "203.0.113.7".to_owned(),
        effect: Some(rules::Effect::Allow),
        api_key: key.name.to_string(),
        ..rules::Create::default()
    };
    rules::create(app, here).await.unwrap();
    let made = with_key(&house, &secret, async {
        let another = keys::rotate(app, &other.name, None).await;
        assert_eq!(reason(&another.err().unwrap()), "KEY_HAS_RULES");
        assert!(keys::rotate(app, &key.name, None).await.is_ok());
        keys::create(app, Create::default()).await.unwrap().1
    });
    let made = made.await;
    assert!(super::show(app, &made).await.is_ok());
    let elsewhere = super::show_from(app, &made, super::address("203.0.113.8")).await;
    assert_eq!(reason(&elsewhere.unwrap_err()), "ADDRESS_REFUSED");
}

async fn without_a_role_over_the_installation_the_setting_is_the_highest_limit(database: Database) {
    let house = House::with(database, |config| config.auth.key_rate_limit = 100).await;
    let app = &house.app;
    let of_rate = |rate_limit| Create {
        rate_limit,
        ..Create::default()
    };
    let default = super::tenant("default");
    as_admin_of(of(&default), async {
        let refused = keys::create(app, of_rate(101)).await;
        assert_eq!(faults(refused), ["api_key.rate_limit"]);
        let (made, _) = keys::create(app, of_rate(0)).await.unwrap();
        assert_eq!(made.rate_limit, 0);
    })
    .await;
    as_admin_of(Permissions::Instance(Role::Admin), async {
        let (made, _) = keys::create(app, of_rate(101)).await.unwrap();
        assert_eq!(made.rate_limit, 101);
    })
    .await;
}

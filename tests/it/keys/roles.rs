//! Who may look after which keys.

use super::{House, admin, reason};
use crate::kit::{Database, each_engine};
use std::sync::Arc;
use syncline::{
    base::{
        Access, Caller, Error, Needs, Role, TenantId,
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
);

/// Does something as somebody with this access, in a call that needs an admin of a tenant.
async fn as_admin_of<T>(access: Access, work: impl Future<Output = T>) -> T {
    let caller = Arc::new(Caller::nobody(access, super::address("203.0.113.7")));
    let reach = Reach::new(caller, Needs::Tenant(Role::Admin));
    reach.contain(work).await
}

fn of(tenant: &TenantId) -> Access {
    Access::tenant(tenant.clone(), Role::Admin)
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
    let operator = Access::Instance(Role::Operator);
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
    let operator = Access::tenant(ada.clone(), Role::Operator);
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
    assert_eq!(caller.access, of(&ada));
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

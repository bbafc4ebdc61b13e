//! Who has a role in a tenant, and who has none: a tenant of somebody else's does not exist.

use super::*;
use crate::kit::each_engine;
use syncline::tenants::{
    State, list,
    update::{Update, update},
    widget,
};

each_engine!(
    only_tenants_with_a_role_are_listed,
    a_foreign_tenant_is_as_unknown_as_none,
    only_the_installation_disables,
);

async fn only_tenants_with_a_role_are_listed(database: Database) {
    let house = House::open(database).await;
    for tenant in ["a", "b", "c"] {
        house.made(tenant).await;
    }
    let listed = async |roles: &[(&str, Role)]| {
        let listed = call(roles, Needs::Caller).contain(list::list(&house.app, 0, ""));
        let (tenants, _) = listed.await.unwrap();
        tenants
            .iter()
            .map(|tenant| tenant.id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        listed(&[("c", Role::Admin), ("a", Role::Viewer), ("z", Role::Admin)]).await,
        ["a", "c"]
    );
    assert!(listed(&[]).await.is_empty());
}

async fn a_foreign_tenant_is_as_unknown_as_none(database: Database) {
    let house = House::open(database).await;
    house.made("a").await;
    house.made("b").await;
    let ours = [("a", Role::Admin)];
    let change = |tenant: &str| Update {
        name: format!("tenants/{tenant}"),
        state: Some(State::Paused),
        ..Update::default()
    };
    let look = |tenant: &str| widget::Update {
        name: format!("tenants/{tenant}/widget"),
        widget_name: "Theirs".to_owned(),
        ..widget::Update::default()
    };
    let admin = || call(&ours, Needs::Tenant(Role::Admin));
    for tenant in ["b", "nobody"] {
        let answers = admin().contain(async {
            [
                list::get(&house.app, &id(tenant)).await.unwrap_err(),
                update(&house.app, change(tenant)).await.unwrap_err(),
                widget::get(&house.app, &id(tenant)).await.unwrap_err(),
                widget::update(&house.app, look(tenant)).await.unwrap_err(),
            ]
        });
        for error in answers.await {
            let expected = format!("tenant \"tenants/{tenant}\" does not exist");
            assert_eq!(error.to_string(), expected);
        }
    }
    // Outside of the call nothing of it is seen.
    assert_eq!(
        list::get(&house.app, &id("b")).await.unwrap().state,
        State::Active
    );
    admin()
        .contain(update(&house.app, change("a")))
        .await
        .unwrap();
    let viewer = call(&[("a", Role::Viewer)], Needs::Tenant(Role::Admin));
    let error = viewer
        .contain(update(&house.app, change("a")))
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "ROLE_TOO_LOW");
}

async fn only_the_installation_disables(database: Database) {
    let house = House::open(database).await;
    house.made("a").await;
    let change = |state| Update {
        name: "tenants/a".to_owned(),
        state: Some(state),
        ..Update::default()
    };
    let admin = || call(&[("a", Role::Admin)], Needs::Tenant(Role::Admin));
    let error = admin()
        .contain(update(&house.app, change(State::Disabled)))
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "ROLE_TOO_LOW");
    update(&house.app, change(State::Disabled)).await.unwrap();
    let error = admin()
        .contain(update(&house.app, change(State::Active)))
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "ROLE_TOO_LOW");
    let disabled = syncline::tenants::disabled(&house.app).await.unwrap();
    assert!(disabled.contains(&id("a")) && disabled.len() == 1);
}

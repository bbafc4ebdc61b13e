//! Registering: by oneself where that is open, by an admin in any case.

use super::*;
use crate::kit::each_engine;
use futures::future::join_all;
use std::collections::BTreeSet;

each_engine!(
    somebody_who_registers_gets_a_dashboard_and_is_logged_in,
    wrong_names_short_passwords_and_taken_names_are_told_apart,
    names_that_differ_in_case_are_one,
    nobody_registers_where_that_is_closed_and_an_admin_registers_somebody,
    who_registers_gets_no_role_by_asking_for_one,
    two_hundred_registrations_at_once_are_two_hundred_users,
    one_name_twenty_times_at_once_is_one_user,
);

/// Check 1 of the dashboard: user, "<name>'s Dashboard", logged in.
async fn somebody_who_registers_gets_a_dashboard_and_is_logged_in(database: Database) {
    let house = House::with(database, |config| {
        config.people.registration_open = true;
        config.people.registration_creates_tenant = true;
    })
    .await;
    let service = house.accounts();
    let call = service.register(register(user("vera_k"), PASSWORD));
    let made = Guest::nobody().calls(call).await.unwrap().into_inner();
    let made_user = made.user.unwrap();
    assert_eq!(made_user.username, "vera_k");
    let [membership] = made_user.memberships.as_slice() else {
        panic!("one tenant: {:?}", made_user.memberships);
    };
    assert_eq!(membership.role(), v1::Role::Admin);
    assert!(membership.tenant.starts_with("tenants/vera-k-"));
    let names = house.database.column(match house.database.engine() {
        syncline::db::Engine::Postgres => {
            "SELECT display_name FROM syncline.tenants WHERE tenant_id <> 'default'"
        }
        syncline::db::Engine::Sqlite => {
            "SELECT display_name FROM tenants WHERE tenant_id <> 'default'"
        }
    });
    assert_eq!(names.await, ["vera_k's Dashboard"]);
    // The session is good, in that tenant and in no other.
    let vera = house.guest(&made.session_token.into()).await.unwrap();
    let caller = vera.0.clone().unwrap();
    let tenant = membership.tenant.trim_start_matches("tenants/");
    assert_eq!(
        caller.permissions.role_in(&tenant.parse().unwrap()),
        Some(Role::Admin)
    );
    assert_eq!(
        caller.permissions.role_in(&"default".parse().unwrap()),
        None
    );
    let me = vera.calls(service.get_me(Request::new(v1::GetMeRequest {})));
    let me = me.await.unwrap().into_inner();
    assert_eq!(me.user.unwrap().name, made_user.name);
    assert_eq!(me.actor, made_user.name);
    // The same name again.
    let call = service.register(register(user("Vera_K"), PASSWORD));
    let again = Guest::nobody().calls(call).await.unwrap_err();
    assert_eq!(
        refusal(&again),
        (Code::AlreadyExists, "ALREADY_EXISTS".to_owned())
    );
}

/// Checks 1 of the dashboard and 3 of the coder.
async fn wrong_names_short_passwords_and_taken_names_are_told_apart(database: Database) {
    let house = House::public(database).await;
    let service = house.accounts();
    let nobody = Guest::nobody();
    let mail = |email: &str| v1::User {
        email: email.to_owned(),
        ..v1::User::default()
    };
    for (user, password, expected) in [
        (user("ab"), PASSWORD, vec!["user.username"]),
        (user("a b"), PASSWORD, vec!["user.username"]),
        (user("abc"), "12345", vec!["password"]),
        (user("abc"), "", vec!["password"]),
        (mail("mia"), PASSWORD, vec!["user.email"]),
        (mail("mia@example"), "1", vec!["user.email", "password"]),
        (v1::User::default(), "1", vec!["user.username", "password"]),
    ] {
        let call = service.register(register(user.clone(), password));
        let refused = nobody.calls(call).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{user:?}");
        assert_eq!(fields(&refused), expected, "{user:?}");
    }
    let call = service.register(register(mail("Mia@Example.org"), "123456"));
    let made = nobody.calls(call).await.unwrap().into_inner();
    assert!(made.session_token.starts_with("sl_session_"));
    assert!(house.guest(&made.session_token.into()).await.is_ok());
    let call = service.register(register(mail("mia@example.ORG"), "123456"));
    let taken = nobody.calls(call).await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists);
    assert!(taken.message().contains("mia@example.ORG"), "{taken}");
}

async fn names_that_differ_in_case_are_one(database: Database) {
    let house = House::open(database).await;
    house.person("Ada").await;
    for login in ["ada", "ADA", "Ada"] {
        assert!(log_in(&house.app, login, PASSWORD).await.is_ok(), "{login}");
    }
    let again = Register {
        username: "aDA".to_owned(),
        password: PASSWORD.into(),
        ..Register::default()
    };
    let again = people::register(&house.app, again, &Origin::default()).await;
    assert!(matches!(again, Err(Error::Exists { kind: "user", .. })));
    let stats = people::stats(&house.app).await.unwrap();
    assert_eq!(stats.total, 1);
}

async fn nobody_registers_where_that_is_closed_and_an_admin_registers_somebody(database: Database) {
    let house = House::open(database).await;
    let service = house.accounts();
    for guest in [Guest::nobody(), Guest::key(Role::Operator)] {
        let call = service.register(register(user("ada"), PASSWORD));
        let refused = guest.calls(call).await.unwrap_err();
        assert_eq!(
            refusal(&refused),
            (Code::PermissionDenied, "REGISTRATION_CLOSED".to_owned())
        );
    }
    let mut wanted = user("ada");
    wanted.memberships = vec![v1::Membership {
        tenant: "tenants/default".to_owned(),
        role: v1::Role::Operator.into(),
    }];
    wanted.set_instance_role(v1::Role::Viewer);
    let call = service.register(register(wanted.clone(), PASSWORD));
    let made = Guest::key(Role::Admin).calls(call).await.unwrap();
    let made = made.into_inner();
    assert!(made.session_token.is_empty() && made.expire_time.is_none());
    let ada = house.session("ada").await;
    let ada = house.guest(&ada).await.unwrap().0.unwrap();
    let role = |tenant: &str| ada.permissions.role_in(&tenant.parse().unwrap());
    assert_eq!(role("default"), Some(Role::Operator));
    assert_eq!(role("other"), Some(Role::Viewer));
    // A tenant that is not there, named with what else is wrong before.
    wanted.username = "bob".to_owned();
    wanted.memberships[0].tenant = "tenants/nope".to_owned();
    let call = service.register(register(wanted, PASSWORD));
    let refused = Guest::key(Role::Admin).calls(call).await.unwrap_err();
    assert_eq!(fields(&refused), ["user.memberships[0].tenant"]);
}

async fn who_registers_gets_no_role_by_asking_for_one(database: Database) {
    let house = House::public(database).await;
    let mut wanted = user("mallory");
    wanted.set_instance_role(v1::Role::Admin);
    wanted.memberships = vec![v1::Membership {
        tenant: "tenants/default".to_owned(),
        role: v1::Role::Admin.into(),
    }];
    let service = house.accounts();
    let call = service.register(register(wanted, PASSWORD));
    let refused = Guest::nobody().calls(call).await.unwrap_err();
    assert_eq!(fields(&refused), ["user.memberships", "user.instance_role"]);
}

/// Check 9 of the coder, whose file lost some.
async fn two_hundred_registrations_at_once_are_two_hundred_users(database: Database) {
    let house = House::public(database).await;
    let other = house.replica().await;
    let registrations = (0..200).map(|number| {
        let app = if number % 2 == 0 { &house.app } else { &other };
        let register = Register {
            username: format!("user-{number}"),
            password: PASSWORD.into(),
            ..Register::default()
        };
        Guest::nobody().0.map(|caller| {
            let reach = Reach::new(caller, Needs::Nothing);
            reach.contain(async move { people::register(app, register, &Origin::default()).await })
        })
    });
    let outcomes = join_all(registrations.flatten()).await;
    let sessions: BTreeSet<String> = outcomes
        .into_iter()
        .map(|made| made.unwrap().begun.unwrap().token.expose().to_owned())
        .collect();
    assert_eq!(sessions.len(), 200);
    let stats = people::stats(&house.app).await.unwrap();
    assert_eq!((stats.total, stats.active_sessions), (200, 200));
}

async fn one_name_twenty_times_at_once_is_one_user(database: Database) {
    let house = House::public(database).await;
    let registrations = (0..20).map(|number| {
        let register = Register {
            username: if number % 2 == 0 { "Ada" } else { "ada" }.to_owned(),
            password: PASSWORD.into(),
            ..Register::default()
        };
        let app = house.app.clone();
        async move { people::register(&app, register, &Origin::default()).await }
    });
    let outcomes = join_all(registrations).await;
    let made = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let taken = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(Error::Exists { .. })))
        .count();
    assert_eq!((made, taken), (1, 19));
    assert_eq!(people::stats(&house.app).await.unwrap().total, 1);
}

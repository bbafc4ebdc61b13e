//! Users as clients see them: who may read, change and remove whom.

use super::*;
use crate::kit::each_engine;
use pbjson_types::FieldMask;
use syncline::api::v1::{
    DeleteUserRequest, GetUserRequest, ListUsersRequest, Membership, UpdateUserRequest, User,
};

each_engine!(
    nobody_else_exists_for_somebody_without_a_role,
    nobody_raises_itself,
    a_user_changes_what_is_its_own,
    a_change_is_refused_with_all_that_is_wrong,
    pages_of_users_are_whole_and_in_order,
    a_change_of_roles_counts_within_a_second,
    what_was_done_stands_in_the_audit,
    guesses_that_are_one_too_many_stand_in_the_audit,
);

fn update(user: User, paths: &[&str]) -> Request<UpdateUserRequest> {
    Request::new(UpdateUserRequest {
        user: Some(user),
        update_mask: Some(FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }),
        ..UpdateUserRequest::default()
    })
}

fn named(name: impl ToString) -> User {
    User {
        name: name.to_string(),
        ..User::default()
    }
}

async fn nobody_else_exists_for_somebody_without_a_role(database: Database) {
    let house = House::open(database).await;
    let (_, ada) = house.logged_in("ada").await;
    let bob = house.person("bob").await.person.name().to_string();
    let unknown = "users/00000000-0000-0000-0000-000000000001";
    let service = house.accounts();
    let answers = async |name: &str| {
        let name = name.to_owned();
        let mut display = named(&name);
        display.display_name = "x".to_owned();
        let mut admin = named(&name);
        admin.set_instance_role(v1::Role::Admin);
        let calls = [
            ada.calls(service.get_user(Request::new(GetUserRequest { name: name.clone() })))
                .await
                .err(),
            ada.calls(service.update_user(update(display, &["display_name"])))
                .await
                .err(),
            ada.calls(service.update_user(update(admin, &["instance_role"])))
                .await
                .err(),
            ada.calls(service.delete_user(Request::new(DeleteUserRequest {
                name: name.clone(),
                etag: "v7".to_owned(),
            })))
            .await
            .err(),
        ];
        calls.map(|refused| {
            let refused = refused.unwrap();
            assert_eq!(refused.code(), Code::NotFound, "{refused}");
            refused.message().replace(&name, "it")
        })
    };
    assert_eq!(answers(&bob).await, answers(unknown).await);
    // Whoever has a role over the installation looks, and does not change.
    let viewer = Guest::key(Role::Viewer);
    let get = GetUserRequest { name: bob.clone() };
    let seen = viewer.calls(service.get_user(Request::new(get))).await;
    assert_eq!(seen.unwrap().into_inner().username, "bob");
    let call = service.update_user(update(named(&bob), &["display_name"]));
    assert_eq!(viewer.calls(call).await.unwrap_err().code(), Code::NotFound);
}

async fn nobody_raises_itself(database: Database) {
    let house = House::open(database).await;
    let (profile, ada) = house.logged_in("ada").await;
    let service = house.accounts();
    let mut role = named(profile.person.name());
    role.set_instance_role(v1::Role::Admin);
    let mut member = named(profile.person.name());
    member.memberships = vec![Membership {
        tenant: "tenants/default".to_owned(),
        role: v1::Role::Admin.into(),
    }];
    for (user, paths) in [
        (role.clone(), &["instance_role"][..]),
        (role, &[]),
        (member.clone(), &["memberships"]),
        (member, &["display_name", "memberships"]),
    ] {
        let refused = ada.calls(service.update_user(update(user, paths))).await;
        assert_eq!(
            refusal(&refused.unwrap_err()),
            (Code::PermissionDenied, "ROLE_TOO_LOW".to_owned())
        );
    }
    let profile = people::get(&house.app, profile.person.name())
        .await
        .unwrap();
    assert!(profile.memberships.is_empty() && profile.person.instance_role().is_none());
}

async fn a_user_changes_what_is_its_own(database: Database) {
    let house = House::open(database).await;
    let (profile, ada) = house.logged_in("ada").await;
    house.person("bob").await;
    let service = house.accounts();
    let name = profile.person.name().to_string();
    let mut wanted = named(&name);
    wanted.email = "Ada@example.org".to_owned();
    wanted.display_name = "Ada".to_owned();
    wanted.etag = profile.person.etag();
    let changed = ada.calls(service.update_user(update(wanted.clone(), &[])));
    let changed = changed.await.unwrap().into_inner();
    assert_eq!(
        (
            changed.username.as_str(),
            changed.email.as_str(),
            changed.display_name.as_str()
        ),
        ("ada", "Ada@example.org", "Ada")
    );
    assert_ne!(changed.etag, wanted.etag);
    let stale = ada.calls(service.update_user(update(wanted, &[]))).await;
    assert_eq!(stale.unwrap_err().code(), Code::Aborted);
    let mut taken = named(&name);
    taken.username = "BOB".to_owned();
    let taken = ada.calls(service.update_user(update(taken, &["username"])));
    assert_eq!(taken.await.unwrap_err().code(), Code::AlreadyExists);
    // The user name goes, the address stays.
    let call = service.update_user(update(named(&name), &["username"]));
    let without = ada.calls(call).await.unwrap().into_inner();
    assert_eq!(without.username, "");
    let call = service.update_user(update(named(&name), &["email"]));
    assert_eq!(
        fields(&ada.calls(call).await.unwrap_err()),
        ["user.username"]
    );
    house.session("ada@EXAMPLE.org").await;
    assert!(log_in(&house.app, "ada", PASSWORD).await.is_err());
    // And then the user goes.
    let gone = DeleteUserRequest {
        name: name.clone(),
        etag: without.etag,
    };
    ada.calls(service.delete_user(Request::new(gone)))
        .await
        .unwrap();
    let gone = people::get(&house.app, profile.person.name()).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })));
}

async fn a_change_is_refused_with_all_that_is_wrong(database: Database) {
    let house = House::open(database).await;
    let ada = house.person("ada").await.person.name();
    let mut wanted = named("users/ada");
    wanted.username = "a b".to_owned();
    wanted.email = "ada".to_owned();
    let mut request = update(wanted, &["username", "email", "password", "provider"]);
    request.get_mut().password = "12345".to_owned();
    let service = house.accounts();
    let refused = OURSELVES.calls(service.update_user(request)).await;
    assert_eq!(
        fields(&refused.unwrap_err()),
        [
            "user.name",
            "update_mask",
            "user.username",
            "user.email",
            "password"
        ]
    );
    let mut twice = named(ada);
    twice.memberships = [
        "tenants/default",
        "default",
        "tenants/default",
        "tenants/nope",
    ]
    .map(|tenant| Membership {
        tenant: tenant.to_owned(),
        role: v1::Role::Viewer.into(),
    })
    .to_vec();
    let refused = OURSELVES
        .calls(service.update_user(update(twice.clone(), &["memberships"])))
        .await;
    assert_eq!(
        fields(&refused.unwrap_err()),
        ["user.memberships[1].tenant"]
    );
    twice.memberships.remove(1);
    let refused = OURSELVES
        .calls(service.update_user(update(twice, &["memberships"])))
        .await;
    assert_eq!(
        fields(&refused.unwrap_err()),
        ["user.memberships[1].tenant"]
    );
}

async fn pages_of_users_are_whole_and_in_order(database: Database) {
    let house = House::open(database).await;
    for number in 0..7 {
        house
            .clock
            .advance(chrono::TimeDelta::milliseconds(number % 2));
        let register = Register {
            username: format!("user-{number}"),
            password: PASSWORD.into(),
            memberships: vec![people::Membership {
                tenant: "default".parse().unwrap(),
                role: Role::Viewer,
            }],
            ..Register::default()
        };
        people::register(&house.app, register, &Origin::default())
            .await
            .unwrap();
    }
    let service = house.accounts();
    let viewer = Guest::key(Role::Viewer);
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let request = ListUsersRequest {
            page_size: 3,
            page_token: token,
            filter: "provider = local".to_owned(),
        };
        let page = viewer.calls(service.list_users(Request::new(request)));
        let page = page.await.unwrap().into_inner();
        assert!(page.users.iter().all(|user| user.memberships.len() == 1));
        seen.extend(page.users.into_iter().map(|user| user.username));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let expected: Vec<_> = (0..7).map(|number| format!("user-{number}")).collect();
    let mut sorted = seen.clone();
    sorted.sort();
    assert_eq!(sorted, expected);
    let (found, _) = people::list(&house.app, 0, "", "username = USER-3")
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    for wrong in ["provider = facebook", "password = x", "username"] {
        let refused = people::list(&house.app, 0, "", wrong).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{wrong}");
    }
}

async fn a_change_of_roles_counts_within_a_second(database: Database) {
    let house = House::open(database).await;
    let other = house.replica().await;
    let ada = house.person("ada").await.person.name();
    let session = house.session("ada").await;
    let role = async |app: &App| {
        let caller = guest(app, &session).await.unwrap().0.unwrap();
        caller.permissions.role_in(&"default".parse().unwrap())
    };
    assert_eq!((role(&house.app).await, role(&other).await), (None, None));
    let change = people::Update {
        name: ada.to_string(),
        memberships: vec![people::Membership {
            tenant: "default".parse().unwrap(),
            role: Role::Admin,
        }],
        ..people::Update::default()
    };
    people::update(&house.app, change).await.unwrap();
    assert_eq!(role(&house.app).await, Some(Role::Admin));
    kit::eventually(std::time::Duration::from_secs(1), || async {
        match role(&other).await {
            Some(Role::Admin) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

async fn what_was_done_stands_in_the_audit(database: Database) {
    let house = House::open(database).await;
    let (profile, ada) = house.logged_in("ada").await;
    let stranger = Guest::stranger();
    for login in ["ada", "nobody"] {
        let guess = log_in(&house.app, login, "wrong password");
        assert!(stranger.calls(guess).await.is_err());
    }
    let service = house.accounts();
    ada.calls(service.logout(Request::new(v1::LogoutRequest {})))
        .await
        .unwrap();
    let name = profile.person.name();
    let schema = match house.database.engine() {
        syncline::db::Engine::Postgres => "syncline.",
        syncline::db::Engine::Sqlite => "",
    };
    let sql = format!(
        "SELECT action || ' ' || outcome || ' ' || actor || ' ' || address
         FROM {schema}audit_entries ORDER BY at, entry_id"
    );
    let written = house.database.column(&sql).await;
    let expected = [
        "user.create done syncline ".to_owned(),
        format!("user.login done {name} "),
        format!("user.logout done {name} 192.0.2.7"),
    ];
    assert_eq!(written, expected);
    // Those who guess are counted, so that they cannot fill the table.
    syncline::audit::flush(&house.app).await.unwrap();
    let sql = format!(
        "SELECT action || ' ' || outcome || ' ' || resource || ' ' || count || ' ' || address
         FROM {schema}audit_counts WHERE action = 'user.login'"
    );
    let mut counted = house.database.column(&sql).await;
    counted.sort();
    let expected = [
        "user.login LOGIN_WRONG users/- 1 192.0.2.7".to_owned(),
        format!("user.login LOGIN_WRONG {name} 1 192.0.2.7"),
    ];
    assert_eq!(counted, expected);
}

/// Who tries more passwords than it may is not even answered whether they are right, and the audit says how many it were.
async fn guesses_that_are_one_too_many_stand_in_the_audit(database: Database) {
    let house = House::open(database).await;
    let stranger = Guest::stranger();
    let mut reasons = Vec::new();
    // For a name that nobody has: nothing is computed for it.
    for _ in 0..12 {
        let guess = stranger.calls(log_in(&house.app, "no\0body", "wrong"));
        reasons.push(super::reason(&guess.await.err().unwrap()));
    }
    let too_many = reasons
        .iter()
        .filter(|reason| **reason == "TOO_MANY_ATTEMPTS");
    let too_many = too_many.count();
    assert!((1..=2).contains(&too_many), "{reasons:?}");
    syncline::audit::flush(&house.app).await.unwrap();
    let schema = match house.database.engine() {
        syncline::db::Engine::Postgres => "syncline.",
        syncline::db::Engine::Sqlite => "",
    };
    let sql = format!(
        "SELECT resource || ' ' || address || ' ' || count FROM {schema}audit_counts
         WHERE action = 'user.login' AND outcome = 'TOO_MANY_ATTEMPTS'"
    );
    let counted = house.database.column(&sql).await;
    assert_eq!(counted, [format!("users/- 192.0.2.7 {too_many}")]);
}

//! A key that is bounded finds no way past its bounds.

use super::{House, admin, reason, show};
use crate::kit::{Database, each_engine};
use chrono::TimeDelta;
use syncline::{
    base::{Error, Needs, Role, Secret, reach::Reach},
    people::{self, Imported, Origin, Provider, Register, Update},
    tenants::{
        keys::{self, Create, Key},
        rules::{self, Effect, Rule},
    },
};

each_engine!(
    a_bounded_key_makes_nobody_and_nothing_that_is_not_bounded,
    a_bounded_key_may_take_away,
    a_key_without_bounds_does_what_its_role_says,
);

/// An admin of the installation who is not bounded.
async fn unbounded(house: &House) -> (Key, Secret) {
    let all = Create {
        instance: true,
        ..Create::default()
    };
    house.create(admin(all)).await
}

/// Such keys with one bound each.
async fn bounded(house: &House) -> Vec<(&'static str, Key, Secret)> {
    let create = admin(Create {
        instance: true,
        ..Create::default()
    });
    let ends = Create {
        expires_at: Some(house.clock.now() + TimeDelta::hours(1)),
        ..create.clone()
    };
    let slow = Create {
        rate_limit: 1000,
        ..create.clone()
    };
    let mut keys = Vec::new();
    for (bound, create) in [("end", ends), ("limit", slow), ("rules", create)] {
        let (key, secret) = house.create(create).await;
        keys.push((bound, key, secret));
    }
    let (_, local, _) = &keys[2];
    rule(house, Effect::Allow, "203.0.113.0/24", Some(local)).await;
    keys
}

async fn rule(house: &House, effect: Effect, network: &str, key: Option<&Key>) -> Rule {
    let create = wanted(effect, network, key);
    rules::create(&house.app, create).await.unwrap()
}

fn wanted(effect: Effect, network: &str, key: Option<&Key>) -> rules::Create {
    rules::Create {
        network: network.to_owned(),
        effect: Some(effect),
        api_key: key.map_or(String::new(), |key| key.name.to_string()),
        ..rules::Create::default()
    }
}

/// Does something as whoever shows this key.
async fn with<T>(house: &House, key: &Secret, work: impl Future<Output = T>) -> T {
    let caller = show(&house.app, key).await.unwrap();
    let reach = Reach::new(caller, Needs::Instance(Role::Admin));
    reach.contain(work).await
}

fn user(username: &str) -> Register {
    Register {
        username: username.to_owned(),
        password: "composed password".into(),
        instance_role: Some(Role::Admin),
        ..Register::default()
    }
}

async fn register(house: &House, username: &str) -> Result<String, Error> {
    let made = people::register(&house.app, user(username), &Origin::default()).await?;
    Ok(made.profile.person.name().to_string())
}

async fn new_password(house: &House, name: &str) -> Result<(), Error> {
    let update = Update {
        name: name.to_owned(),
        password: "another composed password".into(),
        ..Update::default()
    };
    people::update(&house.app, update).await.map(drop)
}

async fn import(house: &House) -> Result<(), Error> {
    let at = house.clock.now();
    let imported = Imported {
        id: "1".to_owned(),
        username: "imported".to_owned(),
        email: String::new(),
        display_name: String::new(),
        provider: Provider::Local,
        password_hash: String::new(),
        created_at: at,
        updated_at: at,
    };
    people::import(&house.app, "elsewhere", &[imported], false)
        .await
        .map(drop)
}

async fn a_bounded_key_makes_nobody_and_nothing_that_is_not_bounded(database: Database) {
    let house = House::open(database).await;
    let app = &house.app;
    let ada = register(&house, "ada").await.unwrap();
    let denied = rule(&house, Effect::Deny, "198.51.100.0/24", None).await;
    for (bound, key, secret) in bounded(&house).await {
        let own = rule(&house, Effect::Deny, "192.0.2.1", Some(&key)).await;
        let outcomes = with(&house, &secret, async {
            [
                register(&house, "mallory").await.map(drop),
                new_password(&house, &ada).await,
                import(&house).await,
                rules::delete(app, &own.name()).await,
                rules::delete(app, &denied.name()).await,
                rules::create(app, wanted(Effect::Allow, "0.0.0.0/0", Some(&key)))
                    .await
                    .map(drop),
                rules::create(app, wanted(Effect::Allow, "203.0.113.0/24", None))
                    .await
                    .map(drop),
            ]
        });
        for (which, outcome) in outcomes.await.into_iter().enumerate() {
            let error = outcome.expect_err(&format!("{bound}: {which}"));
            assert_eq!(reason(&error), "KEY_IS_BOUNDED", "{bound}: {which}");
        }
    }
    // The old password is good still, and nobody was made.
    let login = people::Login {
        login: "ada".to_owned(),
        password: "composed password".into(),
        ..people::Login::default()
    };
    assert!(people::login(app, login, &Origin::default()).await.is_ok());
    assert!(register(&house, "mallory").await.is_ok());
}

async fn a_bounded_key_may_take_away(database: Database) {
    let house = House::open(database).await;
    let app = &house.app;
    for (bound, _, secret) in bounded(&house).await {
        let user = register(&house, bound).await.unwrap();
        let person = people::PersonName::parse("name", &user).unwrap();
        let (other, _) = unbounded(&house).await;
        with(&house, &secret, async {
            people::delete(app, person, "").await.unwrap();
            keys::revoke(app, &other.name).await.unwrap();
            let deny = wanted(Effect::Deny, "198.51.100.7", None);
            rules::create(app, deny).await.unwrap();
        })
        .await;
    }
}

async fn a_key_without_bounds_does_what_its_role_says(database: Database) {
    // The limit of the settings is nobody's own.
    let house = House::with(database, |config| config.auth.key_rate_limit = 1000).await;
    let app = &house.app;
    let (key, secret) = unbounded(&house).await;
    with(&house, &secret, async {
        let ada = register(&house, "ada").await.unwrap();
        new_password(&house, &ada).await.unwrap();
        import(&house).await.unwrap();
        let allow = wanted(Effect::Allow, "203.0.113.7", Some(&key));
        rules::create(app, allow).await.unwrap();
    })
    .await;
}

//! Consents and links of who may not any more, and of tenants that are not served.

use super::*;
use crate::kit::each_engine;
use syncline::{
    base::{
        Caller, Needs, Permissions, Role, TenantId, Who,
        reach::{self, Reach},
    },
    people::{self, Membership, Origin, Register},
    tenants::{self, State, keys},
    tokens::{Begin, Complete, Redirected},
};

each_engine!(
    a_disabled_tenant_gets_no_consents_until_it_is_active_again,
    a_link_and_a_consent_end_with_the_role_of_who_began_them,
    a_link_and_a_consent_of_a_key_end_with_it,
    who_stands_in_the_settings_goes_on,
);

fn tenant() -> TenantId {
    "default".parse().unwrap()
}

fn begin() -> Begin {
    Begin {
        name: named("google").to_string(),
        redirect_uri: "http://127.0.0.1:3000/oauth2callback".to_owned(),
        ..Begin::default()
    }
}

/// Something that was begun, and can be ended from now on.
struct Begun {
    link: Secret,
    by_program: Complete,
    by_browser: Complete,
}

/// What the browser does: follows the address, and is sent back.
async fn browse(url: &str) -> Redirected {
    let browser = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let answer = browser.get(url).send().await.unwrap();
    Redirected::Address(answer.headers()["location"].to_str().unwrap().into())
}

async fn begun(office: &Office, caller: Option<Caller>) -> Begun {
    let work = async {
        let link = tokens::link(&office.app, begin()).await.unwrap();
        let (_, link) = link.url.expose().split_once("?link=").unwrap();
        let mut consents = Vec::new();
        for for_browser in [false, true] {
            let begin = Begin {
                for_browser,
                ..begin()
            };
            let begun = tokens::begin(&office.app, begin).await.unwrap();
            consents.push(Complete {
                name: named("google").to_string(),
                redirected: browse(&begun.url).await,
                browser: begun.browser,
            });
        }
        let by_browser = consents.pop().unwrap();
        Begun {
            link: link.into(),
            by_program: consents.pop().unwrap(),
            by_browser,
        }
    };
    match caller {
        None => work.await,
        Some(caller) => {
            let reach = Reach::new(Arc::new(caller), Needs::Tenant(Role::Admin));
            reach.contain(work).await
        }
    }
}

/// Why neither the link nor the consents lead anywhere, which must be the same for all.
async fn refused(office: &Office, begun: &Begun) -> String {
    let app = &office.app;
    let mut reasons = vec![
        reason(&tokens::find_link(app, &begun.link).await.unwrap_err()).to_owned(),
        reason(&tokens::follow_link(app, &begun.link).await.unwrap_err()).to_owned(),
    ];
    for complete in [&begun.by_program, &begun.by_browser] {
        let ended = tokens::complete(app, complete.clone()).await;
        reasons.push(reason(&ended.unwrap_err()).to_owned());
    }
    reasons.dedup();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert_eq!(office.refreshes(), 0, "Google was not even asked");
    reasons.remove(0)
}

async fn state(office: &Office, state: State) {
    let update = tenants::update::Update {
        name: "tenants/default".to_owned(),
        state: Some(state),
        ..tenants::update::Update::default()
    };
    tenants::update::update(&office.app, update).await.unwrap();
}

async fn a_disabled_tenant_gets_no_consents_until_it_is_active_again(database: Database) {
    let office = Office::open(database).await;
    let app = &office.app;
    let begun = begun(&office, None).await;
    state(&office, State::Disabled).await;
    assert_eq!(refused(&office, &begun).await, "TENANT_DISABLED");
    let link = tokens::link(app, begin()).await.unwrap_err();
    assert_eq!(reason(&link), "TENANT_DISABLED");
    let another = tokens::begin(app, begin()).await.unwrap_err();
    assert_eq!(reason(&another), "TENANT_DISABLED");
    // What was only put off is there still.
    for served in [State::Paused, State::Active] {
        state(&office, served).await;
        tokens::find_link(app, &begun.link).await.unwrap();
    }
    tokens::complete(app, begun.by_browser).await.unwrap();
    tokens::follow_link(app, &begun.link).await.unwrap();
}

async fn person(office: &Office) -> Caller {
    let register = Register {
        username: "ada".to_owned(),
        password: "composed password".into(),
        memberships: vec![Membership {
            tenant: tenant(),
            role: Role::Admin,
        }],
        ..Register::default()
    };
    let origin = Origin::default();
    let made = people::register(&office.app, register, &origin).await;
    let profile = made.unwrap().profile;
    Caller {
        name: profile.person.name().to_string(),
        who: Who::User {
            user: profile.person.name().0,
            session: uuid::Uuid::now_v7(),
        },
        permissions: profile.permissions(),
        address: None,
    }
}

async fn a_link_and_a_consent_end_with_the_role_of_who_began_them(database: Database) {
    let office = Office::open(database).await;
    let ada = person(&office).await;
    let name = ada.name.clone();
    let roles = async |role: Option<Role>| {
        let memberships = role.map(|role| Membership {
            tenant: tenant(),
            role,
        });
        let update = people::Update {
            name: name.clone(),
            mask: vec!["memberships".to_owned()],
            memberships: memberships.into_iter().collect(),
            ..people::Update::default()
        };
        people::update(&office.app, update).await.unwrap();
    };
    for role in [None, Some(Role::Operator)] {
        roles(Some(Role::Admin)).await;
        let begun = begun(&office, Some(ada.clone())).await;
        roles(role).await;
        assert_eq!(refused(&office, &begun).await, "ROLE_LOST");
    }
    roles(Some(Role::Admin)).await;
    let good = begun(&office, Some(ada.clone())).await;
    tokens::follow_link(&office.app, &good.link).await.unwrap();
    let last = begun(&office, Some(ada)).await;
    let gone = people::PersonName::parse("name", &name).unwrap();
    people::delete(&office.app, gone, "").await.unwrap();
    assert_eq!(refused(&office, &last).await, "ROLE_LOST");
}

async fn a_link_and_a_consent_of_a_key_end_with_it(database: Database) {
    let office = Office::open(database).await;
    let create = keys::Create {
        role: Some(Role::Admin),
        expires_at: Some(office.clock.now() + TimeDelta::minutes(5)),
        ..keys::Create::default()
    };
    for ends in [false, true] {
        let (key, _) = keys::create(&office.app, create.clone()).await.unwrap();
        let caller = Caller {
            name: key.name.to_string(),
            who: Who::Key(key.name.id),
            permissions: Permissions::tenant(tenant(), Role::Admin),
            address: None,
        };
        let begun = begun(&office, Some(caller)).await;
        tokens::find_link(&office.app, &begun.link).await.unwrap();
        match ends {
            true => office.clock.advance(TimeDelta::minutes(5)),
            false => drop(keys::revoke(&office.app, &key.name).await.unwrap()),
        }
        assert_eq!(refused(&office, &begun).await, "ROLE_LOST");
    }
    assert!(reach::caller().is_none());
}

async fn who_stands_in_the_settings_goes_on(database: Database) {
    let office = Office::open(database).await;
    for name in ["admin key", "dana", "anybody"] {
        let caller = Caller {
            name: name.to_owned(),
            who: Who::Password,
            permissions: Permissions::Instance(Role::Admin),
            address: None,
        };
        let begun = begun(&office, Some(caller)).await;
        tokens::follow_link(&office.app, &begun.link).await.unwrap();
        tokens::complete(&office.app, begun.by_program)
            .await
            .unwrap();
    }
}

//! Consents that belong to a browser, links that begin one, and whether the person is asked again.

use super::*;
use crate::kit::each_engine;
use syncline::tokens::{Authorization, Begin, Complete, Redirected};

each_engine!(
    only_the_browser_that_began_it_ends_it,
    a_consent_of_a_browser_is_good_once_and_for_ten_minutes,
    a_link_is_good_once_and_for_ten_minutes,
    a_link_is_not_in_the_database,
    who_has_a_refresh_token_that_will_do_is_not_asked_again,
    the_refresh_token_of_one_account_is_not_kept_for_another,
);

fn begin_of(name: &TokenName) -> Begin {
    Begin {
        name: name.to_string(),
        redirect_uri: "http://127.0.0.1:3000/oauth2callback".to_owned(),
        for_browser: true,
        ..Begin::default()
    }
}

async fn begin(office: &Office, name: &TokenName) -> Authorization {
    tokens::begin(&office.app, begin_of(name)).await.unwrap()
}

/// What the browser does: follows the link, and is sent back.
async fn browse(url: &str) -> String {
    let browser = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let answer = browser.get(url).send().await.unwrap();
    answer.headers()["location"].to_str().unwrap().to_owned()
}

async fn complete(
    office: &Office,
    name: &TokenName,
    address: &str,
    browser: Option<Secret>,
) -> Result<Token, Error> {
    let complete = Complete {
        name: name.to_string(),
        redirected: Redirected::Address(address.into()),
        browser,
    };
    tokens::complete(&office.app, complete).await
}

async fn connect(office: &Office, name: &TokenName) -> Token {
    let begun = begin(office, name).await;
    let address = browse(&begun.url).await;
    complete(office, name, &address, begun.browser)
        .await
        .unwrap()
}

async fn only_the_browser_that_began_it_ends_it(database: Database) {
    let office = Office::open(database).await;
    let name = named("google");
    let begun = begin(&office, &name).await;
    let other = begin(&office, &name).await;
    let address = browse(&begun.url).await;
    for browser in [
        None,
        other.browser,
        Some(Secret::new("guessed")),
        Some(Secret::new("")),
    ] {
        let error = complete(&office, &name, &address, browser)
            .await
            .unwrap_err();
        assert_eq!(reason(&error), "AUTHORIZATION_UNKNOWN");
    }
    let error = complete(&office, &named("other"), &address, begun.browser.clone()).await;
    assert_eq!(reason(&error.unwrap_err()), "AUTHORIZATION_UNKNOWN");
    assert_eq!(office.refreshes(), 0, "the provider was not even asked");
    // Others' attempts do not use it up.
    complete(&office, &name, &address, begun.browser)
        .await
        .unwrap();
}

async fn a_consent_of_a_browser_is_good_once_and_for_ten_minutes(database: Database) {
    let office = Office::open(database).await;
    let name = named("google");
    let begun = begin(&office, &name).await;
    let address = browse(&begun.url).await;
    let browser = begun.browser.clone();
    complete(&office, &name, &address, browser.clone())
        .await
        .unwrap();
    let error = complete(&office, &name, &address, browser)
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "AUTHORIZATION_UNKNOWN");
    let late = begin(&office, &name).await;
    let address = browse(&late.url).await;
    office.clock.advance(TimeDelta::minutes(10));
    let error = complete(&office, &name, &address, late.browser)
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "AUTHORIZATION_UNKNOWN");
}

/// The part of a link that is secret.
async fn link(office: &Office, name: &TokenName) -> Secret {
    let begin = Begin {
        redirect_uri: String::new(),
        extra_scopes: vec!["https://www.googleapis.com/auth/drive.readonly".to_owned()],
        login_hint: "dana@example.com".to_owned(),
        ..begin_of(name)
    };
    let made = tokens::link(&office.app, begin).await.unwrap();
    let (page, link) = made.url.expose().split_once("/auth?link=").unwrap();
    assert_eq!(page, "http://127.0.0.1:3000");
    Secret::new(link)
}

async fn a_link_is_good_once_and_for_ten_minutes(database: Database) {
    let office = Office::open(database).await;
    let name = named("work");
    let good = link(&office, &name).await;
    let (begin, _) = tokens::follow_link(&office.app, &good).await.unwrap();
    assert_eq!(
        (begin.name, begin.login_hint.as_str()),
        (name.to_string(), "dana@example.com")
    );
    assert_eq!(
        (begin.extra_scopes.len(), begin.redirect_uri.as_str()),
        (1, "http://127.0.0.1:3000/oauth2callback")
    );
    let late = link(&office, &name).await;
    office.clock.advance(TimeDelta::minutes(10));
    let foreign = late.expose().replace("default.", "other.");
    for wrong in [
        good,
        late,
        foreign.into(),
        "".into(),
        "default.".into(),
        "x".into(),
        "A.b".into(),
    ] {
        let error = tokens::follow_link(&office.app, &wrong).await.unwrap_err();
        assert_eq!(reason(&error), "LINK_UNKNOWN");
    }
}

async fn a_link_is_not_in_the_database(database: Database) {
    let office = Office::open(database).await;
    let link = link(&office, &named("google")).await;
    let (_, text) = link.expose().split_once('.').unwrap();
    let sql = "SELECT tenant_id || link_hash || token_id || scopes || login_hint || made_by FROM token_links";
    let scope = syncline::db::Scope::System("a test");
    let mut tx = office.app.db.read(scope).await.unwrap();
    let rows = syncline::db::fetch_all!(&mut tx, (String,), sql).unwrap();
    assert!(rows.len() == 1 && !rows[0].0.contains(text), "{rows:?}");
}

fn asks_again(begun: &Authorization) -> bool {
    begun.url.contains("prompt=consent")
}

async fn who_has_a_refresh_token_that_will_do_is_not_asked_again(database: Database) {
    let office = Office::open(database).await;
    let name = named("google");
    assert!(
        asks_again(&begin(&office, &name).await),
        "there is no token"
    );
    connect(&office, &name).await;
    assert!(
        asks_again(&begin(&office, &name).await),
        "the account is not known yet"
    );
    tokens::check(&office.app, &name).await.unwrap();
    assert!(office.get(&name).await.account_id.is_some());
    let begun = begin(&office, &name).await;
    assert!(
        !asks_again(&begun) && begun.url.contains("login_hint="),
        "{}",
        begun.url
    );
    let more = Begin {
        extra_scopes: vec!["https://www.googleapis.com/auth/drive.readonly".to_owned()],
        ..begin_of(&name)
    };
    assert!(
        asks_again(&tokens::begin(&office.app, more).await.unwrap()),
        "not all was granted"
    );
    let wanted = Begin {
        ask_again: true,
        ..begin_of(&name)
    };
    assert!(asks_again(
        &tokens::begin(&office.app, wanted).await.unwrap()
    ));

    // Google gives no second refresh token; the first goes on.
    connect(&office, &name).await;
    office.advance(TimeDelta::hours(2));
    access(&office.app, &name).await;
    let me = office.sim.world().me();
    office.sim.world().revoke_grants(&me.id);
    office.advance(TimeDelta::hours(2));
    assert_eq!(
        reason(&try_access(&office.app, &name).await.unwrap_err()),
        "NEEDS_REAUTH"
    );
    assert!(
        asks_again(&begin(&office, &name).await),
        "it does not work any more"
    );
}

async fn the_refresh_token_of_one_account_is_not_kept_for_another(database: Database) {
    let office = Office::open(database).await;
    let name = named("google");
    connect(&office, &name).await;
    tokens::check(&office.app, &name).await.unwrap();
    let before = office.get(&name).await;
    let another = {
        let world = office.sim.world();
        let me = world.me().id;
        let other = world.google.people.iter().find(|person| person.id != me);
        other.expect("somebody else").clone()
    };
    // That account has consented before, so Google gives no refresh token unless it is asked to.
    office.sim.world().grant(&another.id, &SCOPES);
    let choose = |ask_again| Begin {
        login_hint: another.email.clone(),
        ask_again,
        ..begin_of(&name)
    };
    let begun = tokens::begin(&office.app, choose(false)).await.unwrap();
    let address = browse(&begun.url).await;
    let error = complete(&office, &name, &address, begun.browser)
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "REFRESH_TOKEN_MISSING");
    assert_eq!(office.get(&name).await.etag(), before.etag());
    let begun = tokens::begin(&office.app, choose(true)).await.unwrap();
    let address = browse(&begun.url).await;
    complete(&office, &name, &address, begun.browser)
        .await
        .unwrap();
}

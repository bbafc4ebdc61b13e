//! OAuth consent: only what we began can be completed, once, and in time.

use super::*;
use crate::kit::each_engine;
use syncline::{
    simulator::faults::Tweak,
    tokens::{Begin, Complete, Redirected, State},
};

each_engine!(
    a_consent_makes_the_token,
    a_consent_revives_a_dead_token,
    a_forged_or_foreign_state_changes_nothing,
    a_state_is_good_once_and_for_ten_minutes,
    a_consent_of_another_client_is_over,
    a_refused_consent_is_denied_and_changes_nothing,
    unticked_scopes_show_as_missing,
    without_a_refresh_token_the_old_one_is_kept,
    without_any_refresh_token_nothing_is_stored,
    wrong_fields_are_named_at_once,
    a_key_has_no_consent,
    an_unreachable_provider_leaves_everything_as_it_is,
    the_state_and_the_verifier_are_not_in_the_database,
);

const REDIRECT: &str = "http://127.0.0.1:8085/";

async fn begin(office: &Office, name: &TokenName) -> tokens::Authorization {
    let begin = Begin {
        name: name.to_string(),
        redirect_uri: REDIRECT.to_owned(),
        ..Begin::default()
    };
    tokens::begin(&office.app, begin).await.unwrap()
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

async fn complete(office: &Office, name: &TokenName, address: &str) -> Result<Token, Error> {
    let complete = Complete {
        name: name.to_string(),
        redirected: Redirected::Address(address.into()),
        browser: None,
    };
    tokens::complete(&office.app, complete).await
}

async fn connect(office: &Office, name: &TokenName) -> Result<Token, Error> {
    let begun = begin(office, name).await;
    complete(office, name, &browse(&begun.url).await).await
}

async fn a_consent_makes_the_token(database: Database) {
    let office = Office::open(database).await;
    let name = named("google");
    let begun = begin(&office, &name).await;
    assert!(
        begun.url.contains("code_challenge_method=S256")
            && begun.url.contains("access_type=offline")
    );
    assert!(begun.state.expose().len() >= 43, "256 bits");
    let token = complete(&office, &name, &browse(&begun.url).await)
        .await
        .unwrap();
    assert_eq!(token.state, State::Active);
    assert!(
        token.missing_scopes().is_empty(),
        "{:?}",
        token.missing_scopes()
    );
    access(&office.app, &name).await;
    office.advance(TimeDelta::hours(2));
    access(&office.app, &name).await;
    assert_eq!(office.refreshes(), 2, "the exchange and one refresh");
    assert_eq!(office.event_kinds(&name).await, ["refreshed", "authorized"]);
}

async fn a_consent_revives_a_dead_token(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    let me = office.sim.world().me();
    office.sim.world().revoke_grants(&me.id);
    assert_eq!(
        reason(&try_access(&office.app, &name).await.unwrap_err()),
        "NEEDS_REAUTH"
    );
    connect(&office, &name).await.unwrap();
    access(&office.app, &name).await;
    tokens::revoke(&office.app, &name).await.unwrap();
    connect(&office, &name).await.unwrap();
    access(&office.app, &name).await;
}

async fn a_forged_or_foreign_state_changes_nothing(database: Database) {
    let office = Office::open(database).await;
    let name = office.fresh_google().await;
    let before = office.get(&name).await.etag();
    let begun = begin(&office, &name).await;
    let address = browse(&begun.url).await;
    let forged = address.replace(begun.state.expose(), "composed-forged-state");
    let error = complete(&office, &name, &forged).await.unwrap_err();
    assert_eq!(reason(&error), "AUTHORIZATION_UNKNOWN");
    let error = complete(&office, &named("other"), &address)
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "AUTHORIZATION_UNKNOWN");
    assert_eq!(office.get(&name).await.etag(), before);
    assert_eq!(office.refreshes(), 1, "the provider was not even asked");
    // Somebody else's attempts do not use it up.
    complete(&office, &name, &address).await.unwrap();
}

async fn a_state_is_good_once_and_for_ten_minutes(database: Database) {
    let office = Office::open(database).await;
    let name = named("google");
    let begun = begin(&office, &name).await;
    let address = browse(&begun.url).await;
    let (one, two) = tokio::join!(
        complete(&office, &name, &address),
        complete(&office, &name, &address)
    );
    assert!(one.is_ok() != two.is_ok(), "exactly one of two at once");
    let error = complete(&office, &name, &address).await.unwrap_err();
    assert_eq!(reason(&error), "AUTHORIZATION_UNKNOWN");
    let begun = begin(&office, &name).await;
    let address = browse(&begun.url).await;
    office.advance(TimeDelta::minutes(10));
    let asked = office.refreshes();
    let error = complete(&office, &name, &address).await.unwrap_err();
    assert_eq!(reason(&error), "AUTHORIZATION_UNKNOWN");
    assert_eq!(office.refreshes(), asked, "the provider was not even asked");
}

/// Somebody changed `google.client_id` meanwhile: the code is of the client before, and so would the grant be.
async fn a_consent_of_another_client_is_over(database: Database) {
    let office = Office::open(database).await;
    let name = office.fresh_google().await;
    let before = office.get(&name).await.etag();
    let begun = begin(&office, &name).await;
    let address = browse(&begun.url).await;
    let mut config = (*office.config).clone();
    config.google.client_id = Some("composed-other-client".to_owned());
    let other = replica(&office.database, &office.clock, &Arc::new(config)).await;
    let answer = Complete {
        name: name.to_string(),
        redirected: Redirected::Address(address.as_str().into()),
        browser: None,
    };
    let error = tokens::complete(&other, answer).await.unwrap_err();
    assert_eq!(reason(&error), "AUTHORIZATION_UNKNOWN");
    assert_eq!(office.get(&name).await.etag(), before);
    assert_eq!(office.refreshes(), 1, "the provider was not even asked");
}

async fn a_refused_consent_is_denied_and_changes_nothing(database: Database) {
    let office = Office::open(database).await;
    let name = office.fresh_google().await;
    let before = office.get(&name).await.etag();
    office.fault(
        "oauth.authorize",
        When::Nth(1),
        Effect::Tweak(Tweak::AccessDenied),
    );
    let error = connect(&office, &name).await.unwrap_err();
    assert_eq!(reason(&error), "CONSENT_REFUSED");
    assert_eq!(office.get(&name).await.etag(), before);
}

async fn unticked_scopes_show_as_missing(database: Database) {
    let office = Office::open(database).await;
    let name = named("google");
    office.fault(
        "oauth.authorize",
        When::Nth(1),
        Effect::Tweak(Tweak::ReducedScope),
    );
    let token = connect(&office, &name).await.unwrap();
    assert_eq!(
        token.missing_scopes(),
        ["https://www.googleapis.com/auth/calendar.events.readonly"]
    );
    let health = tokens::check(&office.app, &name).await.unwrap();
    assert!(!health.usable && health.problems[0].contains("calendar.events.readonly"));
}

async fn without_a_refresh_token_the_old_one_is_kept(database: Database) {
    let office = Office::open(database).await;
    let name = office.fresh_google().await;
    office.fault(TOKEN, When::Nth(1), Effect::Tweak(Tweak::NoRefreshToken));
    connect(&office, &name).await.unwrap();
    office.advance(TimeDelta::hours(2));
    access(&office.app, &name).await;
}

async fn without_any_refresh_token_nothing_is_stored(database: Database) {
    let office = Office::open(database).await;
    let name = named("google");
    office.fault(TOKEN, When::Nth(1), Effect::Tweak(Tweak::NoRefreshToken));
    let error = connect(&office, &name).await.unwrap_err();
    assert_eq!(reason(&error), "REFRESH_TOKEN_MISSING");
    assert_eq!(
        reason(&tokens::get(&office.app, &name).await.unwrap_err()),
        "NOT_FOUND"
    );
}

async fn wrong_fields_are_named_at_once(database: Database) {
    let office = Office::open(database).await;
    let begin = Begin {
        name: "google".to_owned(),
        redirect_uri: "http://example.com/".to_owned(),
        extra_scopes: vec!["two words".to_owned()],
        login_hint: "two\nlines".to_owned(),
        ..Begin::default()
    };
    let error = tokens::begin(&office.app, begin).await.unwrap_err();
    assert_eq!(
        fields(&error),
        ["name", "redirect_uri", "extra_scopes", "login_hint"]
    );
    let complete = Complete {
        name: "google".to_owned(),
        redirected: Redirected::Parts {
            code: Secret::default(),
            state: Secret::default(),
        },
        browser: None,
    };
    let error = tokens::complete(&office.app, complete).await.unwrap_err();
    assert_eq!(fields(&error), ["name", "code", "state"]);
}

async fn a_key_has_no_consent(database: Database) {
    let office = Office::open(database).await;
    let begin = Begin {
        name: office.clockify().await.to_string(),
        redirect_uri: REDIRECT.to_owned(),
        ..Begin::default()
    };
    assert_eq!(
        reason(&tokens::begin(&office.app, begin).await.unwrap_err()),
        "NOT_OAUTH"
    );
}

async fn an_unreachable_provider_leaves_everything_as_it_is(database: Database) {
    let office = Office::open(database).await;
    let name = office.fresh_google().await;
    let before = office.get(&name).await.etag();
    office.fault(TOKEN, When::Nth(1), reply(503, ""));
    assert_eq!(
        reason(&connect(&office, &name).await.unwrap_err()),
        "PROVIDER_UNAVAILABLE"
    );
    office.fault("oauth.revoke", When::Always, reply(503, ""));
    assert_eq!(
        reason(&tokens::revoke(&office.app, &name).await.unwrap_err()),
        "PROVIDER_UNAVAILABLE"
    );
    assert_eq!(office.get(&name).await.etag(), before);
    access(&office.app, &name).await;
}

async fn the_state_and_the_verifier_are_not_in_the_database(database: Database) {
    let office = Office::open(database).await;
    let begun = begin(&office, &named("google")).await;
    let dump = office.database.dump();
    let state = begun.state.expose().as_bytes();
    assert!(!dump.windows(state.len()).any(|window| window == state));
}

//! Consent, tokens, and what their errors mean.

use super::Lab;
use std::collections::HashMap;
use syncline::{
    base::Secret,
    connectors::google::{
        OAuthError,
        oauth::{ConsentRequest, Revoked},
        scopes, who_am_i,
    },
};

const REDIRECT: &str = "http://127.0.0.1:1/oauth2callback";
const WANTED: [&str; 3] = [scopes::OPENID, scopes::EMAIL, scopes::MEET_READ];

/// Goes to the consent page as the user, and comes back with the parameters of the redirect.
async fn visit(url: &str) -> HashMap<String, String> {
    let browser = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    let page = browser.get(url).send().await.expect("the consent page");
    let location = page.headers()["location"].to_str().expect("text");
    assert!(location.starts_with(REDIRECT), "{location}");
    url::Url::parse(location)
        .expect("a URL")
        .query_pairs()
        .into_owned()
        .collect()
}

fn request() -> ConsentRequest<'static> {
    ConsentRequest {
        redirect_uri: REDIRECT,
        scopes: &WANTED,
        login_hint: Some("dana@example.com"),
        ask_again: true,
    }
}

#[tokio::test]
async fn consent_exchange_and_refresh_give_working_tokens() {
    let lab = Lab::empty().await;
    let oauth = lab.oauth();
    let consent = oauth.consent(&request()).expect("a consent page");
    let back = visit(consent.url.as_str()).await;
    assert_eq!(back["state"], consent.state.expose());

    let code = Secret::from(back["code"].as_str());
    let grant = oauth
        .exchange(&code, &consent.verifier, REDIRECT)
        .await
        .expect("tokens");
    assert!(scopes::missing(&grant.scope.expect("scopes"), &WANTED).is_empty());
    let refresh = grant.refresh_token.expect("a refresh token");

    let fresh = oauth.refresh(&refresh).await.expect("a fresh token");
    assert_eq!(fresh.refresh_token, None);
    let access = super::access("google", fresh.access_token);
    let me = who_am_i(&lab.outbound, &lab.endpoints(), access)
        .await
        .expect("an identity");
    assert_eq!(me.sub, lab.sim.world().me().id);
    assert_eq!(me.email.as_deref(), Some("dana@example.com"));

    let used = oauth.exchange(&code, &consent.verifier, REDIRECT).await;
    assert!(
        matches!(used, Err(OAuthError::NeedsReauth { .. })),
        "{used:?}"
    );
}

#[tokio::test]
async fn a_code_is_worthless_without_its_verifier() {
    let lab = Lab::empty().await;
    let oauth = lab.oauth();
    let consent = oauth.consent(&request()).expect("a consent page");
    let back = visit(consent.url.as_str()).await;
    let code = Secret::from(back["code"].as_str());
    let other = oauth.consent(&request()).expect("another").verifier;
    assert!(oauth.exchange(&code, &other, REDIRECT).await.is_err());
}

#[tokio::test]
async fn a_token_is_given_back_once() {
    let lab = Lab::empty().await;
    let me = lab.sim.world().me().id;
    let token = lab.sim.world().grant(&me, &WANTED).refresh_token;
    let token = Secret::from(token.expect("a refresh token"));
    let oauth = lab.oauth();
    assert_eq!(oauth.revoke(&token).await.expect("an answer"), Revoked::Now);
    assert_eq!(
        oauth.revoke(&token).await.expect("an answer"),
        Revoked::Before
    );
    let dead = oauth.refresh(&token).await;
    assert!(
        matches!(dead, Err(OAuthError::NeedsReauth { .. })),
        "{dead:?}"
    );
}

#[tokio::test]
async fn each_fault_of_the_token_endpoint_has_its_class() {
    for (fault, class) in [
        ("oauth-invalid-grant", "needs reauth"),
        ("oauth-invalid-rapt", "needs reauth"),
        ("oauth-admin-policy", "needs reauth"),
        ("oauth-invalid-client", "client wrong"),
        ("oauth-503-once", "unanswered"),
        ("oauth-502-html", "unanswered"),
        ("oauth-drop", "unanswered"),
        ("oauth-commit-then-drop", "unanswered"),
        ("oauth-truncated", "unanswered"),
    ] {
        let lab = Lab::empty().await;
        let me = lab.sim.world().me().id;
        let token = lab.sim.world().grant(&me, &WANTED).refresh_token;
        let token = Secret::from(token.expect("a refresh token"));
        lab.fault(fault);
        let error = lab.oauth().refresh(&token).await.expect_err(fault);
        let found = match &error {
            OAuthError::NeedsReauth { .. } => "needs reauth",
            OAuthError::ClientWrong { .. } => "client wrong",
            OAuthError::Transient { .. } => "transient",
            OAuthError::Unanswered { .. } => "unanswered",
        };
        assert_eq!(found, class, "{fault}: {error}");
        assert_eq!(lab.calls("oauth.token"), 1, "{fault}: it is sent once");
    }
}

#[tokio::test]
async fn a_rotated_refresh_token_is_handed_on() {
    let lab = Lab::empty().await;
    let me = lab.sim.world().me().id;
    let token = lab.sim.world().grant(&me, &WANTED).refresh_token;
    let token = Secret::from(token.expect("a refresh token"));
    lab.fault("oauth-rotated-refresh-token");
    let grant = lab.oauth().refresh(&token).await.expect("tokens");
    let rotated = grant.refresh_token.expect("a new refresh token");
    assert!(rotated != token);
    assert!(lab.oauth().refresh(&token).await.is_err());
}

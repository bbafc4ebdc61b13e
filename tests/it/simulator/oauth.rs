use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use syncline::simulator::world::{CLIENT_ID, CLIENT_SECRET};

use super::{Answer, Lab};

const REDIRECT: &str = "http://127.0.0.1:39999/callback";
const VERIFIER: &str = "composed-verifier-composed-verifier-composed-verifier";

/// Consents; gives the query of the redirect.
async fn consent(lab: &Lab, extra: &[(&str, &str)]) -> Vec<(String, String)> {
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
    let mut query = vec![
        ("client_id", CLIENT_ID),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        (
            "scope",
            "openid email https://www.googleapis.com/auth/meetings.space.readonly",
        ),
        ("state", "composed-state"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    query.extend(extra);
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("client");
    let response = http
        .get(lab.sim.endpoints().google_auth)
        .query(&query)
        .send()
        .await
        .expect("answer");
    assert_eq!(response.status(), 302);
    let location = response.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(location.starts_with(REDIRECT));
    url::Url::parse(&location)
        .expect("URL")
        .query_pairs()
        .into_owned()
        .collect()
}

fn value<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

async fn exchange(lab: &Lab, code: &str, verifier: &str) -> Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", verifier),
        ("client_id", CLIENT_ID),
        ("client_secret", CLIENT_SECRET),
    ];
    Answer::of(lab.http.post(lab.sim.endpoints().google_token).form(&form)).await
}

async fn refresh(lab: &Lab, token: &str) -> Answer {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let request = lab.http.post(lab.sim.endpoints().google_token).form(&form);
    Answer::of(request.basic_auth(CLIENT_ID, Some(CLIENT_SECRET))).await
}

#[tokio::test]
async fn code_is_exchanged_once_and_only_with_its_verifier() {
    let lab = Lab::empty();
    let first = consent(&lab, &[("access_type", "offline"), ("prompt", "consent")]).await;
    assert_eq!(value(&first, "state"), Some("composed-state"));
    let code = value(&first, "code").expect("code");
    let good = exchange(&lab, code, VERIFIER).await;
    assert_eq!(good.status, 200, "{:?}", good.json);
    assert_eq!(good.json["token_type"], "Bearer");
    assert!(good.json["refresh_token"].is_string() && good.json["id_token"].is_string());
    assert_eq!(
        exchange(&lab, code, VERIFIER).await.json["error"],
        "invalid_grant"
    );

    let second = consent(&lab, &[]).await;
    let wrong = exchange(&lab, value(&second, "code").expect("code"), "wrong").await;
    assert_eq!(
        (wrong.status, wrong.json["error"].as_str()),
        (400, Some("invalid_grant"))
    );
}

#[tokio::test]
async fn refresh_token_comes_only_with_offline_access_and_consent() {
    let lab = Lab::empty();
    for (extra, expected) in [
        (vec![("access_type", "offline")], false),
        (
            vec![("access_type", "offline"), ("prompt", "consent")],
            true,
        ),
        (vec![("prompt", "consent")], false),
    ] {
        let redirect = consent(&lab, &extra).await;
        let tokens = exchange(&lab, value(&redirect, "code").expect("code"), VERIFIER).await;
        assert_eq!(
            tokens.json.get("refresh_token").is_some(),
            expected,
            "{extra:?}"
        );
    }
}

#[tokio::test]
async fn rotated_refresh_token_works_once() {
    let lab = Lab::empty();
    let old = lab.sim.world().grants()[0]
        .refresh_token
        .clone()
        .expect("token");
    assert!(
        refresh(&lab, &old)
            .await
            .json
            .get("refresh_token")
            .is_none()
    );
    lab.sim.world().google.rotate_refresh_tokens = true;
    let rotated = refresh(&lab, &old).await;
    let new = rotated.json["refresh_token"].as_str().expect("a new one");
    assert_eq!(refresh(&lab, &old).await.json["error"], "invalid_grant");
    assert_eq!(refresh(&lab, new).await.status, 200);
}

#[tokio::test]
async fn revoked_grant_takes_all_its_tokens_along() {
    let lab = Lab::empty();
    let token = lab.sim.world().grants()[0]
        .refresh_token
        .clone()
        .expect("token");
    let revoke = lab
        .http
        .post(lab.sim.endpoints().google_revoke)
        .query(&[("token", &lab.bearer)]);
    assert_eq!(Answer::of(revoke).await.status, 200);
    assert_eq!(lab.google("/v2/conferenceRecords", &[]).await.status, 401);
    assert_eq!(refresh(&lab, &token).await.json["error"], "invalid_grant");
    let again = lab
        .http
        .post(lab.sim.endpoints().google_revoke)
        .form(&[("token", &token)]);
    assert_eq!(Answer::of(again).await.json["error"], "invalid_token");
    assert_eq!(
        lab.sim
            .calls()
            .of("oauth.revoke")
            .next()
            .expect("logged")
            .query,
        [("token".to_owned(), String::new())]
    );
}

#[tokio::test]
async fn wrong_client_is_unauthorized() {
    let lab = Lab::empty();
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "x"),
        ("client_id", "x"),
        ("client_secret", "x"),
    ];
    let refused = Answer::of(lab.http.post(lab.sim.endpoints().google_token).form(&form)).await;
    assert_eq!(
        (refused.status, refused.json["error"].as_str()),
        (401, Some("invalid_client"))
    );
}

#[tokio::test]
async fn userinfo_tells_what_the_scopes_allow() {
    let lab = Lab::empty();
    let me = lab.sim.world().me();
    for (scopes, status, email) in [
        (&["openid", "email"][..], 200, true),
        (&["openid"][..], 200, false),
        (
            &["https://www.googleapis.com/auth/meetings.space.readonly"][..],
            403,
            false,
        ),
    ] {
        let token = lab
            .sim
            .world()
            .grant(&me.id, scopes)
            .access_token()
            .to_owned();
        let answer = Answer::of(
            lab.http
                .get(lab.sim.endpoints().google_userinfo)
                .bearer_auth(token),
        )
        .await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.json.get("email").is_some(), email);
        assert!(status != 200 || answer.json["sub"] == me.id);
    }
    lab.sim.clock().advance(TimeDelta::hours(2));
    let answer = Answer::of(
        lab.http
            .get(lab.sim.endpoints().google_userinfo)
            .bearer_auth(&lab.bearer),
    )
    .await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn foreign_redirect_addresses_are_refused() {
    let lab = Lab::empty();
    let query = [
        ("client_id", CLIENT_ID),
        ("redirect_uri", "https://example.org/"),
        ("response_type", "code"),
        ("scope", "openid"),
    ];
    let refused = Answer::of(lab.http.get(lab.sim.endpoints().google_auth).query(&query)).await;
    assert_eq!(refused.status, 400);
}

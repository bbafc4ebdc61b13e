//! A widget's key stands on pages that everybody reads: how often it may ask is bounded.

use super::*;

each_engine!(
    a_widgets_key_asks_as_often_as_it_may_and_then_waits,
    who_guesses_keys_of_widgets_is_slowed_and_a_good_key_from_there_goes_on,
);

async fn a_widgets_key_asks_as_often_as_it_may_and_then_waits(database: Database) {
    let scene = Scene::open(database).await;
    let other = scene.with_widget(&[]).await.secret;
    let request = v1::CreateApiKeyRequest {
        parent: "tenants/acme".to_owned(),
        api_key: Some(v1::ApiKey {
            kind: v1::ApiKeyKind::Widget.into(),
            rate_limit: 3,
            ..v1::ApiKey::default()
        }),
        ..v1::CreateApiKeyRequest::default()
    };
    let made = scene.tenants().await.create_api_key(request).await;
    let key = made.unwrap().into_inner().secret;
    let mut answers = Vec::new();
    for _ in 0..10 {
        answers.push(scene.config(&key, None).await);
    }
    let good = answers
        .iter()
        .filter(|answer| answer.status() == StatusCode::OK);
    assert_eq!(good.count(), 3);
    let refused = answers
        .into_iter()
        .find(|answer| answer.status() == StatusCode::TOO_MANY_REQUESTS)
        .expect("it asked too often");
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    let answer = scene.config(&other, None).await;
    assert_eq!(answer.status(), StatusCode::OK, "another key goes on");
}

async fn who_guesses_keys_of_widgets_is_slowed_and_a_good_key_from_there_goes_on(
    database: Database,
) {
    let scene = Scene::open(database).await;
    let good = scene.with_widget(&[]).await.secret;
    let mut seen = Vec::new();
    for guess in 0..80 {
        let key = format!("pk_live_{guess:064x}");
        seen.push(scene.config(&key, None).await.status());
    }
    assert_eq!(seen[0], StatusCode::UNAUTHORIZED);
    assert_eq!(seen[79], StatusCode::TOO_MANY_REQUESTS, "{seen:?}");
    assert_eq!(scene.config(&good, None).await.status(), StatusCode::OK);
}

//! Nothing begins by looking: a link, and whoever another site sends, get a page with a button first.

use super::{super::reason, *};

each_engine!(
    a_link_needs_no_login_and_is_good_once,
    who_is_sent_by_another_site_is_asked_first,
);

/// That an answer is the page with the button, and nothing has begun.
async fn asks_first(answer: Response) {
    assert_eq!(answer.status(), StatusCode::OK);
    let headers = answer.headers();
    assert!(!headers.contains_key(header::SET_COOKIE) && !headers.contains_key(header::LOCATION));
    let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'") && policy.contains("form-action 'self' https: "),
        "{policy}"
    );
    // Else the browser would not say with the form that it is our own page that sends it.
    assert_eq!(headers[header::REFERRER_POLICY], "same-origin");
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    let page = answer.text().await.unwrap();
    assert!(
        page.contains("<form method=\"post\"><button>") && !page.contains("<script"),
        "{page}"
    );
}

async fn a_link_needs_no_login_and_is_good_once(database: Database) {
    let scene = Scene::new(database);
    let server = scene.server().await;
    let url = server.grpc_url();
    let arguments = [
        "--json", "--server", url, "token", "login", "google", "--link",
    ];
    let (status, text) = guarded(scene.command(&arguments)).finish(LONG).await;
    assert!(status.success(), "{text}");
    let made: Value = serde_json::from_str(&text).unwrap();
    let link = made["authorizationUrl"].as_str().unwrap();
    let path = link
        .strip_prefix(&server.http)
        .expect("a page of the server")
        .to_owned();
    // Who only looks what is there does not use it up.
    let head = server.request(Method::HEAD, &path).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::METHOD_NOT_ALLOWED);
    for _ in 0..2 {
        asks_first(person(&server, &path).send().await.unwrap()).await;
    }
    let look = server.get(&path).await;
    assert_eq!(look.status(), StatusCode::OK);
    let document: Value = look.json().await.unwrap();
    assert_eq!(
        (&document["method"], &document["token"]),
        (&"POST".into(), &"tenants/default/tokens/google".into()),
        "{document}"
    );
    let press = || server.request(Method::POST, &path);
    let foreign = press().header("sec-fetch-site", "cross-site");
    assert_eq!(reason(foreign.send().await.unwrap()).await, "CROSS_SITE");
    let begun = begun(press().send().await.unwrap()).await;
    for again in [person(&server, &path), press()] {
        let again = again.send().await.unwrap();
        assert_eq!(again.status(), StatusCode::FORBIDDEN);
        assert!(again.text().await.unwrap().contains("ask for a new one"));
    }
    let path = consented(&server, &begun).await;
    assert_eq!(
        back(&server, &path, &begun.cookie).await.status(),
        StatusCode::OK
    );
    let tokens = scene.tokens().await;
    assert_eq!(
        tokens["tokens"][0]["name"], "tenants/default/tokens/google",
        "{tokens}"
    );
    let secret = link.rsplit('.').next().unwrap();
    assert!(!server.process.output().contains(secret));
}

async fn who_is_sent_by_another_site_is_asked_first(database: Database) {
    let scene = Scene::new(database);
    let server = scene.server().await;
    let from = |method: Method, site: &str| {
        let asked = server
            .request(method, "/auth")
            .header("sec-fetch-site", site);
        let asked = asked.header(header::ACCEPT, "text/html");
        asked.basic_auth(NAME, Some(PASSWORD))
    };
    for site in ["cross-site", "same-site"] {
        asks_first(from(Method::GET, site).send().await.unwrap()).await;
        let pressed = from(Method::POST, site).send().await.unwrap();
        assert_eq!(pressed.status(), StatusCode::FORBIDDEN, "{site}");
    }
    for site in ["none", "same-origin"] {
        for method in [Method::GET, Method::POST] {
            begun(from(method, site).send().await.unwrap()).await;
        }
    }
    let nobody = server.request(Method::POST, "/auth").send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
}

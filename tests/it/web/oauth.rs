//! Google's consent by a server's own pages: who may begin it, and who may end it.

mod links;

use super::{NAME, PASSWORD, Server, guarded};
use crate::{
    cli::LONG,
    kit::{Builder, Database, Process, each_engine, temp_dir},
};
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde_json::Value;
use std::collections::HashMap;
use syncline::{
    base::Clock,
    simulator::{
        Now, Options, Simulator,
        faults::{Effect, Rule, Tweak, When},
        world::{CLIENT_ID, CLIENT_SECRET},
    },
};
use tempfile::TempDir;

each_engine!(
    who_shows_the_password_connects_google_and_who_shows_nothing_does_not,
    a_state_that_is_forged_replayed_or_anothers_changes_nothing,
    a_run_without_a_consent_says_where_it_is_given,
    what_was_not_granted_or_refused_is_said,
    a_browser_that_comes_by_another_name_of_this_machine_goes_on_by_ours,
);

struct Scene {
    sim: Simulator,
    database: Database,
    folder: TempDir,
}

impl Scene {
    fn new(database: Database) -> Self {
        let now = Now::Running(Clock::system().now());
        Self {
            sim: Simulator::start(Options::empty(now)).expect("a free port"),
            database,
            folder: temp_dir(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Builder {
        let mut command = Process::syncline(arguments)
            .env("SYNCLINE_DATA_DIR", self.folder.path())
            .env("DATABASE_URL", self.database.url())
            .env("GOOGLE_CLIENT_ID", CLIENT_ID)
            .env("GOOGLE_CLIENT_SECRET", CLIENT_SECRET)
            .env("SYNCLINE_GRPC_ADDR", "127.0.0.1:0");
        for (name, value) in self.sim.endpoints().env() {
            command = command.env(name, value);
        }
        command
    }

    async fn server(&self) -> Server {
        Server::ready(guarded(self.command(&["--json", "serve"]))).await
    }

    async fn tokens(&self) -> Value {
        let (status, text) = self
            .command(&["--json", "token", "list"])
            .finish(LONG)
            .await;
        assert!(status.success(), "{text}");
        serde_json::from_str(&text[text.find('{').unwrap()..]).unwrap()
    }
}

fn person(server: &Server, path: &str) -> RequestBuilder {
    let request = server.request(Method::GET, path);
    request.header(header::ACCEPT, "text/html,application/xhtml+xml")
}

/// A consent that a browser began.
struct Begun {
    url: String,
    /// As the browser sends it back.
    cookie: String,
}

async fn begun(answer: Response) -> Begun {
    assert!(
        [StatusCode::FOUND, StatusCode::SEE_OTHER].contains(&answer.status()),
        "{}",
        answer.status()
    );
    let text = |name| answer.headers()[name].to_str().unwrap().to_owned();
    let cookie = text(header::SET_COOKIE);
    for part in [
        "HttpOnly",
        "SameSite=Lax",
        "Path=/oauth2callback",
        "Max-Age=600",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    Begun {
        url: text(header::LOCATION),
        cookie: cookie.split(';').next().unwrap().to_owned(),
    }
}

async fn begin(server: &Server, path: &str) -> Begun {
    let asked = person(server, path).basic_auth(NAME, Some(PASSWORD));
    begun(asked.send().await.unwrap()).await
}

/// What Google does: sends the browser back, to this path of ours.
async fn consented(server: &Server, begun: &Begun) -> String {
    let answer = server.client.get(&begun.url).send().await.unwrap();
    let location = answer.headers()[header::LOCATION].to_str().unwrap();
    location
        .strip_prefix(&server.http)
        .expect("back to us")
        .to_owned()
}

async fn back(server: &Server, path: &str, cookie: &str) -> Response {
    let asked = person(server, path).header(header::COOKIE, cookie);
    asked.send().await.unwrap()
}

fn query(url: &str) -> HashMap<String, String> {
    let url = reqwest::Url::parse(url).unwrap();
    url.query_pairs().into_owned().collect()
}

async fn who_shows_the_password_connects_google_and_who_shows_nothing_does_not(database: Database) {
    let scene = Scene::new(database);
    let server = scene.server().await;
    let nobody = person(&server, "/auth").send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    assert!(nobody.headers().contains_key(header::WWW_AUTHENTICATE));
    assert!(nobody.headers().get(header::SET_COOKIE).is_none());

    let begun = begin(&server, "/auth").await;
    let asked = query(&begun.url);
    let expected = [
        ("access_type", "offline"),
        ("prompt", "consent"),
        ("code_challenge_method", "S256"),
        ("redirect_uri", &format!("{}/oauth2callback", server.http)),
    ];
    for (name, value) in expected {
        assert_eq!(asked.get(name).map(String::as_str), Some(value), "{name}");
    }
    let path = consented(&server, &begun).await;
    let answer = back(&server, &path, &begun.cookie).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()[header::REFERRER_POLICY], "no-referrer");
    let policy = answer.headers()[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let forgotten = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    let part = "Path=/oauth2callback; Max-Age=0";
    assert!(forgotten.contains(part), "{forgotten}");
    let page = answer.text().await.unwrap();
    assert!(
        page.contains("<h1>Connected</h1>") && page.contains("tenants/default/tokens/google"),
        "{page}"
    );
    let tokens = scene.tokens().await;
    assert_eq!(
        tokens["tokens"][0]["state"], "TOKEN_STATE_ACTIVE",
        "{tokens}"
    );

    // Another token, and no HTML for programs.
    let begun = begin(&server, "/auth?token=tenants/default/tokens/second").await;
    let path = consented(&server, &begun).await;
    let asked = server
        .request(Method::GET, &path)
        .header(header::COOKIE, &begun.cookie);
    let document: Value = asked.send().await.unwrap().json().await.unwrap();
    assert_eq!(
        document["token"], "tenants/default/tokens/second",
        "{document}"
    );
    assert_eq!(document["missing"], serde_json::json!([]), "{document}");
    let output = server.process.output();
    let secret = begun.cookie.rsplit('.').next().unwrap();
    assert!(
        !output.contains(secret) && !output.contains(&query(&begun.url)["state"]),
        "{output}"
    );
}

async fn a_state_that_is_forged_replayed_or_anothers_changes_nothing(database: Database) {
    let scene = Scene::new(database);
    let server = scene.server().await;
    let ours = begin(&server, "/auth").await;
    let theirs = begin(&server, "/auth?token=tenants/default/tokens/theirs").await;
    let path = consented(&server, &ours).await;
    let state = &query(&ours.url)["state"];
    let forged = path.replace(state.as_str(), "composed-forged-state");
    let as_theirs = ours.cookie.replace("default.google.", "default.theirs.");
    let as_others = ours.cookie.replace("default.google.", "other.google.");
    let secret_of_theirs = theirs.cookie.rsplit('.').next().unwrap();
    let secret_of_ours = ours.cookie.rsplit('.').next().unwrap();
    let with_theirs = ours.cookie.replace(secret_of_ours, secret_of_theirs);
    let no_state = format!(
        "/oauth2callback?code={}",
        query(&format!("http://x{path}"))["code"]
    );
    for (what, path, cookie, expected) in [
        ("no cookie", &path, "", StatusCode::FORBIDDEN),
        (
            "another cookie",
            &path,
            theirs.cookie.as_str(),
            StatusCode::FORBIDDEN,
        ),
        (
            "a forged state",
            &forged,
            ours.cookie.as_str(),
            StatusCode::FORBIDDEN,
        ),
        (
            "for another token",
            &path,
            as_theirs.as_str(),
            StatusCode::CONFLICT,
        ),
        (
            "for another tenant",
            &path,
            as_others.as_str(),
            StatusCode::CONFLICT,
        ),
        (
            "of another browser",
            &path,
            with_theirs.as_str(),
            StatusCode::CONFLICT,
        ),
        (
            "no state",
            &no_state,
            ours.cookie.as_str(),
            StatusCode::BAD_REQUEST,
        ),
        (
            "nothing",
            &"/oauth2callback".to_owned(),
            "",
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let answer = back(&server, path, cookie).await;
        assert_eq!(answer.status(), expected, "{what}");
    }
    assert_eq!(
        scene.sim.calls().count("oauth.token"),
        0,
        "Google was not even asked"
    );
    let tokens = scene.tokens().await;
    assert!(
        tokens["tokens"].as_array().is_none_or(Vec::is_empty),
        "{tokens}"
    );
    assert_eq!(
        back(&server, &path, &ours.cookie).await.status(),
        StatusCode::OK
    );
    let replayed = back(&server, &path, &ours.cookie).await;
    assert_eq!(replayed.status(), StatusCode::CONFLICT);
    assert!(replayed.text().await.unwrap().contains("begin again"));
}

async fn a_run_without_a_consent_says_where_it_is_given(database: Database) {
    let scene = Scene::new(database);
    let server = scene.server().await;
    let begun = begin(&server, "/auth").await;
    let path = consented(&server, &begun).await;
    assert_eq!(
        back(&server, &path, &begun.cookie).await.status(),
        StatusCode::OK
    );
    let (status, text) = scene
        .command(&["token", "revoke", "google"])
        .finish(LONG)
        .await;
    assert!(status.success(), "{text}");
    let (status, text) = scene.command(&["token", "rm", "google"]).finish(LONG).await;
    assert!(status.success(), "{text}");

    let asked = server
        .request(Method::POST, "/sync")
        .basic_auth(NAME, Some(PASSWORD));
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let document: Value = answer.json().await.unwrap();
    assert_eq!(document["error"]["reason"], "NEEDS_REAUTH", "{document}");
    assert_eq!(document["authUrl"], format!("{}/auth", server.http));
    let path = document["authUrl"]
        .as_str()
        .unwrap()
        .strip_prefix(&server.http)
        .unwrap();
    assert!(begin(&server, path).await.url.contains("prompt=consent"));
}

async fn a_browser_that_comes_by_another_name_of_this_machine_goes_on_by_ours(database: Database) {
    let scene = Scene::new(database);
    let server = scene.server().await;
    let port = server.http.rsplit(':').next().unwrap();
    let path = "/auth?token=tenants/default/tokens/second";
    let asked = person(&server, path).header(header::HOST, format!("localhost:{port}"));
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);
    assert_eq!(
        answer.headers()[header::LOCATION],
        format!("{}{path}", server.http)
    );
    // By no name of this machine it may be a proxy that changes names: nobody is sent in a circle.
    let asked = person(&server, path).header(header::HOST, "sync.example.org");
    let asked = asked.basic_auth(NAME, Some(PASSWORD));
    begun(asked.send().await.unwrap()).await;
}

async fn what_was_not_granted_or_refused_is_said(database: Database) {
    let scene = Scene::new(database);
    let server = scene.server().await;
    let tweak = |tweak| {
        scene.sim.faults().clear();
        scene.sim.faults().add(Rule::on(
            "oauth.authorize",
            When::Always,
            Effect::Tweak(tweak),
        ));
    };
    tweak(Tweak::AccessDenied);
    let refused = begin(&server, "/auth").await;
    let path = consented(&server, &refused).await;
    let answer = back(&server, &path, &refused.cookie).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains("refused the consent; nothing was changed")
    );
    tweak(Tweak::ReducedScope);
    let partly = begin(&server, "/auth").await;
    let path = consented(&server, &partly).await;
    let page = back(&server, &path, &partly.cookie)
        .await
        .text()
        .await
        .unwrap();
    assert!(
        page.contains("<h1>Connected in part</h1>") && page.contains("<h2>Missing</h2>"),
        "{page}"
    );
}

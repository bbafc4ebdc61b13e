//! The page to log in, as a browser meets it.

use crate::{
    cli::{LONG, ended},
    kit::{Builder, Database, Process, each_engine},
};
use reqwest::{Client, Response, StatusCode, header::SET_COOKIE, redirect};
use syncline::db::Engine;

each_engine!(
    somebody_logs_in_looks_and_logs_out_without_scripts,
    a_browser_with_a_session_that_nobody_knows_is_asked_to_log_in_however_often_it_comes,
);

const ADMIN_KEY: &str = "composed-admin-key-of-thirty-two-characters";
const PASSWORD: &str = "composed canary password";
const WRONG: &str = "composed canary guess";

/// A server that asks callers who they are, and a browser.
struct Site {
    process: Process,
    url: String,
    grpc: String,
    browser: Client,
}

fn command(database: &Database, arguments: &[&str]) -> Builder {
    Process::syncline(arguments)
        .env("DATABASE_URL", database.url())
        .env("SYNCLINE_GRPC_ADDR", "127.0.0.1:0")
        .env("SYNCLINE_ADMIN_KEY", ADMIN_KEY)
        .env("SYNCLINE_LOG_LEVEL", "trace")
}

impl Site {
    async fn open(builder: Builder) -> Self {
        let mut process = builder.start();
        let http = process.line("\"http_address\"", LONG).await;
        let grpc = process.line("\"address\"", LONG).await;
        let value = |line: &str| format!("http://{}", line.split('"').nth(3).unwrap());
        let site = Self {
            url: value(&http),
            grpc: value(&grpc),
            process,
            browser: Client::builder()
                .redirect(redirect::Policy::none())
                .no_proxy()
                .build()
                .unwrap(),
        };
        crate::kit::eventually(LONG, || async {
            let ready = format!("{}/health/ready", site.url);
            match site.browser.get(ready).send().await.unwrap().status() {
                StatusCode::OK => Ok(()),
                other => Err(other.to_string()),
            }
        })
        .await;
        site
    }

    async fn page(&self, path: &str, cookie: &str) -> Response {
        let request = self.browser.get(format!("{}{path}", self.url));
        let request = request
            .header("accept", "text/html,*/*;q=0.8")
            .header("cookie", cookie);
        request.send().await.unwrap()
    }

    async fn post(&self, path: &str, cookie: &str, form: &[(&str, &str)]) -> Response {
        let request = self.browser.post(format!("{}{path}", self.url));
        let request = request.header("cookie", cookie).form(form);
        request.send().await.unwrap()
    }

    async fn log_in(&self, cookie: &str, password: &str, to: &str) -> Response {
        let form = [("login", "Ada"), ("password", password), ("to", to)];
        self.post("/login", cookie, &form).await
    }
}

fn location(answer: &Response) -> &str {
    answer.headers()["location"].to_str().unwrap()
}

fn cookies(answer: &Response) -> Vec<String> {
    let headers = answer.headers().get_all(SET_COOKIE).iter();
    headers
        .map(|header| header.to_str().unwrap().to_owned())
        .collect()
}

async fn somebody_logs_in_looks_and_logs_out_without_scripts(database: Database) {
    let made = command(
        &database,
        &["user", "create", "ada", "--instance-role", "viewer"],
    );
    let made = ended(made.input(&format!("{PASSWORD}\n"))).await;
    assert_eq!(made.code, 0, "{}", made.text);
    let mut site = Site::open(command(&database, &["--json", "serve"])).await;

    // A browser is sent to the form, a program is told what is missing.
    let sent = site.page("/admin/queues?a=b", "").await;
    assert_eq!(sent.status(), StatusCode::SEE_OTHER);
    assert_eq!(location(&sent), "/login?to=%2Fadmin%2Fqueues%3Fa%3Db");
    assert_eq!(location(&site.page("/", "").await), "/login");
    let told = site.browser.get(&site.url).send().await.unwrap();
    assert_eq!(told.status(), StatusCode::UNAUTHORIZED);
    let form = site.page("/login?to=/admin/queues", "").await;
    assert_eq!(form.status(), StatusCode::OK);
    let policy = form.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(form.headers()["cache-control"], "no-store");
    let form = form.text().await.unwrap();
    assert!(form.contains("name=\"password\"") && form.contains("value=\"/admin/queues\""));
    assert!(!form.contains("<script"));

    // What is wrong is not told apart.
    let wrong = site.log_in("", WRONG, "/").await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    assert!(cookies(&wrong).is_empty());
    let wrong = wrong.text().await.unwrap();
    assert!(
        wrong.contains("The name or the password is wrong."),
        "{wrong}"
    );
    assert!(!wrong.contains(WRONG));
    let nobody = [("login", "Ada"), ("password", WRONG), ("to", "/")];
    let nobody = nobody.map(|(name, value)| (name, if name == "login" { "bob" } else { value }));
    let nobody = site.post("/login", "", &nobody).await.text().await.unwrap();
    assert_eq!(nobody.replace("\"bob\"", "\"Ada\""), wrong);

    // Right; and nobody is sent to another site.
    for (wanted, expected) in [
        ("/admin/queues", "/admin/queues"),
        ("//example.org/", "/"),
        ("https://example.org/", "/"),
        ("/\\example.org", "/"),
    ] {
        let entered = site.log_in("", PASSWORD, wanted).await;
        assert_eq!(entered.status(), StatusCode::SEE_OTHER);
        assert_eq!(location(&entered), expected);
    }
    let entered = site.log_in("", PASSWORD, "/").await;
    let [set] = cookies(&entered).try_into().unwrap();
    assert!(set.starts_with("syncline_session=sl_session_"), "{set}");
    assert!(set.ends_with("; HttpOnly; SameSite=Lax; Path=/"), "{set}");
    let cookie = set.split(';').next().unwrap().to_owned();
    assert_eq!(
        site.page("/admin/queues", &cookie).await.status(),
        StatusCode::OK
    );
    assert_eq!(
        site.page("/metrics", &cookie).await.status(),
        StatusCode::OK
    );
    let here = site.page("/login", &cookie).await.text().await.unwrap();
    assert!(here.contains("logged in as <b>ada</b>"), "{here}");
    // A viewer does not run anything.
    let refused = site.post("/sync", &cookie, &[]).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);

    // Pages of other sites use neither the cookie nor the form.
    for (name, value) in [
        ("origin", "https://example.org"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for path in ["/logout", "/login", "/sync"] {
            let request = site.browser.post(format!("{}{path}", site.url));
            let request = request.header("cookie", &cookie).header(name, value);
            let form = [("login", "ada"), ("password", PASSWORD)];
            let answer = request.form(&form).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path} {name}");
            assert!(cookies(&answer).is_empty());
        }
    }
    assert_eq!(
        site.page("/admin/queues", &cookie).await.status(),
        StatusCode::OK
    );

    // Behind a proxy that speaks HTTPS the cookie is for HTTPS only, and for this host.
    let request = site.browser.post(format!("{}/login", site.url));
    let form = [("login", "ada"), ("password", PASSWORD)];
    let proxied = request.header("x-forwarded-proto", "https").form(&form);
    let proxied = proxied.send().await.unwrap();
    let [secure] = cookies(&proxied).try_into().unwrap();
    assert!(
        secure.starts_with("__Host-syncline_session=sl_session_"),
        "{secure}"
    );
    assert!(
        secure.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/"),
        "{secure}"
    );

    // A new login ends the session that the browser had.
    let renewed = site.log_in(&cookie, PASSWORD, "/").await;
    let [set] = cookies(&renewed).try_into().unwrap();
    let new = set.split(';').next().unwrap().to_owned();
    assert_ne!(new, cookie);
    assert_eq!(
        location(&site.page("/metrics", &cookie).await),
        "/login?to=%2Fmetrics"
    );
    assert_eq!(site.page("/metrics", &new).await.status(), StatusCode::OK);

    // A restart ends no session.
    let mut site = {
        site.process.terminate();
        site.process.wait_exit(LONG).await;
        let before = site.process.output();
        let again = Site::open(command(&database, &["--json", "serve"])).await;
        assert_no_canaries(&before, &[&cookie, &new]);
        again
    };
    assert_eq!(site.page("/metrics", &new).await.status(), StatusCode::OK);

    // Logged out: the cookie is taken back, and good for nothing.
    let out = site.post("/logout", &new, &[]).await;
    assert_eq!(
        (out.status(), location(&out)),
        (StatusCode::SEE_OTHER, "/login")
    );
    let taken = cookies(&out);
    assert_eq!(taken.len(), 2);
    assert!(
        taken.iter().all(|cookie| cookie.contains("Max-Age=0")),
        "{taken:?}"
    );
    assert_eq!(
        location(&site.page("/metrics", &new).await),
        "/login?to=%2Fmetrics"
    );
    assert_eq!(
        site.post("/logout", &new, &[]).await.status(),
        StatusCode::SEE_OTHER
    );

    // The same for gRPC, by the command line with a key.
    let url = site.grpc.clone();
    let listed = command(
        &database,
        &["--json", "--server", &url, "user", "sessions", "ada"],
    );
    let listed = ended(listed).await;
    assert_eq!(listed.code, 0, "{}", listed.text);
    // Four that were never ended, and the one behind the proxy.
    assert_eq!(listed.json()["sessions"].as_array().unwrap().len(), 5);

    site.process.terminate();
    site.process.wait_exit(LONG).await;
    assert_no_canaries(&site.process.output(), &[&cookie, &new]);
    let dump = database.dump();
    assert_no_canaries(&String::from_utf8_lossy(&dump), &[&cookie, &new]);
}

/// Check 13 of the dashboard, at trace level: no password, no hash in logs, no session.
fn assert_no_canaries(text: &str, cookies: &[&str]) {
    for secret in [PASSWORD, WRONG, ADMIN_KEY] {
        assert!(!text.contains(secret), "{secret}");
    }
    for cookie in cookies {
        let session = cookie.split('=').nth(1).unwrap();
        assert!(!text.contains(session), "{session}");
        assert!(!text.contains(session.trim_start_matches("sl_session_")));
    }
    let is_log = text.contains("\"http_address\"");
    assert!(!is_log || !text.contains("$argon2id$"), "a hash in the log");
}

#[tokio::test]
async fn with_the_password_of_the_settings_browsers_show_their_own_box() {
    let database = Database::new(Engine::Sqlite).await;
    let builder = command(&database, &["--json", "serve"])
        .env("BASIC_AUTH_USERNAME", "ada")
        .env("BASIC_AUTH_PASSWORD", PASSWORD);
    let site = Site::open(builder).await;
    let asked = site.page("/", "").await;
    assert_eq!(asked.status(), StatusCode::UNAUTHORIZED);
    assert!(asked.headers().contains_key("www-authenticate"));
    assert_eq!(site.page("/login", "").await.status(), StatusCode::OK);
}

async fn a_browser_with_a_session_that_nobody_knows_is_asked_to_log_in_however_often_it_comes(
    database: Database,
) {
    let serve = command(&database, &["--json", "serve"]).env("SYNCLINE_AUTH_ATTEMPTS", "3/1h");
    let site = Site::open(serve).await;
    let forgotten = format!("syncline_session=sl_session_{}", "A".repeat(43));
    for _ in 0..6 {
        let sent = site.page("/", &forgotten).await;
        assert_eq!(sent.status(), StatusCode::SEE_OTHER);
        assert_eq!(location(&sent), "/login");
    }
    assert_eq!(
        site.page("/login", &forgotten).await.status(),
        StatusCode::OK
    );
    // A program is told to wait.
    let request = site.browser.get(&site.url).header("cookie", &forgotten);
    let told = request.send().await.unwrap();
    assert_eq!(told.status(), StatusCode::TOO_MANY_REQUESTS);
}

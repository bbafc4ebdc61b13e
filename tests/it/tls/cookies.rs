//! The cookie of a session, as a browser gets it: for HTTPS only wherever it comes by HTTPS.

use super::{Authority, Secured, with};
use crate::{
    cli::{LONG, Stage},
    kit::{Builder, eventually},
};
use reqwest::{Client, Response, StatusCode, header::SET_COOKIE, redirect};

const PASSWORD: &str = "composed for this test";
const SECURE: &str = "__Host-syncline_session";
const PLAIN: &str = "syncline_session";

/// A server that knows ada and asks everybody who they are, and a browser before it.
struct Site {
    url: String,
    browser: Client,
    _server: Secured,
}

impl Site {
    async fn open(command: Builder, authority: Option<&Authority>) -> Self {
        let command = command.env("SYNCLINE_AUTH_REQUIRED", "true");
        let server = Secured::start(command).await;
        let (url, browser) = match authority {
            Some(authority) => (server.url(""), authority.http(None)),
            None => {
                let browser = Client::builder()
                    .redirect(redirect::Policy::none())
                    .no_proxy();
                (format!("http://{}", server.http), browser.build().unwrap())
            }
        };
        let site = Self {
            url,
            browser,
            _server: server,
        };
        eventually(LONG, || async {
            match site.page("/health/ready", "").await.status() {
                StatusCode::OK => Ok(()),
                other => Err(other.to_string()),
            }
        })
        .await;
        site
    }

    async fn page(&self, path: &str, cookie: &str) -> Response {
        let page = self.browser.get(format!("{}{path}", self.url));
        page.header("cookie", cookie).send().await.unwrap()
    }

    /// What the browser is told to keep.
    async fn log_in(&self) -> String {
        let form = [("login", "ada"), ("password", PASSWORD)];
        let entered = self.browser.post(format!("{}/login", self.url));
        let entered = entered.form(&form).send().await.unwrap();
        assert_eq!(entered.status(), StatusCode::SEE_OTHER);
        let cookies: Vec<_> = entered.headers().get_all(SET_COOKIE).iter().collect();
        assert_eq!(cookies.len(), 1, "{cookies:?}");
        cookies[0].to_str().unwrap().to_owned()
    }
}

async fn stage() -> Stage {
    let stage = Stage::new();
    let arguments = ["user", "create", "ada", "--instance-role", "viewer"];
    let made = stage.run_with(&arguments, &format!("{PASSWORD}\n")).await;
    assert_eq!(made.code, 0, "{}", made.text);
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_our_own_tls_the_session_is_in_a_cookie_of_https_and_of_this_host_alone() {
    let (stage, authority) = (stage().await, Authority::new());
    let pair = authority.sign("a", &["localhost"]);
    let site = Site::open(with(&stage, &pair), Some(&authority)).await;
    let set = site.log_in().await;
    assert!(set.starts_with(&format!("{SECURE}=sl_session_")), "{set}");
    assert!(
        set.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/"),
        "{set}"
    );
    let cookie = set.split(';').next().unwrap();
    let page = site.page("/metrics", cookie).await;
    assert_eq!(page.status(), StatusCode::OK);
    // By the other name it may have been put by a neighbour, or have come in clear.
    let other = cookie.replace(SECURE, PLAIN);
    let refused = site.page("/metrics", &other).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_settings_say_whether_a_cookie_is_for_https_where_the_server_itself_speaks_plain() {
    let stage = stage().await;
    let public = ("SYNCLINE_HTTP_PUBLIC_URL", "https://syncline.example.org");
    let setting = "SYNCLINE_PEOPLE_COOKIE_SECURE";
    for (variables, is_secure) in [
        (&[][..], false),
        (&[public], true),
        (&[(setting, "true")], true),
        (&[public, (setting, "false")], false),
    ] {
        let command = stage.command(&["--json", "serve"]);
        let command = variables
            .iter()
            .fold(command, |command, (name, value)| command.env(name, value));
        let site = Site::open(command, None).await;
        let set = site.log_in().await;
        let (name, flags) = match is_secure {
            true => (SECURE, "; HttpOnly; SameSite=Lax; Secure; Path=/"),
            false => (PLAIN, "; HttpOnly; SameSite=Lax; Path=/"),
        };
        assert!(
            set.starts_with(&format!("{name}=sl_session_")) && set.ends_with(flags),
            "{variables:?}: {set}"
        );
        let cookie = set.split(';').next().unwrap();
        let page = site.page("/metrics", cookie).await;
        assert_eq!(page.status(), StatusCode::OK, "{variables:?}");
    }
}

//! Name and password: asked for by HTTP, shown by the command line, and needed before other machines may call.

use super::{NAME, PASSWORD, Server, guarded, reason};
use crate::cli::{LONG, Stage, ended};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::{Method, StatusCode};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use syncline::api::v1::{IssueAccessTokenRequest, token_service_client::TokenServiceClient};
use tonic::Request;

const OPEN: [&str; 3] = ["/health", "/health/live", "/health/ready"];
const CLOSED: [(&str, &str); 5] = [
    ("GET", "/"),
    ("GET", "/metrics"),
    ("POST", "/sync"),
    ("GET", "/admin/queues"),
    ("GET", "/nope"),
];

#[tokio::test]
async fn http_asks_everybody_but_who_asks_for_health() {
    let stage = Stage::new();
    let server = Server::ready(guarded(stage.command(&["--json", "serve"]))).await;
    for path in OPEN {
        assert_eq!(server.get(path).await.status(), StatusCode::OK, "{path}");
    }
    for (method, path) in CLOSED {
        let method: Method = method.parse().unwrap();
        let request = || server.request(method.clone(), path);
        let tries = [
            (request(), "CREDENTIALS_MISSING"),
            (
                request().basic_auth(NAME, Some("wrong")),
                "CREDENTIALS_WRONG",
            ),
            (request().basic_auth(NAME, Some("")), "CREDENTIALS_WRONG"),
            (
                request().basic_auth("bob", Some(PASSWORD)),
                "CREDENTIALS_WRONG",
            ),
            (request().bearer_auth(PASSWORD), "CREDENTIALS_WRONG"),
            (
                request().header("authorization", "Basic ?"),
                "CREDENTIALS_WRONG",
            ),
        ];
        for (index, (wrong, expected)) in tries.into_iter().enumerate() {
            let answer = wrong.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path} {index}");
            let asked = answer.headers()["www-authenticate"].to_str().unwrap();
            assert!(asked.starts_with("Basic realm="), "{asked}");
            assert_eq!(reason(answer).await, expected, "{path} {index}");
        }
        let right = request().basic_auth(NAME, Some(PASSWORD));
        let answer = right.send().await.unwrap();
        let asked = answer.headers().get("www-authenticate");
        let asked = asked.map(|asked| asked.to_str().unwrap());
        // A provider's consent may be missing all the same.
        assert!(
            !asked.unwrap_or_default().starts_with("Basic"),
            "{path}: {asked:?}"
        );
    }
}

#[tokio::test]
async fn the_password_is_in_no_log_line() {
    let stage = Stage::new();
    let command = guarded(stage.command(&["--json", "serve"])).env("SYNCLINE_LOG_LEVEL", "trace");
    let mut server = Server::ready(command).await;
    let page = server
        .request(Method::GET, "/")
        .basic_auth(NAME, Some(PASSWORD));
    assert_eq!(page.send().await.unwrap().status(), StatusCode::OK);
    let listed = guarded(stage.command(&["--server", server.grpc_url(), "sync", "list"]));
    assert_eq!(ended(listed).await.code, 0);
    server.process.terminate();
    server.process.wait_exit(LONG).await;
    let output = server.process.output();
    assert!(output.contains("serving HTTP on"), "{output}");
    for canary in [PASSWORD, "YWRhOmNvbXBvc2Vk"] {
        assert!(!output.contains(canary), "{output}");
    }
}

#[tokio::test]
async fn the_command_line_shows_them_to_the_server_that_is_named() {
    let stage = Stage::with_sync(&[]).await;
    let server = Server::ready(guarded(stage.command(&["--json", "serve"]))).await;
    let url = server.grpc_url();
    let run = ["--json", "--server", url, "sync", "run", "work"];
    let refused = stage.run(&run).await;
    assert_eq!(refused.code, 1, "{}", refused.text);
    let error = &refused.json()["error"];
    assert_eq!(error["code"], "UNAUTHENTICATED");
    assert_eq!(error["reason"], "CREDENTIALS_MISSING");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("show a key"), "{message}");
    let told = stage.run(&run[1..]).await.text;
    assert!(
        told.contains("SYNCLINE_API_KEY") && told.contains("BASIC_AUTH_USERNAME"),
        "{told}"
    );
    assert_eq!(stage.entries(), 0);
    let allowed = ended(guarded(stage.command(&run))).await;
    assert_eq!(allowed.code, 0, "{}", allowed.text);
    assert_eq!(stage.entries(), 16);
    let tokens = ["--server", url, "token", "list"];
    assert_eq!(ended(guarded(stage.command(&tokens))).await.code, 0);
}

#[tokio::test]
async fn other_machines_may_call_only_where_callers_show_who_they_are() {
    let stage = Stage::new();
    for (variable, key) in [
        ("SYNCLINE_GRPC_ADDR", "grpc.addr"),
        ("SYNCLINE_HTTP_ADDR", "http.addr"),
    ] {
        let open = stage.command(&["serve"]).env(variable, "0.0.0.0:0");
        let refused = ended(open.env("SYNCLINE_AUTH_REQUIRED", "false")).await;
        assert_eq!(refused.code, 64, "{}", refused.text);
        assert!(refused.text.contains(key), "{}", refused.text);
        assert!(refused.text.contains("auth.required"), "{}", refused.text);
    }
    let open = stage.command(&["--json", "serve"]);
    let open = Server::ready(open.env("SYNCLINE_HTTP_ADDR", "0.0.0.0:0")).await;
    let answer = open.get("/").await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(reason(answer).await, "CREDENTIALS_MISSING");
    drop(open);
    let command = guarded(stage.command(&["--json", "serve"]))
        .env("SYNCLINE_GRPC_ADDR", "0.0.0.0:0")
        .env("SYNCLINE_HTTP_ADDR", "0.0.0.0:0");
    let server = Server::ready(command).await;
    assert!(server.http.starts_with("http://0.0.0.0:"));
    // The host is another machine's name here, and that is fine: a password is asked for.
    let page = server
        .request(Method::GET, "/")
        .header("host", "syncline.example.org")
        .basic_auth(NAME, Some(PASSWORD));
    assert_eq!(page.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn reads_of_tokens_are_counted_for_the_name_that_was_shown() {
    let stage = Stage::with_tokens().await;
    let mut server = Server::ready(guarded(stage.command(&["--json", "serve"]))).await;
    let pair = BASE64_STANDARD.encode(format!("{NAME}:{PASSWORD}"));
    let mut request = Request::new(IssueAccessTokenRequest {
        name: "tenants/default/tokens/clockify".to_owned(),
        ..IssueAccessTokenRequest::default()
    });
    let header = format!("Basic {pair}").parse().unwrap();
    request.metadata_mut().insert("authorization", header);
    let mut tokens = TokenServiceClient::new(server.channel().await);
    tokens.issue_access_token(request).await.unwrap();
    server.process.terminate();
    assert!(server.process.wait_exit(LONG).await.success());

    let options = SqliteConnectOptions::new().filename(stage.folder.path().join("syncline.db"));
    let mut file = SqliteConnection::connect_with(&options).await.unwrap();
    let callers: Vec<String> = sqlx::query_scalar("SELECT actor FROM audit_counts")
        .fetch_all(&mut file)
        .await
        .unwrap();
    assert_eq!(callers, [NAME]);
}

//! HTTP and the guard, as callers meet them; a server that is split into roles, and one whose database is not there.

mod access;
mod audit;
mod disabled;
mod drain;
mod figures;
mod forwarded;
mod matrix;
mod oauth;
mod pages;
mod problems;
mod queue;
mod roles;
mod trace;
mod waiting;
mod widgets;

use crate::{
    cli::LONG,
    kit::{Builder, Process, eventually},
};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use std::time::Duration;
use tonic::transport::Channel;

/// The name and the password of these tests.
const NAME: &str = "ada";
const PASSWORD: &str = "composed:canary";

/// A server that listens.
pub struct Server {
    pub process: Process,
    pub http: String,
    pub grpc: Option<String>,
    client: Client,
}

impl Server {
    /// Starts `--json serve`; returns when it listens, which may be before it is ready.
    pub async fn listening(command: Builder) -> Self {
        let mut process = command.start();
        let http = process.line("\"http_address\"", LONG).await;
        let grpc = process.line("\"address\"", LONG).await;
        let value = |line: &str| line.split('"').nth(3).map(str::to_owned);
        Self {
            http: format!("http://{}", value(&http).unwrap()),
            grpc: value(&grpc).map(|address| format!("http://{address}")),
            process,
            client: Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()
                .unwrap(),
        }
    }

    /// The same, and waits until it is ready.
    pub async fn ready(command: Builder) -> Self {
        let server = Self::listening(command).await;
        server.becomes(StatusCode::OK, LONG).await;
        server
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.http))
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    async fn post(&self, path: &str) -> Response {
        self.request(Method::POST, path).send().await.unwrap()
    }

    /// Waits until `/health/ready` answers like this; liveness is never in doubt meanwhile.
    async fn becomes(&self, expected: StatusCode, within: Duration) -> Value {
        eventually(within, || async move {
            assert_eq!(self.get("/health/live").await.status(), StatusCode::OK);
            let answer = self.get("/health/ready").await;
            let status = answer.status();
            let document: Value = answer.json().await.unwrap();
            match status == expected {
                true => Ok(document),
                false => Err(format!("{status} {document}\n{}", self.process.output())),
            }
        })
        .await
    }

    fn grpc_url(&self) -> &str {
        self.grpc.as_deref().expect("it has that role")
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(self.grpc_url().to_owned())
            .unwrap()
            .connect()
            .await
            .unwrap()
    }
}

/// With the name and the password set.
fn guarded(command: Builder) -> Builder {
    command
        .env("BASIC_AUTH_USERNAME", NAME)
        .env("BASIC_AUTH_PASSWORD", PASSWORD)
}

/// The reason in an answer that is a refusal, which has one form.
async fn reason(answer: Response) -> String {
    let document: Value = answer.json().await.unwrap();
    assert_eq!(document["status"], "error", "{document}");
    assert_eq!(document["message"], document["error"]["message"]);
    assert!(document["error"]["violations"].is_array(), "{document}");
    document["error"]["reason"].as_str().unwrap().to_owned()
}

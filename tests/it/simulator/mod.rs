//! The simulator, asked as its clients ask it.

mod calendar;
pub mod clients;
mod clockify;
mod control;
mod faults;
mod meet;
mod oauth;
mod quotas;
mod standard;

use chrono::{DateTime, Utc};
use serde_json::Value;
use syncline::simulator::world::SCOPES;
use syncline::simulator::{Now, Options, Simulator};

fn noon() -> DateTime<Utc> {
    at("2026-11-20T12:00:00Z")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a valid instant")
}

/// A simulator with a client that has access to everything.
struct Lab {
    sim: Simulator,
    http: reqwest::Client,
    bearer: String,
    key: String,
    workspace: String,
    user: String,
}

/// What was answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    json: Value,
}

impl Lab {
    fn empty() -> Self {
        Self::of(Options::empty(Now::Fixed(noon())))
    }

    fn standard() -> Self {
        Self::of(Options::new(Now::Fixed(noon())))
    }

    fn of(options: Options) -> Self {
        let sim = Simulator::start(options).expect("the simulator starts");
        let (bearer, key, workspace, user) = {
            let mut world = sim.world();
            let me = world.me().id;
            let grant = world.grant(&me, &SCOPES);
            let user = world.clockify_me();
            (
                grant.access_token().to_owned(),
                user.api_key,
                user.active_workspace,
                user.id,
            )
        };
        Self {
            sim,
            http: reqwest::Client::new(),
            bearer,
            key,
            workspace,
            user,
        }
    }

    /// A Google call; `path` begins with `/v2` or `/calendar/v3`.
    async fn google(&self, path: &str, query: &[(&str, &str)]) -> Answer {
        let url = format!("{}{path}", self.sim.endpoints().google_meet);
        Answer::of(self.http.get(url).query(query).bearer_auth(&self.bearer)).await
    }

    /// A Clockify request; `path` begins behind the workspace.
    fn clockify(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!(
            "{}/workspaces/{}{path}",
            self.sim.endpoints().clockify,
            self.workspace
        );
        self.http
            .request(method, url)
            .header("X-Api-Key", &self.key)
    }

    async fn clockify_get(&self, path: &str) -> Answer {
        Answer::of(self.clockify(reqwest::Method::GET, path)).await
    }

    async fn clockify_post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.clockify(reqwest::Method::POST, path).json(body)).await
    }

    /// A control call.
    async fn control(&self, method: reqwest::Method, path: &str, body: &Value) -> Answer {
        let url = format!("{}{path}", self.sim.endpoints().control);
        Answer::of(self.http.request(method, url).json(body)).await
    }
}

impl Answer {
    async fn of(request: reqwest::RequestBuilder) -> Self {
        Self::try_of(request).await.expect("an answer")
    }

    async fn try_of(request: reqwest::RequestBuilder) -> reqwest::Result<Self> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let json = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Self {
            status,
            headers,
            json,
        })
    }

    /// The texts found under a key in each item of a list.
    fn column(&self, list: &str, key: &str) -> Vec<String> {
        let list = if list.is_empty() {
            &self.json
        } else {
            &self.json[list]
        };
        let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
        items
            .iter()
            .map(|item| item[key].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

//! Calls to the outside over real sockets: a provider that misbehaves as told, and what the caller learns of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod breaker;
mod budget;
mod carried;
mod pace;
mod provider;
mod secrecy;
mod wire;

use http::Method;
use std::time::Duration;
use syncline::outbound::{Account, Auth, Body, Budget, Call, Options, Repeat, only_429};
use url::Url;

const HOUR: Duration = Duration::from_secs(3600);

/// Quick, and still with every behaviour of the real settings.
fn quick() -> Options {
    Options {
        timeout: Duration::from_millis(700),
        connect_timeout: Duration::from_millis(500),
        backoff_base: Duration::from_millis(5),
        backoff_max: Duration::from_millis(20),
        max_inline_wait: Duration::from_secs(2),
        max_body_bytes: 64 << 10,
        // Out of the way where the breaker is not what is tested.
        breaker_failures: 1_000,
        ..Options::default()
    }
}

fn read(url: &Url) -> Call {
    Call {
        endpoint: "test.things.list",
        method: Method::GET,
        url: url.clone(),
        auth: Auth::None,
        body: Body::Empty,
        repeat: Repeat::Safe,
        throttled: only_429,
    }
}

fn write(url: &Url) -> Call {
    Call {
        endpoint: "test.things.create",
        method: Method::POST,
        body: Body::Json(serde_json::json!({"name": "thing"})),
        repeat: Repeat::Never,
        ..read(url)
    }
}

fn unlimited() -> Account {
    Account {
        key: "test:unlimited".to_owned(),
        budget: None,
    }
}

fn limited(key: &str, limit: u32, period: Duration) -> Account {
    Account {
        key: format!("test:{key}"),
        budget: Some(Budget { limit, period }),
    }
}

//! One attempt over the wire, and what came of it. Nothing here repeats anything.

use crate::{
    base::{Error, Result, Secret},
    outbound::{Auth, Body, Call, Options},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT, AUTHORIZATION},
};
use reqwest::{Client, redirect, retry};
use std::{error::Error as _, time::Duration};
use url::{Host, Url};

/// A connection that was idle for longer is not used again: the provider may be closing it, and a write that meets the
/// closing is a write of which nobody knows.
const POOL_IDLE: Duration = Duration::from_secs(20);

/// The connections to all providers.
#[derive(Debug)]
pub(super) struct Wire {
    world: Client,
    /// Never uses the proxy of the environment.
    this_machine: Client,
    options: Options,
}

/// What came of one attempt.
pub(super) enum Attempt {
    /// A status, and as much of its body as matters.
    Answered {
        status: StatusCode,
        headers: HeaderMap,
        body: Vec<u8>,
    },
    /// The request surely did not leave: no address, no connection, no TLS, or it cannot be put into bytes.
    NotSent(String),
    /// It left, or may have left, and there is no whole answer.
    Broken(String),
    /// A good status with a body above the limit; asking again would give the same.
    TooLarge,
}

impl Wire {
    pub(super) fn new(options: Options) -> Result<Self> {
        let builder = || {
            Client::builder()
                .user_agent(&options.user_agent)
                .timeout(options.timeout)
                .connect_timeout(options.connect_timeout)
                .pool_idle_timeout(POOL_IDLE)
                // Credentials in headers of a provider's own would follow to wherever it points.
                .redirect(redirect::Policy::none())
                // Each attempt costs a permit and shows in the span, so nobody else may repeat.
                .retry(retry::never())
        };
        let failed = |cause: reqwest::Error| {
            Error::internal(format!(
                "the HTTP client cannot be set up: {}",
                root(&cause)
            ))
        };
        Ok(Self {
            world: builder().build().map_err(failed)?,
            this_machine: builder().no_proxy().build().map_err(failed)?,
            options,
        })
    }

    /// Sends `call` once and reads the whole answer, within `within`.
    pub(super) async fn send(&self, call: &Call, within: Duration) -> Attempt {
        let local = is_this_machine(&call.url);
        if call.url.scheme() != "https" && !local && !self.options.allow_plain_http {
            return Attempt::NotSent("plain http to another machine is not allowed".to_owned());
        }
        let client = if local {
            &self.this_machine
        } else {
            &self.world
        };
        let Ok(headers) = self.headers(call) else {
            return Attempt::NotSent("the credential is not fit for a header".to_owned());
        };
        let request = client
            .request(call.method.clone(), call.url.clone())
            .timeout(within)
            .headers(headers);
        let request = match &call.body {
            Body::Empty => request,
            Body::Json(value) => request.json(value),
            Body::Form(fields) => {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(name, value)| (name, value.expose()))
                    .collect();
                request.form(&fields)
            }
        };
        match request.send().await {
            Ok(response) => self.read(response).await,
            Err(cause) if cause.is_builder() => {
                Attempt::NotSent("the request cannot be put together".to_owned())
            }
            Err(cause) if cause.is_connect() => {
                Attempt::NotSent(format!("cannot connect: {}", root(&cause)))
            }
            Err(cause) => Attempt::Broken(broken(&cause)),
        }
    }

    fn headers(&self, call: &Call) -> Result<HeaderMap, http::Error> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        match &call.auth {
            Auth::None => {}
            Auth::Bearer(token) => {
                let value = Secret::new(format!("Bearer {}", token.expose()));
                headers.insert(AUTHORIZATION, hidden(&value)?);
            }
            Auth::Header(name, key) => {
                headers.insert(http::HeaderName::try_from(*name)?, hidden(key)?);
            }
        }
        (self.options.trace)(&mut headers);
        Ok(headers)
    }

    async fn read(&self, mut response: reqwest::Response) -> Attempt {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let good = !status.is_client_error() && !status.is_server_error();
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= self.options.max_body_bytes => {
                    body.extend_from_slice(&chunk);
                }
                Ok(Some(_)) if good => return Attempt::TooLarge,
                Err(cause) if good => return Attempt::Broken(broken(&cause)),
                // The status of a refusal says enough, even where its text is cut off.
                Ok(_) | Err(_) => break,
            }
        }
        Attempt::Answered {
            status,
            headers,
            body,
        }
    }
}

/// A header that HTTP/2 does not index and `Debug` does not show.
fn hidden(secret: &Secret) -> Result<HeaderValue, http::Error> {
    let mut value = HeaderValue::try_from(secret.expose())?;
    value.set_sensitive(true);
    Ok(value)
}

fn broken(cause: &reqwest::Error) -> String {
    if cause.is_timeout() {
        "no answer in time".to_owned()
    } else {
        format!("the connection broke: {}", root(cause))
    }
}

/// The innermost cause. The outer ones name the URL, whose query may hold what nobody should read.
fn root(error: &reqwest::Error) -> String {
    let mut source = error.source();
    while let Some(inner) = source.and_then(|error| error.source()) {
        source = Some(inner);
    }
    source.map_or_else(|| "no reason given".to_owned(), ToString::to_string)
}

/// Whether the URL leads to this machine, where no proxy helps and nobody listens in.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

//! Talking to Clockify: one request, or all pages of a list.

use super::ClockifyError;
use crate::{
    connectors::{Access, wire},
    outbound::{Auth, Body, Call, CallError, Outbound, Permits, Repeat, Reply, only_429},
};
use http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

/// Pages; the largest real list is far below, so more means that the provider goes round in circles.
const MOST_PAGES: u32 = 2_000;

/// Clockify for one API key.
#[derive(Clone, Debug)]
pub struct Clockify {
    outbound: Outbound,
    base: Url,
    access: Access,
}

/// What is asked of Clockify.
pub(super) struct Request {
    pub endpoint: &'static str,
    pub method: Method,
    pub url: Url,
    pub body: Option<Value>,
}

impl Clockify {
    /// `base` ends in `/api/v1`; the secret of `access` is the API key.
    pub fn new(outbound: Outbound, base: Url, access: Access) -> Self {
        Self {
            outbound,
            base,
            access,
        }
    }

    /// The address of what lies below the base.
    pub(super) fn url<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        wire::under(&self.base, segments)
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        endpoint: &'static str,
        url: Url,
    ) -> Result<T, ClockifyError> {
        let (_, value) = self.get_reply(endpoint, url).await?;
        Ok(value)
    }

    /// Creates, replaces or deletes: sent once. With `permits` taken beforehand, or within the account's budget.
    pub(super) async fn write(
        &self,
        request: Request,
        permits: Option<&mut Permits>,
    ) -> Result<Reply, ClockifyError> {
        let call = self.call(request, Repeat::Never);
        match permits {
            Some(permits) => self.outbound.call_with(permits, call).await,
            None => self.outbound.call(&self.access.account, call).await,
        }
        .map_err(|error| self.explain(error))
    }

    /// As [`Clockify::write`], for writes that answer with the object. Where it cannot be read, nobody knows what was
    /// written.
    pub(super) async fn write_object<T: DeserializeOwned>(
        &self,
        request: Request,
        permits: Option<&mut Permits>,
    ) -> Result<T, ClockifyError> {
        let reply = self.write(request, permits).await?;
        reply.json().map_err(|error| self.explain(error))
    }

    /// All pages. `Last-Page` decides where it is there, because a page may be shorter than was asked for; without it
    /// an empty page is the end. A list that repeats a page, or never ends, is an error.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        endpoint: &'static str,
        url: &Url,
        page_size: u32,
    ) -> Result<Vec<T>, ClockifyError> {
        let mut items = Vec::new();
        let mut last_body = Vec::new();
        for page in 1..=MOST_PAGES {
            let mut url = url.clone();
            url.query_pairs_mut()
                .append_pair("page", &page.to_string())
                .append_pair("page-size", &page_size.to_string());
            let (reply, page): (Reply, Vec<T>) = self.get_reply(endpoint, url).await?;
            let is_last = page.is_empty() || says_last(&reply);
            if !is_last && reply.body == last_body {
                break;
            }
            items.extend(page);
            if is_last {
                return Ok(items);
            }
            last_body = reply.body;
        }
        Err(ClockifyError::Call(CallError::Unanswered {
            why: format!("{endpoint} repeats its pages without end"),
        }))
    }

    async fn get_reply<T: DeserializeOwned>(
        &self,
        endpoint: &'static str,
        url: Url,
    ) -> Result<(Reply, T), ClockifyError> {
        let request = Request {
            endpoint,
            method: Method::GET,
            url,
            body: None,
        };
        let call = self.call(request, Repeat::Safe);
        let answer = self.outbound.call(&self.access.account, call).await;
        answer
            .and_then(|reply| {
                let value = reply.json()?;
                Ok((reply, value))
            })
            .map_err(|error| self.explain(error))
    }

    fn call(&self, request: Request, repeat: Repeat) -> Call {
        Call {
            endpoint: request.endpoint,
            method: request.method,
            url: request.url,
            auth: Auth::Header("X-Api-Key", self.access.secret.clone()),
            body: request.body.map_or(Body::Empty, Body::Json),
            repeat,
            throttled: only_429,
        }
    }

    fn explain(&self, error: CallError) -> ClockifyError {
        ClockifyError::new(error, &self.access)
    }
}

fn says_last(reply: &Reply) -> bool {
    reply
        .headers
        .get("Last-Page")
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

//! Reading from a Google API: one answer, or all pages of a list.

use super::{GoogleError, errors};
use crate::{
    connectors::{Access, wire},
    outbound::{Auth, Body, Call, CallError, Outbound, Repeat},
};
use http::Method;
use serde::{Deserialize, de::DeserializeOwned};
use std::collections::HashSet;
use url::Url;

/// Pages; the largest real list is far below, so more means that the provider goes round in circles.
const MOST_PAGES: usize = 2_000;

/// Reads for one token.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub outbound: Outbound,
    pub access: Access,
}

/// One page of any of the lists. proto3 JSON leaves out an empty list and the token of the page after the last.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned", rename_all = "camelCase")]
struct Page<T> {
    #[serde(
        default,
        alias = "conferenceRecords",
        alias = "participants",
        alias = "participantSessions",
        deserialize_with = "wire::or_default"
    )]
    items: Vec<T>,
    #[serde(default, deserialize_with = "wire::or_default")]
    next_page_token: String,
}

impl Api {
    /// One answer.
    pub async fn get<T: DeserializeOwned>(
        &self,
        endpoint: &'static str,
        url: Url,
    ) -> Result<T, GoogleError> {
        let call = Call {
            endpoint,
            method: Method::GET,
            url,
            auth: Auth::Bearer(self.access.secret.clone()),
            body: Body::Empty,
            repeat: Repeat::Safe,
            throttled: errors::is_throttled,
        };
        let answer = self.outbound.call(&self.access.account, call).await;
        answer
            .and_then(|reply| reply.json())
            .map_err(|error| GoogleError::new(error, &self.access.token))
    }

    /// All pages of a list, in the provider's order. A list that repeats a page token, or never ends, is an error.
    pub async fn list<T: DeserializeOwned>(
        &self,
        endpoint: &'static str,
        url: Url,
    ) -> Result<Vec<T>, GoogleError> {
        let mut items = Vec::new();
        let mut seen = HashSet::new();
        let mut page_url = url.clone();
        loop {
            let page: Page<T> = self.get(endpoint, page_url).await?;
            items.extend(page.items);
            let token = page.next_page_token;
            if token.is_empty() {
                return Ok(items);
            }
            page_url = url.clone();
            page_url.query_pairs_mut().append_pair("pageToken", &token);
            if seen.len() >= MOST_PAGES || !seen.insert(token) {
                return Err(GoogleError::Call(CallError::Unanswered {
                    why: format!("{endpoint} repeats its pages without end"),
                }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_absent_and_null_lists_are_the_same_last_page() {
        for json in [
            "{}",
            r#"{"conferenceRecords":[]}"#,
            r#"{"participants":null,"nextPageToken":null}"#,
            r#"{"items":[],"nextPageToken":"","kind":"calendar#events"}"#,
        ] {
            let page: Page<String> = serde_json::from_str(json).expect(json);
            assert!(page.items.is_empty() && page.next_page_token.is_empty());
        }
    }
}

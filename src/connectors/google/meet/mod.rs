//! Google Meet v2: which conferences took place, who was in them, and when.
//!
//! Google keeps conferences for 30 days after their end; the list may show only those that the user organised.

mod filter;
mod types;

pub use filter::ConferenceFilter;
pub use types::{Conference, Participant, ParticipantKind, Session, Space};

use super::{Endpoints, GoogleError, api::Api};
use crate::{
    connectors::{Access, wire},
    outbound::Outbound,
};
use url::Url;

/// Largest page of conferences that Google gives.
const CONFERENCES: &str = "100";
/// Largest page of participants and of sessions.
const PEOPLE: &str = "250";

/// Reads Meet for one user.
#[derive(Clone, Debug)]
pub struct Meet {
    api: Api,
    base: Url,
}

impl Meet {
    /// `access` must have the scope [`MEET_READ`](super::scopes::MEET_READ).
    pub fn new(outbound: Outbound, endpoints: &Endpoints, access: Access) -> Self {
        Self {
            api: Api { outbound, access },
            base: endpoints.meet_url.clone(),
        }
    }

    /// All conferences that match, latest start first.
    pub async fn list_conferences(
        &self,
        filter: &ConferenceFilter,
    ) -> Result<Vec<Conference>, GoogleError> {
        let mut url = self.url("conferenceRecords", &[]);
        url.query_pairs_mut().append_pair("pageSize", CONFERENCES);
        if let Some(expression) = filter.expression() {
            url.query_pairs_mut().append_pair("filter", &expression);
        }
        self.api.list("meet.conferenceRecords.list", url).await
    }

    /// One conference by its name (`conferenceRecords/…`); `None` when Google does not have it (any more).
    pub async fn get_conference(&self, name: &str) -> Result<Option<Conference>, GoogleError> {
        let url = self.url(name, &[]);
        match self.api.get("meet.conferenceRecords.get", url).await {
            Ok(conference) => Ok(Some(conference)),
            Err(GoogleError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Everybody who was in the conference `name`, latest first. [`GoogleError::NotFound`] when it has expired.
    pub async fn list_participants(&self, name: &str) -> Result<Vec<Participant>, GoogleError> {
        let mut url = self.url(name, &["participants"]);
        url.query_pairs_mut().append_pair("pageSize", PEOPLE);
        self.api.list("meet.participants.list", url).await
    }

    /// Each stay of one participant (`conferenceRecords/…/participants/…`): one per join of a device, so they overlap.
    pub async fn list_sessions(&self, participant: &str) -> Result<Vec<Session>, GoogleError> {
        let mut url = self.url(participant, &["participantSessions"]);
        url.query_pairs_mut().append_pair("pageSize", PEOPLE);
        self.api.list("meet.participantSessions.list", url).await
    }

    /// A space by its name (`spaces/…`) or by a meeting code; `None` when there is none, or the user may not see it.
    pub async fn get_space(&self, name_or_code: &str) -> Result<Option<Space>, GoogleError> {
        let id = name_or_code.strip_prefix("spaces/").unwrap_or(name_or_code);
        match self
            .api
            .get("meet.spaces.get", self.url("spaces", &[id]))
            .await
        {
            Ok(space) => Ok(Some(space)),
            Err(GoogleError::NotFound { .. } | GoogleError::Forbidden { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn url(&self, name: &str, below: &[&str]) -> Url {
        let segments = ["v2"].into_iter().chain(name.split('/'));
        wire::under(&self.base, segments.chain(below.iter().copied()))
    }
}

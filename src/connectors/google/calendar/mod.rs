//! Google Calendar v3: which meetings were planned, under which title, with whom.

mod event;
mod wire_event;

pub use event::{Attendee, Event, EventStatus, Response, Visibility, When};

use super::{Endpoints, GoogleError, api::Api};
use crate::{
    connectors::{Access, wire},
    outbound::Outbound,
};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Deserialize;
use url::Url;

/// Events on one page: the most that Google gives.
pub const EVENTS_PER_PAGE: u32 = 2_500;
/// Calendars on one page: the most that Google gives.
const CALENDARS_PER_PAGE: u32 = 250;

/// Reads calendars for one user.
#[derive(Clone, Debug)]
pub struct Calendar {
    api: Api,
    base: Url,
    page_size: u32,
}

/// A calendar in the user's list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CalendarEntry {
    /// What [`Calendar::list_events`] takes. Of the user's own calendar it is the mail address.
    pub id: String,
    /// The calendar's title.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub summary: String,
    /// The user's own calendar, also known as `primary`.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub primary: bool,
    /// Whether the user shows it.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub selected: bool,
    /// As in `owner`, `reader`, `freeBusyReader` (times only).
    #[serde(default, deserialize_with = "wire::or_default")]
    pub access_role: String,
    /// IANA name.
    #[serde(default)]
    pub time_zone: Option<String>,
}

impl Calendar {
    /// `access` must have [`CALENDAR_EVENTS_READ`](super::scopes::CALENDAR_EVENTS_READ), and for
    /// [`Calendar::list_calendars`] also [`CALENDAR_LIST_READ`](super::scopes::CALENDAR_LIST_READ).
    pub fn new(outbound: Outbound, endpoints: &Endpoints, access: Access) -> Self {
        Self {
            api: Api { outbound, access },
            base: endpoints.calendar_url.clone(),
            page_size: EVENTS_PER_PAGE,
        }
    }

    /// Reads pages of `size` events instead of the largest.
    pub fn with_page_size(self, size: u32) -> Self {
        Self {
            page_size: size.clamp(1, EVENTS_PER_PAGE),
            ..self
        }
    }

    /// All events that end after `from` and start before `to`, each instance of a series by itself, in no order.
    /// Cancelled ones are left out. `calendar_id` may be `primary`.
    ///
    /// When Google says in the middle that what was read does not hold any more, everything is read once again.
    pub async fn list_events(
        &self,
        calendar_id: &str,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<Event>, GoogleError> {
        let mut url = wire::under(&self.base, ["calendars", calendar_id, "events"]);
        let at = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        // Seconds are cut off, and the bound is exclusive.
        let after = to.checked_add_signed(TimeDelta::seconds(1)).unwrap_or(to);
        url.query_pairs_mut()
            .append_pair("singleEvents", "true")
            .append_pair("timeMin", &at(from))
            .append_pair("timeMax", &at(after))
            .append_pair("maxResults", &self.page_size.to_string());
        let wired: Vec<wire_event::WireEvent> = self.read(url).await?;
        Ok(wired
            .into_iter()
            .filter_map(|event| event.into_event(calendar_id))
            .filter(|event| event.overlaps(from, to))
            .collect())
    }

    /// All calendars of the user's list.
    pub async fn list_calendars(&self) -> Result<Vec<CalendarEntry>, GoogleError> {
        let mut url = wire::under(&self.base, ["users", "me", "calendarList"]);
        url.query_pairs_mut()
            .append_pair("maxResults", &CALENDARS_PER_PAGE.to_string());
        self.api.list("calendar.calendarList.list", url).await
    }

    async fn read(&self, url: Url) -> Result<Vec<wire_event::WireEvent>, GoogleError> {
        const ENDPOINT: &str = "calendar.events.list";
        match self.api.list(ENDPOINT, url.clone()).await {
            Err(GoogleError::Expired { .. }) => self.api.list(ENDPOINT, url).await,
            other => other,
        }
    }
}

//! Events as Google sends them: what holds by default is left out, and of cancelled ones nearly everything is.

use super::event::{Attendee, Event, EventStatus, Response, Visibility, When};
use crate::{
    base::clock::whole_micros,
    connectors::{google::MeetingCode, wire},
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireEvent {
    id: String,
    #[serde(default, deserialize_with = "wire::or_default")]
    status: EventStatus,
    summary: Option<String>,
    description: Option<String>,
    start: Option<WireWhen>,
    end: Option<WireWhen>,
    hangout_link: Option<String>,
    conference_data: Option<ConferenceData>,
    #[serde(default, deserialize_with = "wire::or_default")]
    attendees: Vec<WireAttendee>,
    #[serde(default, deserialize_with = "wire::or_default")]
    attendees_omitted: bool,
    organizer: Option<Organizer>,
    recurring_event_id: Option<String>,
    #[serde(default, deserialize_with = "wire::or_default")]
    visibility: Visibility,
    event_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireWhen {
    date_time: Option<DateTime<Utc>>,
    date: Option<NaiveDate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConferenceData {
    conference_id: Option<String>,
    conference_solution: Option<Solution>,
}

#[derive(Deserialize)]
struct Solution {
    key: Option<SolutionKey>,
}

#[derive(Deserialize)]
struct SolutionKey {
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Organizer {
    #[serde(default, rename = "self", deserialize_with = "wire::or_default")]
    is_self: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAttendee {
    #[serde(default, deserialize_with = "wire::or_default")]
    email: String,
    #[serde(default, rename = "self", deserialize_with = "wire::or_default")]
    is_self: bool,
    #[serde(default, deserialize_with = "wire::or_default")]
    response_status: Response,
    #[serde(default, deserialize_with = "wire::or_default")]
    resource: bool,
    #[serde(default, deserialize_with = "wire::or_default")]
    organizer: bool,
}

impl WireEvent {
    /// `None` for cancelled events and for those without times.
    pub fn into_event(self, calendar_id: &str) -> Option<Event> {
        if self.status == EventStatus::Cancelled {
            return None;
        }
        let meeting_code = self
            .conference_data
            .as_ref()
            .and_then(ConferenceData::meeting_code)
            .or_else(|| MeetingCode::from_link(self.hangout_link.as_deref()?));
        let attendees: Vec<Attendee> = self.attendees.into_iter().map(Attendee::from).collect();
        let me = attendees.iter().find(|attendee| attendee.is_self);
        Some(Event {
            start: self.start?.into_when()?,
            end: self.end?.into_when()?,
            id: self.id,
            calendar_id: calendar_id.to_owned(),
            status: self.status,
            summary: self.summary,
            description: self.description,
            meeting_code,
            my_response: me.map(|me| me.response),
            attendees,
            attendees_omitted: self.attendees_omitted,
            organizer_self: self.organizer.is_some_and(|organizer| organizer.is_self),
            recurring_event_id: self.recurring_event_id,
            visibility: self.visibility,
            event_type: self.event_type.unwrap_or_else(|| "default".to_owned()),
        })
    }
}

impl WireWhen {
    fn into_when(self) -> Option<When> {
        self.date_time
            .map(|at| When::Instant(whole_micros(at)))
            .or(self.date.map(When::AllDay))
    }
}

impl ConferenceData {
    /// Other kinds of conference have ids of their own form, which could look like a code.
    fn meeting_code(&self) -> Option<MeetingCode> {
        let kind = self
            .conference_solution
            .as_ref()
            .and_then(|solution| solution.key.as_ref()?.kind.as_deref());
        match kind {
            None | Some("hangoutsMeet") => MeetingCode::parse(self.conference_id.as_deref()?),
            Some(_) => None,
        }
    }
}

impl From<WireAttendee> for Attendee {
    fn from(wire: WireAttendee) -> Self {
        Self {
            email: wire.email.to_lowercase(),
            is_self: wire.is_self,
            response: wire.response_status,
            resource: wire.resource,
            organizer: wire.organizer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn event(json: Value) -> Option<Event> {
        let wire: WireEvent = serde_json::from_value(json).expect("an event");
        wire.into_event("primary")
    }

    fn plain() -> Value {
        json!({"id": "e1",
            "start": {"dateTime": "2026-11-19T10:00:00+01:00", "timeZone": "Europe/Zurich"},
            "end": {"dateTime": "2026-11-19T10:30:00.500+01:00"}})
    }

    #[test]
    fn what_google_leaves_out_is_the_default() {
        let event = event(plain()).expect("an event");
        assert_eq!(event.start.instant(), "2026-11-19T09:00:00Z".parse().ok());
        assert_eq!(event.status, EventStatus::Confirmed);
        assert_eq!(event.visibility, Visibility::Default);
        assert_eq!(event.event_type, "default");
        assert_eq!((event.summary, event.my_response), (None, None));
        assert!(event.attendees.is_empty() && !event.organizer_self);
    }

    #[test]
    fn attendees_tell_the_users_own_answer() {
        let mut json = plain();
        json["attendees"] = json!([
            {"email": "Bo@acme.test", "optional": true, "responseStatus": "accepted", "organizer": true},
            {"email": "ana@example.com", "self": true, "responseStatus": "declined"},
            {"email": "room@example.org", "resource": true, "responseStatus": "somethingNew"}]);
        json["organizer"] = json!({"email": "bo@acme.test"});
        let event = event(json).expect("an event");
        assert_eq!(event.my_response, Some(Response::Declined));
        assert_eq!(event.attendees[0].email, "bo@acme.test");
        assert!(event.attendees[0].organizer && event.attendees[2].resource);
        assert_eq!(event.attendees[2].response, Response::Unknown);
        assert!(!event.organizer_self);
    }

    #[test]
    fn the_meeting_code_is_of_meet_only() {
        let code = |extra: Value| {
            let mut json = plain();
            for (key, value) in extra.as_object().expect("an object") {
                json[key] = value.clone();
            }
            event(json).expect("an event").meeting_code
        };
        let meet = MeetingCode::parse("abc-mnop-xyz");
        let of = |kind: &str| {
            json!({"conferenceData": {"conferenceId": "ABC-mnop-xyz",
                "conferenceSolution": {"key": {"type": kind}}}})
        };
        assert_eq!(code(of("hangoutsMeet")), meet);
        assert_eq!(code(of("addOn")), None);
        let link =
            json!({"hangoutLink": "https://meet.google.com/abc-mnop-xyz", "conferenceData": null});
        assert_eq!(code(link), meet);
        assert_eq!(code(json!({"conferenceData": {}})), None);
    }

    #[test]
    fn days_stay_days_and_cancelled_events_are_left_out() {
        let day = event(
            json!({"id": "d", "start": {"date": "2026-11-19"}, "end": {"date": "2026-11-20"}}),
        );
        assert_eq!(
            day.expect("an event").start,
            When::AllDay(NaiveDate::from_ymd_opt(2026, 11, 19).expect("a day"))
        );
        assert_eq!(
            event(json!({"kind": "calendar#event", "id": "e1", "status": "cancelled"})),
            None
        );
        assert_eq!(event(json!({"id": "no times"})), None);
    }

    #[test]
    fn an_all_day_event_is_found_from_every_zone() {
        let day = event(
            json!({"id": "d", "start": {"date": "2026-11-19"}, "end": {"date": "2026-11-20"}}),
        )
        .expect("an event");
        let at = |text: &str| text.parse().expect("a time");
        assert!(day.overlaps(at("2026-11-20T11:00:00Z"), at("2026-11-20T12:00:00Z")));
        assert!(!day.overlaps(at("2026-11-21T00:00:00Z"), at("2026-11-22T00:00:00Z")));
    }

    proptest! {
        #[test]
        fn no_json_makes_it_panic(value in crate::connectors::wire::arbitrary::json(
            &["id", "status", "start", "end", "dateTime", "date", "attendees", "self", "conferenceData"])) {
            if let Ok(wire) = serde_json::from_value::<WireEvent>(value) {
                let _ = wire.into_event("primary");
            }
        }
    }
}

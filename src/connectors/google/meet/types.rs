//! Meet's objects, as far as anybody here wants them.

use crate::connectors::{google::MeetingCode, wire};
use chrono::{DateTime, Utc};
use serde::Deserialize;

/// One call: a space (a meeting's address) has many.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Conference {
    /// `conferenceRecords/…`.
    pub name: String,
    /// When the first person came.
    #[serde(rename = "startTime", deserialize_with = "wire::instant")]
    pub start: DateTime<Utc>,
    /// When the last person left; `None` while it is running.
    #[serde(rename = "endTime", default, deserialize_with = "wire::maybe_instant")]
    pub end: Option<DateTime<Utc>>,
    /// When Google forgets it.
    #[serde(
        rename = "expireTime",
        default,
        deserialize_with = "wire::maybe_instant"
    )]
    pub expire: Option<DateTime<Utc>>,
    /// `spaces/…`.
    #[serde(default)]
    pub space: Option<String>,
}

/// Somebody who was in a conference.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "WireParticipant")]
pub struct Participant {
    /// `conferenceRecords/…/participants/…`.
    pub name: String,
    /// `users/…` with the account's number, for people who are signed in. The only safe way to tell who it is.
    pub user: Option<String>,
    /// What they called themselves; anybody can take any name.
    pub display_name: String,
    /// How they took part.
    pub kind: ParticipantKind,
    /// First join.
    pub earliest: Option<DateTime<Utc>>,
    /// Last leave; `None` while they are in the call.
    pub latest: Option<DateTime<Utc>>,
}

/// How somebody took part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParticipantKind {
    /// With a Google account.
    SignedIn,
    /// As a guest.
    Anonymous,
    /// By telephone.
    Phone,
    /// In a way that this version does not know.
    Unknown,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireParticipant {
    name: String,
    #[serde(default, deserialize_with = "wire::maybe_instant")]
    earliest_start_time: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "wire::maybe_instant")]
    latest_end_time: Option<DateTime<Utc>>,
    signedin_user: Option<Person>,
    anonymous_user: Option<Person>,
    phone_user: Option<Person>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Person {
    user: Option<String>,
    display_name: Option<String>,
}

impl From<WireParticipant> for Participant {
    fn from(wire: WireParticipant) -> Self {
        use ParticipantKind::{Anonymous, Phone, SignedIn, Unknown};
        let (kind, person) = [
            (SignedIn, wire.signedin_user),
            (Anonymous, wire.anonymous_user),
            (Phone, wire.phone_user),
        ]
        .into_iter()
        .find_map(|(kind, person)| Some((kind, person?)))
        .unwrap_or((Unknown, Person::default()));
        Self {
            name: wire.name,
            user: person.user,
            display_name: person.display_name.unwrap_or_default(),
            kind,
            earliest: wire.earliest_start_time,
            latest: wire.latest_end_time,
        }
    }
}

/// One stay of one participant on one device.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Session {
    /// `conferenceRecords/…/participants/…/participantSessions/…`.
    pub name: String,
    /// Join.
    #[serde(rename = "startTime", deserialize_with = "wire::instant")]
    pub start: DateTime<Utc>,
    /// Leave; `None` while it lasts.
    #[serde(rename = "endTime", default, deserialize_with = "wire::maybe_instant")]
    pub end: Option<DateTime<Utc>>,
}

/// A meeting's address. Its name stays; its code may be given to another space one day.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "WireSpace")]
pub struct Space {
    /// `spaces/…`; upper and lower case differ.
    pub name: String,
    /// What joins it to calendar events.
    pub meeting_code: Option<MeetingCode>,
    /// `conferenceRecords/…` of the call that is running, where the user may know.
    pub active_conference: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSpace {
    name: String,
    meeting_code: Option<String>,
    active_conference: Option<ActiveConference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActiveConference {
    conference_record: Option<String>,
}

impl From<WireSpace> for Space {
    fn from(wire: WireSpace) -> Self {
        Self {
            name: wire.name,
            meeting_code: wire.meeting_code.as_deref().and_then(MeetingCode::parse),
            active_conference: wire
                .active_conference
                .and_then(|active| active.conference_record),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    #[test]
    fn a_running_conference_has_no_end_whether_absent_or_null() {
        for json in [
            r#"{"name":"conferenceRecords/5e6f","startTime":"2026-11-20T10:00:02.114Z","expireTime":"2026-12-20T10:00:02.114Z","space":"spaces/jQCFfuBOdN5z"}"#,
            r#"{"name":"conferenceRecords/5e6f","startTime":"2026-11-20T11:00:02.114+01:00","endTime":null,"expireTime":"2026-12-20T10:00:02.114000Z","space":"spaces/jQCFfuBOdN5z","later":1}"#,
        ] {
            let conference: Conference = serde_json::from_str(json).expect(json);
            assert_eq!(conference.start, at("2026-11-20T10:00:02.114Z"));
            assert_eq!(conference.end, None);
            assert_eq!(conference.space.as_deref(), Some("spaces/jQCFfuBOdN5z"));
        }
    }

    #[test]
    fn each_kind_of_participant_is_told() {
        let kind = |json: &str| {
            let participant: Participant = serde_json::from_str(json).expect(json);
            (participant.kind, participant.user, participant.display_name)
        };
        let signed_in = r#"{"name":"p","earliestStartTime":"2026-11-19T09:00:03Z","signedinUser":{"user":"users/109","displayName":"Ana"}}"#;
        assert_eq!(
            kind(signed_in),
            (
                ParticipantKind::SignedIn,
                Some("users/109".into()),
                "Ana".into()
            )
        );
        let guest = r#"{"name":"p","signedinUser":null,"anonymousUser":{"displayName":"Guest"}}"#;
        assert_eq!(kind(guest).0, ParticipantKind::Anonymous);
        let phone = r#"{"name":"p","phoneUser":{"displayName":null},"latestEndTime":null}"#;
        assert_eq!(kind(phone).0, ParticipantKind::Phone);
        assert_eq!(kind(r#"{"name":"p"}"#).0, ParticipantKind::Unknown);
    }

    #[test]
    fn a_space_gives_its_code_in_lower_case() {
        let space: Space = serde_json::from_str(
            r#"{"name":"spaces/jQ","meetingUri":"https://meet.google.com/abc-mnop-xyz","meetingCode":"ABC-mnop-xyz","activeConference":{}}"#,
        )
        .expect("a space");
        assert_eq!(space.meeting_code, MeetingCode::parse("abc-mnop-xyz"));
        assert_eq!(space.active_conference, None);
    }
}

//! Meet's resources in JSON. What has no value has no key, as in all JSON made from protocol buffers.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::simulator::world::{Conference, Participant, Session, Space, Who, World};

/// RFC 3339 with none, 3, 6 or 9 digits, as few as the value needs.
fn timestamp(at: DateTime<Utc>) -> Value {
    json!(at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

fn put(object: &mut Value, key: &str, at: Option<DateTime<Utc>>) {
    if let Some(at) = at {
        object[key] = timestamp(at);
    }
}

pub(super) fn record(conference: &Conference, running: bool) -> Value {
    let mut object = json!({
        "name": conference.name(),
        "startTime": timestamp(conference.start),
        "expireTime": timestamp(conference.expires()),
        "space": format!("spaces/{}", conference.space),
    });
    put(&mut object, "endTime", conference.end.filter(|_| !running));
    object
}

pub(super) fn participant_name(conference: &Conference, participant: &Participant) -> String {
    format!("{}/participants/{}", conference.name(), participant.id)
}

pub(super) fn participant(
    world: &World,
    conference: &Conference,
    participant: &Participant,
) -> Value {
    let mut object = json!({"name": participant_name(conference, participant)});
    put(&mut object, "earliestStartTime", participant.earliest());
    put(&mut object, "latestEndTime", participant.latest());
    match &participant.who {
        Who::SignedIn(id) => {
            let name = world
                .person(id)
                .map(|person| person.name.as_str())
                .unwrap_or_default();
            object["signedinUser"] = json!({"user": format!("users/{id}"), "displayName": name});
        }
        Who::Anonymous(name) => object["anonymousUser"] = json!({ "displayName": name }),
        Who::Phone(number) => object["phoneUser"] = json!({ "displayName": number }),
    }
    object
}

pub(super) fn session(
    conference: &Conference,
    participant: &Participant,
    session: &Session,
) -> Value {
    let parent = participant_name(conference, participant);
    let mut object = json!({
        "name": format!("{parent}/participantSessions/{}", session.id),
        "startTime": timestamp(session.start),
    });
    put(&mut object, "endTime", session.end);
    object
}

/// `config` is for the owner, `activeConference` for the owner and those who take part.
pub(super) fn space(world: &World, space: &Space, reader: &str) -> Value {
    let mut object = json!({
        "name": format!("spaces/{}", space.id),
        "meetingUri": format!("https://meet.google.com/{}", space.code),
        "meetingCode": space.code,
    });
    if space.owner == reader {
        object["config"] = json!({"accessType": "TRUSTED", "entryPointAccess": "ALL"});
    }
    let running = world
        .google
        .conferences
        .iter()
        .find(|conference| conference.space == space.id && conference.end.is_none());
    if let Some(conference) =
        running.filter(|conference| space.owner == reader || conference.attended_by(reader))
    {
        object["activeConference"] = json!({"conferenceRecord": conference.name()});
    }
    object
}

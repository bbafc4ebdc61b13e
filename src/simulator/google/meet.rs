//! Meet v2: conference records, participants, sessions, spaces.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::meet_filter::{Field, Fields, Filter, Kind};
use super::{MEET_SCOPES, authorize, errors, meet_json};
use crate::simulator::faults::Tweak;
use crate::simulator::http::{Reply, Request};
use crate::simulator::paging;
use crate::simulator::world::{Conference, Participant, Visibility, World};

const RECORD_FIELDS: Fields = &[
    ("space.meeting_code", Kind::Text),
    ("space.name", Kind::Text),
    ("start_time", Kind::Time),
    ("end_time", Kind::Time),
];
const PARTICIPANT_FIELDS: Fields = &[
    ("earliest_start_time", Kind::Time),
    ("latest_end_time", Kind::Time),
];
const SESSION_FIELDS: Fields = &[("start_time", Kind::Time), ("end_time", Kind::Time)];

/// Page sizes of a list: without being asked, and at most.
#[derive(Clone, Copy)]
struct Sizes {
    default: usize,
    max: usize,
}

const RECORD_PAGES: Sizes = Sizes {
    default: 25,
    max: 100,
};
const PEOPLE_PAGES: Sizes = Sizes {
    default: 100,
    max: 250,
};

/// `GET /v2/conferenceRecords`, newest start first.
pub(in crate::simulator) fn list_records(world: &mut World, request: &Request) -> Reply {
    answer(
        reader(
            world,
            request,
            "ConferenceRecordsService.ListConferenceRecords",
        )
        .and_then(|reader| {
            let filter = filter(request, RECORD_FIELDS)?;
            let by_space = filter.mentions("space.meeting_code") || filter.mentions("space.name");
            let visibility = match request.tweak {
                Some(Tweak::OrganizedOnly) => Visibility::OrganizedOnly,
                _ => world.google.visibility,
            };
            let still_running = running_in_disguise(world, request);
            let mut found: Vec<&Conference> = world
                .google
                .conferences
                .iter()
                .filter(|conference| !conference.is_gone(world.now()))
                .filter(|conference| match visibility {
                    Visibility::Attended => may_read(world, conference, &reader),
                    Visibility::OrganizedOnly if by_space => may_read(world, conference, &reader),
                    Visibility::OrganizedOnly | Visibility::OrganizedStrict => {
                        organizes(world, conference, &reader)
                    }
                })
                .filter(|conference| {
                    let end = conference
                        .end
                        .filter(|_| still_running.as_deref() != Some(&conference.id));
                    record_passes(world, &filter, conference, end)
                })
                .collect();
            found.sort_by(|a, b| b.start.cmp(&a.start).then_with(|| a.id.cmp(&b.id)));
            list(
                request,
                "conferenceRecords",
                found,
                RECORD_PAGES,
                |conference| {
                    meet_json::record(conference, still_running.as_deref() == Some(&conference.id))
                },
            )
        }),
    )
}

/// `GET /v2/conferenceRecords/{record}`.
pub(in crate::simulator) fn get_record(world: &mut World, request: &Request) -> Reply {
    answer(
        reader(
            world,
            request,
            "ConferenceRecordsService.GetConferenceRecord",
        )
        .and_then(|reader| {
            let conference = conference(world, request, &reader)?;
            let running = running_in_disguise(world, request).as_deref() == Some(&conference.id);
            Ok(Reply::ok(&meet_json::record(conference, running)))
        }),
    )
}

/// `GET …/participants`, latest join first.
pub(in crate::simulator) fn list_participants(world: &mut World, request: &Request) -> Reply {
    answer(
        reader(world, request, "ConferenceRecordsService.ListParticipants").and_then(|reader| {
            let conference = conference(world, request, &reader)?;
            let filter = filter(request, PARTICIPANT_FIELDS)?;
            let mut found: Vec<&Participant> = conference
                .participants
                .iter()
                .filter(|participant| {
                    filter.holds(|field| match field {
                        "earliest_start_time" => Field::Time(participant.earliest()),
                        _ => Field::Time(participant.latest()),
                    })
                })
                .collect();
            found.sort_by(|a, b| {
                b.earliest()
                    .cmp(&a.earliest())
                    .then_with(|| a.id.cmp(&b.id))
            });
            list(
                request,
                "participants",
                found,
                PEOPLE_PAGES,
                |participant| meet_json::participant(world, conference, participant),
            )
        }),
    )
}

/// `GET …/participants/{participant}`.
pub(in crate::simulator) fn get_participant(world: &mut World, request: &Request) -> Reply {
    answer(
        reader(world, request, "ConferenceRecordsService.GetParticipant").and_then(|reader| {
            let conference = conference(world, request, &reader)?;
            let participant = participant(conference, request)?;
            Ok(Reply::ok(&meet_json::participant(
                world,
                conference,
                participant,
            )))
        }),
    )
}

/// `GET …/participantSessions`, latest join first.
pub(in crate::simulator) fn list_sessions(world: &mut World, request: &Request) -> Reply {
    answer(
        reader(
            world,
            request,
            "ConferenceRecordsService.ListParticipantSessions",
        )
        .and_then(|reader| {
            let conference = conference(world, request, &reader)?;
            let participant = participant(conference, request)?;
            let filter = filter(request, SESSION_FIELDS)?;
            let mut found: Vec<_> = participant
                .sessions
                .iter()
                .filter(|session| {
                    filter.holds(|field| match field {
                        "start_time" => Field::Time(Some(session.start)),
                        _ => Field::Time(session.end),
                    })
                })
                .collect();
            found.sort_by(|a, b| b.start.cmp(&a.start).then_with(|| a.id.cmp(&b.id)));
            list(
                request,
                "participantSessions",
                found,
                PEOPLE_PAGES,
                |session| meet_json::session(conference, participant, session),
            )
        }),
    )
}

/// `GET …/participantSessions/{session}`.
pub(in crate::simulator) fn get_session(world: &mut World, request: &Request) -> Reply {
    answer(
        reader(
            world,
            request,
            "ConferenceRecordsService.GetParticipantSession",
        )
        .and_then(|reader| {
            let conference = conference(world, request, &reader)?;
            let participant = participant(conference, request)?;
            let session = participant
                .sessions
                .iter()
                .find(|session| session.id == request.param(2));
            let session = session.ok_or_else(errors::not_found)?;
            Ok(Reply::ok(&meet_json::session(
                conference,
                participant,
                session,
            )))
        }),
    )
}

/// `GET /v2/spaces/{space}`, by id (exact) or meeting code (any case, with or without dashes). Anybody may read it.
pub(in crate::simulator) fn get_space(world: &mut World, request: &Request) -> Reply {
    answer(
        reader(world, request, "SpacesService.GetSpace").and_then(|reader| {
            let wanted = request.param(0);
            let code = |text: &str| text.replace('-', "").to_ascii_lowercase();
            let spaces = &world.google.spaces;
            let space = spaces
                .iter()
                .find(|space| space.id == wanted)
                .or_else(|| {
                    spaces
                        .iter()
                        .rev()
                        .find(|space| code(&space.code) == code(wanted))
                })
                .ok_or_else(errors::not_found)?;
            Ok(Reply::ok(&meet_json::space(world, space, &reader)))
        }),
    )
}

fn answer(result: Result<Reply, Reply>) -> Reply {
    result.unwrap_or_else(|refusal| refusal)
}

/// Id of the person who reads.
fn reader(world: &World, request: &Request, method: &str) -> Result<String, Reply> {
    let forbidden = || errors::missing_scope(&format!("google.apps.meet.v2.{method}"));
    authorize(
        world,
        request,
        &MEET_SCOPES,
        errors::unauthenticated,
        forbidden,
    )
    .map(|grant| grant.person.clone())
}

fn organizes(world: &World, conference: &Conference, reader: &str) -> bool {
    world
        .space(&conference.space)
        .is_some_and(|space| space.owner == reader)
}

fn may_read(world: &World, conference: &Conference, reader: &str) -> bool {
    conference.attended_by(reader) || organizes(world, conference, reader)
}

fn conference<'a>(
    world: &'a World,
    request: &Request,
    reader: &str,
) -> Result<&'a Conference, Reply> {
    let all = &world.google.conferences;
    let found = all
        .iter()
        .find(|conference| conference.id == request.param(0));
    let found = found
        .filter(|conference| !conference.is_gone(world.now()))
        .ok_or_else(errors::not_found)?;
    if may_read(world, found, reader) {
        Ok(found)
    } else {
        Err(errors::permission_denied())
    }
}

fn participant<'a>(
    conference: &'a Conference,
    request: &Request,
) -> Result<&'a Participant, Reply> {
    conference
        .participants
        .iter()
        .find(|participant| participant.id == request.param(1))
        .ok_or_else(errors::not_found)
}

/// Id of the record that a fault shows as running although it has ended.
fn running_in_disguise(world: &World, request: &Request) -> Option<String> {
    if request.tweak != Some(Tweak::NewestStillRunning) {
        return None;
    }
    let ended = world
        .google
        .conferences
        .iter()
        .filter(|conference| conference.end.is_some());
    ended
        .max_by_key(|conference| conference.start)
        .map(|conference| conference.id.clone())
}

fn filter(request: &Request, fields: Fields) -> Result<Filter, Reply> {
    Filter::parse(request.query("filter").unwrap_or_default(), fields)
        .map_err(|refused| errors::invalid_argument(&format!("Invalid filter: {refused}.")))
}

fn record_passes(
    world: &World,
    filter: &Filter,
    conference: &Conference,
    end: Option<DateTime<Utc>>,
) -> bool {
    let name = format!("spaces/{}", conference.space);
    let code = world
        .space(&conference.space)
        .map(|space| space.code.as_str())
        .unwrap_or_default();
    filter.holds(|field| match field {
        "space.meeting_code" => Field::Text(code),
        "space.name" => Field::Text(&name),
        "start_time" => Field::Time(Some(conference.start)),
        _ => Field::Time(end),
    })
}

/// One page of a list; an empty list is `{}`.
fn list<T>(
    request: &Request,
    key: &str,
    items: Vec<T>,
    sizes: Sizes,
    json_of: impl Fn(T) -> Value,
) -> Result<Reply, Reply> {
    let size = match request.query("pageSize").filter(|text| !text.is_empty()) {
        None => sizes.default,
        Some(text) => match text.parse::<i64>() {
            Ok(0) => sizes.default,
            Ok(size) if size > 0 => usize::try_from(size).unwrap_or(sizes.max).min(sizes.max),
            Ok(_) => return Err(errors::invalid_argument("page_size must not be negative.")),
            Err(_) => {
                return Err(errors::invalid_argument(&format!(
                    "Invalid value at 'page_size' (TYPE_INT32), \"{text}\""
                )));
            }
        },
    };
    if request.tweak == Some(Tweak::EmptyList) {
        return Ok(Reply::ok(&json!({})));
    }
    let total = items.len();
    let page = paging::page(request, items, size, 0).map_err(|_| {
        errors::invalid_argument("Request contains an invalid argument: page_token.")
    })?;
    let mut body = json!({});
    if !page.items.is_empty() {
        body[key] = page.items.into_iter().map(json_of).collect();
    }
    if let Some(next) = page.next {
        body["nextPageToken"] = json!(next);
    }
    if request
        .query("fields")
        .is_some_and(|fields| fields.contains("totalSize"))
    {
        body["totalSize"] = json!(total);
    }
    Ok(Reply::ok(&body))
}

//! Reads from Google what is new: conferences, my part in them, and the calendar events that they belong to.
//!
//! Conferences come from the list *and* from looking up the code of calendar events that the list shows no conference for,
//! because the list may hold only meetings that the user organised. What was read completely before is not read again.

mod finding;

use crate::{
    base::{Error, Result},
    connectors::google::{
        GoogleError, MeetingCode,
        calendar::{self, Response},
        meet::{Conference, ConferenceFilter, Participant},
    },
    syncs::{
        definition::HORIZON_DAYS,
        meeting::{Event, Meeting, Reading, Session, Sighting},
        source::Source,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

/// An event and its meeting need not begin together, and a meeting may go on after its event.
const EVENT_SLACK: TimeDelta = TimeDelta::hours(24);
/// An event's code is looked up until this long after the event, in case the conference shows late.
const CODE_SLACK: TimeDelta = TimeDelta::hours(1);
/// A conference of an event begins at most so long before or after it.
const CODE_WINDOW: TimeDelta = TimeDelta::hours(2);

/// Which stretch of time is read.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Meetings that ended before this are of no interest.
    pub start: DateTime<Utc>,
    /// The present, when the run began.
    pub end: DateTime<Utc>,
    /// Everything that ended before this was read before; `start` when nothing was.
    pub unread_from: DateTime<Utc>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Discovery {
    /// Conferences whose details have to be read.
    pub to_read: Vec<Conference>,
    /// Known meetings of which something is new, though no details need be read: the event, or that Google has it no more.
    pub changed: Vec<Meeting>,
    /// Conferences that run now, or were running and were not read again.
    pub running: usize,
    /// What a person should know.
    pub notices: Vec<String>,
    /// Whether all calendars could be read.
    pub complete: bool,
    events: Vec<calendar::Event>,
    codes: HashMap<String, String>,
}

/// Finds what is new. `known` are the stored meetings by conference, with whether they are settled.
pub async fn discover(
    source: &Source,
    calendars: &[String],
    window: Window,
    known: &HashMap<String, (Meeting, bool)>,
) -> Result<Discovery> {
    let filter = ConferenceFilter {
        ended_from: Some(window.unread_from),
        started_until: Some(window.end),
        ..ConferenceFilter::default()
    };
    let (listed, events) = futures::try_join!(
        async { Ok::<_, Error>(source.meet.list_conferences(&filter).await?) },
        read_events(source, calendars, window)
    )?;
    let (events, mut notices) = events;
    // What a calendar would have shown is to be found once it can be read.
    let complete = notices.is_empty();
    let mut conferences: HashMap<String, Conference> = listed
        .into_iter()
        .map(|conference| (conference.name.clone(), conference))
        .collect();
    let gone = finding::read_unsettled(source, known, &mut conferences).await?;
    for meeting in &gone {
        notices.push(format!(
            "{} has expired at Google before it was read to its end",
            meeting.conference
        ));
    }
    let mut codes = finding::read_codes(source, &conferences).await?;
    for (code, found) in
        finding::look_up_codes(source, &events, window, known, &conferences, &codes).await?
    {
        for conference in found {
            if let Some(space) = &conference.space {
                codes.insert(space.clone(), code.clone());
            }
            conferences
                .entry(conference.name.clone())
                .or_insert(conference);
        }
    }
    if window.end - window.start > TimeDelta::days(i64::from(HORIZON_DAYS))
        && window.unread_from == window.start
    {
        notices.push(format!(
            "Google keeps conferences for {HORIZON_DAYS} days after their end: older meetings cannot be found any more"
        ));
    }
    let mut discovery = Discovery {
        notices,
        events,
        codes,
        complete,
        changed: gone,
        ..Discovery::default()
    };
    for conference in conferences.into_values() {
        match known.get(&conference.name) {
            _ if conference.end.is_none() => {
                discovery.running += 1;
                // Remembered, so that it is asked for again even if the list should not show it.
                let running = discovery.meeting(&conference, Vec::new(), 0);
                discovery.changed.push(Meeting {
                    reading: Reading::Missed,
                    ..running
                });
            }
            Some((meeting, true)) if meeting.end == conference.end => {
                let events =
                    discovery.events_of(meeting.code.as_deref(), meeting.start, meeting.end);
                let seen = Meeting {
                    events,
                    ..meeting.clone()
                };
                // An event that is not in the part of the calendar that was read says nothing about what was known.
                let seen = seen.remembering(meeting);
                if seen != *meeting {
                    discovery.changed.push(seen);
                }
            }
            _ => discovery.to_read.push(conference),
        }
    }
    discovery
        .to_read
        .sort_by(|a, b| (a.start, &a.name).cmp(&(b.start, &b.name)));
    if discovery.running > 0 {
        discovery.notices.push(format!(
            "{} of the meetings still run: they are written after their end",
            discovery.running
        ));
    }
    Ok(discovery)
}

impl Discovery {
    /// Reads my part in one conference that has ended; where Google does not show it, says so.
    pub async fn read(&self, source: &Source, conference: &Conference) -> Result<Meeting> {
        match self.read_details(source, conference).await {
            Ok(meeting) => Ok(meeting),
            Err(GoogleError::NotFound { .. }) => Ok(Meeting {
                reading: Reading::Missed,
                ..self.meeting(conference, Vec::new(), 0)
            }),
            Err(other) => Err(other.into()),
        }
    }

    async fn read_details(
        &self,
        source: &Source,
        conference: &Conference,
    ) -> std::result::Result<Meeting, GoogleError> {
        let participants = source.meet.list_participants(&conference.name).await?;
        let (me, others): (Vec<&Participant>, Vec<&Participant>) = participants
            .iter()
            .partition(|participant| participant.user.as_deref() == Some(source.me.as_str()));
        let mut sessions = Vec::new();
        for participant in me {
            let read = source.meet.list_sessions(&participant.name).await?;
            sessions.extend(read.into_iter().map(|session| Session {
                start: session.start,
                end: session.end,
            }));
        }
        sessions.sort_unstable();
        Ok(self.meeting(conference, sessions, others.len()))
    }

    fn meeting(&self, conference: &Conference, sessions: Vec<Session>, others: usize) -> Meeting {
        let code = conference
            .space
            .as_ref()
            .and_then(|space| self.codes.get(space))
            .cloned();
        Meeting {
            event: None,
            events: self.events_of(code.as_deref(), conference.start, conference.end),
            conference: conference.name.clone(),
            space: conference.space.clone(),
            code,
            start: conference.start,
            end: conference.end,
            sessions,
            others,
            reading: Reading::Done,
        }
    }

    /// Codes of spaces that were found out, to be remembered.
    pub fn codes(&self) -> &HashMap<String, String> {
        &self.codes
    }

    /// Of each calendar the event with this code that overlaps most: a series shares one code.
    fn events_of(
        &self,
        code: Option<&str>,
        start: DateTime<Utc>,
        end: Option<DateTime<Utc>>,
    ) -> Vec<Sighting> {
        let end = end.unwrap_or(start);
        let mut nearest: BTreeMap<&str, (TimeDelta, &calendar::Event)> = BTreeMap::new();
        for event in &self.events {
            let has_code = event.meeting_code.as_ref().map(MeetingCode::as_str) == code;
            let Some((from, until)) = instants(event).filter(|_| has_code && code.is_some()) else {
                continue;
            };
            let overlap = until.min(end) - from.max(start);
            let best = nearest
                .entry(&event.calendar_id)
                .or_insert((overlap, event));
            if (overlap, Reverse(&event.id)) > (best.0, Reverse(&best.1.id)) {
                *best = (overlap, event);
            }
        }
        nearest
            .into_values()
            .filter(|(overlap, _)| *overlap > -CODE_WINDOW)
            .map(|(overlap, event)| Sighting {
                event: Event {
                    title: event.summary.clone(),
                    calendar: event.calendar_id.clone(),
                    domains: domains_of_others(event),
                    declined: event.my_response == Some(Response::Declined),
                },
                overlap: overlap.num_seconds(),
            })
            .collect()
    }
}

/// Begin and end of an event that has a time of day.
fn instants(event: &calendar::Event) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    Some((event.start.instant()?, event.end.instant()?))
}

/// Domains of those who were invited besides me; rooms and other resources are nobody.
fn domains_of_others(event: &calendar::Event) -> Vec<String> {
    let mut domains: Vec<String> = event
        .attendees
        .iter()
        .filter(|attendee| !attendee.is_self && !attendee.resource)
        .filter_map(|attendee| {
            attendee
                .email
                .rsplit_once('@')
                .map(|(_, domain)| domain.to_lowercase())
        })
        .collect();
    domains.sort_unstable();
    domains.dedup();
    domains
}

/// Events of all calendars around the unread stretch; a calendar that cannot be read is said and left out, because times
/// matter more than titles.
async fn read_events(
    source: &Source,
    calendars: &[String],
    window: Window,
) -> Result<(Vec<calendar::Event>, Vec<String>)> {
    let (mut events, mut notices) = (Vec::new(), Vec::new());
    for calendar in calendars {
        match source.calendar.list_events(calendar, window.unread_from - EVENT_SLACK, window.end).await {
            Ok(read) => events.extend(read),
            Err(GoogleError::ScopeMissing { .. }) => notices.push(
                "the token may not read calendars: entries have no titles; log in again to allow it".to_owned(),
            ),
            Err(GoogleError::NotFound { .. } | GoogleError::Forbidden { .. }) => {
                notices.push(format!("the calendar {calendar:?} does not exist or cannot be seen: its titles are missing"));
            }
            Err(error @ GoogleError::ApiDisabled { .. }) => notices.push(format!("entries have no titles: {error}")),
            Err(other) => return Err(other.into()),
        }
    }
    Ok((events, notices))
}

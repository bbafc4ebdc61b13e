//! A meeting as it was read: the conference, my part in it, and the calendar event it belongs to. The content of a record.

use crate::{base::sha256, syncs::definition::AttendedTime};
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use std::cmp::Reverse;

/// One conference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meeting {
    /// `conferenceRecords/{id}`.
    pub conference: String,
    /// `spaces/{id}`.
    pub space: Option<String>,
    /// As in `abc-mnop-xyz`.
    pub code: Option<String>,
    /// When the conference began.
    pub start: DateTime<Utc>,
    /// When it ended; `None` while it runs.
    pub end: Option<DateTime<Utc>>,
    /// My sessions in it, by start.
    pub sessions: Vec<Session>,
    /// How many others were in it.
    pub others: usize,
    /// The calendar event it belongs to, for the sync that looks at it: see [`Meeting::seen_in`]. Not stored.
    #[serde(skip)]
    pub event: Option<Event>,
    /// What each calendar that was read shows for it, by calendar. Syncs of one account share the meeting but not their
    /// calendars, so none may replace what another one's calendar shows.
    #[serde(default, alias = "event", deserialize_with = "sightings")]
    pub events: Vec<Sighting>,
    /// Whether my part in it was read.
    #[serde(default)]
    pub reading: Reading,
}

/// Whether my part in a conference was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// It was.
    #[default]
    Done,
    /// The list showed the conference but its details were not to be had: the next run tries again.
    Missed,
    /// Google has the conference no more.
    Gone,
}

/// One stay in a conference, on one device.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Session {
    /// Joined.
    pub start: DateTime<Utc>,
    /// Left; `None` while still in.
    pub end: Option<DateTime<Utc>>,
}

/// What the calendar says about a meeting. Attendees' addresses are not kept, only their domains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// `None` for untitled events and those whose details are hidden.
    pub title: Option<String>,
    /// The calendar it is in, as the sync names it.
    pub calendar: String,
    /// Domains of the others who were invited, in lower case, sorted.
    pub domains: Vec<String>,
    /// I said that I would not come.
    pub declined: bool,
}

impl Event {
    fn is_titled(&self) -> bool {
        self.title
            .as_deref()
            .is_some_and(|title| !title.trim().is_empty())
    }
}

/// An event as one calendar shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The event.
    #[serde(flatten)]
    pub event: Event,
    /// For how many seconds event and conference overlap; below 0: how far they are apart.
    #[serde(default)]
    pub overlap: i64,
}

/// Rows of before there were several hold one event, or none, under another name.
fn sightings<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Sighting>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Several(Vec<Sighting>),
        One(Option<Sighting>),
    }
    Ok(match Form::deserialize(from)? {
        Form::Several(events) => events,
        Form::One(event) => event.into_iter().collect(),
    })
}

/// The time of an entry, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First join.
    pub start: DateTime<Utc>,
    /// Last leave, or what the sum of the sessions comes to.
    pub end: DateTime<Utc>,
}

impl Span {
    /// How long it is.
    pub fn length(&self) -> TimeDelta {
        self.end - self.start
    }
}

impl Meeting {
    /// Whether nothing about my time in it can change any more.
    pub fn is_settled(&self) -> bool {
        match self.reading {
            Reading::Missed => false,
            Reading::Gone => true,
            Reading::Done => {
                self.end.is_some() && self.sessions.iter().all(|session| session.end.is_some())
            }
        }
    }

    /// As a sync sees it that reads these calendars: with the event that overlaps most; of equal ones one with a title,
    /// else the one of the calendar that is named first.
    pub fn seen_in(mut self, calendars: &[String]) -> Self {
        let place = |sighting: &Sighting| {
            calendars
                .iter()
                .position(|calendar| *calendar == sighting.event.calendar)
        };
        let of_these = self.events.iter().filter(|seen| place(seen).is_some());
        self.event = best(of_these, place);
        self
    }

    /// With the event of whichever calendar overlaps most, for those who look at no sync's calendars.
    pub fn seen_anywhere(mut self) -> Self {
        self.event = best(self.events.iter(), |_| None);
        self
    }

    /// With what is known from calendars that were not read this time.
    pub fn remembering(mut self, known: &Self) -> Self {
        for sighting in &known.events {
            let is_here = |seen: &Sighting| seen.event.calendar == sighting.event.calendar;
            if !self.events.iter().any(is_here) {
                self.events.push(sighting.clone());
            }
        }
        self.events
            .sort_unstable_by(|a, b| a.event.calendar.cmp(&b.event.calendar));
        self
    }

    /// The title, where it is known.
    pub fn title(&self) -> Option<&str> {
        let event = self.event.as_ref().filter(|event| event.is_titled());
        event.and_then(|event| event.title.as_deref())
    }

    /// My time in it: of the sessions that have both ends. `None` when there is none.
    pub fn span(&self, counted: AttendedTime) -> Option<Span> {
        let mut closed: Vec<(DateTime<Utc>, DateTime<Utc>)> = self
            .sessions
            .iter()
            .filter_map(|session| {
                session
                    .end
                    .map(|end| (session.start, end.max(session.start)))
            })
            .collect();
        closed.sort_unstable();
        let start = closed.first()?.0;
        let end = match counted {
            AttendedTime::Span => closed.iter().map(|(_, end)| *end).max()?,
            AttendedTime::Sum => start + sum_without_overlaps(&closed),
        };
        Some(Span {
            start: whole_seconds(start),
            end: whole_seconds(end),
        })
    }

    /// Changes when anything about it does.
    pub fn hash(&self) -> String {
        hash_of(self)
    }
}

fn best<'a>(
    sightings: impl Iterator<Item = &'a Sighting>,
    place: impl Fn(&Sighting) -> Option<usize>,
) -> Option<Event> {
    sightings
        .max_by_key(|seen| (seen.overlap, seen.event.is_titled(), Reverse(place(seen))))
        .map(|seen| seen.event.clone())
}

/// A short fingerprint of a value's JSON.
pub fn hash_of(value: &impl Serialize) -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    // Structs of ours always serialize: no maps with keys that are not text.
    let text = serde_json::to_vec(value).unwrap_or_default();
    BASE64_URL_SAFE_NO_PAD.encode(&sha256(&text)[..18])
}

/// Clockify keeps whole seconds and so do we, cutting as it does.
pub fn whole_seconds(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::seconds(1)).unwrap_or(at)
}

/// Sessions of two devices overlap; that time counts once. `sessions` are sorted by start.
fn sum_without_overlaps(sessions: &[(DateTime<Utc>, DateTime<Utc>)]) -> TimeDelta {
    let mut sum = TimeDelta::zero();
    let mut covered_until = DateTime::<Utc>::MIN_UTC;
    for (start, end) in sessions {
        let from = (*start).max(covered_until);
        if *end > from {
            sum += *end - from;
            covered_until = *end;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_760_000_000 + minute * 60, 900_000_000).unwrap()
    }

    fn meeting(sessions: &[(i64, Option<i64>)]) -> Meeting {
        Meeting {
            conference: "conferenceRecords/a".into(),
            space: None,
            code: None,
            start: at(0),
            end: Some(at(300)),
            sessions: sessions
                .iter()
                .map(|(start, end)| Session {
                    start: at(*start),
                    end: end.map(at),
                })
                .collect(),
            others: 1,
            event: None,
            events: Vec::new(),
            reading: Reading::Done,
        }
    }

    #[test]
    fn the_span_counts_the_gap_between_two_stays() {
        let span = meeting(&[(0, Some(10)), (170, Some(180))])
            .span(AttendedTime::Span)
            .unwrap();
        assert_eq!(span.length(), TimeDelta::minutes(180));
        assert_eq!(span.start.timestamp_subsec_nanos(), 0);
    }

    #[test]
    fn the_sum_counts_stays_only_and_two_devices_once() {
        let span = meeting(&[(0, Some(10)), (5, Some(20)), (170, Some(180))])
            .span(AttendedTime::Sum)
            .unwrap();
        assert_eq!(span.length(), TimeDelta::minutes(30));
    }

    #[test]
    fn an_open_session_is_not_counted_and_leaves_the_meeting_unsettled() {
        let running = meeting(&[(0, Some(10)), (20, None)]);
        assert!(!running.is_settled());
        assert_eq!(
            running.span(AttendedTime::Span).unwrap().length(),
            TimeDelta::minutes(10)
        );
        assert!(meeting(&[(0, None)]).span(AttendedTime::Span).is_none());
    }

    fn seen(calendar: &str, title: Option<&str>, overlap: i64) -> Sighting {
        Sighting {
            event: Event {
                title: title.map(str::to_owned),
                calendar: calendar.into(),
                domains: Vec::new(),
                declined: false,
            },
            overlap,
        }
    }

    fn with_events(events: Vec<Sighting>) -> Meeting {
        Meeting {
            events,
            ..meeting(&[])
        }
    }

    fn title_in(meeting: &Meeting, calendars: &[&str]) -> Option<String> {
        let calendars: Vec<String> = calendars.iter().map(ToString::to_string).collect();
        let seen = meeting.clone().seen_in(&calendars);
        seen.title().map(str::to_owned)
    }

    #[test]
    fn a_sync_sees_the_events_of_its_own_calendars_only() {
        let shared = with_events(vec![seen("a", Some("A"), 60), seen("b", Some("B"), 60)]);
        assert_eq!(title_in(&shared, &["a"]).as_deref(), Some("A"));
        assert_eq!(title_in(&shared, &["b"]).as_deref(), Some("B"));
        assert_eq!(title_in(&shared, &["c"]), None);
    }

    #[test]
    fn the_event_that_overlaps_most_wins_then_one_with_a_title_then_the_first_calendar() {
        let far = with_events(vec![seen("a", Some("A"), -60), seen("b", None, 60)]);
        assert_eq!(title_in(&far, &["a", "b"]), None);
        let hidden = with_events(vec![seen("a", None, 60), seen("b", Some("B"), 60)]);
        assert_eq!(title_in(&hidden, &["a", "b"]).as_deref(), Some("B"));
        let equal = with_events(vec![seen("a", Some("A"), 60), seen("b", Some("B"), 60)]);
        assert_eq!(title_in(&equal, &["b", "a"]).as_deref(), Some("B"));
        assert_eq!(title_in(&equal, &["a", "b"]).as_deref(), Some("A"));
    }

    #[test]
    fn what_one_calendar_shows_does_not_replace_what_another_one_showed() {
        let known = with_events(vec![seen("a", Some("old"), 60), seen("b", Some("B"), 60)]);
        let both = with_events(vec![seen("a", Some("new"), 60)]).remembering(&known);
        assert_eq!(title_in(&both, &["a"]).as_deref(), Some("new"));
        assert_eq!(title_in(&both, &["b"]).as_deref(), Some("B"));
    }

    #[test]
    fn meetings_stored_with_one_event_or_none_are_still_read() {
        let mut stored = serde_json::to_value(with_events(vec![seen("a", Some("A"), 0)])).unwrap();
        let events = stored.as_object_mut().unwrap().remove("events").unwrap();
        for (event, title) in [
            (events[0].clone(), Some("A")),
            (serde_json::Value::Null, None),
        ] {
            stored["event"] = event;
            let meeting: Meeting = serde_json::from_value(stored.clone()).unwrap();
            assert_eq!(title_in(&meeting, &["a"]).as_deref(), title);
        }
    }
}

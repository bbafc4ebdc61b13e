//! A meeting as it was read: the conference, my part in it, and the calendar event it belongs to. The content of a record.

use crate::syncs::definition::AttendedTime;
use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

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
    /// The calendar event it belongs to.
    pub event: Option<Event>,
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

    /// The title, where it is known.
    pub fn title(&self) -> Option<&str> {
        self.event
            .as_ref()
            .and_then(|event| event.title.as_deref())
            .filter(|title| !title.trim().is_empty())
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

/// A short fingerprint of a value's JSON.
pub fn hash_of(value: &impl Serialize) -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    // Structs of ours always serialize: no maps with keys that are not text.
    let text = serde_json::to_vec(value).unwrap_or_default();
    BASE64_URL_SAFE_NO_PAD.encode(&digest(&SHA256, &text).as_ref()[..18])
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
}

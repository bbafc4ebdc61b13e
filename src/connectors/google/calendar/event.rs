//! A planned meeting.

use crate::connectors::google::MeetingCode;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::Deserialize;

/// One event, or one instance of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Unique in its calendar; instances of a series have their own.
    pub id: String,
    /// The calendar it was read from, as it was asked for.
    pub calendar_id: String,
    /// Never cancelled: those are left out.
    pub status: EventStatus,
    /// The title; `None` when it has none, or the user may only see the times.
    pub summary: Option<String>,
    /// The text below the title; may be HTML.
    pub description: Option<String>,
    /// Begin.
    pub start: When,
    /// End, exclusive.
    pub end: When,
    /// The code of its Meet call; `None` for other kinds of conference.
    pub meeting_code: Option<MeetingCode>,
    /// Empty for events without guests.
    pub attendees: Vec<Attendee>,
    /// Whether `attendees` is cut; the user is in it all the same.
    pub attendees_omitted: bool,
    /// The user's own answer; `None` where the user is not among the attendees.
    pub my_response: Option<Response>,
    /// Whether the user called the meeting.
    pub organizer_self: bool,
    /// The series that this is an instance of.
    pub recurring_event_id: Option<String>,
    /// Who may see it.
    pub visibility: Visibility,
    /// `default`, `focusTime`, `outOfOffice`, `workingLocation`, `birthday`, `fromGmail`, and what Google adds.
    pub event_type: String,
}

impl Event {
    /// Whether any of it lies between the two instants. Days are taken as UTC with 14 hours around, for nobody here
    /// knows the calendar's zone.
    pub(super) fn overlaps(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
        self.end.latest() > from && self.start.earliest() < to
    }
}

/// When something begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// An exact time.
    Instant(DateTime<Utc>),
    /// The begin of a day, in the calendar's time zone.
    AllDay(NaiveDate),
}

/// The largest distance of a zone from UTC.
const WIDEST_ZONE: TimeDelta = TimeDelta::hours(14);

impl When {
    /// The exact time; `None` for days.
    pub fn instant(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Instant(at) => Some(at),
            Self::AllDay(_) => None,
        }
    }

    fn earliest(self) -> DateTime<Utc> {
        match self {
            Self::Instant(at) => at,
            Self::AllDay(day) => midnight(day)
                .checked_sub_signed(WIDEST_ZONE)
                .unwrap_or(DateTime::<Utc>::MIN_UTC),
        }
    }

    fn latest(self) -> DateTime<Utc> {
        match self {
            Self::Instant(at) => at,
            Self::AllDay(day) => midnight(day)
                .checked_add_signed(WIDEST_ZONE)
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
        }
    }
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// Whether an event is sure to take place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EventStatus {
    /// It is.
    #[default]
    Confirmed,
    /// It is not yet.
    Tentative,
    /// It is not any more; in answers only.
    Cancelled,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Somebody who is invited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attendee {
    /// Lower case; empty where hidden.
    pub email: String,
    /// Whether it is the user whose calendar this is.
    pub is_self: bool,
    /// The answer.
    pub response: Response,
    /// A room or a thing.
    pub resource: bool,
    /// Who called the meeting.
    pub organizer: bool,
}

/// An attendee's answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Response {
    /// Not answered yet.
    #[default]
    NeedsAction,
    /// No.
    Declined,
    /// Perhaps.
    Tentative,
    /// Yes.
    Accepted,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Who may see an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Visibility {
    /// As the calendar says.
    #[default]
    Default,
    /// Everybody who sees the calendar.
    Public,
    /// The attendees.
    Private,
    /// The same, by its older name.
    Confidential,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

//! Calendars and their events as Google keeps them: a series is a master plus its instances, a deleted event stays as a
//! cancelled one.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::World;

/// One calendar.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Calendar {
    /// E-mail address of the owner, for a primary one.
    pub id: String,
    pub name: String,
    /// IANA name.
    pub zone: String,
    pub events: Vec<Event>,
}

impl Calendar {
    /// The empty primary calendar of an address.
    pub(crate) fn of(email: &str) -> Self {
        Self {
            id: email.to_owned(),
            name: email.to_owned(),
            zone: "Europe/Zurich".to_owned(),
            events: Vec::new(),
        }
    }
}

/// A calendar event. What is absent here is absent (or at its default, and therefore absent) in the API.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    pub id: String,
    pub cancelled: bool,
    pub summary: Option<String>,
    pub description: Option<String>,
    pub start: When,
    pub end: When,
    /// Organiser's address; the calendar's own when empty.
    pub organizer: String,
    pub attendees: Vec<Attendee>,
    /// Meeting code of the attached conference.
    pub code: Option<String>,
    /// `private` or `public`; absent means the default.
    pub visibility: Option<String>,
    /// `focusTime`, `outOfOffice` …; absent means `default`.
    pub event_type: Option<String>,
    /// The master's id, for an instance of a series.
    pub series: Option<String>,
    /// Where an instance stood before it was moved.
    pub original_start: Option<When>,
    /// Recurrence rules; present on masters only.
    pub recurrence: Vec<String>,
    pub created: DateTime<Utc>,
    pub updated: DateTime<Utc>,
    /// The calendars' revision at the last change; filled in by the world.
    #[serde(skip)]
    pub revision: u64,
}

impl Default for Event {
    fn default() -> Self {
        Self::between(DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH)
    }
}

impl Event {
    /// An untitled event without attendees.
    pub fn between(start: DateTime<Utc>, end: DateTime<Utc>) -> Self {
        Self {
            id: String::new(),
            cancelled: false,
            summary: None,
            description: None,
            start: When::At(start),
            end: When::At(end),
            organizer: String::new(),
            attendees: Vec::new(),
            code: None,
            visibility: None,
            event_type: None,
            series: None,
            original_start: None,
            recurrence: Vec::new(),
            created: DateTime::UNIX_EPOCH,
            updated: DateTime::UNIX_EPOCH,
            revision: 0,
        }
    }
}

/// A point on a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    At(DateTime<Utc>),
    /// All-day; the end of such an event is the day after its last.
    Day(NaiveDate),
}

impl When {
    /// The instant, midnight UTC for a day.
    pub fn instant(self) -> DateTime<Utc> {
        match self {
            Self::At(at) => at,
            Self::Day(day) => day.and_time(chrono::NaiveTime::MIN).and_utc(),
        }
    }
}

/// Somebody invited.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Attendee {
    pub email: String,
    /// `needsAction`, `declined`, `tentative` or `accepted`.
    pub response: String,
    #[serde(default)]
    pub resource: bool,
}

impl Attendee {
    /// An invited person with an answer.
    pub fn new(email: &str, response: &str) -> Self {
        Self {
            email: email.to_owned(),
            response: response.to_owned(),
            resource: false,
        }
    }
}

impl World {
    /// The calendar with this id; `primary` is mine.
    pub fn calendar(&mut self, id: &str) -> Option<&mut Calendar> {
        let id = if id == "primary" {
            self.me().email
        } else {
            id.to_owned()
        };
        self.google
            .calendars
            .iter_mut()
            .find(|calendar| calendar.id == id)
    }

    /// Adds a further calendar of mine; returns its id.
    pub fn add_calendar(&mut self, name: &str) -> String {
        let id = format!(
            "c_{}@group.calendar.google.com",
            self.random_text("0123456789abcdef", 24)
        );
        let calendar = Calendar {
            name: name.to_owned(),
            ..Calendar::of(&id)
        };
        self.google.calendars.push(calendar);
        id
    }

    /// Puts an event into a calendar (`primary` is mine). An empty id is filled in. Returns the id; `None` when there is no such calendar.
    pub fn add_event(&mut self, calendar: &str, mut event: Event) -> Option<String> {
        if event.id.is_empty() {
            event.id = self.random_text("0123456789abcdefghijklmnopqrstuv", 26);
        }
        let id = event.id.clone();
        event.created = self.now();
        event.updated = self.now();
        event.revision = self.next_revision();
        self.calendar(calendar)?.events.push(event);
        Some(id)
    }

    /// Changes an event as its owner would; lists by sync token show it. False when there is no such event.
    pub fn edit_event(
        &mut self,
        calendar: &str,
        id: &str,
        change: impl FnOnce(&mut Event),
    ) -> bool {
        let now = self.now();
        let revision = self.next_revision();
        let Some(calendar) = self.calendar(calendar) else {
            return false;
        };
        let Some(event) = calendar.events.iter_mut().find(|event| event.id == id) else {
            return false;
        };
        change(event);
        event.updated = now;
        event.revision = revision;
        true
    }

    /// Deletes an event; it stays as a cancelled one. False when there is no such event.
    pub fn cancel_event(&mut self, calendar: &str, id: &str) -> bool {
        self.edit_event(calendar, id, |event| event.cancelled = true)
    }

    /// All sync tokens given out so far are answered with 410 from now on.
    pub fn expire_sync_tokens(&mut self) {
        self.google.oldest_sync_revision = self.next_revision();
    }

    fn next_revision(&mut self) -> u64 {
        self.google.revision += 1;
        self.google.revision
    }
}

//! Meetings described in a few words, for tests: who, when, how often left and joined again, and the calendar event beside it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Attendee, Conference, Event, Participant, Session, Span, Who, World};

/// A meeting to be added with [`World::add_meeting`]. I attend from start to end unless told otherwise.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meeting {
    pub start: DateTime<Utc>,
    /// `None`: the meeting goes on.
    #[serde(default)]
    pub end: Option<DateTime<Utc>>,
    /// Record id to use; made up when absent.
    #[serde(default)]
    pub id: Option<String>,
    /// Id of an existing space; a new one when absent.
    #[serde(default)]
    pub space: Option<String>,
    /// Id of the person who organises; me when absent.
    #[serde(default)]
    pub organizer: Option<String>,
    /// My sessions. Absent: one from start to end. Empty: I was not there.
    #[serde(default)]
    pub my_sessions: Option<Vec<Span>>,
    /// How many colleagues attended, from a minute after the start.
    #[serde(default)]
    pub others: usize,
    /// Further participants with their sessions.
    #[serde(default)]
    pub participants: Vec<(Who, Vec<Span>)>,
    /// A calendar event of this title with the meeting's code.
    #[serde(default)]
    pub title: Option<String>,
    /// My answer to that event.
    #[serde(default)]
    pub declined: bool,
}

/// Where the parts of an added meeting are found.
#[derive(Debug, Clone, Serialize)]
pub struct Made {
    /// `conferenceRecords/…`.
    pub record: String,
    /// Space id without `spaces/`.
    pub space: String,
    /// Meeting code.
    pub code: String,
    /// Event id in my calendar.
    pub event: Option<String>,
}

impl Meeting {
    /// A meeting with both ends that I organise and attend alone.
    pub fn between(start: DateTime<Utc>, end: DateTime<Utc>) -> Self {
        Self {
            end: Some(end),
            ..Self::running(start)
        }
    }

    /// A meeting that still goes on, with me in it.
    pub fn running(start: DateTime<Utc>) -> Self {
        Self {
            start,
            end: None,
            id: None,
            space: None,
            organizer: None,
            my_sessions: None,
            others: 0,
            participants: Vec::new(),
            title: None,
            declined: false,
        }
    }

    /// With this record id.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// In an existing space.
    #[must_use]
    pub fn in_space(mut self, space: &str) -> Self {
        self.space = Some(space.to_owned());
        self
    }

    /// Organised by somebody else, in a space of theirs.
    #[must_use]
    pub fn organized_by(mut self, person: &str) -> Self {
        self.organizer = Some(person.to_owned());
        self
    }

    /// With these sessions of mine; none means that I was not there. A session without end goes on.
    #[must_use]
    pub fn my_sessions(
        mut self,
        sessions: impl IntoIterator<Item = (DateTime<Utc>, Option<DateTime<Utc>>)>,
    ) -> Self {
        self.my_sessions = Some(
            sessions
                .into_iter()
                .map(|(start, end)| Span { start, end })
                .collect(),
        );
        self
    }

    /// With so many colleagues, who joined after me: I am listed last.
    #[must_use]
    pub fn others(mut self, count: usize) -> Self {
        self.others = count;
        self
    }

    /// With one more participant there from start to end.
    #[must_use]
    pub fn with(mut self, who: Who) -> Self {
        let span = Span {
            start: self.start,
            end: self.end,
        };
        self.participants.push((who, vec![span]));
        self
    }

    /// With a calendar event of this title, on the full minute.
    #[must_use]
    pub fn titled(mut self, title: &str) -> Self {
        self.title = Some(title.to_owned());
        self
    }

    /// I declined the calendar event.
    #[must_use]
    pub fn declined(mut self) -> Self {
        self.declined = true;
        self
    }
}

impl World {
    /// Adds a meeting with its participants, sessions, space and calendar event.
    pub fn add_meeting(&mut self, meeting: Meeting) -> Made {
        let me = self.me();
        let organizer = meeting.organizer.clone().unwrap_or_else(|| me.id.clone());
        let space = meeting
            .space
            .clone()
            .unwrap_or_else(|| self.add_space(&organizer));
        let code = self
            .space(&space)
            .map(|space| space.code.clone())
            .unwrap_or_default();
        let id = meeting.id.clone().unwrap_or_else(|| self.record_id());

        let whole = Span {
            start: meeting.start,
            end: meeting.end,
        };
        let mine = meeting.my_sessions.clone().unwrap_or_else(|| vec![whole]);
        let mut participants = Vec::new();
        if !mine.is_empty() {
            participants.push(self.participant(Who::SignedIn(me.id.clone()), &mine));
        }
        for number in 0..meeting.others {
            let who = Who::SignedIn(self.colleague(number));
            let seconds = i64::try_from(number).unwrap_or(i64::MAX) % 600;
            let mut start = meeting.start + TimeDelta::seconds(60 + seconds);
            if let Some(end) = meeting.end {
                start = start.min(end - TimeDelta::seconds(1));
            }
            participants.push(self.participant(
                who,
                &[Span {
                    start,
                    end: meeting.end,
                }],
            ));
        }
        for (who, spans) in &meeting.participants {
            let participant = self.participant(who.clone(), spans);
            participants.push(participant);
        }

        let event = meeting.title.as_ref().and_then(|title| {
            let end = meeting
                .end
                .unwrap_or(meeting.start + TimeDelta::minutes(30));
            let mut event = Event::between(
                full_minute(meeting.start),
                full_minute(end + TimeDelta::seconds(59)),
            );
            event.summary = Some(title.clone());
            event.code = Some(code.clone());
            event.organizer = self
                .person(&organizer)
                .map(|person| person.email.clone())
                .unwrap_or_default();
            let answer = if meeting.declined {
                "declined"
            } else {
                "accepted"
            };
            event.attendees = vec![Attendee::new(&me.email, answer)];
            for participant in &participants {
                match &participant.who {
                    Who::SignedIn(id) if *id != me.id => {
                        event.attendees.extend(
                            self.person(id)
                                .map(|person| Attendee::new(&person.email, "accepted")),
                        );
                    }
                    _ => {}
                }
            }
            if event.attendees.len() == 1 && !meeting.declined {
                event.attendees.clear();
            }
            self.add_event("primary", event)
        });

        let record = format!("conferenceRecords/{id}");
        self.google.conferences.push(Conference {
            id,
            space: space.clone(),
            start: meeting.start,
            end: meeting.end,
            participants,
            expired: false,
        });
        Made {
            record,
            space,
            code,
            event,
        }
    }

    /// Lets somebody into a meeting. False when there is no such record.
    pub fn join(&mut self, record: &str, who: Who, spans: &[Span]) -> bool {
        let participant = self.participant(who, spans);
        self.conference(record)
            .map(|conference| conference.participants.push(participant))
            .is_some()
    }

    /// A participant with one session for each span.
    pub(crate) fn participant(&mut self, who: Who, spans: &[Span]) -> Participant {
        let serial = self.next_serial();
        let id = format!("{}{serial:05}", self.random_text("0123456789", 16));
        let sessions = spans
            .iter()
            .map(|span| Session {
                id: self.next_serial().to_string(),
                start: span.start,
                end: span.end,
            })
            .collect();
        Participant { id, who, sessions }
    }

    /// The colleague with this number, added when there are not so many yet.
    pub(crate) fn colleague(&mut self, number: usize) -> String {
        while self.google.people.len() < number + 2 {
            let next = self.google.people.len();
            self.add_person(
                &format!("Colleague {next}"),
                &format!("colleague{next}@example.com"),
            );
        }
        self.google.people[number + 1].id.clone()
    }

    pub(crate) fn record_id(&mut self) -> String {
        let mut part = |length| self.random_text("0123456789abcdef", length);
        format!(
            "{}-{}-{}-{}-{}",
            part(8),
            part(4),
            part(4),
            part(4),
            part(12)
        )
    }
}

fn full_minute(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(at.timestamp().div_euclid(60) * 60, 0).unwrap_or(at)
}

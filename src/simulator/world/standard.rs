//! The standard world: a month of meetings of one user, with the calendar beside it, made from a seed.

use chrono::{DateTime, Days, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Attendee, Event, Meeting, When, Who, World};

/// All meetings ended within this time, so that none expires while a test runs.
const REACH: TimeDelta = TimeDelta::days(29);
/// Series of meetings, each with its space, code and title.
const SERIES: [&str; 24] = [
    "Planning",
    "Retrospective",
    "Support rota",
    "Design review",
    "Customer call: Northwind",
    "One to one",
    "Hiring",
    "Release check",
    "Architecture",
    "Budget",
    "Standup",
    "Demo",
    "Training",
    "Security review",
    "Customer call: Contoso",
    "Roadmap",
    "Data quality",
    "On-call handover",
    "Interview",
    "Marketing sync",
    "Incident review",
    "Office hours",
    "Procurement",
    "Book club",
];
/// One meeting in so many is ad hoc: no calendar event, organised by me.
const AD_HOC: usize = 9;

/// What the standard world contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorldSpec {
    /// `days * meetings_per_day` meetings are spread over the last 29 days.
    pub days: u32,
    pub meetings_per_day: u32,
    /// People in each meeting, me included.
    pub participants: usize,
    /// How often I joined each meeting.
    pub my_sessions: u32,
    /// Calendar entries without a meeting: all-day, cancelled, focus time and the like.
    pub calendar_oddities: bool,
}

impl Default for WorldSpec {
    fn default() -> Self {
        Self {
            days: 30,
            meetings_per_day: 8,
            participants: 5,
            my_sessions: 2,
            calendar_oddities: true,
        }
    }
}

impl WorldSpec {
    /// No meetings and no events: one user at both providers.
    pub fn empty() -> Self {
        Self {
            days: 0,
            meetings_per_day: 0,
            participants: 0,
            my_sessions: 0,
            calendar_oddities: false,
        }
    }

    /// The standard world with another number of meetings a day.
    pub fn of(days: u32, meetings_per_day: u32) -> Self {
        Self {
            days,
            meetings_per_day,
            ..Self::default()
        }
    }
}

/// The people and the workspace that every world starts with.
pub(crate) fn found(world: &mut World) {
    world.google.access_token_seconds = 3599;
    world.add_person("Dana Novak", "dana@example.com");
    // Her name contains mine: whoever matches by display name takes her for me.
    world.add_person("Jordana Smith", "jordana@example.com");
    world.add_person("Bo Lindqvist", "bo@example.org");
    world.add_person("Chidi Okafor", "chidi@example.com");
    world.add_person("Mei Tanaka", "mei@example.org");
    let workspace = world.add_workspace("Dana's workspace");
    world.add_clockify_user(
        "Dana Novak",
        "dana@example.com",
        "Europe/Zurich",
        &workspace,
    );
}

/// Adds the meetings and events of a specification.
pub(crate) fn fill(world: &mut World, spec: &WorldSpec) {
    let total = spec.days * spec.meetings_per_day;
    if total > 0 {
        add_meetings(world, spec, total);
    }
    if spec.calendar_oddities {
        add_oddities(world);
    }
}

fn add_meetings(world: &mut World, spec: &WorldSpec, total: u32) {
    let me = world.me();
    let series: Vec<Series> = SERIES
        .iter()
        .enumerate()
        .map(|(number, title)| Series::found(world, number, title))
        .collect();
    let slot = (REACH - TimeDelta::hours(1)) / i32::try_from(total).unwrap_or(i32::MAX);
    // The last slot ends ten minutes ago, the first starts within the reach.
    let first =
        world.now() - TimeDelta::minutes(10) - slot * i32::try_from(total).unwrap_or(i32::MAX);
    let longest = (slot.num_seconds() * 4 / 5).clamp(60, 3600);
    for number in 0..total {
        let start = first + slot * i32::try_from(number).unwrap_or(i32::MAX);
        let (start, end) = times(world, start, longest);
        let mut meeting = Meeting::between(start, end);
        meeting.my_sessions = Some(stays(start, end, spec.my_sessions));
        let number = number as usize;
        let ad_hoc = number % AD_HOC == AD_HOC - 1;
        let series = &series[number % series.len()];
        if ad_hoc {
            meeting.organizer = Some(me.id.clone());
        } else {
            meeting.space = Some(series.space.clone());
        }
        meeting.others = spec.participants.saturating_sub(2);
        if spec.participants > 1 {
            meeting = match number % 3 {
                0 => meeting.with(Who::Anonymous("Guest".to_owned())),
                1 => meeting.with(Who::Phone("+41 ** *** ** 12".to_owned())),
                _ => Meeting {
                    others: meeting.others + 1,
                    ..meeting
                },
            };
        }
        world.add_meeting(meeting);
        if !ad_hoc {
            series.add_event(world, number, start, end);
        }
    }
}

/// Start and end of a meeting in a slot, with fractions of seconds of all lengths.
fn times(world: &mut World, slot: DateTime<Utc>, longest: i64) -> (DateTime<Utc>, DateTime<Utc>) {
    let longest_u32 = u32::try_from(longest).unwrap_or(60);
    let seconds = i64::from(world.below(longest_u32 / 2)) + longest / 2;
    (
        whole(slot) + fraction(world),
        whole(slot) + TimeDelta::seconds(seconds) + fraction(world),
    )
}

fn whole(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at)
}

/// Nothing, milliseconds, microseconds or nanoseconds.
fn fraction(world: &mut World) -> TimeDelta {
    let digits = world.below(4);
    let value = i64::from(world.below(999)) + 1;
    match digits {
        0 => TimeDelta::zero(),
        1 => TimeDelta::milliseconds(value),
        2 => TimeDelta::microseconds(value),
        _ => TimeDelta::nanoseconds(value),
    }
}

/// So many stays of mine, with short breaks between; the first starts with the meeting, the last ends with it.
fn stays(start: DateTime<Utc>, end: DateTime<Utc>, count: u32) -> Vec<super::Span> {
    let count = i32::try_from(count).unwrap_or(1).max(0);
    let part = (end - start) / count.max(1);
    (0..count)
        .map(|number| {
            let from = start + part * number;
            let until = if number + 1 == count {
                end
            } else {
                from + part * 9 / 10
            };
            super::Span {
                start: from,
                end: Some(until),
            }
        })
        .collect()
}

/// A recurring meeting.
struct Series {
    id: String,
    title: &'static str,
    space: String,
    code: String,
    organizer: String,
}

impl Series {
    fn found(world: &mut World, number: usize, title: &'static str) -> Self {
        // Every second series is mine, the others belong to colleagues.
        let owner = if number.is_multiple_of(2) {
            world.me().id
        } else {
            world.colleague(number % 4)
        };
        let space = world.add_space(&owner);
        let code = world
            .space(&space)
            .map(|space| space.code.clone())
            .unwrap_or_default();
        let organizer = world
            .person(&owner)
            .map(|person| person.email.clone())
            .unwrap_or_default();
        let id = world.random_text("0123456789abcdefghijklmnopqrstuv", 26);
        let now = world.now();
        let mut master = Event::between(now - REACH, now - REACH + TimeDelta::minutes(45));
        master.id.clone_from(&id);
        master.summary = Some(title.to_owned());
        master.organizer.clone_from(&organizer);
        master.code = Some(code.clone());
        master.recurrence = vec!["RRULE:FREQ=DAILY".to_owned()];
        world.add_event("primary", master);
        Self {
            id,
            title,
            space,
            code,
            organizer,
        }
    }

    /// The instance of the series that belongs to one meeting.
    fn add_event(
        &self,
        world: &mut World,
        number: usize,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
    ) {
        let five = |at: DateTime<Utc>| {
            DateTime::from_timestamp(at.timestamp().div_euclid(300) * 300, 0).unwrap_or(at)
        };
        let (start, end) = (five(start), five(end) + TimeDelta::minutes(5));
        // Every twelfth instance was moved by a day before it took place.
        let moved = number % 12 == 7;
        let original = if moved {
            start - TimeDelta::days(1)
        } else {
            start
        };
        let mut event = Event::between(start, end);
        event.id = format!("{}_{}", self.id, original.format("%Y%m%dT%H%M%SZ"));
        event.summary = Some(self.title.to_owned());
        event.organizer.clone_from(&self.organizer);
        event.code = Some(self.code.clone());
        event.series = Some(self.id.clone());
        event.original_start = Some(When::At(original));
        // Declined but joined now and then, and now and then hidden details.
        let mine = if number % 16 == 5 {
            "declined"
        } else {
            "accepted"
        };
        event.attendees = vec![
            Attendee::new(&world.me().email, mine),
            Attendee::new("jordana@example.com", "accepted"),
            Attendee::new("bo@example.org", "tentative"),
        ];
        if number % 20 == 11 {
            event.summary = None;
            event.visibility = Some("private".to_owned());
        }
        world.add_event("primary", event);
    }
}

/// Events that have no meeting, or no longer.
fn add_oddities(world: &mut World) {
    let now = whole(world.now());
    let today = now.date_naive();
    let yesterday = today.checked_sub_days(Days::new(1)).unwrap_or(today);

    let mut all_day = Event::between(now, now);
    (all_day.start, all_day.end) = (When::Day(yesterday), When::Day(today));
    all_day.summary = Some("Public holiday".to_owned());
    world.add_event("primary", all_day);

    let mut focus = Event::between(now - TimeDelta::hours(30), now - TimeDelta::hours(28));
    focus.summary = Some("Focus time".to_owned());
    focus.event_type = Some("focusTime".to_owned());
    world.add_event("primary", focus);

    let mut solo = Event::between(now - TimeDelta::hours(26), now - TimeDelta::hours(25));
    solo.summary = Some("Write the report".to_owned());
    world.add_event("primary", solo);

    let mut private = Event::between(now - TimeDelta::hours(52), now - TimeDelta::hours(51));
    private.visibility = Some("private".to_owned());
    world.add_event("primary", private);

    let mut cancelled = Event::between(now - TimeDelta::hours(50), now - TimeDelta::hours(49));
    cancelled.summary = Some("Called off".to_owned());
    if let Some(id) = world.add_event("primary", cancelled) {
        world.cancel_event("primary", &id);
    }
}

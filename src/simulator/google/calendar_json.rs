//! Calendar events in JSON. What holds by default is left out.

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::simulator::world::{Calendar, Event, Person, When};

/// The id that an event has in all calendars.
pub(super) fn ical_uid(event: &Event) -> String {
    format!("{}@google.com", event.series.as_ref().unwrap_or(&event.id))
}

pub(super) fn instant(at: DateTime<Utc>) -> Value {
    json!(at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn point(when: When, zone: Tz) -> Value {
    match when {
        When::Day(day) => json!({"date": day.to_string()}),
        When::At(at) => {
            let local = at
                .with_timezone(&zone)
                .to_rfc3339_opts(SecondsFormat::Secs, true);
            json!({"dateTime": local, "timeZone": zone.name()})
        }
    }
}

/// An event as one person reads it.
pub(super) fn event_json(event: &Event, calendar: &Calendar, reader: &Person, zone: Tz) -> Value {
    let mut json = json!({"kind": "calendar#event", "etag": format!("\"{:016}\"", event.revision), "id": event.id});
    if let Some(series) = &event.series {
        json["recurringEventId"] = json!(series);
        json["originalStartTime"] = point(event.original_start.unwrap_or(event.start), zone);
    }
    if event.cancelled {
        json["status"] = json!("cancelled");
        return json;
    }
    let organizer = if event.organizer.is_empty() {
        &calendar.id
    } else {
        &event.organizer
    };
    let person = |email: &str| {
        let mut person = json!({"email": email});
        if email == reader.email {
            person["self"] = json!(true);
        }
        person
    };
    let parts = json!({
        "status": "confirmed", "htmlLink": format!("https://www.google.com/calendar/event?eid={}", event.id),
        "created": instant(event.created), "updated": instant(event.updated),
        "creator": person(organizer), "organizer": person(organizer),
        "start": point(event.start, zone), "end": point(event.end, zone),
        "iCalUID": ical_uid(event), "sequence": 0, "reminders": {"useDefault": true},
        "eventType": event.event_type.as_deref().unwrap_or("default"),
    });
    if let (Value::Object(json), Value::Object(parts)) = (&mut json, parts) {
        json.extend(parts);
    }
    let optional = [
        ("summary", &event.summary),
        ("description", &event.description),
        ("visibility", &event.visibility),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            json[key] = json!(value);
        }
    }
    if !event.recurrence.is_empty() {
        json["recurrence"] = json!(event.recurrence);
    }
    if !event.attendees.is_empty() {
        let attendees = event.attendees.iter().map(|attendee| {
            let mut item = person(&attendee.email);
            item["responseStatus"] = json!(attendee.response);
            if attendee.email == *organizer {
                item["organizer"] = json!(true);
            }
            if attendee.resource {
                item["resource"] = json!(true);
            }
            item
        });
        json["attendees"] = attendees.collect();
    }
    if let Some(code) = &event.code {
        let link = format!("https://meet.google.com/{code}");
        json["hangoutLink"] = json!(link);
        json["conferenceData"] = json!({
            "conferenceId": code,
            "conferenceSolution": {"key": {"type": "hangoutsMeet"}, "name": "Google Meet"},
            "entryPoints": [{"entryPointType": "video", "uri": link, "label": format!("meet.google.com/{code}")}],
        });
    }
    json
}

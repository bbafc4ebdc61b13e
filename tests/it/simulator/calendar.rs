use chrono::TimeDelta;
use serde_json::json;
use syncline::simulator::world::{Attendee, Event, When};

use super::{Lab, at, noon};

const EVENTS: &str = "/calendar/v3/calendars/primary/events";

fn hour(title: &str, start: &str) -> Event {
    let start = at(start);
    Event {
        summary: Some(title.to_owned()),
        ..Event::between(start, start + TimeDelta::hours(1))
    }
}

#[tokio::test]
async fn window_bounds_are_exclusive_on_end_and_start() {
    let lab = Lab::empty();
    for start in [
        "2026-11-18T09:00:00Z",
        "2026-11-18T10:00:00Z",
        "2026-11-18T11:00:00Z",
        "2026-11-18T12:00:00Z",
    ] {
        lab.sim
            .world()
            .add_event("primary", hour(&start[11..13], start));
    }
    let query = [
        ("timeMin", "2026-11-18T10:00:00Z"),
        ("timeMax", "2026-11-18T13:00:00+01:00"),
    ];
    assert_eq!(
        lab.google(EVENTS, &query).await.column("items", "summary"),
        ["10", "11"]
    );
    let empty = lab
        .google(
            EVENTS,
            &[
                ("timeMin", "2026-11-18T10:00:00Z"),
                ("timeMax", "2026-11-18T10:00:00Z"),
            ],
        )
        .await;
    assert_eq!(
        (
            empty.status,
            empty.json["error"]["errors"][0]["reason"].as_str()
        ),
        (400, Some("timeRangeEmpty"))
    );
    assert_eq!(
        lab.google(EVENTS, &[("timeMin", "2026-11-18T10:00:00")])
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn sync_token_comes_with_the_last_page_and_gives_changes_only() {
    let lab = Lab::empty();
    let ids: Vec<_> = (10..15)
        .filter_map(|h| {
            lab.sim
                .world()
                .add_event("primary", hour("e", &format!("2026-11-18T{h}:00:00Z")))
        })
        .collect();
    let first = lab
        .google(EVENTS, &[("maxResults", "3"), ("singleEvents", "true")])
        .await;
    assert!(first.json.get("nextSyncToken").is_none());
    // What changes between two pages is part of the next increment.
    lab.sim.world().edit_event("primary", &ids[0], |event| {
        event.summary = Some("new".to_owned())
    });
    let page = first.json["nextPageToken"].as_str().expect("a page token");
    let last = lab
        .google(
            EVENTS,
            &[
                ("maxResults", "3"),
                ("singleEvents", "true"),
                ("pageToken", page),
            ],
        )
        .await;
    assert!(last.json.get("nextPageToken").is_none());
    let token = last.json["nextSyncToken"]
        .as_str()
        .expect("a sync token")
        .to_owned();

    lab.sim.world().cancel_event("primary", &ids[4]);
    let changes = lab
        .google(EVENTS, &[("singleEvents", "true"), ("syncToken", &token)])
        .await;
    assert_eq!(
        changes.column("items", "id"),
        [ids[0].clone(), ids[4].clone()]
    );
    let gone = &changes.json["items"][1];
    assert_eq!(
        (&gone["status"], gone.get("summary")),
        (&json!("cancelled"), None)
    );
    let token = changes.json["nextSyncToken"]
        .as_str()
        .expect("a sync token")
        .to_owned();
    let none = lab
        .google(EVENTS, &[("singleEvents", "true"), ("syncToken", &token)])
        .await;
    assert_eq!(none.json["items"], json!([]));

    let mixed = [
        ("singleEvents", "true"),
        ("syncToken", &*token),
        ("timeMin", "2026-11-18T10:00:00Z"),
    ];
    assert_eq!(lab.google(EVENTS, &mixed).await.status, 400);
    assert_eq!(
        lab.google(EVENTS, &[("syncToken", &token)]).await.status,
        400,
        "other parameters"
    );
    lab.sim.world().expire_sync_tokens();
    let expired = lab
        .google(EVENTS, &[("singleEvents", "true"), ("syncToken", &token)])
        .await;
    assert_eq!(
        (
            expired.status,
            expired.json["error"]["errors"][0]["reason"].as_str()
        ),
        (410, Some("fullSyncRequired"))
    );
}

#[tokio::test]
async fn event_carries_its_conference_and_my_answer_and_omits_defaults() {
    let lab = Lab::empty();
    let event = Event {
        code: Some("abc-mnop-xyz".to_owned()),
        attendees: vec![
            Attendee::new("dana@example.com", "declined"),
            Attendee::new("bo@example.org", "accepted"),
        ],
        series: Some("series".to_owned()),
        original_start: Some(When::At(at("2026-11-17T10:00:00Z"))),
        ..hour("Planning", "2026-11-18T10:00:00Z")
    };
    let id = lab.sim.world().add_event("primary", event).expect("id");
    let item = lab.google(&format!("{EVENTS}/{id}"), &[]).await.json;
    assert_eq!(item["conferenceData"]["conferenceId"], "abc-mnop-xyz");
    assert_eq!(
        item["attendees"][0],
        json!({"email": "dana@example.com", "self": true, "organizer": true, "responseStatus": "declined"})
    );
    assert_eq!(
        item["start"],
        json!({"dateTime": "2026-11-18T11:00:00+01:00", "timeZone": "Europe/Zurich"})
    );
    assert_eq!(
        item["originalStartTime"]["dateTime"],
        "2026-11-17T11:00:00+01:00"
    );
    assert!(item.get("transparency").is_none() && item.get("visibility").is_none());
}

#[tokio::test]
async fn masters_and_instances_are_listed_apart() {
    let lab = Lab::standard();
    let singles = lab
        .google(EVENTS, &[("singleEvents", "true"), ("maxResults", "2500")])
        .await;
    assert!(
        singles.json["items"]
            .as_array()
            .expect("items")
            .iter()
            .all(|item| item.get("recurrence").is_none())
    );
    let masters = lab.google(EVENTS, &[("maxResults", "2500")]).await;
    let items = masters.json["items"].as_array().expect("items");
    assert_eq!(
        items
            .iter()
            .filter(|item| item.get("recurrence").is_some())
            .count(),
        24
    );
    assert_eq!(
        lab.google(EVENTS, &[("orderBy", "startTime")]).await.status,
        400
    );
}

#[tokio::test]
async fn calendars_are_addressed_by_encoded_address_and_listed() {
    let lab = Lab::empty();
    let group = lab.sim.world().add_calendar("Team");
    assert_eq!(
        lab.google("/calendar/v3/calendars/dana%40example.com/events", &[])
            .await
            .status,
        200
    );
    assert_eq!(
        lab.google("/calendar/v3/calendars/jordana%40example.com/events", &[])
            .await
            .status,
        404
    );
    let list = lab.google("/calendar/v3/users/me/calendarList", &[]).await;
    assert_eq!(
        list.column("items", "id"),
        ["dana@example.com".to_owned(), group]
    );
}

#[tokio::test]
async fn only_asked_event_types_and_all_day_dates_are_given() {
    let lab = Lab::standard();
    let query = [
        ("singleEvents", "true"),
        ("eventTypes", "focusTime"),
        ("eventTypes", "outOfOffice"),
    ];
    assert_eq!(
        lab.google(EVENTS, &query).await.column("items", "summary"),
        ["Focus time"]
    );
    let day = lab
        .google(EVENTS, &[("singleEvents", "true"), ("q", "holiday")])
        .await;
    assert_eq!(
        day.json["items"][0]["start"],
        json!({"date": noon().date_naive().pred_opt().expect("day").to_string()})
    );
}

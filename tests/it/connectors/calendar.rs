//! Planned meetings.

use super::{Lab, noon};
use chrono::TimeDelta;
use syncline::{
    connectors::google::{
        Calendar, GoogleError, MeetingCode,
        calendar::{Response, When},
        scopes,
    },
    outbound::CallError,
    simulator::world::{Event, Meeting, When as SimWhen},
};

#[tokio::test]
async fn events_carry_title_code_and_the_users_own_answer() {
    let lab = Lab::empty().await;
    let start = noon() - TimeDelta::hours(2);
    let made = {
        let mut world = lab.sim.world();
        let meeting = Meeting::between(start, start + TimeDelta::hours(1)).others(2);
        world.add_meeting(meeting.titled("ACME weekly").declined())
    };
    let events = lab
        .calendar()
        .list_events("primary", start, noon())
        .await
        .expect("a list");
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(event.summary.as_deref(), Some("ACME weekly"));
    assert_eq!(event.meeting_code, MeetingCode::parse(&made.code));
    assert_eq!(event.start, When::Instant(start));
    assert_eq!(event.my_response, Some(Response::Declined));
    assert_eq!(event.attendees.len(), 3);
    assert!(event.organizer_self);
    assert_eq!(event.calendar_id, "primary");
}

#[tokio::test]
async fn cancelled_events_are_left_out_and_days_stay_days() {
    let lab = Lab::empty().await;
    let start = noon() - TimeDelta::hours(2);
    {
        let mut world = lab.sim.world();
        let id = world.add_event("primary", Event::between(start, noon()));
        world.cancel_event("primary", &id.expect("an event"));
        let mut day = Event::between(start, noon());
        day.start = SimWhen::Day(noon().date_naive());
        day.end = SimWhen::Day(noon().date_naive().succ_opt().expect("a day"));
        world.add_event("primary", day);
    }
    let events = lab
        .calendar()
        .list_events("primary", start, noon())
        .await
        .expect("a list");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].start, When::AllDay(noon().date_naive()));
    assert_eq!((&events[0].summary, events[0].my_response), (&None, None));
}

fn add_events(lab: &Lab, count: i32) {
    let mut world = lab.sim.world();
    for number in 0..count {
        let start = noon() - TimeDelta::minutes(30) * (number + 1);
        world.add_event(
            "primary",
            Event::between(start, start + TimeDelta::minutes(20)),
        );
    }
}

#[tokio::test]
async fn all_pages_of_events_are_read_and_read_again_when_google_asks() {
    let lab = Lab::empty().await;
    add_events(&lab, 25);
    let calendar = lab.calendar().with_page_size(10);
    let from = noon() - TimeDelta::days(2);
    let list = || calendar.list_events("primary", from, noon());
    assert_eq!(list().await.expect("a list").len(), 25);
    assert_eq!(lab.calls("calendar.events.list"), 3);
    lab.fault("calendar-410-second-page");
    assert_eq!(list().await.expect("a list").len(), 25);
    assert_eq!(lab.calls("calendar.events.list"), 8);
    lab.fault("calendar-empty-page");
    assert_eq!(list().await.expect("a list").len(), 25);
}

#[tokio::test]
async fn calendars_are_listed_and_one_is_read_by_its_address() {
    let lab = Lab::empty().await;
    let id = lab.sim.world().add_calendar("Projects");
    let calendar = lab.calendar();
    let all = calendar.list_calendars().await.expect("a list");
    assert!(
        all.iter()
            .any(|entry| entry.id == id && entry.summary == "Projects")
    );
    assert_eq!(all.iter().filter(|entry| entry.primary).count(), 1);
    let from = noon() - TimeDelta::days(1);
    let events = calendar.list_events("dana@example.com", from, noon()).await;
    assert!(events.expect("a list").is_empty());
    let none = calendar
        .list_events("nobody@example.com", from, noon())
        .await;
    assert!(
        matches!(none, Err(GoogleError::NotFound { .. })),
        "{none:?}"
    );
}

#[tokio::test]
async fn each_fault_of_the_calendar_has_its_class() {
    let lab = Lab::empty().await;
    let from = noon() - TimeDelta::days(1);
    let narrow = Calendar::new(
        lab.outbound.clone(),
        &lab.endpoints(),
        lab.google(&[scopes::MEET_READ]),
    );
    let error = narrow.list_events("primary", from, noon()).await;
    assert!(
        matches!(error, Err(GoogleError::ScopeMissing { .. })),
        "{error:?}"
    );

    lab.fault("calendar-401-once");
    let error = lab.calendar().list_events("primary", from, noon()).await;
    assert!(
        matches!(error, Err(GoogleError::Unauthenticated { .. })),
        "{error:?}"
    );

    // Passing trouble is dealt with below.
    for fault in [
        "calendar-403-rate-limit",
        "calendar-429",
        "calendar-500-once",
    ] {
        lab.fault(fault);
        let events = lab.calendar().list_events("primary", from, noon()).await;
        assert!(events.expect(fault).is_empty(), "{fault}");
    }

    lab.fault("calendar-403-quota");
    let error = lab.calendar().list_events("primary", from, noon()).await;
    let limited = matches!(error, Err(GoogleError::Call(CallError::NotSent { .. })));
    assert!(limited, "{error:?}");
}

//! Conferences, people, sessions, spaces: over all pages, and with what can go wrong.

use super::{Lab, at, noon};
use chrono::TimeDelta;
use syncline::{
    base::Error,
    connectors::google::{
        GoogleError, Meet, MeetingCode, meet::ConferenceFilter, meet::ParticipantKind, scopes,
    },
    simulator::world::{Meeting, Who},
};

fn last_days(days: i64) -> ConferenceFilter {
    ConferenceFilter {
        ended_from: Some(noon() - TimeDelta::days(days)),
        started_until: Some(noon()),
        ..ConferenceFilter::default()
    }
}

#[tokio::test]
async fn all_pages_of_conferences_people_and_sessions_are_read() {
    let lab = Lab::empty().await;
    let start = at("2026-11-19T09:00:00.123456Z");
    let stays: Vec<_> = (0..301)
        .map(|n| start + TimeDelta::seconds(n * 10))
        .map(|join| (join, Some(join + TimeDelta::seconds(5))))
        .collect();
    let made = {
        let mut world = lab.sim.world();
        for number in 0..120 {
            let start = start - TimeDelta::minutes(10 * (number + 1));
            world.add_meeting(Meeting::between(start, start + TimeDelta::minutes(5)));
        }
        let meeting = Meeting::between(start, start + TimeDelta::hours(1)).others(260);
        world.add_meeting(meeting.my_sessions(stays))
    };
    let meet = lab.meet();
    let conferences = meet.list_conferences(&last_days(7)).await.expect("a list");
    assert_eq!(conferences.len(), 121);
    assert_eq!(lab.calls("meet.conferenceRecords.list"), 2);
    assert_eq!(conferences[0].name, made.record);
    assert_eq!(conferences[0].start, start);

    let people = meet.list_participants(&made.record).await.expect("a list");
    assert_eq!(people.len(), 261);
    let my_name = format!("users/{}", lab.sim.world().me().id);
    let me = people
        .iter()
        .find(|person| person.user.as_ref() == Some(&my_name))
        .expect("me");
    assert_eq!(me.earliest, Some(start));

    let sessions = meet.list_sessions(&me.name).await.expect("a list");
    assert_eq!(sessions.len(), 301);
    assert!(sessions.iter().all(|session| session.end.is_some()));
}

#[tokio::test]
async fn short_and_empty_pages_lose_nothing() {
    let lab = Lab::empty().await;
    for number in 0..20 {
        let start = noon() - TimeDelta::hours(number + 1);
        let meeting = Meeting::between(start, start + TimeDelta::minutes(5));
        lab.sim.world().add_meeting(meeting);
    }
    lab.fault("meet-short-pages");
    let all = last_days(7);
    assert_eq!(
        lab.meet()
            .list_conferences(&all)
            .await
            .expect("a list")
            .len(),
        20
    );
    lab.sim.faults().clear();
    lab.fault("meet-empty-page");
    assert_eq!(
        lab.meet()
            .list_conferences(&all)
            .await
            .expect("a list")
            .len(),
        20
    );
}

#[tokio::test]
async fn a_running_conference_has_no_end_until_it_has() {
    let lab = Lab::empty().await;
    let start = noon() - TimeDelta::minutes(10);
    let made = lab.sim.world().add_meeting(Meeting::running(start));
    let meet = lab.meet();
    let running = ConferenceFilter {
        running: true,
        ..ConferenceFilter::default()
    };
    let found = meet.list_conferences(&running).await.expect("a list");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].end, None);

    assert!(lab.sim.world().end_meeting(&made.record, noon()));
    let ended = meet.get_conference(&made.record).await.expect("an answer");
    assert_eq!(ended.and_then(|conference| conference.end), Some(noon()));
    assert!(
        meet.list_conferences(&running)
            .await
            .expect("a list")
            .is_empty()
    );
}

#[tokio::test]
async fn a_conference_is_found_by_the_code_of_its_space() {
    let lab = Lab::empty().await;
    let start = noon() - TimeDelta::hours(2);
    let (made, guest) = {
        let mut world = lab.sim.world();
        let guest = Who::Anonymous("Guest".into());
        let meeting = Meeting::between(start, noon()).with(guest.clone());
        let made = world.add_meeting(meeting);
        world.add_meeting(Meeting::between(start, noon()));
        (made, guest)
    };
    let meet = lab.meet();
    let space = meet
        .get_space(&format!("spaces/{}", made.space))
        .await
        .expect("an answer")
        .expect("a space");
    assert_eq!(space.meeting_code, MeetingCode::parse(&made.code));
    let by_code = meet.get_space(&made.code).await.expect("an answer");
    assert_eq!(by_code, Some(space.clone()));

    let filter = ConferenceFilter {
        meeting_code: space.meeting_code,
        started_from: Some(start - TimeDelta::hours(1)),
        ..ConferenceFilter::default()
    };
    let found = meet.list_conferences(&filter).await.expect("a list");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].name, made.record);
    let people = meet.list_participants(&made.record).await.expect("a list");
    assert!(
        people
            .iter()
            .any(|person| person.kind == ParticipantKind::Anonymous
                && person.user.is_none()
                && Who::Anonymous(person.display_name.clone()) == guest)
    );
}

#[tokio::test]
async fn what_is_not_there_is_none() {
    let lab = Lab::empty().await;
    let meet = lab.meet();
    let gone = meet.get_conference("conferenceRecords/none").await;
    assert_eq!(gone.expect("an answer"), None);
    assert_eq!(
        meet.get_space("zzz-zzzz-zzz").await.expect("an answer"),
        None
    );
    let people = meet.list_participants("conferenceRecords/none").await;
    assert!(
        matches!(people, Err(GoogleError::NotFound { .. })),
        "{people:?}"
    );
}

#[tokio::test]
async fn a_bad_token_a_missing_scope_and_a_switched_off_api_are_told_apart() {
    let lab = Lab::empty().await;
    let meet = |access| Meet::new(lab.outbound.clone(), &lab.endpoints(), access);
    let all = ConferenceFilter::default();

    let stranger = meet(super::access("google", "ya29.composed-stranger".into()));
    let error = stranger.list_conferences(&all).await.expect_err("refused");
    assert!(
        matches!(error, GoogleError::Unauthenticated { .. }),
        "{error}"
    );

    let narrow = meet(lab.google(&[scopes::CALENDAR_EVENTS_READ]));
    let error = narrow.list_conferences(&all).await.expect_err("refused");
    assert!(matches!(error, GoogleError::ScopeMissing { .. }), "{error}");

    lab.fault("meet-service-disabled");
    let error = lab
        .meet()
        .list_conferences(&all)
        .await
        .expect_err("refused");
    assert!(matches!(error, GoogleError::ApiDisabled { .. }), "{error}");
    assert!(matches!(
        Error::from(error),
        Error::Precondition {
            reason: "API_DISABLED",
            ..
        }
    ));
}

#[tokio::test]
async fn passing_trouble_of_meet_passes() {
    for fault in [
        "meet-429",
        "meet-429-empty",
        "meet-503-once",
        "meet-truncated",
        "meet-429-every-seventh",
    ] {
        let lab = Lab::empty().await;
        let start = noon() - TimeDelta::hours(1);
        lab.sim.world().add_meeting(Meeting::between(start, noon()));
        lab.fault(fault);
        let found = lab.meet().list_conferences(&last_days(1)).await;
        assert_eq!(found.expect(fault).len(), 1, "{fault}");
    }
}

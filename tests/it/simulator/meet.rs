use std::collections::HashSet;

use chrono::TimeDelta;
use syncline::simulator::Visibility;
use syncline::simulator::world::{Meeting, Who};

use super::{Lab, at, noon};

#[tokio::test]
async fn records_come_newest_first_over_pages_without_gap_or_repeat() {
    let lab = Lab::standard();
    let (mut names, mut starts, mut token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = lab
            .google(
                "/v2/conferenceRecords",
                &[("pageSize", "1000"), ("pageToken", &token)],
            )
            .await;
        assert!(
            page.column("conferenceRecords", "name").len() <= 100,
            "page size is coerced"
        );
        names.extend(page.column("conferenceRecords", "name"));
        starts.extend(
            page.column("conferenceRecords", "startTime")
                .into_iter()
                .map(|text| at(&text)),
        );
        match page.json["nextPageToken"].as_str() {
            Some(next) => next.clone_into(&mut token),
            None => break,
        }
    }
    assert_eq!(names.len(), 240);
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), 240);
    assert!(starts.is_sorted_by(|a, b| a >= b));
}

#[tokio::test]
async fn page_token_of_another_query_is_refused() {
    let lab = Lab::standard();
    let first = lab
        .google("/v2/conferenceRecords", &[("pageSize", "10")])
        .await;
    let token = first.json["nextPageToken"].as_str().expect("more pages");
    let filter = r#"start_time >= "2026-11-01T00:00:00Z""#;
    let other = lab
        .google(
            "/v2/conferenceRecords",
            &[("pageToken", token), ("filter", filter)],
        )
        .await;
    assert_eq!(
        (other.status, other.json["error"]["status"].as_str()),
        (400, Some("INVALID_ARGUMENT"))
    );
}

#[tokio::test]
async fn running_record_has_no_end_until_the_meeting_ends() {
    let lab = Lab::empty();
    let start = noon() - TimeDelta::minutes(20);
    let sessions = [
        (start, Some(start + TimeDelta::minutes(10))),
        (start + TimeDelta::minutes(12), None),
    ];
    let made = lab
        .sim
        .world()
        .add_meeting(Meeting::running(start).my_sessions(sessions));
    let path = format!("/v2/{}", made.record);

    let running = lab.google(&path, &[]).await;
    assert!(running.json.get("endTime").is_none());
    let open = lab
        .google("/v2/conferenceRecords", &[("filter", "end_time IS NULL")])
        .await;
    assert_eq!(
        open.column("conferenceRecords", "name"),
        [made.record.as_str()]
    );
    let people = lab.google(&format!("{path}/participants"), &[]).await;
    assert!(
        people.json["participants"][0]
            .get("latestEndTime")
            .is_none()
    );

    assert!(lab.sim.world().end_meeting(&made.record, noon()));
    let ended = lab.google(&path, &[]).await;
    assert_eq!(ended.json["endTime"], "2026-11-20T12:00:00Z");
    let open = lab
        .google("/v2/conferenceRecords", &[("filter", "end_time IS NULL")])
        .await;
    assert_eq!(open.json, serde_json::json!({}));
}

#[tokio::test]
async fn the_first_who_joined_of_121_is_on_the_last_page() {
    let lab = Lab::empty();
    let me = lab.sim.world().me().id;
    let meeting =
        Meeting::between(noon() - TimeDelta::hours(2), noon() - TimeDelta::hours(1)).others(120);
    let path = format!(
        "/v2/{}/participants",
        lab.sim.world().add_meeting(meeting).record
    );
    let first = lab.google(&path, &[]).await;
    assert_eq!(first.column("participants", "name").len(), 100);
    let token = first.json["nextPageToken"].as_str().expect("a second page");
    let second = lab.google(&path, &[("pageToken", token)]).await;
    let last = second.json["participants"]
        .as_array()
        .and_then(|list| list.last())
        .expect("participants");
    assert_eq!(second.column("participants", "name").len(), 21);
    assert_eq!(last["signedinUser"]["user"], format!("users/{me}"));
}

#[tokio::test]
async fn sessions_of_a_participant_come_over_pages() {
    let lab = Lab::empty();
    let start = noon() - TimeDelta::hours(5);
    let sessions = (0..130).map(|n| {
        (
            start + TimeDelta::minutes(2 * n),
            Some(start + TimeDelta::minutes(2 * n + 1)),
        )
    });
    let meeting = Meeting::between(start, noon()).my_sessions(sessions);
    let record = lab.sim.world().add_meeting(meeting).record;
    let people = lab.google(&format!("/v2/{record}/participants"), &[]).await;
    let me = people.column("participants", "name").remove(0);
    let first = lab
        .google(&format!("/v2/{me}/participantSessions"), &[])
        .await;
    let token = first.json["nextPageToken"].as_str().expect("a second page");
    let second = lab
        .google(
            &format!("/v2/{me}/participantSessions"),
            &[("pageToken", token)],
        )
        .await;
    assert_eq!(first.column("participantSessions", "name").len(), 100);
    assert_eq!(second.column("participantSessions", "name").len(), 30);
}

#[tokio::test]
async fn records_disappear_thirty_days_after_their_end() {
    let lab = Lab::empty();
    let record = lab
        .sim
        .world()
        .add_meeting(Meeting::between(noon() - TimeDelta::hours(1), noon()))
        .record;
    lab.sim
        .clock()
        .advance(TimeDelta::days(30) - TimeDelta::seconds(1));
    lab.sim.world().google.access_token_seconds = i64::from(i32::MAX);
    let me = lab.sim.world().me().id;
    let bearer = lab
        .sim
        .world()
        .grant(&me, &super::SCOPES)
        .access_token()
        .to_owned();
    let lab = Lab { bearer, ..lab };
    assert_eq!(lab.google(&format!("/v2/{record}"), &[]).await.status, 200);
    lab.sim.clock().advance(TimeDelta::seconds(1));
    assert_eq!(lab.google(&format!("/v2/{record}"), &[]).await.status, 404);
    assert_eq!(
        lab.google("/v2/conferenceRecords", &[]).await.json,
        serde_json::json!({})
    );
}

#[tokio::test]
async fn organised_only_lists_find_attended_meetings_by_code() {
    let lab = Lab::empty();
    let (attended, strange) = {
        let mut world = lab.sim.world();
        world.google.visibility = Visibility::OrganizedOnly;
        let other = world.google.people[1].id.clone();
        let whole = Meeting::between(noon() - TimeDelta::hours(1), noon());
        let strange = whole
            .clone()
            .organized_by(&other)
            .my_sessions([])
            .with(Who::SignedIn(other.clone()));
        (
            world.add_meeting(whole.organized_by(&other)),
            world.add_meeting(strange),
        )
    };
    assert_eq!(
        lab.google("/v2/conferenceRecords", &[]).await.json,
        serde_json::json!({})
    );
    let filter = format!("space.meeting_code = \"{}\"", attended.code);
    let found = lab
        .google("/v2/conferenceRecords", &[("filter", &filter)])
        .await;
    assert_eq!(found.column("conferenceRecords", "name"), [attended.record]);
    assert_eq!(
        lab.google(&format!("/v2/{}", strange.record), &[])
            .await
            .status,
        403
    );

    lab.sim.world().google.visibility = Visibility::OrganizedStrict;
    let found = lab
        .google("/v2/conferenceRecords", &[("filter", &filter)])
        .await;
    assert_eq!(found.json, serde_json::json!({}));
}

#[tokio::test]
async fn spaces_are_found_by_exact_id_and_by_code_in_any_case() {
    let lab = Lab::empty();
    let made = lab.sim.world().add_meeting(Meeting::running(noon()));
    for name in [
        made.space.clone(),
        made.code.clone(),
        made.code.to_uppercase(),
    ] {
        let space = lab.google(&format!("/v2/spaces/{name}"), &[]).await;
        assert_eq!(space.json["meetingCode"], made.code, "{name}");
        assert_eq!(
            space.json["activeConference"]["conferenceRecord"],
            made.record
        );
    }
    assert_eq!(lab.google("/v2/spaces/unknown", &[]).await.status, 404);
}

#[tokio::test]
async fn expired_token_and_missing_scope_are_told_apart() {
    let lab = Lab::standard();
    let me = lab.sim.world().me().id;
    let bearer = lab
        .sim
        .world()
        .grant(&me, &["openid"])
        .access_token()
        .to_owned();
    let poor = Lab { bearer, ..lab };
    let refused = poor.google("/v2/conferenceRecords", &[]).await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.json["error"]["details"][0]["reason"],
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    );
    assert_eq!(
        poor.google("/calendar/v3/calendars/primary/events", &[])
            .await
            .status,
        403
    );
    poor.sim.clock().advance(TimeDelta::seconds(3599));
    assert_eq!(poor.google("/v2/conferenceRecords", &[]).await.status, 401);
    let refused = poor
        .google("/calendar/v3/calendars/primary/events", &[])
        .await;
    assert_eq!(refused.json["error"]["errors"][0]["reason"], "authError");
}

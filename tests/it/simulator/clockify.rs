use reqwest::Method;
use serde_json::json;
use syncline::simulator::world::NewEntry;

use super::{Answer, Lab, at};

fn entry(start: &str, end: &str) -> serde_json::Value {
    json!({"start": start, "end": end, "description": "Planning"})
}

#[tokio::test]
async fn entry_round_trip_keeps_whole_seconds_and_drops_the_read_key() {
    let lab = Lab::empty();
    let (project, field) = {
        let mut world = lab.sim.world();
        (
            world.add_project("Google Meet"),
            world.add_custom_field("Meet ref", "TXT"),
        )
    };
    let body = json!({
        "start": "2026-11-19T09:00:00.999Z", "end": "2026-11-19T10:30:00Z", "description": "x", "billable": true, "projectId": project,
        "customFields": [{"customFieldId": field, "value": "v", "sourceType": "WORKSPACE"}],
        "customFieldValues": [{"customFieldId": field, "value": "dropped"}],
    });
    let made = lab.clockify_post("/time-entries", &body).await;
    assert_eq!(made.status, 201, "{:?}", made.json);
    assert_eq!(
        made.json["timeInterval"],
        json!({"start": "2026-11-19T09:00:00Z", "end": "2026-11-19T10:30:00Z", "duration": "PT1H30M"})
    );
    assert_eq!(
        made.json["customFieldValues"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(made.json["customFieldValues"][0]["value"], "v");

    let path = format!("/time-entries/{}", made.json["id"].as_str().expect("id"));
    let replacement = json!({"start": "2026-11-19T09:00:00Z", "end": "2026-11-19T09:30:00Z"});
    let replaced = Answer::of(lab.clockify(Method::PUT, &path).json(&replacement)).await;
    assert_eq!(replaced.json["description"], "");
    assert_eq!(replaced.json["projectId"], json!(null));
    assert_eq!(replaced.json["customFieldValues"], json!([]));
    assert_eq!(
        Answer::of(lab.clockify(Method::DELETE, &path)).await.status,
        204
    );
    let gone = lab.clockify_get(&path).await;
    assert_eq!(
        (gone.status, gone.json),
        (
            400,
            json!({"message": "Time entry doesn't belong to Workspace", "code": 501})
        )
    );
}

#[tokio::test]
async fn idempotency_key_is_ignored() {
    let lab = Lab::empty();
    for _ in 0..2 {
        let post = lab
            .clockify(Method::POST, "/time-entries")
            .header("Idempotency-Key", "same");
        assert_eq!(
            Answer::of(post.json(&entry("2026-11-19T09:00:00Z", "2026-11-19T09:30:00Z")))
                .await
                .status,
            201
        );
    }
    assert_eq!(lab.sim.world().entries().len(), 2);
}

#[tokio::test]
async fn list_window_is_a_wall_clock_of_the_account() {
    let lab = Lab::empty();
    for hour in [22, 23] {
        let start = at(&format!("2026-11-18T{hour}:30:00Z"));
        lab.sim.world().add_entry(NewEntry {
            start,
            end: Some(start),
            description: hour.to_string(),
            project: None,
            tags: vec![],
        });
    }
    // Zurich is an hour ahead of UTC: midnight of the 19th there is 23:00 UTC of the 18th.
    let path = format!("/user/{}/time-entries?start=2026-11-19T00:00:00Z", lab.user);
    assert_eq!(
        lab.clockify_get(&path).await.column("", "description"),
        ["23"]
    );
    lab.sim.world().clockify.users[0].zone = "UTC".to_owned();
    assert!(
        lab.clockify_get(&path)
            .await
            .column("", "description")
            .is_empty()
    );
}

#[tokio::test]
async fn lists_come_in_pages_of_fifty_with_a_last_page_header() {
    let lab = Lab::empty();
    lab.sim.world().add_projects(60);
    lab.sim.world().add_entries(1500);
    let first = lab.clockify_get("/projects").await;
    assert_eq!(
        (
            first.column("", "id").len(),
            first.headers["last-page"].to_str().ok()
        ),
        (50, Some("false"))
    );
    let second = lab.clockify_get("/projects?page=2").await;
    assert_eq!(
        (
            second.column("", "id").len(),
            second.headers["last-page"].to_str().ok()
        ),
        (10, Some("true"))
    );
    let past = lab.clockify_get("/projects?page=9").await;
    assert_eq!(
        (past.json, past.headers["last-page"].to_str().ok()),
        (json!([]), Some("true"))
    );
    let entries = lab
        .clockify_get(&format!(
            "/user/{}/time-entries?page-size=1000&page=2",
            lab.user
        ))
        .await;
    assert_eq!(
        (
            entries.column("", "id").len(),
            entries.headers["last-page"].to_str().ok()
        ),
        (500, Some("true"))
    );
}

#[tokio::test]
async fn projects_are_searched_and_created_once() {
    let lab = Lab::empty();
    let body = json!({"name": "Google Meet", "color": "#0AC8B9", "note": "n", "billable": false, "public": false});
    let made = lab.clockify_post("/projects", &body).await;
    assert_eq!(
        (made.status, made.json["color"].as_str()),
        (201, Some("#0AC8B9"))
    );
    let clash = lab
        .clockify_post("/projects", &json!({"name": "google meet"}))
        .await;
    assert_eq!(
        (clash.status, clash.json),
        (
            400,
            json!({"message": "Project with this name already exists", "code": 501})
        )
    );
    lab.sim.world().add_project("Google Meetings");
    assert_eq!(
        lab.clockify_get("/projects?name=Google%20Meet")
            .await
            .column("", "name")
            .len(),
        2
    );
    assert_eq!(
        lab.clockify_get("/projects?name=Google%20Meet&strict-name-search=true")
            .await
            .column("", "name")
            .len(),
        1
    );
    assert_eq!(
        lab.clockify_post("/projects", &json!({"name": "x"}))
            .await
            .status,
        400
    );
    assert_eq!(
        lab.clockify_post("/projects", &json!({"name": "xx", "color": "red"}))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn keys_and_routes_are_refused_by_the_taxonomy() {
    let lab = Lab::empty();
    let user = format!("{}/user", lab.sim.endpoints().clockify);
    for (request, status, code) in [
        (lab.http.get(&user), 401, 1000),
        (lab.http.get(&user).bearer_auth(&lab.key), 401, 1000),
        (
            lab.http
                .get(&user)
                .header("X-Api-Key", &lab.key)
                .header("X-Addon-Token", "t"),
            401,
            1000,
        ),
        (lab.http.get(&user).header("X-Api-Key", "wrong"), 401, 4003),
        (lab.http.get(&user).header("X-Addon-Token", "t"), 401, 4017),
        (lab.clockify(Method::GET, "/time-entries"), 405, 3000),
        (lab.clockify(Method::GET, "/nothing"), 404, 3000),
        (
            lab.clockify(Method::POST, "/time-entries").body("{"),
            400,
            3000,
        ),
        (lab.clockify(Method::GET, "/projects?page=x"), 400, 3000),
    ] {
        let answer = Answer::of(request).await;
        assert_eq!(
            (answer.status, answer.json["code"].as_u64()),
            (status, Some(code)),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn bad_entries_are_refused_and_not_stored() {
    let lab = Lab::empty();
    lab.sim.world().clockify.workspaces[0].force_projects = true;
    let archived = lab.sim.world().add_project("Old");
    lab.sim.world().clockify.projects[0].archived = true;
    let (nine, ten) = ("2026-11-19T09:00:00Z", "2026-11-19T10:00:00Z");
    for body in [
        json!({"end": ten, "projectId": archived}),
        json!({"start": ten, "end": nine, "projectId": archived}),
        json!({"start": nine, "end": ten}),
        json!({"start": nine, "end": ten, "projectId": "64c777ddd3fcab07cfbb0001"}),
        json!({"start": nine, "end": ten, "projectId": archived, "tagIds": ["64c777ddd3fcab07cfbb0001"]}),
        json!({"start": nine, "end": ten, "projectId": archived, "description": "x".repeat(3001)}),
        json!({"start": "yesterday", "end": ten, "projectId": archived}),
    ] {
        let refused = lab.clockify_post("/time-entries", &body).await;
        assert_eq!(
            (refused.status, refused.json["code"].as_u64()),
            (400, Some(501)),
            "{body}"
        );
    }
    assert!(lab.sim.world().entries().is_empty());
    let body = json!({"start": nine, "end": ten, "projectId": archived});
    assert_eq!(
        lab.clockify_post("/time-entries", &body).await.status,
        201,
        "an archived project is accepted"
    );
}

#[tokio::test]
async fn locked_entry_refuses_changes() {
    let lab = Lab::empty();
    let start = at("2026-11-19T09:00:00Z");
    let id = lab.sim.world().add_entry(NewEntry {
        start,
        end: Some(start),
        description: String::new(),
        project: None,
        tags: vec![],
    });
    lab.sim.world().edit_entry(&id, |entry| entry.locked = true);
    let path = format!("/time-entries/{id}");
    assert_eq!(lab.clockify_get(&path).await.json["isLocked"], true);
    assert_eq!(
        Answer::of(lab.clockify(Method::DELETE, &path)).await.status,
        400
    );
    assert_eq!(lab.sim.world().entries().len(), 1);
}

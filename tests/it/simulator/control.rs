use reqwest::Method;
use serde_json::json;

use super::Lab;

#[tokio::test]
async fn another_process_can_script_everything() {
    let lab = Lab::empty();
    let about = lab.control(Method::GET, "", &json!(null)).await.json;
    assert_eq!(
        about["env"]["SYNCLINE_CLOCKIFY_URL"],
        lab.sim.endpoints().clockify
    );

    let meeting = json!({"start": "2026-11-20T10:00:00Z", "title": "Planning", "others": 3});
    let made = lab
        .control(Method::POST, "/world/add-meeting", &meeting)
        .await
        .json;
    assert_eq!(
        lab.google("/v2/conferenceRecords", &[])
            .await
            .column("conferenceRecords", "name")
            .len(),
        1
    );
    lab.control(
        Method::POST,
        "/world/end-meeting",
        &json!({"id": made["record"]}),
    )
    .await;
    let filter = [("filter", "end_time IS NULL")];
    assert_eq!(
        lab.google("/v2/conferenceRecords", &filter).await.json,
        json!({})
    );

    let entry = json!({"start": "2026-11-20T10:00:00Z", "end": "2026-11-20T11:00:00Z", "description": "hand made"});
    let id = lab
        .control(Method::POST, "/world/add-entry", &entry)
        .await
        .json["id"]
        .clone();
    lab.control(
        Method::POST,
        "/world/edit-entry",
        &json!({"id": id, "description": "edited"}),
    )
    .await;
    assert_eq!(lab.sim.world().entries()[0].description, "edited");
    lab.control(Method::POST, "/world/delete-entry", &json!({"id": id}))
        .await;
    assert!(lab.sim.world().entries().is_empty());
    assert_eq!(
        lab.control(Method::POST, "/world/delete-entry", &json!({"id": id}))
            .await
            .status,
        404
    );

    let added = lab
        .control(
            Method::POST,
            "/faults",
            &json!({"fault": "meet-429", "when": {"nth": 2}}),
        )
        .await
        .json;
    assert_eq!(lab.google("/v2/conferenceRecords", &[]).await.status, 200);
    assert_eq!(lab.google("/v2/conferenceRecords", &[]).await.status, 429);
    let active = lab.control(Method::GET, "/faults", &json!(null)).await.json;
    assert_eq!(
        (&active[0]["struck"], &active[0]["rule"]["name"]),
        (&json!(1), &json!("meet-429"))
    );
    assert_eq!(
        lab.control(
            Method::DELETE,
            &format!("/faults/{}", added["ids"][0]),
            &json!(null)
        )
        .await
        .status,
        200
    );
    let own = json!({"name": "teapot", "matcher": {"path": "/user$"}, "effect": {"reply": {"status": 418, "body": "{}"}}});
    lab.control(Method::POST, "/faults", &own).await;
    let user = lab
        .http
        .get(format!("{}/user", lab.sim.endpoints().clockify))
        .send()
        .await
        .expect("answer");
    assert_eq!(user.status(), 418);
    assert!(
        lab.control(Method::GET, "/faults/menu", &json!(null))
            .await
            .json
            .as_array()
            .expect("list")
            .len()
            > 60
    );

    lab.control(Method::POST, "/clock", &json!({"advance_seconds": 60}))
        .await;
    assert_eq!(
        lab.control(Method::GET, "/clock", &json!(null)).await.json["now"],
        "2026-11-20T12:01:00Z"
    );
    let settings = json!({"visibility": "organized-only", "quotas": {"meet": {"calls": 0, "seconds": 60}}, "latency_millis": 1});
    lab.control(Method::POST, "/settings", &settings).await;
    assert_eq!(lab.google("/v2/conferenceRecords", &[]).await.status, 429);

    let counts = lab.control(Method::GET, "/counts", &json!(null)).await.json;
    assert_eq!(counts["by_endpoint"]["meet.conferenceRecords.list"], 5);
    assert!(
        lab.sim
            .calls()
            .all()
            .iter()
            .all(|call| !call.path.contains("_simulator"))
    );
    assert_eq!(
        lab.control(Method::POST, "/faults", &json!({"fault": "no-such"}))
            .await
            .status,
        404
    );
    assert_eq!(
        lab.control(Method::POST, "/clock", &json!({"unknown": 1}))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn shut_down_simulator_frees_its_port() {
    let lab = Lab::empty();
    let address = lab.sim.address();
    lab.google("/v2/conferenceRecords", &[]).await;
    lab.sim.shutdown();
    assert!(std::net::TcpStream::connect(address).is_err());
}

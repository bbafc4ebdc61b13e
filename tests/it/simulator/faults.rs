use std::collections::HashSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use syncline::simulator::faults::{Effect, Fault, Rule, Tweak, When};

use super::{Answer, Lab};

const CREATE: &str = "clockify.timeEntries.create";

fn entry() -> serde_json::Value {
    json!({"start": "2026-11-19T09:00:00Z", "end": "2026-11-19T09:30:00Z", "description": "x"})
}

/// Posts an entry once on a fresh connection and without any retry of the client.
async fn post(lab: &Lab) -> reqwest::Result<Answer> {
    let http = reqwest::Client::builder()
        .retry(reqwest::retry::never())
        .build()
        .expect("client");
    let url = format!(
        "{}/workspaces/{}/time-entries",
        lab.sim.endpoints().clockify,
        lab.workspace
    );
    let request = http
        .post(url)
        .header("X-Api-Key", &lab.key)
        .timeout(Duration::from_millis(500))
        .json(&entry());
    Answer::try_of(request).await
}

#[tokio::test]
async fn dropped_connections_answer_nothing_and_commit_as_told() {
    for (effect, stored) in [
        (Effect::Drop, 0),
        (Effect::CommitThenDrop, 1),
        (Effect::Hang, 0),
        (Effect::CommitThenHang, 1),
        (Effect::Truncate, 1),
    ] {
        let lab = Lab::empty();
        lab.sim
            .faults()
            .add(Rule::on(CREATE, When::Next(1), effect.clone()));
        assert!(post(&lab).await.is_err(), "{effect:?}");
        assert_eq!(lab.sim.world().entries().len(), stored, "{effect:?}");
        assert_eq!(post(&lab).await.expect("an answer").status, 201);
        assert_eq!(lab.sim.world().entries().len(), stored + 1);
    }
}

#[tokio::test]
async fn dropped_connection_sends_not_one_byte() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let lab = Lab::empty();
    lab.sim
        .faults()
        .add(Rule::on(CREATE, When::Always, Effect::CommitThenDrop));
    let mut socket = tokio::net::TcpStream::connect(lab.sim.address())
        .await
        .expect("connected");
    let body = entry().to_string();
    let head = format!(
        "POST /api/v1/workspaces/{}/time-entries HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ncontent-length: {}\r\n\r\n",
        lab.workspace,
        lab.key,
        body.len()
    );
    socket
        .write_all(format!("{head}{body}").as_bytes())
        .await
        .expect("sent");
    let mut received = Vec::new();
    // The end may come as a close or as a reset.
    let _ = socket.read_to_end(&mut received).await;
    assert!(
        received.is_empty(),
        "{}",
        String::from_utf8_lossy(&received)
    );
    assert_eq!(lab.sim.world().entries().len(), 1);
    assert_eq!(lab.sim.calls().all()[0].status, None);
}

#[tokio::test]
async fn request_is_carried_out_even_if_its_client_goes_away() {
    let lab = Lab::empty();
    lab.sim.set_latency(Duration::from_millis(1200));
    // The client gives up after half a second, a little before the entry is stored.
    assert!(post(&lab).await.is_err());
    let deadline = Instant::now() + Duration::from_secs(10);
    while lab.sim.world().entries().is_empty() {
        assert!(Instant::now() < deadline, "not stored");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn rules_strike_when_they_say() {
    for (when, expected) in [
        (When::Always, [true, true, true, true]),
        (When::Nth(2), [false, true, false, false]),
        (When::Every(2), [false, true, false, true]),
        (When::Next(3), [true, true, true, false]),
        (When::After(3), [false, false, false, true]),
        (When::Probability(0.0), [false, false, false, false]),
        (When::Probability(1.0), [true, true, true, true]),
    ] {
        let lab = Lab::empty();
        lab.sim
            .faults()
            .apply_named("meet-429")
            .expect("on the menu");
        lab.sim.faults().clear();
        let Effect::Reply(busy) = Fault::named("meet-429")
            .expect("on the menu")
            .rules
            .remove(0)
            .effect
        else {
            panic!()
        };
        lab.sim
            .faults()
            .add(Rule::on("meet.*", when, Effect::Reply(busy)));
        for struck in expected {
            let status = lab.google("/v2/conferenceRecords", &[]).await.status;
            assert_eq!(status == 429, struck, "{when:?}");
        }
    }
}

#[tokio::test]
async fn tweaks_bend_pages_without_losing_items() {
    let lab = Lab::standard();
    for tweak in [Tweak::ShortPages { size: 7 }, Tweak::EmptyPage] {
        lab.sim.faults().clear();
        lab.sim.faults().add(Rule::on(
            "meet.conferenceRecords.list",
            When::Every(2),
            Effect::Tweak(tweak),
        ));
        let (mut names, mut token) = (HashSet::new(), String::new());
        loop {
            let page = lab
                .google(
                    "/v2/conferenceRecords",
                    &[("pageSize", "100"), ("pageToken", &token)],
                )
                .await;
            names.extend(page.column("conferenceRecords", "name"));
            match page.json["nextPageToken"].as_str() {
                Some(next) => next.clone_into(&mut token),
                None => break,
            }
        }
        assert_eq!(names.len(), 240, "{tweak:?}");
    }
}

#[test]
fn every_fault_of_the_menu_has_its_own_name_and_names_known_endpoints() {
    let menu = Fault::menu();
    assert!(menu.len() >= 60, "{}", menu.len());
    let names: HashSet<_> = menu.iter().map(|fault| fault.name).collect();
    assert_eq!(names.len(), menu.len());
    let known = syncline::simulator::endpoint_names();
    for fault in &menu {
        assert!(fault.name.bytes().all(|letter| letter.is_ascii_lowercase()
            || letter.is_ascii_digit()
            || letter == b'-'));
        for rule in &fault.rules {
            let wanted = rule.matcher.endpoint.as_deref().expect("an endpoint");
            let fits = |name: &&str| {
                wanted
                    .strip_suffix('*')
                    .map_or(**name == *wanted, |prefix| name.starts_with(prefix))
            };
            assert!(known.iter().any(fits), "{}: {wanted}", fault.name);
            let json = serde_json::to_value(rule).expect("JSON");
            let back: Rule = serde_json::from_value(json.clone()).expect("a rule");
            assert_eq!(serde_json::to_value(back).expect("JSON"), json);
        }
    }
}

#[tokio::test]
async fn latency_is_added_to_each_call_and_calls_overlap() {
    let lab = Lab::empty();
    lab.sim.set_latency(Duration::from_millis(40));
    lab.sim.calls().clear();
    let begun = Instant::now();
    let calls = (0..10).map(|_| lab.google("/v2/conferenceRecords", &[]));
    futures::future::join_all(calls).await;
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(40), "{took:?}");
    assert!(lab.sim.calls().max_in_flight() > 1);
    assert_eq!(lab.sim.calls().in_flight(), 0);
}

#[tokio::test]
async fn log_counts_calls_by_endpoint_and_knows_the_writing_ones() {
    let lab = Lab::empty();
    lab.clockify_post("/time-entries", &entry()).await;
    lab.clockify_get("/projects").await;
    Answer::of(lab.clockify(Method::GET, "/projects?name=x")).await;
    let calls = lab.sim.calls();
    assert_eq!(
        (
            calls.count(CREATE),
            calls.count("clockify.projects.list"),
            calls.len()
        ),
        (1, 2, 3)
    );
    assert_eq!(
        calls
            .writing()
            .map(|call| call.endpoint.as_str())
            .collect::<Vec<_>>(),
        [CREATE]
    );
    let last = &calls.all()[2];
    assert_eq!(last.template, "/api/v1/workspaces/{workspace}/projects");
    assert_eq!(
        (last.status, &last.query[0]),
        (Some(200), &("name".to_owned(), "x".to_owned()))
    );
}

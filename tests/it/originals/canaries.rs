//! Whole syncs at log level trace, good ones and bad ones: no token, key or mail address is in a log line, an error, a
//! run's own log, or the database.

use super::{CREATE, Scene, ended};
use crate::{
    cli::LONG,
    kit::{Database, each_engine},
};
use syncline::simulator::{
    faults::{Canned, Effect, Rule, When},
    world::CLIENT_SECRET,
};

each_engine!(no_secret_of_a_whole_sync_is_in_logs_errors_or_the_database);

fn reply(status: u16, body: String) -> Effect {
    Effect::Reply(Canned {
        status,
        body,
        content_type: "application/json".to_owned(),
        headers: Vec::new(),
    })
}

async fn no_secret_of_a_whole_sync_is_in_logs_errors_or_the_database(database: Database) {
    let scene = Scene::standard(database.engine()).await;
    let key = scene.sim.world().clockify_me().api_key;
    let me = scene.sim.world().me().email;
    let mut said = String::new();
    let trace = |command: crate::kit::Builder| command.env("SYNCLINE_LOG_LEVEL", "trace");

    // All goes well; some answers are slow, some come after a repetition, some never.
    let fault = |endpoint: &str, when: When, effect: Effect| {
        scene.sim.faults().add(Rule::on(endpoint, when, effect));
    };
    fault("meet.*", When::Nth(9), reply(503, format!("no {key}")));
    fault(CREATE, When::Nth(30), Effect::CommitThenDrop);
    fault(CREATE, When::Nth(40), reply(429, format!("slower, {me}")));
    let good = ended(trace(scene.once())).await;
    assert_eq!(good.code, 0, "{}", good.text);
    scene.assert_all_once("traced");
    said += &good.text;

    // The providers repeat in their refusals what they were sent.
    scene.sim.faults().clear();
    scene.sim.world().expire_access_tokens();
    let refresh_token = scene.sim.world().grants()[0]
        .refresh_token
        .clone()
        .expect("offline access");
    let entries = |status| reply(status, format!(r#"{{"message":"{me} may not, {key}"}}"#));
    for (endpoint, effect) in [
        ("oauth.token", reply(503, format!("no {refresh_token}"))),
        (
            "oauth.token",
            reply(
                400,
                format!(
                    r#"{{"error":"invalid_client","error_description":"no {refresh_token} {CLIENT_SECRET}"}}"#
                ),
            ),
        ),
        ("clockify.timeEntries.list", entries(400)),
        ("clockify.*", entries(401)),
    ] {
        scene.sim.faults().clear();
        scene.sim.world().expire_access_tokens();
        fault(endpoint, When::Always, effect);
        let command = scene.once().env("SYNCLINE_RUNS_MAX_ATTEMPTS", "1");
        let bad = ended(trace(command)).await;
        said += &bad.text;
    }
    scene.sim.faults().clear();
    for command in [
        &["--json", "sync", "runs"][..],
        &["--json", "sync", "list"],
        &["doctor"],
    ] {
        said += &ended(trace(scene.command(command))).await.text;
    }
    let runs = scene.run(&["--json", "sync", "runs"]).await.json();
    let runs = runs["runs"].as_array().cloned().unwrap_or_default();
    assert!(runs.len() >= 3, "the bad ones are runs too: {}", runs.len());
    for run in &runs {
        let name = run["name"].as_str().expect("runs have names");
        said += &scene.run(&["--json", "sync", "logs", name]).await.text;
    }
    let (mut server, url) = scene.serve_with(trace).await;
    said += &scene
        .run(&["--json", "--server", &url, "sync", "run", "once"])
        .await
        .text;
    server.terminate();
    server.wait_exit(LONG).await;
    said += &server.output();

    let dump = scene.database.dump();
    let text = String::from_utf8_lossy(&dump);
    assert!(
        text.contains("[Meet:") || text.contains("conferenceRecords/"),
        "the dump holds the data"
    );
    let details =
        said.matches(r#""level":"DEBUG""#).count() + said.matches(r#""level":"TRACE""#).count();
    assert!(details > 100, "everything is logged: {details}");
    let issued: Vec<String> = {
        let world = scene.sim.world();
        let grants = world.grants();
        let refresh = grants
            .iter()
            .filter_map(|grant| grant.refresh_token.clone());
        let access = grants.iter().flat_map(|grant| &grant.access_tokens);
        let access = access.map(|(token, _)| token.clone());
        refresh.chain(access).collect()
    };
    let mut secrets = vec![
        "ya29.".to_owned(),
        "1//0".to_owned(),
        CLIENT_SECRET.to_owned(),
        key,
    ];
    secrets.extend(issued);
    let others = ["jordana@", "bo@example", "chidi@", "mei@example"].map(str::to_owned);
    for canary in secrets.iter().chain(&others) {
        assert!(!text.contains(canary), "{canary} is in the database");
        let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!text.contains(&hex), "{canary} is in the database as hex");
    }
    let titles = ["Planning", "Retrospective", "Support rota", "Northwind"].map(str::to_owned);
    let mine = [me];
    for canary in secrets.iter().chain(&others).chain(&mine).chain(&titles) {
        let line = said.lines().find(|line| line.contains(canary));
        assert!(line.is_none(), "{canary} was said: {line:?}");
    }
    println!(
        "{:?}: {} lines at trace level and {} KiB of database, {} canaries: 0 hits",
        database.engine(),
        said.lines().count(),
        dump.len() / 1024,
        secrets.len() + others.len() + mine.len() + titles.len(),
    );
}

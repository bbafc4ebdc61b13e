//! A run that did not do everything never ends with 0.

use super::Stage;
use syncline::simulator::faults::{Canned, Effect, Rule, When};

/// The answer to an entry that Clockify does not want.
fn refused() -> Effect {
    Effect::Reply(Canned {
        status: 400,
        body: r#"{"message":"Start date must be before end date","code":501}"#.to_owned(),
        content_type: "application/json".to_owned(),
        headers: Vec::new(),
    })
}

#[tokio::test]
async fn a_run_that_did_everything_ends_with_0_and_its_repetition_writes_nothing() {
    let stage = Stage::with_sync(&[]).await;
    let first = stage.run(&["--json", "sync", "run", "work"]).await;
    assert_eq!(first.code, 0, "{}", first.text);
    assert_eq!(first.json()["result"]["created"], "16");
    let second = stage.run(&["--json", "sync", "run", "work"]).await;
    assert_eq!(second.code, 0, "{}", second.text);
    assert_eq!(second.json()["result"]["skipped"], "16");
    assert_eq!(stage.entries(), 16);
}

#[tokio::test]
async fn a_run_with_refused_entries_ends_with_3_and_says_which() {
    let stage = Stage::with_sync(&[]).await;
    stage.simulator.faults().add(Rule::on(
        "clockify.timeEntries.create",
        When::Nth(3),
        refused(),
    ));
    let run = stage.run(&["sync", "run", "work"]).await;
    assert_eq!(run.code, 3, "{}", run.text);
    assert!(run.text.contains("SOME_ENTRIES_FAILED"), "{}", run.text);
    assert!(
        run.text.contains("failed: conferenceRecords/"),
        "{}",
        run.text
    );
    assert_eq!(stage.entries(), 15);
}

#[tokio::test]
async fn a_run_without_one_accepted_entry_ends_with_1() {
    let stage = Stage::with_sync(&[]).await;
    stage.simulator.faults().add(Rule::on(
        "clockify.timeEntries.create",
        When::Always,
        refused(),
    ));
    let run = stage.run(&["sync", "run", "work"]).await;
    assert_eq!(run.code, 1, "{}", run.text);
    assert!(run.text.contains("ALL_ENTRIES_FAILED"), "{}", run.text);
}

#[tokio::test]
async fn a_revoked_grant_ends_with_1_and_says_what_to_do() {
    let stage = Stage::with_sync(&[]).await;
    stage
        .simulator
        .faults()
        .apply_named("oauth-invalid-grant")
        .expect("it is on the menu");
    let run = stage.run(&["sync", "run", "work"]).await;
    assert_eq!(run.code, 1, "{}", run.text);
    assert!(run.text.contains("NEEDS_REAUTH"), "{}", run.text);
    let preview = stage.run(&["sync", "preview", "work"]).await;
    assert_eq!(preview.code, 1, "{}", preview.text);
    assert!(
        preview.text.contains("syncline token login google"),
        "{}",
        preview.text
    );
    let check = stage.run(&["token", "check"]).await;
    assert_eq!(check.code, 1, "{}", check.text);
    assert_eq!(stage.entries(), 0);
}

#[tokio::test]
async fn a_dry_run_and_a_preview_write_nothing_and_say_what_would_be() {
    let stage = Stage::with_sync(&["--rule", "name=plans & title=Planning => skip"]).await;
    let before = stage.simulator.calls().all().len();
    let run = stage.run(&["sync", "run", "work", "--dry-run"]).await;
    assert_eq!(run.code, 0, "{}", run.text);
    assert!(run.text.contains("would be created"), "{}", run.text);
    let preview = stage.run(&["sync", "preview", "work"]).await;
    assert_eq!(preview.code, 0, "{}", preview.text);
    assert!(
        preview.text.contains("plans"),
        "the rule is named: {}",
        preview.text
    );
    let calls = stage.simulator.calls();
    let writing = calls
        .all()
        .iter()
        .skip(before)
        .find(|call| call.method != "GET" && !call.endpoint.starts_with("oauth."));
    assert!(writing.is_none(), "{writing:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let stage = Stage::new();
    let ended = stage
        .run(&["sync", "list", "--server", "127.0.0.1:1"])
        .await;
    assert_eq!(ended.code, 1);
    assert!(
        ended
            .text
            .contains("no server answers at http://127.0.0.1:1"),
        "{}",
        ended.text
    );
}

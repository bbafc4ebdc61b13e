//! What all commands have in common: documents, errors, exit codes.

use super::{Stage, ended};
use crate::kit::Process;
use serde_json::Value;

#[tokio::test]
async fn every_command_prints_one_document_for_programs() {
    let stage = Stage::with_sync(&["--rule", "title=Planning => skip"]).await;
    let run = stage.run(&["--json", "sync", "run", "work"]).await;
    assert_eq!(run.code, 0, "{}", run.text);
    assert_eq!(run.json()["state"], "RUN_STATE_SUCCEEDED");
    let run = run.json()["name"].as_str().unwrap().to_owned();
    let commands: &[&[&str]] = &[
        &["token", "list"],
        &["token", "show", "google"],
        &["token", "check", "clockify"],
        &["token", "check"],
        &["token", "events", "google"],
        &["token", "refresh", "google"],
        &["sync", "list"],
        &["sync", "show", "work"],
        &["sync", "preview", "work"],
        &["sync", "run", "work", "--dry-run"],
        &["sync", "runs"],
        &["sync", "watch", &run],
        &["sync", "logs", &run],
        &["sync", "duplicates", "work"],
        &["sync", "update", "work", "--cron", "@hourly"],
        &["sync", "times", "work"],
        &["sync", "pause", "work"],
        &["sync", "resume", "work"],
        &["sync", "occurrences", "work"],
        &[
            "sync",
            "backfill",
            "work",
            "--from",
            "2026-01-01",
            "--validate-only",
            "--to",
            "2026-01-01",
        ],
        &["sync", "update", "work", "--days", "7", "--validate-only"],
        &[
            "sync",
            "create",
            "meet-to-clockify",
            "other",
            "--validate-only",
        ],
        &[
            "sync",
            "cleanup",
            "work",
            "--yes-delete",
            "0",
            "--from",
            "2020-01-01",
            "--to",
            "2020-01-01",
        ],
        &["db", "status"],
        &["db", "migrate"],
        &["simulate", "--list-faults"],
        &["doctor"],
        &["settings"],
        &["settings", "runs."],
        &["sync", "rm", "work"],
        &["token", "rm", "clockify"],
        &["token", "revoke", "google"],
    ];
    for command in commands {
        let ended = stage.run(&[&["--json"], *command].concat()).await;
        assert_eq!(ended.code, 0, "{command:?}: {}", ended.text);
        assert!(ended.json().is_object(), "{command:?}");
    }
}

#[tokio::test]
async fn every_failure_is_one_document_for_programs_and_a_code_that_is_not_0() {
    let stage = Stage::new();
    let commands: &[(&[&str], i32, &str)] = &[
        (&["token", "show", "nope"], 1, "NOT_FOUND"),
        (&["token", "check", "nope"], 1, "NOT_FOUND"),
        (&["token", "rm", "nope"], 1, "NOT_FOUND"),
        (&["token", "show", "Not An Id"], 64, "INVALID_ARGUMENT"),
        (&["sync", "show", "Not An Id"], 64, "INVALID_ARGUMENT"),
        (&["sync", "watch", "not-a-run"], 64, "INVALID_ARGUMENT"),
        (&["token", "import", "no-such-file.json"], 1, "LOCAL"),
        (&["token", "add", "clockify"], 64, "USAGE"),
        (&["token", "list", "--tenant", "Nobody!"], 64, "USAGE"),
        (&["doctor", "--tenant", "Nobody!"], 64, "USAGE"),
        (&["sync", "run", "nope"], 1, "NOT_FOUND"),
        (&["sync", "preview", "nope"], 1, "NOT_FOUND"),
        (&["sync", "cleanup", "nope"], 1, "NOT_FOUND"),
        (
            &["sync", "cleanup", "nope", "--from", "yesterday"],
            64,
            "USAGE",
        ),
        (
            &["sync", "watch", "7c9e6679-7425-40de-944b-e07fc1f90ae7"],
            1,
            "NOT_FOUND",
        ),
        (
            &["sync", "create", "meet-to-clockify", "work"],
            64,
            "INVALID_ARGUMENT",
        ),
        (&["simulate", "--fault", "nope"], 64, "USAGE"),
        (&["frobnicate"], 64, "USAGE"),
        (&["sync"], 64, "USAGE"),
        (
            &["sync", "list", "--set", "nope.key=1"],
            64,
            "SETTINGS_INVALID",
        ),
        (&["sync", "once"], 64, "SETTINGS_INVALID"),
    ];
    for (command, code, reason) in commands {
        let ended = stage.run(&[&["--json"], *command].concat()).await;
        assert_eq!(ended.code, *code, "{command:?}: {}", ended.text);
        let error = &ended.json()["error"];
        assert_eq!(error["reason"], *reason, "{command:?}: {}", ended.text);
        for field in ["code", "message"] {
            assert!(
                error[field].as_str().is_some_and(|text| !text.is_empty()),
                "{command:?}: {error}"
            );
        }
    }
}

#[tokio::test]
async fn an_error_names_every_wrong_field_on_a_line_of_its_own() {
    let stage = Stage::with_tokens().await;
    let command = [
        "sync",
        "create",
        "meet-to-clockify",
        "work",
        "--days",
        "2000",
        "--time-zone",
        "Mars/Olympus",
    ];
    let ended = stage.run(&command).await;
    assert_eq!(ended.code, 64);
    assert_eq!(
        ended.text,
        "error: the request is wrong\n  \
         sync.meet_to_clockify.days: expected 0 to 1825, got 2000\n  \
         sync.meet_to_clockify.time_zone: expected an IANA time zone as in Europe/Zurich, got \"Mars/Olympus\""
    );
}

#[tokio::test]
async fn wrong_settings_end_with_64_and_every_fault() {
    let command = Process::syncline(&["serve"])
        .env("SYNCLINE_GRPC_ADDR", "nowhere")
        .env("SYNCLINE_RUNS_POLL", "often")
        .env("SYNCLINE_NO_SUCH_THING", "1");
    let ended = ended(command).await;
    assert_eq!(ended.code, 64, "{}", ended.text);
    for name in [
        "grpc.addr",
        "runs.poll",
        "SYNCLINE_NO_SUCH_THING",
        "3 settings are wrong",
    ] {
        assert!(
            ended.text.contains(name),
            "{name} is missing in {}",
            ended.text
        );
    }
}

#[tokio::test]
async fn a_key_on_the_command_line_is_refused_and_not_repeated() {
    let key = "composed-key-on-the-command-line";
    let flag = format!("--key={key}");
    for command in [
        vec!["token", "add", "clockify", key],
        vec!["token", "add", key],
        vec!["token", "add", "clockify", "--key", key],
        vec!["token", "add", "clockify", &flag],
        vec!["token", "add", "clockify", "--api-key", key],
    ] {
        for json in [false, true] {
            let command = [command.as_slice(), if json { &["--json"] } else { &[] }].concat();
            let stage = Stage::new();
            let ended = stage.run(&command).await;
            assert_eq!(ended.code, 64, "{command:?}: {}", ended.text);
            assert!(
                ended.text.contains("never taken from the command line"),
                "{command:?}: {}",
                ended.text
            );
            assert!(!ended.text.contains(key), "{command:?}: {}", ended.text);
            assert!(
                !stage.folder.path().join("syncline.db").exists(),
                "nothing was stored"
            );
        }
    }
}

#[tokio::test]
async fn a_token_that_is_there_is_replaced_only_when_asked() {
    let stage = Stage::with_tokens().await;
    let again = stage
        .run_with(&["token", "import", "-"], &stage.token_json())
        .await;
    assert_eq!(again.code, 1, "{}", again.text);
    let replaced = stage
        .run_with(&["token", "import", "-", "--replace"], &stage.token_json())
        .await;
    assert_eq!(replaced.code, 0, "{}", replaced.text);
    let torn = stage
        .run_with(
            &["token", "import", "-", "--replace"],
            "{\"access_token\": \"ya29.composed\"",
        )
        .await;
    assert_eq!(torn.code, 64, "{}", torn.text);
    assert_eq!(
        stage.run(&["token", "check", "google"]).await.code,
        0,
        "the one before still works"
    );
}

#[tokio::test]
async fn a_switch_of_a_definition_is_turned_on_and_off_again() {
    let stage = Stage::with_sync(&["--skip-solo", "--billable"]).await;
    let shown = stage.run(&["--json", "sync", "show", "work"]).await.json();
    assert_eq!(shown["meetToClockify"]["skipSolo"], true);
    assert_eq!(shown["meetToClockify"]["defaultTarget"]["billable"], true);
    let off = [
        "sync",
        "update",
        "work",
        "--skip-solo=false",
        "--billable=false",
    ];
    let off = stage.run(&off).await;
    assert_eq!(off.code, 0, "{}", off.text);
    let shown = stage.run(&["--json", "sync", "show", "work"]).await.json();
    assert_eq!(shown["meetToClockify"]["skipSolo"], Value::Null);
    let target = &shown["meetToClockify"]["defaultTarget"];
    assert_eq!(target["billable"], Value::Null);
}

#[tokio::test]
async fn a_definition_goes_into_a_file_and_back() {
    let stage = Stage::with_sync(&[
        "--rule",
        "name=a & domain=acme.test => Acme / Calls #x $",
        "--skip-shorter-than",
        "5m",
    ])
    .await;
    let shown = stage.run(&["--json", "sync", "show", "work"]).await.json();
    let file = stage.folder.path().join("sync.json");
    std::fs::write(&file, shown.to_string()).unwrap();
    let copied = [
        "--json",
        "sync",
        "create",
        "meet-to-clockify",
        "copy",
        "--file",
        file.to_str().unwrap(),
    ];
    let copy = stage.run(&copied).await.json();
    assert_eq!(copy["meetToClockify"], shown["meetToClockify"]);
    let rule = &copy["meetToClockify"]["rules"][0];
    assert_eq!(rule["target"]["task"], Value::from("Calls"));
    assert_eq!(
        copy["meetToClockify"]["skipShorterThan"],
        Value::from("300s")
    );
}

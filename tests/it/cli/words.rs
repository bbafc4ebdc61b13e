//! What people and scripts read when something is not as it should be: short, complete, and with a way on.

use super::{Ended, Stage, ended};
use crate::kit::Process;
use regex::Regex;

#[tokio::test]
async fn moments_in_documents_end_in_z() {
    let stage = Stage::with_sync(&[]).await;
    assert_eq!(stage.run(&["sync", "run", "work"]).await.code, 0);
    let z = Regex::new(r#""[0-9-]{10}T[0-9:.]{8,18}Z""#).unwrap();
    let commands: [&[&str]; 5] = [
        &["sync", "show", "work"],
        &["sync", "runs"],
        &["sync", "preview", "work"],
        &["token", "list"],
        &["token", "events", "google"],
    ];
    for command in commands {
        let shown = stage.run(&[&["--json"], command].concat()).await;
        assert!(z.is_match(&shown.text), "{command:?}: {}", shown.text);
        assert!(
            !shown.text.contains("+00:00"),
            "{command:?}: {}",
            shown.text
        );
    }
}

#[tokio::test]
async fn a_missing_argument_is_named_for_programs_too() {
    let stage = Stage::new();
    let refused = |text: Ended| {
        assert_eq!(text.code, 64, "{}", text.text);
        text.json()["error"].clone()
    };
    let error = refused(stage.run(&["--json", "sync", "run"]).await);
    assert_eq!(
        error["message"],
        "the following required arguments were not provided: <ID>"
    );
    assert_eq!(error["violations"][0]["field"], "<ID>");
    let error = refused(
        stage
            .run(&["--json", "sync", "run", "work", "--dayz", "3"])
            .await,
    );
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("'--dayz'") && message.contains("'--days'"),
        "{message}"
    );
    let error = refused(
        stage
            .run(&["--json", "sync", "run", "work", "--days", "few"])
            .await,
    );
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("'few'") && message.contains("--days"),
        "{message}"
    );
    let error = refused(stage.run(&["--json"]).await);
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("subcommand") && message.contains("serve"),
        "{message}"
    );
    let error = refused(stage.run(&["--json", "sync"]).await);
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("--help"), "{message}");
}

#[tokio::test]
async fn a_wrong_template_is_one_line_with_its_field_and_place() {
    let stage = Stage::with_tokens().await;
    let command = [
        "sync",
        "create",
        "meet-to-clockify",
        "work",
        "--description",
        "{{ title",
    ];
    let refused = stage.run(&command).await;
    assert_eq!(
        refused.text,
        "error: the request is wrong\n  \
         sync.meet_to_clockify.description_template: line 1, column 4: expected }} behind it"
    );
}

#[tokio::test]
async fn a_wrong_variable_is_named_once_and_no_file_of_the_source_is() {
    let command = Process::syncline(&["sync", "once"])
        .env("GOOGLE_CLIENT_ID", "composed")
        .env("GOOGLE_CLIENT_SECRET", "composed")
        .env("CLOCKIFY_API_TOKEN", "composed")
        .env("SYNC_DAYS", "0");
    let refused = ended(command).await;
    assert_eq!(
        refused.text,
        "error: 1 setting is wrong\n  SYNC_DAYS: expected a number from 1 to 1825, got \"0\"\n\
         `syncline settings` lists all that there are, with their values"
    );
}

#[tokio::test]
async fn settings_are_listed_with_their_origin_when_they_are_wrong_too() {
    let command = Process::syncline(&["settings"])
        .env("SYNCLINE_RUNS_POLL", "soon")
        .env("SYNCLINE_RUNS_POL", "1s")
        .env("BASIC_AUTH_USERNAME", "ada")
        .env("BASIC_AUTH_PASSWORD", "composed-canary");
    let listed = ended(command).await;
    assert_eq!(listed.code, 64, "{}", listed.text);
    assert!(
        listed.text.contains("SYNCLINE_RUNS_POL:"),
        "{}",
        listed.text
    );
    assert!(!listed.text.contains("canary"), "{}", listed.text);
    let line = |key: &str| {
        let line = listed.text.lines().find(|line| line.starts_with(key));
        line.unwrap_or_else(|| panic!("{key} is missing: {}", listed.text))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        line("auth.basic_password"),
        "auth.basic_password (hidden) variable BASIC_AUTH_PASSWORD"
    );
    assert_eq!(line("runs.grace"), "runs.grace 25s built-in default");
    assert_eq!(line("redis.url"), "redis.url (not set) built-in default");
    assert!(
        listed
            .text
            .contains("runs.poll (variable SYNCLINE_RUNS_POLL): expected"),
        "{}",
        listed.text
    );
    let some = ended(Process::syncline(&["settings", "clockify."])).await;
    assert_eq!(
        (some.code, some.text.lines().count()),
        (0, 3),
        "{}",
        some.text
    );
}

#[tokio::test]
async fn no_tokens_to_check_is_said() {
    let stage = Stage::new();
    let checked = stage.run(&["token", "check"]).await;
    assert_eq!(checked.code, 0);
    assert!(checked.text.contains("no tokens yet"), "{}", checked.text);
    let checked = stage.run(&["--json", "token", "check"]).await;
    assert_eq!(checked.json()["checks"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn the_doctor_says_everything_about_the_key_in_one_place() {
    let stage = Stage::with_tokens().await;
    let found = stage.run(&["--json", "doctor"]).await.json();
    let findings = found["findings"].as_array().unwrap();
    let mut things: Vec<_> = findings
        .iter()
        .map(|finding| finding["what"].clone())
        .collect();
    assert_eq!(
        things.iter().filter(|what| *what == "key").count(),
        2,
        "{things:?}"
    );
    things.dedup();
    assert_eq!(
        things.iter().filter(|what| *what == "key").count(),
        1,
        "{things:?}"
    );
}

#[tokio::test]
async fn looking_makes_no_folder() {
    let stage = Stage::new();
    let folder = stage.folder.path().join("not-yet");
    for (command, code) in [
        (["doctor"].as_slice(), 0),
        (&["db", "status"], 1),
        (&["serve", "--no-migrate"], 1),
    ] {
        let looked = ended(stage.command(command).env("SYNCLINE_DATA_DIR", &folder)).await;
        assert_eq!(looked.code, code, "{command:?}: {}", looked.text);
        assert!(!folder.exists(), "{command:?} has made the folder");
    }
}

#[tokio::test]
async fn a_postgres_that_refuses_the_connection_is_said_to_refuse_it() {
    let stage = Stage::new();
    let command = stage
        .command(&["db", "migrate"])
        .env(
            "DATABASE_URL",
            "postgres://somebody:composed-canary@127.0.0.1:1/x",
        )
        .env("SYNCLINE_DATABASE_ACQUIRE_TIMEOUT", "200ms");
    let refused = ended(command).await;
    assert_eq!(refused.code, 1);
    assert!(
        refused.text.contains("127.0.0.1:1 is refused"),
        "{}",
        refused.text
    );
    assert!(!refused.text.contains("canary"), "{}", refused.text);
}

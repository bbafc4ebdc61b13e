//! Whom a command talks to: who names a server gets that server, or is told that there is none.

use super::{LONG, Stage, ended};

/// What works on this machine alone.
const HERE: [&[&str]; 8] = [
    &["serve"],
    &["demo", "--exit"],
    &["simulate", "--list-faults"],
    &["db", "status"],
    &["db", "migrate"],
    &["doctor"],
    &["settings"],
    &["sync", "once"],
];

#[tokio::test]
async fn a_server_that_would_not_be_asked_is_refused_before_anything_is_done() {
    for command in HERE {
        let stage = Stage::new();
        let named = [&["--server", "http://127.0.0.1:1"], command].concat();
        let ended = stage.run(&named).await;
        assert_eq!(ended.code, 64, "{command:?}: {}", ended.text);
        assert!(
            ended.text.contains("--server") && ended.text.contains("this machine alone"),
            "{command:?}: {}",
            ended.text
        );
        assert_eq!(
            std::fs::read_dir(stage.folder.path()).unwrap().count(),
            0,
            "{command:?} has made something"
        );
    }
}

#[tokio::test]
async fn the_variable_alone_is_a_note_where_somebody_could_be_mistaken() {
    let stage = Stage::new();
    for (command, is_noted) in [
        (["db", "migrate"].as_slice(), true),
        (&["db", "status"], true),
        (&["doctor"], true),
        (&["simulate", "--list-faults"], false),
    ] {
        let named = stage.command(command);
        let ended = ended(named.env("SYNCLINE_SERVER", "http://127.0.0.1:1")).await;
        assert_eq!(ended.code, 0, "{command:?}: {}", ended.text);
        let noted = ended.text.contains("note: SYNCLINE_SERVER");
        assert_eq!(noted, is_noted, "{command:?}: {}", ended.text);
    }
}

#[tokio::test]
async fn the_flag_wins_over_the_variable_and_an_empty_variable_says_nothing() {
    let stage = Stage::new();
    let here = stage.command(&["sync", "list"]).env("SYNCLINE_SERVER", "");
    let here = ended(here).await;
    assert_eq!(here.code, 0, "{}", here.text);
    let (status, text) = stage
        .command(&["--server", "127.0.0.1:1", "sync", "list"])
        .env("SYNCLINE_SERVER", "127.0.0.1:2")
        .finish(LONG)
        .await;
    assert_eq!(status.code(), Some(1), "{text}");
    assert!(text.contains("127.0.0.1:1:"), "{text}");
    let dotenv = stage.command(&["sync", "list"]);
    std::fs::write(
        dotenv.folder().join(".env"),
        "SYNCLINE_SERVER=127.0.0.1:3\n",
    )
    .unwrap();
    let dotenv = ended(dotenv).await;
    assert!(dotenv.text.contains("127.0.0.1:3:"), "{}", dotenv.text);
    let variable = stage.command(&["sync", "list"]);
    let variable = ended(variable.env("SYNCLINE_SERVER", "127.0.0.1:2")).await;
    assert!(variable.text.contains("127.0.0.1:2:"), "{}", variable.text);
}

//! `syncline tenant`, with and without a server.

use super::Stage;
use crate::cli::server::serve;

#[tokio::test]
async fn every_verb_does_what_it_says_and_prints_it() {
    let stage = Stage::new();
    let create = [
        "tenant",
        "create",
        "acme",
        "--display-name",
        "Acme",
        "--domain",
        "EXAMPLE.org/",
        "--domain",
        "*.example.org",
    ];
    for (words, expected) in [
        (&create[..], "example.org *.example.org"),
        (
            &["tenant", "list"],
            "acme     Acme     active  example.org *.example.org",
        ),
        (&["tenant", "show", "acme"], "tenants/acme"),
        (&["--tenant", "acme", "tenant", "show"], "tenants/acme"),
        (&["tenant", "update", "acme", "--state", "paused"], "paused"),
        (&["tenant", "update", "acme", "--any-domain"], "all"),
        (&["tenant", "delete", "acme"], "tenants/acme is removed"),
        (&["tenant", "list"], "default  Default  active  all"),
    ] {
        let ended = stage.run(words).await;
        assert_eq!(ended.code, 0, "{words:?}: {}", ended.text);
        assert!(ended.text.contains(expected), "{words:?}: {}", ended.text);
    }
}

#[tokio::test]
async fn a_server_answers_what_the_own_process_does() {
    let stage = Stage::new();
    let made = stage.run(&["--json", "tenant", "create", "acme"]).await;
    assert_eq!(made.code, 0, "{}", made.text);
    let here = stage
        .run(&["--json", "tenant", "show", "acme"])
        .await
        .json();
    let (_server, url) = serve(&stage).await;
    let there = stage
        .run(&["--json", "--server", &url, "tenant", "show", "acme"])
        .await;
    assert_eq!(there.json(), here);
    assert_eq!(here["state"], "TENANT_STATE_ACTIVE");
    let all = stage
        .run(&["--json", "--server", &url, "tenant", "list"])
        .await
        .json();
    assert_eq!(all["tenants"].as_array().unwrap().len(), 2, "{all}");
}

#[tokio::test]
async fn what_is_wrong_ends_with_its_code() {
    let stage = Stage::new();
    for (words, code, expected) in [
        (
            &["tenant", "create", "Acme", "--domain", "*"][..],
            64,
            "allowed_domains[0]",
        ),
        (&["tenant", "update", "default"], 64, "give what to change"),
        (
            &["tenant", "update", "default", "--state", "gone"],
            64,
            "--state",
        ),
        (&["tenant", "show", "nobody"], 1, "does not exist"),
        (
            &["tenant", "delete", "default"],
            1,
            "can be emptied and disabled, not removed",
        ),
        (&["tenant", "create", "default"], 1, "exists already"),
    ] {
        let ended = stage.run(words).await;
        assert_eq!(ended.code, code, "{words:?}: {}", ended.text);
        assert!(ended.text.contains(expected), "{words:?}: {}", ended.text);
    }
}

#[tokio::test]
async fn a_widget_is_shown_and_changed() {
    let stage = Stage::new();
    let made = stage.run(&["tenant", "create", "acme"]).await;
    assert_eq!(made.code, 0, "{}", made.text);
    let shown = stage.run(&["tenant", "widget", "acme"]).await;
    for said in ["Support", "Hi! How can I help?", "#3b82f6", "right"] {
        assert!(shown.text.contains(said), "{}", shown.text);
    }
    let change = [
        "tenant",
        "widget",
        "acme",
        "--color",
        "#00aa11",
        "--position",
        "left",
        "--welcome",
        "",
        "--name",
        "Attendance",
    ];
    let changed = stage.run(&change).await;
    assert_eq!(changed.code, 0, "{}", changed.text);
    let again = stage.run(&["tenant", "widget", "acme"]).await;
    for said in ["Attendance", "#00aa11", "left"] {
        assert!(again.text.contains(said), "{}", again.text);
    }
    assert!(!again.text.contains("Hi!"), "{}", again.text);
    for (flags, said) in [
        (["--color", "blue"], "primary_color"),
        (["--position", "top"], "--position"),
    ] {
        let wrong = [["tenant", "widget"].as_slice(), &flags].concat();
        let wrong = stage.run(&wrong).await;
        assert_eq!(wrong.code, 64, "{}", wrong.text);
        assert!(wrong.text.contains(said), "{}", wrong.text);
    }
}

//! Variables that are not, or not only, ours.

use super::{faults, load, notices};

#[test]
fn names_that_kubernetes_and_the_test_suite_set_are_no_slips() {
    let environment = [
        ("SYNCLINE_SERVICE_HOST", "10.0.0.1"),
        ("SYNCLINE_SERVICE_PORT_GRPC", "50051"),
        ("SYNCLINE_PORT", "tcp://10.0.0.1:50051"),
        ("SYNCLINE_PORT_50051_TCP_ADDR", "10.0.0.1"),
        ("SYNCLINE_TEST_POSTGRES", "x"),
        ("SYNCLINE_SERVER", "http://127.0.0.1:50051"),
    ];
    assert!(notices(&environment).iter().all(|notice| notice.quiet));
    assert!(faults(&[("SYNCLINE_PORT", "3000")]).contains("there is no such variable"));
}

#[test]
fn variables_of_the_originals_get_a_word_when_it_matters() {
    let texts = |environment: &[(&str, &str)], quiet| -> Vec<String> {
        let all = notices(environment).into_iter();
        all.filter(|notice| notice.quiet == quiet)
            .map(|notice| notice.text)
            .collect()
    };
    assert!(
        texts(
            &[
                ("PORT", "1"),
                ("NODE_ENV", "x"),
                ("LOG_LEVEL", "y"),
                ("PATH", "z")
            ],
            false
        )
        .is_empty()
    );
    assert_eq!(texts(&[("PORT", "1"), ("PATH", "z")], true).len(), 1);
    for (name, expected) in [
        (
            "SYNC_SCHEDULE",
            "SYNC_SCHEDULE: no effect here: only `serve`",
        ),
        ("RESEND_API_KEY", "no mails yet"),
        ("DISCORD_BOT_TOKEN", "not carried over"),
        ("CORS_ORIGINS", "other sites may not call"),
        (
            "CLOCKIFY_API_TOKEN",
            "CLOCKIFY_API_TOKEN: no effect here: only `serve` and `sync once`",
        ),
    ] {
        let said = texts(&[(name, "redis://canary")], false);
        assert_eq!(said.len(), 1, "{name}: {said:?}");
        assert!(
            said[0].contains(expected) && !said[0].contains("canary"),
            "{said:?}"
        );
    }
}

#[test]
fn what_is_the_same_is_said_once() {
    let environment = [
        ("DISCORD_A", "x"),
        ("DISCORD_B", "x"),
        ("NODE_ENV", "x"),
        ("PORT", "x"),
    ];
    let texts: Vec<_> = notices(&environment)
        .into_iter()
        .map(|notice| notice.text)
        .collect();
    assert_eq!(
        texts,
        [
            "DISCORD_A, DISCORD_B: no effect: the Discord bot is not carried over",
            "NODE_ENV, PORT: left alone: many programs use this name",
        ]
    );
}

#[test]
fn what_its_owner_wanted_to_prevent_is_refused() {
    for (text, dry) in [("1", true), ("TRUE", true), ("0", false), ("false", false)] {
        let config = load(&[("DRY_RUN", text)]).unwrap();
        assert_eq!(config.syncs.dry_run, dry, "{text}");
    }
    assert!(faults(&[("DRY_RUN", "yes")]).contains("expected true, 1, false or 0"));
}

#[test]
fn text_that_is_not_utf8_is_reported_where_it_is_ours() {
    assert!(faults(&[("GOOGLE_CLIENT_SECRET", "a\u{fffd}b")]).contains("is not valid UTF-8"));
    assert!(load(&[("PS1", "\u{fffd}")]).is_ok());
}

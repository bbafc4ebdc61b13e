//! The variables, right and wrong.

use super::*;
use proptest::prelude::*;
use std::path::Path;

/// What the original's example file sets, with composed values.
const EXAMPLE: [(&str, &str); 12] = [
    ("GOOGLE_CLIENT_ID", "composed.apps.googleusercontent.com"),
    ("GOOGLE_CLIENT_SECRET", "composed-client-canary"),
    (
        "GOOGLE_REDIRECT_URI",
        "http://localhost:3000/oauth2callback",
    ),
    ("GOOGLE_USER_EMAIL", "someone@example.org"),
    ("CLOCKIFY_API_TOKEN", "composed-api-canary"),
    ("NODE_ENV", "production"),
    ("SYNC_DAYS", "14"),
    ("CLOCKIFY_API_BASE", "https://api.clockify.me/api"),
    ("CLOCKIFY_API_DELAY", "50"),
    ("MEET_PROJECT_NAME", "Meetings"),
    ("DRY_RUN", "1"),
    ("SYNC_SCHEDULE", "0 * * * *"),
];

fn sources(dir: &Path, change: &[(&str, &str)]) -> Sources {
    Sources {
        dir: dir.to_owned(),
        environment: EXAMPLE
            .iter()
            .chain(change)
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect(),
        ..Sources::default()
    }
}

fn load(
    dir: &Path,
    change: &[(&str, &str)],
) -> Result<(Config, MeetClockify, Vec<Notice>), Faults> {
    MeetClockify::for_one_off(&sources(dir, change))
}

fn serve(
    dir: &Path,
    change: &[(&str, &str)],
) -> Result<(Config, Option<MeetClockify>, Vec<Notice>), Faults> {
    let is_cron = |text: &str| match text {
        "0 * * * *" => Ok(()),
        _ => Err("expected 5 fields".to_owned()),
    };
    MeetClockify::for_server(&sources(dir, change), is_cron)
}

#[test]
fn the_environment_of_the_original_is_understood() {
    let dir = tempfile::tempdir().unwrap();
    let (config, once, notices) = load(dir.path(), &[]).unwrap();
    assert_eq!(config.clockify.url, "https://api.clockify.me/api/v1");
    assert_eq!(
        config.google.client_id.as_deref(),
        Some("composed.apps.googleusercontent.com")
    );
    assert_eq!(once.clockify_api_token.expose(), "composed-api-canary");
    assert_eq!(
        (once.days, once.project.as_deref(), config.syncs.dry_run),
        (Some(14), Some("Meetings"), true)
    );
    assert!(!format!("{config:?} {once:?} {notices:?}").contains("canary"));
    assert!(!format!("{once:?}").contains("example.org"));
    let aloud: Vec<_> = notices.iter().filter(|notice| !notice.quiet).collect();
    assert_eq!(aloud.len(), 1, "{aloud:?}");
    assert!(aloud[0].text.starts_with("CLOCKIFY_API_DELAY: no effect"));
}

#[test]
fn what_the_original_leaves_open_has_a_default() {
    let dir = tempfile::tempdir().unwrap();
    let empty = [
        ("SYNC_DAYS", ""),
        ("MEET_PROJECT_NAME", ""),
        ("DRY_RUN", ""),
        ("GOOGLE_USER_EMAIL", ""),
    ];
    let (config, once, _) = load(dir.path(), &empty).unwrap();
    assert_eq!((once.days, once.project), (None, None));
    assert!(!config.syncs.dry_run);
    assert!(once.google_user_email.is_none());
}

#[test]
fn all_faults_are_reported_at_once_with_those_of_the_settings() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = [
        ("GOOGLE_CLIENT_ID", ""),
        ("GOOGLE_CLIENT_SECRET", ""),
        ("GOOGLE_REDIRECT_URI", "canary"),
        ("GOOGLE_USER_EMAIL", "canary"),
        ("CLOCKIFY_API_TOKEN", ""),
        ("SYNC_DAYS", "1826"),
        ("CLOCKIFY_API_DELAY", "10001"),
        ("DRY_RUN", "yes"),
        ("SYNCLINE_RUNS_POLL", "soon"),
    ];
    let faults = load(dir.path(), &wrong).unwrap_err();
    for (name, _) in &wrong[..8] {
        assert!(
            faults.0.iter().any(|fault| fault.place().contains(name)),
            "{name}: {faults}"
        );
    }
    assert!(faults.to_string().contains("runs.poll"), "{faults}");
    assert_eq!(faults.0.len(), wrong.len(), "{faults}");
    assert!(!faults.to_string().contains("canary"), "{faults}");
}

#[test]
fn the_api_key_can_be_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("key"), "composed-from-file\n").unwrap();
    let change = [
        ("CLOCKIFY_API_TOKEN", ""),
        ("CLOCKIFY_API_TOKEN_FILE", "key"),
    ];
    let (_, once, _) = load(dir.path(), &change).unwrap();
    assert_eq!(once.clockify_api_token.expose(), "composed-from-file");
}

#[test]
fn a_server_obeys_the_same_variables_and_the_schedule() {
    let dir = tempfile::tempdir().unwrap();
    let (_, said, notices) = serve(dir.path(), &[]).unwrap();
    assert_eq!(said.unwrap().schedule.as_deref(), Some("0 * * * *"));
    let aloud = notices.iter().filter(|notice| !notice.quiet);
    assert_eq!(aloud.count(), 1, "{notices:?}");
    let faults = serve(dir.path(), &[("SYNC_SCHEDULE", "soon"), ("SYNC_DAYS", "0")]);
    let faults = faults.unwrap_err().to_string();
    assert!(
        faults.contains("SYNC_SCHEDULE: expected 5 fields") && faults.contains("SYNC_DAYS"),
        "{faults}"
    );
}

#[test]
fn a_server_says_what_it_lacks_where_somebody_seems_to_want_a_sync() {
    let dir = tempfile::tempdir().unwrap();
    let lacking = [("CLOCKIFY_API_TOKEN", ""), ("GOOGLE_CLIENT_SECRET", "")];
    let (_, said, notices) = serve(dir.path(), &lacking).unwrap();
    assert!(said.is_none());
    let told = format!("{notices:?}");
    assert!(
        told.contains("SYNC_SCHEDULE: no sync is made of them: GOOGLE_CLIENT_SECRET, CLOCKIFY_API_TOKEN must be set, too"),
        "{told}"
    );
    let ours = Sources {
        dir: dir.path().to_owned(),
        environment: [("GOOGLE_CLIENT_ID".to_owned(), "composed".to_owned())].into(),
        ..Sources::default()
    };
    let (_, said, notices) = MeetClockify::for_server(&ours, |_| Ok(())).unwrap();
    assert!(said.is_none() && notices.is_empty(), "{notices:?}");
}

#[test]
fn addresses_are_checked_by_their_shape() {
    for right in ["a@example.org", "first.last+tag@mail.example.com"] {
        assert!(email(right).is_ok(), "{right}");
    }
    for wrong in [
        "",
        "a",
        "@example.org",
        "a@",
        "a@b",
        "a@.org",
        "a@example.",
        "a b@example.org",
        "a@b@example.org",
    ] {
        assert!(email(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in ".{0,40}") {
        let _ = (email(&text), number(&text, 0, 9));
    }
}

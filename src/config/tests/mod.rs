//! The layers and rules together.

mod variables;

use super::*;
use std::{fs, path::Path};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn sources(dir: &Path, environment: &[(&str, &str)]) -> Sources {
    Sources {
        dir: dir.to_owned(),
        environment: environment
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect(),
        ..Sources::default()
    }
}

/// Loads with these variables only.
fn load(environment: &[(&str, &str)]) -> Result<Config, Faults> {
    let dir = tempfile::tempdir().unwrap();
    Config::load(&sources(dir.path(), environment)).map(|(config, _)| config)
}

/// What is said when these variables are set.
fn notices(environment: &[(&str, &str)]) -> Vec<Notice> {
    let dir = tempfile::tempdir().unwrap();
    Config::load(&sources(dir.path(), environment)).unwrap().1
}

fn faults(environment: &[(&str, &str)]) -> String {
    load(environment).unwrap_err().to_string()
}

#[test]
fn the_embedded_defaults_are_right_and_complete() {
    let dir = tempfile::tempdir().unwrap();
    let (config, notices) = Config::load(&sources(dir.path(), &[])).unwrap();
    assert_eq!(notices, []);
    assert_eq!(config.grpc.addr.to_string(), "127.0.0.1:50051");
    assert_eq!(config.grpc.max_message_bytes, 4 << 20);
    assert_eq!(config.outbound.backoff_base, Duration::from_millis(200));
    assert_eq!(config.clockify.budget, "50/1s".parse().ok());
    assert!(config.key.is_none() && config.database.url.is_none());
    let config = Config::with_defaults("x");
    assert_eq!(config.data.sqlite_file(), Path::new("x/syncline.db"));
    assert_eq!(config.data.key_file(), Path::new("x/syncline.key"));
}

#[test]
fn each_layer_wins_over_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let loaded = |environment: &[(&str, &str)], flags: &[(&str, &str)]| {
        let mut sources = sources(dir.path(), environment);
        for (key, text) in flags {
            sources = sources.with_flag(*key, *text);
        }
        Config::load(&sources).unwrap().0.runs.max_attempts
    };
    let environment = [("SYNCLINE_RUNS_MAX_ATTEMPTS", "7")];
    assert_eq!(loaded(&[], &[]), 3);
    fs::write(
        dir.path().join("syncline.toml"),
        "[runs]\nmax_attempts = 5\n",
    )
    .unwrap();
    assert_eq!(loaded(&[], &[]), 5);
    fs::write(dir.path().join(".env"), "SYNCLINE_RUNS_MAX_ATTEMPTS=6\n").unwrap();
    assert_eq!(loaded(&[], &[]), 6);
    assert_eq!(loaded(&environment, &[]), 7);
    assert_eq!(loaded(&environment, &[("runs.max_attempts", "8")]), 8);
    let empty = [("SYNCLINE_RUNS_MAX_ATTEMPTS", "")];
    assert_eq!(loaded(&empty, &[("runs.max_attempts", "")]), 6);
}

#[test]
fn a_file_that_was_asked_for_must_exist() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("other.toml"), "instance = \"other\"\n").unwrap();
    let by_variable = sources(dir.path(), &[("SYNCLINE_CONFIG", "other.toml")]);
    assert_eq!(
        Config::load(&by_variable).unwrap().0.instance.as_deref(),
        Some("other")
    );
    let mut by_flag = sources(dir.path(), &[]);
    by_flag.file = Some("absent.toml".into());
    let faults = Config::load(&by_flag).unwrap_err().to_string();
    assert!(faults.contains("absent.toml: cannot be read"), "{faults}");
}

#[test]
fn everything_that_is_wrong_is_reported_at_once_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("syncline.toml"),
        "grpcc = 1\n\n[grpc]\nreflection = \"maybe\"\nadr = \"127.0.0.1:1\"\n[runs]\npoll = [1]\ngrace = 25\n[syncs]\ndays = 0\n[log.level]\nx = 1\n",
    )
    .unwrap();
    fs::write(
        dir.path().join(".env"),
        "# ours\n\nSYNCLINE_RUNS_HEARTBEAT=5\nthis is no assignment\n",
    )
    .unwrap();
    let environment = [
        ("SYNCLINE_GRPC_ADDR", "0.0.0.0:50051"),
        ("SYNCLINE_AUTH_REQUIRED", "false"),
        ("SYNCLINE_OUTBOUND_RETRYS", "1"),
        ("SYNCLINE_GOOGLE_MEET_URL", "http://example.org"),
        ("SYNCLINE_CLOCKIFY_BUDGET", "50"),
        ("SYNCLINE_KEY_FILE", "absent"),
        ("SYNCLINE_OUTBOUND_BACKOFF_BASE", "30s"),
        ("DRY_RUN", "maybe"),
    ];
    let sources = sources(dir.path(), &environment).with_flag("runs.pol", "1s");
    let faults = Config::load(&sources).unwrap_err();
    let text = faults.to_string();
    for expected in [
        "grpcc (",
        "/syncline.toml line 1): there is no such setting",
        "grpc.reflection (",
        "/syncline.toml line 4): expected true or false, got \"maybe\"",
        "line 5): there is no such setting (did you mean grpc.addr?)",
        "line 7): expected text, a number or a boolean, got array",
        "line 8): expected a duration such as 200ms, 30s, 5m, 6h or 90d, got \"25\"",
        "syncs.days (",
        "expected a number from 1 to 1825, got \"0\"",
        "log.level.x (",
        "runs.heartbeat (SYNCLINE_RUNS_HEARTBEAT in ",
        "/.env line 3): expected a duration",
        "/.env line 4: expected NAME=value",
        "grpc.addr (variable SYNCLINE_GRPC_ADDR): expected a loopback address",
        "SYNCLINE_OUTBOUND_RETRYS: there is no such variable (did you mean SYNCLINE_OUTBOUND_RETRIES?)",
        "google.meet_url (variable SYNCLINE_GOOGLE_MEET_URL): expected https://",
        "clockify.budget (variable SYNCLINE_CLOCKIFY_BUDGET): expected requests per time",
        "SYNCLINE_KEY_FILE: ",
        "outbound.backoff_base (variable SYNCLINE_OUTBOUND_BACKOFF_BASE): expected at most outbound.backoff_max",
        "syncs.dry_run (variable DRY_RUN): expected true, 1, false or 0, got \"maybe\"",
        "runs.pol (command line): there is no such setting (did you mean runs.poll?)",
    ] {
        assert!(
            text.contains(expected),
            "{expected:?} is missing in\n{text}"
        );
    }
    assert!(text.starts_with("17 settings are wrong:\n"), "{text}");
}

#[test]
fn secrets_and_urls_can_be_in_files() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("key"), format!("{KEY}\n")).unwrap();
    fs::write(dir.path().join("url"), "postgres://u:p@h/d\r\n").unwrap();
    fs::write(dir.path().join("empty"), "\n").unwrap();
    let load = |environment: &[(&str, &str)]| Config::load(&sources(dir.path(), environment));
    let (config, _) = load(&[
        ("SYNCLINE_KEY_FILE", "key"),
        ("DATABASE_URL_FILE", "url"),
        ("SYNCLINE_GOOGLE_TOKEN_URL", "https://example.org/token"),
    ])
    .unwrap();
    assert_eq!(config.key.unwrap().expose(), KEY);
    assert_eq!(config.database.url.unwrap().expose(), "postgres://u:p@h/d");
    for (environment, expected) in [
        (
            vec![
                ("DATABASE_URL_FILE", "url"),
                ("DATABASE_URL", "postgres://h/d"),
            ],
            "DATABASE_URL: is set together with DATABASE_URL_FILE",
        ),
        (
            vec![("DATABASE_URL_FILE", "absent")],
            "absent cannot be read",
        ),
        (vec![("SYNCLINE_KEY_FILE", "empty")], "empty is empty"),
        (
            vec![("SYNCLINE_KEY_FILE", "/dev/zero")],
            "larger than 64 KiB",
        ),
        (
            vec![("SYNCLINE_RUNS_POLL_FILE", "url")],
            "there is no such variable",
        ),
    ] {
        let faults = load(&environment).unwrap_err().to_string();
        assert!(faults.contains(expected), "{faults}");
        assert!(faults.starts_with("1 setting"), "{faults}");
    }
}

#[test]
fn a_file_named_in_the_environment_wins_over_a_value_in_dotenv() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join(".env"),
        "export DATABASE_URL='postgres://h/dotenv'\n",
    )
    .unwrap();
    fs::write(dir.path().join("url"), "postgres://h/file").unwrap();
    let url = |environment: &[(&str, &str)]| {
        let (config, _) = Config::load(&sources(dir.path(), environment)).unwrap();
        config.database.url.unwrap().expose().to_owned()
    };
    assert_eq!(url(&[]), "postgres://h/dotenv");
    assert_eq!(url(&[("DATABASE_URL_FILE", "url")]), "postgres://h/file");
    let both = [
        ("DATABASE_URL", "postgres://h/plain"),
        ("SYNCLINE_DATABASE_URL", "postgres://h/ours"),
    ];
    assert_eq!(url(&both), "postgres://h/ours");
}

#[test]
fn no_fault_and_no_debug_output_shows_a_secret() {
    let canary = "composed-canary";
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("syncline.toml"),
        format!("key = \"{canary}\"\n[database]\nurl = \"mysql://u:{canary}@h\"\n[redis]\nurl = [\"{canary}\"]\n[google]\nsecret = \"{canary}\"\ntoken_url = \"https://{canary}@example.org\"\nclient_secret = \"{canary}\n"),
    )
    .unwrap();
    fs::write(
        dir.path().join(".env"),
        format!("DATABASE_URL {canary}\nREDIS_URL=\"{canary}\n"),
    )
    .unwrap();
    let private: Vec<_> = keys::all()
        .keys()
        .filter(|key| keys::is_private(key))
        .collect();
    assert!(private.len() > 10);
    for key in private {
        let name = keys::variable(key);
        let result = Config::load(&sources(
            dir.path(),
            &[(&name, canary), ("SYNCLINE_TYPO", canary)],
        ));
        let faults = result.unwrap_err();
        assert!(!format!("{faults} {faults:?}").contains(canary), "{faults}");
    }
    let config = load(&[
        ("SYNCLINE_KEY", KEY),
        ("DATABASE_URL", "postgres://u:composed-canary@h/d"),
        ("GOOGLE_CLIENT_SECRET", canary),
    ])
    .unwrap();
    assert!(!format!("{config:?}").contains(canary) && !format!("{config:?}").contains(KEY));
}

#[test]
fn several_keys_are_each_checked() {
    let two = format!("{KEY}, {KEY}");
    assert!(load(&[("SYNCLINE_KEY", &two)]).is_ok());
    for (wrong, number) in [
        ("short".to_owned(), 1),
        ("AAAA".to_owned(), 1),
        (format!("{KEY},AAAA"), 2),
        (format!("{KEY},"), 2),
    ] {
        let faults = faults(&[("SYNCLINE_KEY", &wrong)]);
        assert!(
            faults.contains(&format!("number {number} is not")),
            "{faults}"
        );
    }
}

#[test]
fn the_pool_can_be_set_in_the_url_and_what_is_set_itself_wins() {
    let url = "postgresql://u:p@h/d?connection_limit=4&pool_timeout=20&pgbouncer=true&sslmode=require&schema=public";
    let config = load(&[("DATABASE_URL", url)]).unwrap();
    assert_eq!(config.database.max_connections, 4);
    assert_eq!(config.database.acquire_timeout, Duration::from_secs(20));
    assert_eq!(config.database.pooler, Pooler::Transaction);
    assert_eq!(config.database.schema, "syncline");
    assert_eq!(
        config.database.url.unwrap().expose(),
        "postgresql://u:p@h/d?sslmode=require"
    );
    let config = load(&[
        ("DATABASE_URL", url),
        ("SYNCLINE_DATABASE_MAX_CONNECTIONS", "9"),
        ("SYNCLINE_DATABASE_POOLER", "none"),
    ])
    .unwrap();
    assert_eq!(
        (config.database.max_connections, config.database.pooler),
        (9, Pooler::None)
    );
    let faults = faults(&[("DATABASE_URL", "postgres://h/d?connection_limit=0")]);
    assert!(
        faults
            .contains("database.max_connections (variable DATABASE_URL): expected a number from 1"),
        "{faults}"
    );
}

#[test]
fn name_and_password_go_together() {
    let alone = faults(&[("BASIC_AUTH_USERNAME", "ada")]);
    assert!(alone.contains("auth.basic_password: is not set"), "{alone}");
    let alone = faults(&[("BASIC_AUTH_PASSWORD", "canary")]);
    assert!(
        alone.contains("auth.basic_username: is not set") && !alone.contains("canary"),
        "{alone}"
    );
    let both = [("BASIC_AUTH_USERNAME", "ada"), ("BASIC_AUTH_PASSWORD", "x")];
    let basic = load(&both).unwrap().auth.basic.unwrap();
    assert_eq!(
        (basic.username.as_str(), basic.password.expose()),
        ("ada", "x")
    );
    let colon = faults(&[("BASIC_AUTH_USERNAME", "a:b"), ("BASIC_AUTH_PASSWORD", "x")]);
    assert!(colon.contains("without a colon"), "{colon}");
}

#[test]
fn other_machines_may_call_only_who_is_asked_who_he_is() {
    let key = "k".repeat(32);
    for name in ["SYNCLINE_GRPC_ADDR", "SYNCLINE_HTTP_ADDR"] {
        let public = (name, "0.0.0.0:1");
        assert!(load(&[public]).unwrap().auth.is_required, "{name}");
        let open = faults(&[public, ("SYNCLINE_AUTH_REQUIRED", "false")]);
        assert!(open.contains("expected a loopback address"), "{open}");
    }
    assert!(!load(&[]).unwrap().auth.is_required);
    let asked = [("SYNCLINE_AUTH_REQUIRED", "true")];
    assert!(load(&asked).unwrap().auth.is_required);
    let keyed = load(&[("SYNCLINE_ADMIN_KEY", &key)]).unwrap().auth;
    assert!(keyed.is_required && keyed.admin_key.is_some());
    let short = faults(&[("SYNCLINE_ADMIN_KEY", "canary")]);
    assert!(
        short.contains("at least 32") && !short.contains("canary"),
        "{short}"
    );
    let config = load(&[("SERVER_PORT", "8080")]).unwrap();
    assert_eq!(config.http.addr.to_string(), "127.0.0.1:8080");
}

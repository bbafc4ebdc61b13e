//! PostgreSQL by TLS: who it is, is made sure of, and nothing goes in clear to another machine.

use super::{Authority, Pair};
use crate::{
    cli::{Ended, Stage, ended},
    kit::Postgres,
};
use std::{fs, os::unix::fs::PermissionsExt as _};

/// A server that offers TLS with this certificate.
async fn secured(pair: &Pair) -> Postgres {
    let postgres = Postgres::start();
    let folder = postgres.data();
    for (file, source) in [("server.crt", &pair.cert), ("server.key", &pair.key)] {
        let target = folder.join(file);
        fs::copy(source, &target).unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
        postgres.own(&target);
    }
    for sql in ["ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"] {
        postgres.administer(sql).await;
    }
    postgres
}

async fn status(stage: &Stage, url: &str) -> Ended {
    ended(stage.command(&["db", "migrate"]).env("DATABASE_URL", url)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_right_server_is_told_from_a_wrong_one() {
    let (stage, authority, stranger) = (Stage::new(), Authority::new(), Authority::new());
    let postgres = secured(&authority.sign("db", &["localhost"])).await;
    let port = postgres.port();
    let url = |host: &str, mode: &str, ca: &Authority| {
        let ca = ca.ca();
        format!(
            "postgres://postgres@{host}:{port}/postgres?sslmode={mode}&sslrootcert={}",
            ca.display()
        )
    };
    for (host, mode) in [
        ("localhost", "verify-full"),
        ("127.0.0.1", "verify-ca"),
        ("127.0.0.1", "require"),
    ] {
        let done = status(&stage, &url(host, mode, &authority)).await;
        assert_eq!(done.code, 0, "{host} {mode}: {}", done.text);
    }
    for (host, mode, ca) in [
        ("localhost", "verify-full", &stranger),
        ("localhost", "verify-ca", &stranger),
        // The certificate is for another name.
        ("127.0.0.1", "verify-full", &authority),
    ] {
        let refused = status(&stage, &url(host, mode, ca)).await;
        assert_ne!(refused.code, 0, "{host} {mode}");
        assert!(
            refused.text.contains("is not who it should be"),
            "{}",
            refused.text
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_must_be_trusted_ends_with_why() {
    let (stage, authority, stranger) = (Stage::new(), Authority::new(), Authority::new());
    let postgres = secured(&authority.sign("db", &["localhost"])).await;
    let url = format!(
        "postgres://postgres@localhost:{}/postgres?sslmode=verify-full&sslrootcert={}",
        postgres.port(),
        stranger.ca().display()
    );
    let ended = ended(stage.command(&["serve"]).env("DATABASE_URL", url)).await;
    assert!(
        ended.code != 0 && ended.text.contains("is not who it should be"),
        "{}",
        ended.text
    );
}

#[tokio::test]
async fn nothing_goes_in_clear_to_another_machine_unless_somebody_says_so() {
    let stage = Stage::new();
    let url = "postgres://u:canary@db.example.org/d?sslmode=disable";
    let refused = ended(stage.command(&["serve"]).env("DATABASE_URL", url)).await;
    assert_ne!(refused.code, 0);
    for part in [
        "db.example.org is not on this machine",
        "database.allow_plaintext",
        "sslmode=verify-full",
    ] {
        assert!(refused.text.contains(part), "{}", refused.text);
    }
    assert!(!refused.text.contains("canary"));
}

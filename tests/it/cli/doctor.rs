//! The doctor names each known problem and what to do.

use super::Stage;
use std::os::unix::fs::PermissionsExt as _;

#[tokio::test]
async fn an_installation_that_works_is_healthy() {
    let stage = Stage::with_tokens().await;
    let found = stage.run(&["--json", "doctor"]).await;
    assert_eq!(found.code, 0, "{}", found.text);
    assert_eq!(found.json()["healthy"], true);
}

#[tokio::test]
async fn an_empty_folder_is_healthy_and_stays_empty() {
    let stage = Stage::new();
    let found = stage.run(&["doctor"]).await;
    assert_eq!(found.code, 0, "{}", found.text);
    assert_eq!(
        std::fs::read_dir(stage.folder.path()).unwrap().count(),
        0,
        "looking makes nothing"
    );
}

#[tokio::test]
async fn a_key_file_that_others_may_read_is_named() {
    let stage = Stage::with_tokens().await;
    let key = stage.folder.path().join("syncline.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let found = stage.run(&["doctor"]).await;
    assert_eq!(found.code, 1, "{}", found.text);
    assert!(found.text.contains("chmod 600"), "{}", found.text);
}

#[tokio::test]
async fn a_lost_key_is_named_and_no_new_one_is_made() {
    let stage = Stage::with_tokens().await;
    let key = stage.folder.path().join("syncline.key");
    std::fs::remove_file(&key).unwrap();
    let found = stage.run(&["doctor"]).await;
    assert_eq!(found.code, 1, "{}", found.text);
    assert!(!key.exists(), "{}", found.text);
}

#[tokio::test]
async fn a_token_that_does_not_work_is_named() {
    let stage = Stage::with_tokens().await;
    stage
        .simulator
        .faults()
        .apply_named("oauth-invalid-grant")
        .expect("it is on the menu");
    let found = stage.run(&["--json", "doctor"]).await;
    assert_eq!(found.code, 1, "{}", found.text);
    let findings = found.json()["findings"].as_array().unwrap().clone();
    let wrong: Vec<_> = findings
        .iter()
        .filter(|finding| finding["verdict"] == "WRONG")
        .collect();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert_eq!(wrong[0]["what"], "tenants/default/tokens/google");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_named() {
    let stage = Stage::with_tokens().await;
    let file = stage.folder.path().join("syncline.db");
    make_newer(&file).await;
    for command in ["doctor", "serve"] {
        let found = stage.run(&[command]).await;
        assert_eq!(found.code, 1, "{}", found.text);
        assert!(found.text.contains("newer version"), "{}", found.text);
    }
    assert_eq!(stage.run(&["db", "status"]).await.code, 1);
}

/// Leaves the file as a version of the future would.
pub async fn make_newer(file: &std::path::Path) {
    use sqlx::{Connection as _, Executor as _, SqliteConnection, sqlite::SqliteConnectOptions};
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let sql = "INSERT INTO syncline_migrations (version, description, installed_on, success, checksum, execution_time)
               VALUES (9999, 'future', 0, 1, x'00', 0)";
    connection.execute(sqlx::raw_sql(sql)).await.unwrap();
    connection.close().await.unwrap();
}

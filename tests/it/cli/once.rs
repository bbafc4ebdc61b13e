//! The drop-in for the original's one-off run.

use super::{Ended, Stage, ended};
use crate::kit::Builder;
use syncline::simulator::world::{CLIENT_ID, CLIENT_SECRET};

/// The original's variables, and nothing of ours but where the providers are.
fn once(stage: &Stage, arguments: &[&str]) -> Builder {
    let key = stage.simulator.world().clockify_me().api_key;
    let api = stage
        .simulator
        .endpoints()
        .clockify
        .trim_end_matches("/v1")
        .to_owned();
    let mut command = stage
        .command(&[&["--json", "sync", "once"], arguments].concat())
        .env("GOOGLE_CLIENT_ID", CLIENT_ID)
        .env("GOOGLE_CLIENT_SECRET", CLIENT_SECRET)
        .env("GOOGLE_USER_EMAIL", "dana@example.com")
        .env("CLOCKIFY_API_TOKEN", key)
        .env("CLOCKIFY_API_BASE", api)
        .env("SYNC_DAYS", "30")
        .env("MEET_PROJECT_NAME", "Meetings")
        .env("TZ", "Europe/Zurich");
    for name in [
        "SYNCLINE_GOOGLE_CLIENT_ID",
        "SYNCLINE_GOOGLE_CLIENT_SECRET",
        "SYNCLINE_CLOCKIFY_URL",
    ] {
        command = command.env(name, "");
    }
    command
}

async fn run(stage: &Stage, arguments: &[&str]) -> Ended {
    let token = stage.folder.path().join("token.json");
    if !token.exists() {
        std::fs::write(&token, stage.token_json()).unwrap();
    }
    ended(once(
        stage,
        &[&["--token", token.to_str().unwrap()], arguments].concat(),
    ))
    .await
}

fn figures(ended: &Ended) -> [i64; 5] {
    let document = ended.json();
    [
        "meetings_found",
        "synced",
        "skipped",
        "failed",
        "total_in_clockify",
    ]
    .map(|name| document[name].as_i64().unwrap())
}

#[tokio::test]
async fn the_figures_are_the_original_s_and_a_repetition_skips_everything() {
    let stage = Stage::new();
    let first = run(&stage, &[]).await;
    assert_eq!(first.code, 0, "{}", first.text);
    assert_eq!(figures(&first), [16, 16, 0, 0, 16]);
    let second = run(&stage, &[]).await;
    assert_eq!(second.code, 0, "{}", second.text);
    assert_eq!(figures(&second), [16, 0, 16, 0, 16]);
    let world = stage.simulator.world();
    assert_eq!(world.clockify.projects[0].name, "Meetings");
    let entry = &world.clockify.entries[0].description;
    assert!(entry.starts_with("🎥 Google Meet ("), "{entry}");
}

#[tokio::test]
async fn a_dry_run_writes_nothing_not_even_the_project() {
    let stage = Stage::new();
    let token = stage.folder.path().join("token.json");
    std::fs::write(&token, stage.token_json()).unwrap();
    let dry =
        ended(once(&stage, &["--token", token.to_str().unwrap()]).env("DRY_RUN", "true")).await;
    assert_eq!(dry.code, 0, "{}", dry.text);
    assert_eq!(dry.json()["dry_run"], true);
    assert_eq!(dry.json()["message"], "would create 16");
    assert!(stage.simulator.world().clockify.projects.is_empty());
    assert_eq!(stage.entries(), 0);
}

#[tokio::test]
async fn a_stale_file_does_not_overwrite_the_rotated_grant() {
    let stage = Stage::new();
    stage
        .simulator
        .faults()
        .apply_named("oauth-rotated-refresh-token")
        .expect("it is on the menu");
    assert_eq!(run(&stage, &[]).await.code, 0);
    stage.simulator.world().expire_access_tokens();
    let again = run(&stage, &[]).await;
    assert_eq!(again.code, 0, "{}", again.text);
}

#[tokio::test]
async fn a_new_file_replaces_a_dead_grant() {
    let stage = Stage::new();
    assert_eq!(run(&stage, &[]).await.code, 0);
    let me = stage.simulator.world().me().id;
    stage.simulator.world().revoke_grants(&me);
    stage.simulator.world().expire_access_tokens();
    assert_eq!(run(&stage, &[]).await.code, 1, "the grant is dead");
    std::fs::write(stage.folder.path().join("token.json"), stage.token_json()).unwrap();
    let again = run(&stage, &[]).await;
    assert_eq!(again.code, 0, "{}", again.text);
}

#[tokio::test]
async fn without_a_token_it_fails_and_says_what_to_do() {
    let stage = Stage::new();
    let failed = ended(once(&stage, &[])).await;
    assert_eq!(failed.code, 1, "{}", failed.text);
    assert_eq!(failed.json()["error"]["reason"], "TOKEN_MISSING");
    assert!(failed.text.contains("--token"), "{}", failed.text);
}

#[tokio::test]
async fn a_token_of_somebody_else_is_refused() {
    let stage = Stage::new();
    let token = stage.folder.path().join("token.json");
    std::fs::write(&token, stage.token_json()).unwrap();
    let command = once(&stage, &["--token", token.to_str().unwrap()])
        .env("GOOGLE_USER_EMAIL", "bo@example.org");
    let failed = ended(command).await;
    assert_eq!(failed.code, 1, "{}", failed.text);
    assert_eq!(failed.json()["error"]["reason"], "ACCOUNT_MISMATCH");
    assert_eq!(stage.entries(), 0);
}

//! `syncline user`.

use crate::{
    cli::{Ended, ended},
    kit::{Database, Process, each_engine},
};

each_engine!(a_user_is_made_looked_at_changed_and_removed);

const PASSWORD: &str = " composed password with blanks ";

async fn run(database: &Database, arguments: &[&str], input: &str) -> Ended {
    let arguments = [&["--json", "user"], arguments].concat();
    let command = Process::syncline(&arguments).env("DATABASE_URL", database.url());
    ended(command.input(input)).await
}

async fn done(database: &Database, arguments: &[&str], input: &str) -> serde_json::Value {
    let ended = run(database, arguments, input).await;
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.text);
    assert!(!ended.text.contains(PASSWORD.trim()));
    ended.json()
}

async fn a_user_is_made_looked_at_changed_and_removed(database: Database) {
    let typed = format!("{PASSWORD}\n");
    let create = [
        "create",
        "ada",
        "--email",
        "Ada@example.org",
        "--role",
        "default=operator",
    ];
    let made = done(&database, &create, &typed).await;
    assert_eq!(made["username"], "ada");
    assert_eq!(made["provider"], "USER_PROVIDER_LOCAL");
    assert_eq!(made["memberships"][0]["role"], "ROLE_OPERATOR");
    let again = run(&database, &["create", "ADA"], &typed).await;
    assert_eq!(again.code, 1, "{}", again.text);
    assert_eq!(again.json()["error"]["reason"], "ALREADY_EXISTS");
    let google = ["create", "bo@example.net", "--no-password"];
    let google = done(&database, &google, "").await;
    assert_eq!(google["provider"], "USER_PROVIDER_GOOGLE");

    let name = made["name"].as_str().unwrap();
    for user in [
        "ada",
        "ADA@example.org",
        name,
        name.trim_start_matches("users/"),
    ] {
        assert_eq!(done(&database, &["show", user], "").await["name"], name);
    }
    let all = done(&database, &["list"], "").await;
    assert_eq!(all["users"].as_array().unwrap().len(), 2);
    let some = done(&database, &["list", "--filter", "provider = google"], "").await;
    assert_eq!(some["users"][0]["email"], "bo@example.net");

    let begun = done(&database, &["login", "ADA"], &typed).await;
    let session = begun["sessionToken"].as_str().unwrap();
    assert!(session.starts_with("sl_session_"));
    let sessions = done(&database, &["sessions", "ada"], "").await;
    let first = sessions["sessions"][0]["name"].as_str().unwrap();
    done(&database, &["revoke", first], "").await;
    assert!(done(&database, &["sessions", "ada"], "").await["sessions"].is_null());
    let missing = run(&database, &["revoke", first], "").await;
    assert_eq!(missing.json()["error"]["reason"], "NOT_FOUND");

    let update = [
        "update",
        "ada",
        "--instance-role",
        "admin",
        "--no-roles",
        "--email",
        "",
    ];
    let changed = done(&database, &update, "").await;
    assert_eq!(changed["instanceRole"], "ROLE_ADMIN");
    assert!(changed["memberships"].is_null() && changed["email"].is_null());
    let nothing = run(&database, &["update", "ada"], "").await;
    assert_eq!(nothing.code, 64, "{}", nothing.text);

    // From a file, too.
    let folder = crate::kit::temp_dir();
    let file = folder.path().join("password");
    std::fs::write(&file, "another password\n").unwrap();
    let file = file.to_str().unwrap();
    done(&database, &["password", "ada", "--password-file", file], "").await;
    let old = run(&database, &["login", "ada"], &typed).await;
    assert_eq!(old.json()["error"]["reason"], "LOGIN_WRONG");
    done(&database, &["login", "ada", "--password-file", file], "").await;

    let stats = done(&database, &["stats"], "").await;
    assert_eq!(
        (&stats["totalUsers"], &stats["loginsLastWeek"]),
        (&"2".into(), &"2".into())
    );

    // Never from the command line; a short one is refused.
    for argument in ["--password", "--password=canary"] {
        let refused = run(&database, &["create", "eve", argument], "").await;
        assert_eq!(refused.code, 64, "{}", refused.text);
        assert!(refused.text.contains("--password-file"), "{}", refused.text);
        assert!(!refused.text.contains("canary"), "{}", refused.text);
    }
    let short = run(
        &database,
        &["create", "e!", "--role", "nope=viewer"],
        "12345\n",
    )
    .await;
    let violations = short.json()["error"]["violations"].clone();
    let fields: Vec<_> = violations.as_array().unwrap().iter().collect();
    assert_eq!(fields.len(), 2, "{violations}");

    done(&database, &["delete", "ada"], "").await;
    let gone = run(&database, &["show", "ada"], "").await;
    assert_eq!(gone.json()["error"]["reason"], "NOT_FOUND");
}

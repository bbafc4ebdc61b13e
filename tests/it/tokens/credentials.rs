//! Creating, reading, changing, deleting and importing.

use super::*;
use crate::kit::each_engine;
use syncline::tokens::{State, Update};

each_engine!(
    a_created_token_is_listed_and_shows_no_secret,
    a_taken_name_is_not_overwritten,
    all_wrong_fields_are_named_at_once,
    validate_only_stores_nothing,
    an_old_etag_changes_nothing,
    a_new_credential_makes_a_dead_token_work_again,
    a_token_in_use_cannot_be_deleted,
    an_unknown_tenant_is_not_found,
    lists_go_page_by_page_and_refuse_foreign_page_tokens,
    events_outlive_their_token,
    the_originals_file_is_imported_and_refreshed_once,
    a_file_without_a_refresh_token_overwrites_nothing,
    ten_megabytes_make_a_short_error,
);

async fn a_created_token_is_listed_and_shows_no_secret(database: Database) {
    let office = Office::open(database).await;
    let (google, clockify) = (office.google().await, office.clockify().await);
    let (tokens, next) = tokens::list(&office.app, "", 0, "").await.unwrap();
    let names: Vec<_> = tokens.iter().map(Token::name).collect();
    assert_eq!(names, [clockify, google]);
    assert_eq!(next, "");
    assert!(!format!("{tokens:?}").contains("composed"));
    assert_eq!(tokens[1].state, State::Active);
    assert_eq!(tokens[1].client_id.as_deref(), Some(CLIENT_ID));
}

async fn a_taken_name_is_not_overwritten(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    let before = office.get(&name).await.etag();
    let again = Create {
        given: Some(grant("1//0composedOther")),
        provider: Some(Provider::Google),
        ..Create::default()
    };
    let error = tokens::create(&office.app, again).await.unwrap_err();
    assert_eq!(reason(&error), "ALREADY_EXISTS");
    assert_eq!(office.get(&name).await.etag(), before);
    access(&office.app, &name).await;
}

async fn all_wrong_fields_are_named_at_once(database: Database) {
    let office = Office::open(database).await;
    let create = Create {
        parent: "tenants/".to_owned(),
        token_id: "-x".to_owned(),
        provider: Some(Provider::Clockify),
        display_name: "two\nlines".to_owned(),
        request_budget: "often".to_owned(),
        given: Some(Given::ApiKey("two words".into())),
        ..Create::default()
    };
    let error = tokens::create(&office.app, create).await.unwrap_err();
    assert_eq!(
        fields(&error),
        [
            "parent",
            "token_id",
            "token.display_name",
            "token.request_budget",
            "api_key"
        ]
    );
    let nothing = tokens::create(&office.app, Create::default())
        .await
        .unwrap_err();
    assert_eq!(fields(&nothing), ["token.provider"]);
    let update = Update {
        name: "tokens/x".to_owned(),
        mask: vec!["provider".to_owned(), "credential".to_owned()],
        ..Update::default()
    };
    let error = tokens::update(&office.app, update).await.unwrap_err();
    assert_eq!(fields(&error), ["token.name", "update_mask", "credential"]);
}

async fn validate_only_stores_nothing(database: Database) {
    let office = Office::open(database).await;
    let create = Create {
        given: Some(grant("1//0composed")),
        provider: Some(Provider::Google),
        validate_only: true,
        ..Create::default()
    };
    let token = tokens::create(&office.app, create).await.unwrap();
    assert_eq!(token.name(), named("google"));
    let error = tokens::get(&office.app, &named("google"))
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "NOT_FOUND");
}

async fn an_old_etag_changes_nothing(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    let etag = office.get(&name).await.etag();
    let rename = |text: &str, etag: &str| Update {
        name: name.to_string(),
        etag: etag.to_owned(),
        display_name: text.to_owned(),
        ..Update::default()
    };
    let renamed = tokens::update(&office.app, rename("mine", &etag))
        .await
        .unwrap();
    assert_eq!(renamed.display_name, "mine");
    let error = tokens::update(&office.app, rename("yours", &etag))
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "CHANGED_MEANWHILE");
    assert_eq!(office.get(&name).await.display_name, "mine");
    let error = tokens::delete(&office.app, &name, &etag).await.unwrap_err();
    assert_eq!(reason(&error), "CHANGED_MEANWHILE");
    tokens::delete(&office.app, &name, &renamed.etag())
        .await
        .unwrap();
}

async fn a_new_credential_makes_a_dead_token_work_again(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    let me = office.sim.world().me();
    office.sim.world().revoke_grants(&me.id);
    assert_eq!(
        reason(&try_access(&office.app, &name).await.unwrap_err()),
        "NEEDS_REAUTH"
    );
    let refresh_token = office.consented().refresh_token.expect("offline access");
    let update = Update {
        name: name.to_string(),
        mask: vec!["credential".to_owned()],
        given: Some(grant(&refresh_token)),
        ..Update::default()
    };
    let token = tokens::update(&office.app, update).await.unwrap();
    assert_eq!(
        (token.state, token.state_reason.as_str()),
        (State::Active, "")
    );
    access(&office.app, &name).await;
}

async fn a_token_in_use_cannot_be_deleted(database: Database) {
    let office = Office::open(database).await;
    let (google, clockify) = (office.google().await, office.clockify().await);
    let schema = match office.database.engine() {
        syncline::db::Engine::Postgres => "syncline.",
        syncline::db::Engine::Sqlite => "",
    };
    office
        .database
        .execute(&format!(
            "INSERT INTO {schema}syncs (tenant_id, sync_id, display_name, kind, source_token, destination_token,
                definition, version, created_at, updated_at)
             VALUES ('default', 's', 's', 'meet-to-clockify', 'google', 'clockify', '{{}}', 1,
                '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00')"
        ))
        .await;
    for name in [&google, &clockify] {
        let error = tokens::delete(&office.app, name, "").await.unwrap_err();
        assert_eq!(reason(&error), "TOKEN_IN_USE");
    }
    office
        .database
        .execute(&format!("DELETE FROM {schema}syncs"))
        .await;
    tokens::delete(&office.app, &google, "").await.unwrap();
    assert_eq!(
        reason(&try_access(&office.app, &google).await.unwrap_err()),
        "NOT_FOUND"
    );
}

async fn an_unknown_tenant_is_not_found(database: Database) {
    let office = Office::open(database).await;
    let create = Create {
        parent: "tenants/nobody".to_owned(),
        given: Some(Given::ApiKey("composedkey".into())),
        provider: Some(Provider::Clockify),
        ..Create::default()
    };
    let error = tokens::create(&office.app, create).await.unwrap_err();
    assert!(
        matches!(error, Error::NotFound { kind: "tenant", .. }),
        "{error}"
    );
    let begin = tokens::Begin {
        name: "tenants/nobody/tokens/google".to_owned(),
        redirect_uri: "http://127.0.0.1:1".to_owned(),
        ..tokens::Begin::default()
    };
    let error = tokens::begin(&office.app, begin).await.unwrap_err();
    assert_eq!(reason(&error), "NOT_FOUND");
}

async fn lists_go_page_by_page_and_refuse_foreign_page_tokens(database: Database) {
    let office = Office::open(database).await;
    for id in ["c", "a", "e", "b", "d"] {
        let create = Create {
            token_id: id.to_owned(),
            given: Some(Given::ApiKey("composedkey".into())),
            provider: Some(Provider::Clockify),
            ..Create::default()
        };
        tokens::create(&office.app, create).await.unwrap();
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let (tokens, next) = tokens::list(&office.app, "", 2, &page_token).await.unwrap();
        seen.extend(tokens.iter().map(|token| token.token_id.to_string()));
        if next.is_empty() {
            break;
        }
        page_token = next;
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    let error = tokens::list(&office.app, "tenants/other", 2, &page_token)
        .await
        .unwrap_err();
    assert_eq!(fields(&error), ["page_token"]);
    let error = tokens::events(&office.app, &named("a"), 2, &page_token)
        .await
        .unwrap_err();
    assert_eq!(fields(&error), ["page_token"]);
}

async fn events_outlive_their_token(database: Database) {
    let office = Office::open(database).await;
    let name = office.fresh_google().await;
    tokens::delete(&office.app, &name, "").await.unwrap();
    assert_eq!(
        office.event_kinds(&name).await,
        ["deleted", "refreshed", "created"]
    );
    let (first, next) = tokens::events(&office.app, &name, 2, "").await.unwrap();
    let (second, end) = tokens::events(&office.app, &name, 2, &next).await.unwrap();
    assert_eq!((first.len(), second.len(), end.as_str()), (2, 1, ""));
    let error = tokens::events(&office.app, &named("never"), 0, "")
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "NOT_FOUND");
}

async fn the_originals_file_is_imported_and_refreshed_once(database: Database) {
    let office = Office::open(database).await;
    let consented = office.consented();
    let compact = serde_json::json!({
        "access_token": "ya29.composedOld", "refresh_token": consented.refresh_token, "token_type": "Bearer",
        "scope": SCOPES.join(" "), "expiry_date": (office.clock.now() - TimeDelta::hours(1)).timestamp_millis(),
    });
    let row = serde_json::json!({
        "id": 1, "provider": "google", "access_token": "ya29.composedOld", "refresh_token": consented.refresh_token,
        "expires_at": (office.clock.now() - TimeDelta::hours(1)).timestamp_millis(), "token_type": "Bearer",
        "scope": SCOPES.join(" "),
    });
    let shapes = [
        ("compact", compact.to_string()),
        ("indented", serde_json::to_string_pretty(&compact).unwrap()),
        ("row", row.to_string()),
    ];
    for (number, (id, text)) in shapes.into_iter().enumerate() {
        let create = Create {
            token_id: id.to_owned(),
            given: Some(Given::TokenJson(text.into())),
            ..Create::default()
        };
        let name = tokens::create(&office.app, create).await.unwrap().name();
        let first = access(&office.app, &name).await;
        let second = access(&office.replica().await, &name).await;
        assert_eq!(first, second, "{id}");
        assert_ne!(first.expose(), "ya29.composedOld");
        assert_eq!(office.refreshes(), number + 1, "{id}");
        assert!(office.get(&name).await.missing_scopes().is_empty());
    }
}

async fn a_file_without_a_refresh_token_overwrites_nothing(database: Database) {
    let office = Office::open(database).await;
    let name = office.fresh_google().await;
    let before = office.get(&name).await.etag();
    for text in [
        r#"{"access_token":"ya29.composed","expiry_date":1762600000123}"#,
        r#"{"access_token":"ya29.composed","refresh_token":""}"#,
        r#"{"access_token":"ya29.composed","refresh_token":"1//0com"#,
        r#"{"installed":{"client_id":"c","client_secret":"s"}}"#,
        "not a token",
    ] {
        let update = Update {
            name: name.to_string(),
            given: Some(Given::TokenJson(text.into())),
            ..Update::default()
        };
        let error = tokens::update(&office.app, update).await.unwrap_err();
        assert_eq!(fields(&error), ["token_json"], "{text}");
        assert!(!error.to_string().contains("composed"));
    }
    assert_eq!(office.get(&name).await.etag(), before);
    access(&office.app, &name).await;
    assert_eq!(office.refreshes(), 1);
}

async fn ten_megabytes_make_a_short_error(database: Database) {
    let office = Office::open(database).await;
    let huge = "x".repeat(10_000_000);
    for given in [
        Given::ApiKey(huge.as_str().into()),
        Given::TokenJson(huge.as_str().into()),
        grant(&huge),
    ] {
        let create = Create {
            parent: huge.clone(),
            token_id: huge.clone(),
            provider: Some(Provider::Clockify),
            display_name: huge.clone(),
            request_budget: huge.clone(),
            given: Some(given),
            ..Create::default()
        };
        let error = tokens::create(&office.app, create).await.unwrap_err();
        assert!(
            error.to_string().len() < 2000,
            "{}",
            error.to_string().len()
        );
    }
}

//! Sealing keys: made once, never lost silently, changed while everything works; and no secret in clear anywhere.

use super::*;
use crate::kit::{each_engine, temp_dir};
use std::{fs, os::unix::fs::PermissionsExt as _};
use syncline::tokens::Rewrapped;

each_engine!(
    no_secret_is_in_the_database_in_clear,
    a_missing_key_file_is_not_replaced_while_secrets_need_it,
    another_key_is_refused_by_the_name_of_the_missing_one,
    keys_rotate_while_tokens_are_read_and_refreshed,
    a_secret_moved_to_another_row_does_not_open,
    keys_from_the_settings_cannot_be_rotated_here,
);

fn key_text(byte: u8) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode([byte; 32])
}

async fn no_secret_is_in_the_database_in_clear(database: Database) {
    let office = Office::open(database).await;
    let key = office.sim.world().clockify.users[0].api_key.clone();
    let consented = office.consented();
    let create = Create {
        given: Some(Given::Grant(OauthGrant {
            refresh_token: consented
                .refresh_token
                .clone()
                .expect("offline access")
                .into(),
            client_id: Some(CLIENT_ID.to_owned()),
            client_secret: Some(CLIENT_SECRET.into()),
            ..OauthGrant::default()
        })),
        provider: Some(Provider::Google),
        ..Create::default()
    };
    let name = tokens::create(&office.app, create).await.unwrap().name();
    let access = access(&office.app, &name).await;
    office.clockify().await;
    office.app.db.close().await;
    let dump = office.database.dump();
    let refresh_token = consented.refresh_token.expect("offline access");
    for canary in [access.expose(), &refresh_token, &key, CLIENT_SECRET] {
        for form in [canary.to_owned(), hex(canary)] {
            let found = dump
                .windows(form.len())
                .any(|window| window == form.as_bytes());
            assert!(!found, "a secret is in the dump");
        }
    }
    assert!(
        dump.windows(CLIENT_ID.len())
            .any(|window| window == CLIENT_ID.as_bytes()),
        "it is the right dump"
    );
}

/// As pg_dump prints bytes.
fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

async fn a_missing_key_file_is_not_replaced_while_secrets_need_it(database: Database) {
    let office = Office::open(database).await;
    let name = office.fresh_google().await;
    let file = office.config.data.key_file();
    let kept = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let error = tokens::open_keyring(&office.config, &office.app.db)
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "KEY_MISSING");
    assert!(
        error
            .to_string()
            .contains(&office.app.keys.newest().to_string()),
        "{error}"
    );
    assert!(!file.exists(), "no new key was made");
    fs::write(&file, kept).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    access(&office.replica().await, &name).await;
}

async fn another_key_is_refused_by_the_name_of_the_missing_one(database: Database) {
    let office = Office::open(database).await;
    office.fresh_google().await;
    let mut config = (*office.config).clone();
    config.key = Some(key_text(7).into());
    let error = tokens::open_keyring(&config, &office.app.db)
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "KEY_MISSING");
    assert!(
        error
            .to_string()
            .contains(&office.app.keys.newest().to_string()),
        "{error}"
    );
    // A file of another installation.
    let folder = temp_dir();
    config.key = None;
    config.data.dir = folder.path().to_owned();
    fs::write(config.data.key_file(), format!("{}\n", key_text(8))).unwrap();
    fs::set_permissions(config.data.key_file(), fs::Permissions::from_mode(0o600)).unwrap();
    let error = tokens::open_keyring(&config, &office.app.db)
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "KEY_MISSING");
}

async fn keys_rotate_while_tokens_are_read_and_refreshed(database: Database) {
    let office = Office::open(database).await;
    let name = office.fresh_google().await;
    for number in 0..20 {
        let create = Create {
            token_id: format!("key-{number}"),
            given: Some(Given::ApiKey(format!("composedkey{number}").into())),
            provider: Some(Provider::Clockify),
            ..Create::default()
        };
        tokens::create(&office.app, create).await.unwrap();
    }
    // It does not hear of the rotation but by the texts that it meets.
    let other = office.replica().await;
    let reading = tokio::spawn({
        let (other, name, clock) = (other.clone(), name.clone(), office.clock.clone());
        let sim = office.sim.clock();
        async move {
            for round in 0..60 {
                access(&other, &name).await;
                for number in 0..20 {
                    let key = access(&other, &named(&format!("key-{number}"))).await;
                    assert_eq!(key.expose(), format!("composedkey{number}"));
                }
                if round % 10 == 0 {
                    clock.advance(TimeDelta::hours(1));
                    sim.advance(TimeDelta::hours(1));
                }
            }
        }
    });
    let old = office.app.keys.newest();
    let new = tokens::rotate(&office.app).await.unwrap();
    assert_ne!(old, new);
    let mut all = 0;
    loop {
        let Rewrapped { done, remaining } = tokens::rewrap(&office.app, 3).await.unwrap();
        all += done;
        if remaining == 0 && reading.is_finished() {
            break;
        }
    }
    reading.await.unwrap();
    assert!(all >= 21, "{all}");
    // Now the old key may go.
    let file = office.config.data.key_file();
    let lines = fs::read_to_string(&file).unwrap();
    let newest: Vec<&str> = lines
        .lines()
        .filter(|line| !line.starts_with('#'))
        .take(1)
        .collect();
    fs::write(&file, format!("{}\n", newest[0])).unwrap();
    access(&office.replica().await, &name).await;
}

async fn a_secret_moved_to_another_row_does_not_open(database: Database) {
    let office = Office::open(database).await;
    for id in ["one", "two"] {
        let create = Create {
            token_id: id.to_owned(),
            given: Some(Given::ApiKey(format!("composed{id}").into())),
            provider: Some(Provider::Clockify),
            ..Create::default()
        };
        tokens::create(&office.app, create).await.unwrap();
    }
    let table = match office.database.engine() {
        syncline::db::Engine::Postgres => "syncline.tokens",
        syncline::db::Engine::Sqlite => "tokens",
    };
    let swap = format!(
        "UPDATE {table} SET grant_sealed = (SELECT grant_sealed FROM {table} WHERE token_id = 'two') WHERE token_id = 'one'"
    );
    office.database.execute(&swap).await;
    let error = try_access(&office.app, &named("one")).await.unwrap_err();
    assert_eq!(reason(&error), "SECRET_DAMAGED");
    assert_eq!(
        access(&office.app, &named("two")).await.expose(),
        "composedtwo"
    );
}

async fn keys_from_the_settings_cannot_be_rotated_here(database: Database) {
    let office = Office::open(database).await;
    let mut config = (*office.config).clone();
    config.key = Some(key_text(1).into());
    let name = {
        let app = replica(&office.database, &office.clock, &Arc::new(config.clone())).await;
        assert_eq!(
            reason(&tokens::rotate(&app).await.unwrap_err()),
            "KEY_NOT_IN_FILE"
        );
        let create = Create {
            given: Some(Given::ApiKey("composedkey".into())),
            provider: Some(Provider::Clockify),
            ..Create::default()
        };
        tokens::create(&app, create).await.unwrap().name()
    };
    // A new key in front: the old one opens, the new one seals.
    config.key = Some(format!("{},{}", key_text(2), key_text(1)).into());
    let app = replica(&office.database, &office.clock, &Arc::new(config)).await;
    assert_eq!(access(&app, &name).await.expose(), "composedkey");
    let Rewrapped { done, remaining } = tokens::rewrap(&app, 0).await.unwrap();
    assert_eq!((done, remaining), (1, 0));
}

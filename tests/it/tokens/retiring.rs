//! Keys that go, and nothing that goes with them.

use super::*;
use crate::kit::{each_engine, rounds};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use syncline::tokens::{Begin, Retired};

each_engine!(
    a_key_goes_only_when_nothing_needs_it,
    consents_that_are_under_way_survive_a_rotation,
    a_replica_that_slept_cannot_seal_with_a_retired_key,
    a_key_that_waits_for_its_turn_is_not_retired,
    a_key_stays_while_an_answer_to_be_sealed_with_it_is_under_way,
    a_replica_with_a_retired_key_does_not_use_up_a_refresh_token,
    no_read_fails_while_keys_rotate_and_retire_under_two_replicas,
    ciphertext_opens_nowhere_but_in_its_place,
    a_program_is_asked_for_keys,
);

fn keys_in(file: &Path) -> usize {
    let text = fs::read_to_string(file).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).count()
}

async fn rewrap_all(app: &App) {
    while tokens::rewrap(app, 50).await.unwrap().remaining > 0 {}
}

async fn key(office: &Office, app: &App, id: &str) -> TokenName {
    let create = Create {
        token_id: id.to_owned(),
        given: Some(Given::ApiKey(format!("composed{id}").into())),
        provider: Some(Provider::Clockify),
        ..Create::default()
    };
    let _ = office;
    tokens::create(app, create).await.unwrap().name()
}

async fn a_key_goes_only_when_nothing_needs_it(database: Database) {
    let office = Office::open(database).await;
    let name = office.fresh_google().await;
    let old = office.app.keys.newest();
    let new = tokens::rotate(&office.app).await.unwrap();
    let Retired { ids, removed, left } = tokens::retire(&office.app).await.unwrap();
    assert!(ids.is_empty() && !removed);
    let needed = left.iter().find(|one| one.id == old).unwrap();
    assert_eq!((needed.texts, needed.seals), (2, false));
    assert_eq!(keys_in(&office.config.data.key_file()), 2);

    rewrap_all(&office.app).await;
    let Retired { ids, removed, left } = tokens::retire(&office.app).await.unwrap();
    assert_eq!((ids, removed), (vec![old], true));
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].id, left[0].texts, left[0].seals), (new, 2, true));
    assert_eq!(keys_in(&office.config.data.key_file()), 1);
    access(&office.replica().await, &name).await;
}

async fn consents_that_are_under_way_survive_a_rotation(database: Database) {
    let office = Office::open(database).await;
    let begin = || Begin {
        name: "tenants/default/tokens/google".to_owned(),
        redirect_uri: "http://127.0.0.1:9".to_owned(),
        ..Begin::default()
    };
    tokens::begin(&office.app, begin()).await.unwrap();
    let old = office.app.keys.newest();
    tokens::rotate(&office.app).await.unwrap();
    assert!(tokens::retire(&office.app).await.unwrap().ids.is_empty());
    rewrap_all(&office.app).await;
    assert_eq!(tokens::retire(&office.app).await.unwrap().ids, [old]);

    // One that nobody came back from keeps no key alive.
    let old = office.app.keys.newest();
    tokens::rotate(&office.app).await.unwrap();
    office.advance(TimeDelta::hours(1));
    rewrap_all(&office.app).await;
    assert_eq!(tokens::retire(&office.app).await.unwrap().ids, [old]);
}

async fn a_replica_that_slept_cannot_seal_with_a_retired_key(database: Database) {
    let office = Office::open(database).await;
    let asleep = office.replica().await;
    let name = office.google().await;
    tokens::rotate(&office.app).await.unwrap();
    rewrap_all(&office.app).await;
    assert!(tokens::retire(&office.app).await.unwrap().removed);
    // It has the old key in memory still.
    let create = Create {
        given: Some(Given::ApiKey("composedlate".into())),
        provider: Some(Provider::Clockify),
        ..Create::default()
    };
    let refused = tokens::create(&asleep, create).await.unwrap_err();
    assert_eq!(reason(&refused), "KEY_RETIRED");
    // What a provider answered is stored all the same: it may be the only refresh token that works.
    access(&asleep, &name).await;
    assert_eq!(asleep.keys.newest(), office.app.keys.newest());
    access(&office.replica().await, &name).await;
}

/// The keys of these numbers, from the settings.
fn with_keys(office: &Office, numbers: &[u8]) -> Arc<Config> {
    use base64::Engine as _;
    let keys: Vec<_> = numbers
        .iter()
        .map(|byte| base64::prelude::BASE64_STANDARD.encode([*byte; 32]))
        .collect();
    let mut config = (*office.config).clone();
    config.key = Some(keys.join(",").into());
    Arc::new(config)
}

async fn a_key_that_waits_for_its_turn_is_not_retired(database: Database) {
    let office = Office::open(database).await;
    let start = async |numbers: &[u8]| {
        let config = with_keys(&office, numbers);
        replica(&office.database, &office.clock, &config).await
    };
    let retired = async |app: &App| tokens::retire(app).await.unwrap().ids;
    let waits = start(&[1, 2]).await;
    assert!(retired(&waits).await.is_empty());
    let turned = start(&[2, 1]).await;
    let old = waits.keys.newest();
    // In front in one process, while another one has not been restarted.
    assert!(retired(&waits).await.is_empty());
    let name = key(&office, &waits, "one").await;
    assert!(retired(&turned).await.is_empty(), "a text needs it");
    rewrap_all(&turned).await;
    assert_eq!(retired(&turned).await, [old]);
    access(&turned, &name).await;
    access(&start(&[2]).await, &name).await;
}

async fn a_key_stays_while_an_answer_to_be_sealed_with_it_is_under_way(database: Database) {
    let office = Office::open(database).await;
    let slow = replica(&office.database, &office.clock, &with_keys(&office, &[1])).await;
    let fast = replica(
        &office.database,
        &office.clock,
        &with_keys(&office, &[2, 1]),
    )
    .await;
    let grant_of = office.consented().refresh_token.expect("offline access");
    let create = Create {
        given: Some(grant(&grant_of)),
        provider: Some(Provider::Google),
        ..Create::default()
    };
    let name = tokens::create(&slow, create).await.unwrap().name();
    let under_way = |now: &str| {
        format!(
            "UPDATE {}tokens SET refresh_lease_until = {now}, refresh_key = substr(grant_sealed, 1, 9)",
            schema(&office)
        )
    };
    office
        .database
        .execute(&under_way("'2126-03-02T09:00:00+00:00'"))
        .await;
    rewrap_all(&fast).await;
    assert!(tokens::retire(&fast).await.unwrap().ids.is_empty());
    office.database.execute(&under_way("NULL")).await;
    assert_eq!(
        tokens::retire(&fast).await.unwrap().ids,
        [slow.keys.newest()]
    );
    access(&fast, &name).await;
}

fn schema(office: &Office) -> &'static str {
    match office.database.engine() {
        syncline::db::Engine::Postgres => "syncline.",
        syncline::db::Engine::Sqlite => "",
    }
}

async fn a_replica_with_a_retired_key_does_not_use_up_a_refresh_token(database: Database) {
    let office = Office::open(database).await;
    // It was not restarted: the newer one stands behind its own.
    let late = replica(
        &office.database,
        &office.clock,
        &with_keys(&office, &[1, 2]),
    )
    .await;
    let app = replica(
        &office.database,
        &office.clock,
        &with_keys(&office, &[2, 1]),
    )
    .await;
    let refresh_token = office.consented().refresh_token.expect("offline access");
    let create = Create {
        given: Some(grant(&refresh_token)),
        provider: Some(Provider::Google),
        ..Create::default()
    };
    let name = tokens::create(&late, create).await.unwrap().name();
    rewrap_all(&app).await;
    assert_eq!(
        tokens::retire(&app).await.unwrap().ids,
        [late.keys.newest()]
    );
    let error = try_access(&late, &name).await.unwrap_err();
    assert_eq!((reason(&error), office.refreshes()), ("KEY_RETIRED", 0));
    access(&app, &name).await;
}

/// Promise 5: nobody who reads or refreshes notices that keys change.
async fn no_read_fails_while_keys_rotate_and_retire_under_two_replicas(database: Database) {
    let office = Office::open(database).await;
    let google = office.fresh_google().await;
    let other = office.replica().await;
    let mut names = Vec::new();
    for number in 0..rounds(10, 200) {
        names.push(key(&office, &office.app, &format!("key-{number}")).await);
    }
    let (names, over) = (Arc::new(names), Arc::new(AtomicBool::new(false)));
    let reads = Arc::new(AtomicUsize::new(0));
    let readers: Vec<_> = [office.app.clone(), other.clone()]
        .into_iter()
        .flat_map(|app| [app.clone(), app])
        .map(|app| {
            let (names, over, reads) = (Arc::clone(&names), Arc::clone(&over), Arc::clone(&reads));
            let google = google.clone();
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    for name in names.iter() {
                        let key = access(&app, name).await;
                        assert_eq!(key.expose(), format!("composed{}", name.id));
                    }
                    access(&app, &google).await;
                    reads.fetch_add(names.len() + 1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let refreshing = {
        let (other, over, google) = (other.clone(), Arc::clone(&over), google.clone());
        tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                tokens::refresh(&other, &google).await.unwrap();
            }
        })
    };
    let mut retired = BTreeSet::new();
    for round in 0..rounds(4, 50) {
        let app = [&office.app, &other][round % 2];
        tokens::rotate(app).await.unwrap();
        while tokens::rewrap(app, 7).await.unwrap().remaining > 0 {}
        retired.extend(tokens::retire(app).await.unwrap().ids);
        // Its refreshes go on, so the other one meets each key.
        assert!(!refreshing.is_finished() && readers.iter().all(|reader| !reader.is_finished()));
    }
    over.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    refreshing.await.unwrap();
    assert!(!retired.is_empty(), "keys went");
    println!(
        "{} reads, {} keys retired",
        reads.load(Ordering::Relaxed),
        retired.len()
    );
    // What is left in the file opens everything.
    let fresh = office.replica().await;
    for name in names.iter().chain([&google]) {
        access(&fresh, name).await;
    }
}

/// Promise 4, its part here: rows, columns and tenants.
async fn ciphertext_opens_nowhere_but_in_its_place(database: Database) {
    let office = Office::open(database).await;
    let google = office.fresh_google().await;
    let (one, two) = (
        key(&office, &office.app, "one").await,
        key(&office, &office.app, "two").await,
    );
    let (schema, now) = match office.database.engine() {
        syncline::db::Engine::Postgres => ("syncline.", "now()"),
        syncline::db::Engine::Sqlite => ("", "'2026-03-02T09:00:00+00:00'"),
    };
    let columns = "provider, kind, display_name, state, state_reason, scopes, version, grant_version, refresh_fence, \
                   refresh_failures, created_at, updated_at, grant_sealed, access_sealed, access_expires_at";
    let tokens_table = format!("{schema}tokens");
    let statements = [
        // The same id of another tenant, with the same bytes.
        format!(
            "INSERT INTO {schema}tenants (tenant_id, display_name, created_at) VALUES ('other', '', {now})"
        ),
        format!(
            "INSERT INTO {tokens_table} (tenant_id, token_id, {columns}) \
             SELECT 'other', token_id, {columns} FROM {tokens_table} WHERE token_id = 'two'"
        ),
        // Another row, and another column of the same row.
        format!(
            "UPDATE {tokens_table} SET grant_sealed = (SELECT grant_sealed FROM {tokens_table} WHERE token_id = 'two' AND tenant_id = 'default') WHERE token_id = 'one'"
        ),
        format!(
            "UPDATE {tokens_table} SET access_sealed = grant_sealed, version = version + 1 WHERE token_id = 'google'"
        ),
    ];
    for statement in &statements {
        office.database.execute(statement).await;
    }
    let app = office.replica().await;
    let foreign = TokenName::new(ResourceId::parse("id", "other").unwrap(), two.id.clone());
    for name in [&one, &foreign, &google] {
        let error = try_access(&app, name).await.unwrap_err();
        assert_eq!(reason(&error), "SECRET_DAMAGED", "{name}");
        assert!(!error.to_string().contains("composed"), "{error}");
    }
    access(&app, &two).await;
}

fn printing(folder: &Path, lines: &str) -> PathBuf {
    let program = folder.join("keys.sh");
    let beside = folder.join("keys.new");
    fs::write(&beside, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o700)).unwrap();
    fs::rename(beside, &program).unwrap();
    program
}

async fn a_program_is_asked_for_keys(database: Database) {
    use base64::Engine as _;
    let text = |byte: u8| base64::prelude::BASE64_STANDARD.encode([byte; 32]);
    let office = Office::open(database).await;
    let folder = kit::temp_dir();
    let program = printing(folder.path(), &format!("echo {}", text(1)));
    let mut config = (*office.config).clone();
    config.key_command = Some(vec![
        program.display().to_string(),
        "an argument".to_owned(),
    ]);
    let config = Arc::new(config);
    let app = replica(&office.database, &office.clock, &config).await;
    let other = replica(&office.database, &office.clock, &config).await;
    let name = key(&office, &app, "one").await;
    let error = tokens::rotate(&app).await.unwrap_err();
    assert_eq!(reason(&error), "KEY_NOT_ROTATED");

    let old = app.keys.newest();
    printing(
        folder.path(),
        &format!("echo {},; echo {}", text(2), text(1)),
    );
    assert_ne!(tokens::rotate(&app).await.unwrap(), old);
    rewrap_all(&app).await;
    // It never heard of the new key, and asks when it meets it.
    assert_eq!(access(&other, &name).await.expose(), "composedone");
    assert_eq!(other.keys.newest(), app.keys.newest());
    let retired = tokens::retire(&app).await.unwrap();
    assert_eq!((retired.ids, retired.removed), (vec![old], false));

    for (lines, expected) in [
        ("echo canary; exit 3", "failed (exit status: 3)"),
        ("echo canary", "is not a key"),
        ("", "printed no key"),
        ("sleep 60", "took longer than 10s"),
        ("head -c 20000 /dev/zero | tr '\\0' a", "too much"),
    ] {
        printing(folder.path(), lines);
        let error = tokens::open_keyring(&config, &app.db).await.unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains(expected) && !said.contains("canary"),
            "{said}"
        );
    }
    // Old keys alone are refused: nothing may be sealed with them.
    printing(folder.path(), &format!("echo {},{}", text(1), text(2)));
    let error = tokens::open_keyring(&config, &app.db).await.unwrap_err();
    assert_eq!(reason(&error), "KEY_RETIRED");
}

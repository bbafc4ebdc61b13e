//! Values come back as they were written, and the SQL that both engines share means the same on both.

use super::SYSTEM;
use crate::kit::{self, Database};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use serde_json::{Value, json};
use sqlx::types::Json;
use syncline::{
    base::{Error, clock::whole_micros},
    db::{Db, execute, fetch_all, fetch_one, fetch_optional, on_constraint},
};
use uuid::Uuid;

kit::each_engine!(
    times_come_back_to_the_microsecond,
    times_sort_as_they_pass,
    ids_and_bytes_and_flags_come_back,
    json_comes_back,
    a_list_of_objects_is_read_with_json_each,
    a_conflict_updates_or_does_nothing,
    a_violated_constraint_has_the_meaning_it_was_given,
    a_missing_parent_is_refused,
    rows_are_returned_by_what_wrote_them,
);

const PUT_FACT: &str = "INSERT INTO instance_facts (name, value, updated_at) VALUES ($1, $2, $3)";

/// Random instants of four centuries, often with few digits after the second.
fn instants(count: usize) -> Vec<DateTime<Utc>> {
    let seconds = -6_000_000_000_i64..6_000_000_000;
    let micros = prop_oneof![
        Just(0),
        (0..1000_i64).prop_map(|millis| millis * 1000),
        0..1_000_000_i64
    ];
    let strategy = prop::collection::vec((seconds, micros), count);
    let drawn = strategy
        .new_tree(&mut TestRunner::deterministic())
        .unwrap()
        .current();
    let instant =
        |(second, micro)| DateTime::from_timestamp_micros(second * 1_000_000 + micro).unwrap();
    drawn.into_iter().map(instant).collect()
}

async fn put_facts(db: &Db, times: &[DateTime<Utc>]) {
    let mut tx = db.write(SYSTEM).await.unwrap();
    for (number, at) in times.iter().enumerate() {
        execute!(tx, PUT_FACT, number.to_string(), "", *at).unwrap();
    }
    tx.commit().await.unwrap();
}

async fn times_come_back_to_the_microsecond(database: Database) {
    let db = database.connect().await;
    let mut times = instants(kit::rounds(200, 20_000));
    times.push(db.now());
    put_facts(&db, &times).await;
    let mut tx = db.read(SYSTEM).await.unwrap();
    for (number, at) in times.iter().enumerate() {
        const SQL: &str =
            "SELECT updated_at FROM instance_facts WHERE name = $1 AND updated_at = $2";
        let (read,) = fetch_one!(tx, (DateTime<Utc>,), SQL, number.to_string(), *at).unwrap();
        assert_eq!(read, *at);
        assert_eq!(whole_micros(read), read);
    }
}

async fn times_sort_as_they_pass(database: Database) {
    let db = database.connect().await;
    let mut times = instants(kit::rounds(200, 20_000));
    let near = times[0];
    times.extend((0..50).map(|step| near + TimeDelta::microseconds(step * 99_999)));
    put_facts(&db, &times).await;
    let mut tx = db.read(SYSTEM).await.unwrap();
    const SQL: &str = "SELECT updated_at FROM instance_facts ORDER BY updated_at";
    let read = fetch_all!(tx, (DateTime<Utc>,), SQL).unwrap();
    times.sort();
    assert_eq!(read.into_iter().map(|(at,)| at).collect::<Vec<_>>(), times);

    const BEFORE: &str = "SELECT COUNT(*) FROM instance_facts WHERE updated_at < $1";
    let (before,) = fetch_one!(tx, (i64,), BEFORE, near).unwrap();
    assert_eq!(
        before as usize,
        times.iter().filter(|at| **at < near).count()
    );
}

async fn ids_and_bytes_and_flags_come_back(database: Database) {
    let db = database.connect().await;
    let (id, at) = (Uuid::now_v7(), db.now());
    let mut tx = db.write(SYSTEM).await.unwrap();
    const PUT: &str = "INSERT INTO records (tenant_id, record_id, provider, account_id, external_id, content, hash, settled,
             started_at, ended_at, first_seen_at, updated_at)
         VALUES ('default', $1, 'google', 'a', 'x', $2, '', $3, $4, $5, $4, $4)";
    execute!(
        tx,
        PUT,
        id,
        Json(json!({})),
        true,
        at,
        None::<DateTime<Utc>>
    )
    .unwrap();
    const GET: &str =
        "SELECT record_id, settled, ended_at FROM records WHERE record_id = $1 AND settled";
    let read = fetch_one!(tx, (Uuid, bool, Option<DateTime<Utc>>), GET, id).unwrap();
    assert_eq!(read, (id, true, None));

    let bytes: Vec<u8> = (0..=255).collect();
    const PUT_TOKEN: &str = "INSERT INTO tokens (tenant_id, token_id, provider, kind, display_name, state, state_reason, scopes,
             grant_sealed, grant_version, version, refresh_fence, refresh_failures, created_at, updated_at)
         VALUES ('default', 't', 'google', 'oauth', '', 'active', '', '', $1, 1, $2, 0, 0, $3, $3)";
    execute!(tx, PUT_TOKEN, bytes.as_slice(), i64::MAX, at).unwrap();
    const GET_TOKEN: &str =
        "SELECT grant_sealed, version, access_sealed FROM tokens WHERE token_id = 't'";
    let read = fetch_one!(tx, (Vec<u8>, i64, Option<Vec<u8>>), GET_TOKEN).unwrap();
    assert_eq!(read, (bytes, i64::MAX, None));
}

async fn json_comes_back(database: Database) {
    let db = database.connect().await;
    let at = db.now();
    let mut tx = db.write(SYSTEM).await.unwrap();
    const PUT_TOKEN: &str = "INSERT INTO tokens (tenant_id, token_id, provider, kind, display_name, state, state_reason, scopes,
             grant_sealed, grant_version, version, refresh_fence, refresh_failures, created_at, updated_at)
         VALUES ('default', 't', 'google', 'oauth', '', 'active', '', '', $1, 1, 1, 0, 0, $2, $2)";
    execute!(tx, PUT_TOKEN, [0_u8].as_slice(), at).unwrap();
    for (number, value) in [
        json!({}),
        json!({"title": "Ünïcode \u{1F980} \"quoted\"", "list": [1, 2.5, null, true], "empty": ""}),
        json!([]),
        json!("text"),
        json!("12"),
        json!(true),
        json!(null),
    ]
    .into_iter()
    .enumerate()
    {
        const PUT: &str = "INSERT INTO provider_facts (tenant_id, token_id, name, value, read_at) VALUES ('default', 't', $1, $2, $3)";
        const GET: &str = "SELECT value FROM provider_facts WHERE name = $1";
        let name = number.to_string();
        execute!(tx, PUT, &name, Json(&value), at).unwrap();
        let (read,) = fetch_one!(tx, (Json<Value>,), GET, &name).unwrap();
        assert_eq!(read.0, value);
    }
}

async fn a_list_of_objects_is_read_with_json_each(database: Database) {
    let db = database.connect().await;
    let mut tx = db.write(SYSTEM).await.unwrap();
    let list = json!([{"name": "a", "n": 1}, {"name": "b'\"", "n": 9_007_199_254_740_993_i64}, {"name": "ü", "n": -3}]);
    const PUT: &str = "INSERT INTO instance_facts (name, value, updated_at)
         SELECT value ->> 'name', CAST(CAST(value ->> 'n' AS BIGINT) + 1 AS TEXT), $2 FROM json_each($1)";
    assert_eq!(execute!(tx, PUT, list.to_string(), db.now()).unwrap(), 3);
    const GET: &str = "SELECT name, value FROM instance_facts
         WHERE name IN (SELECT value ->> 'name' FROM json_each($1)) ORDER BY name";
    let read = fetch_all!(tx, (String, String), GET, list.to_string()).unwrap();
    let expected = [("a", "2"), ("b'\"", "9007199254740994"), ("ü", "-2")];
    assert_eq!(
        read,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(fetch_all!(tx, (String, String), GET, "[]").unwrap(), []);
}

async fn a_conflict_updates_or_does_nothing(database: Database) {
    let db = database.connect().await;
    let mut tx = db.write(SYSTEM).await.unwrap();
    execute!(tx, PUT_FACT, "a", "1", db.now()).unwrap();
    const KEEP: &str = "INSERT INTO instance_facts (name, value, updated_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING";
    assert_eq!(execute!(tx, KEEP, "a", "2", db.now()).unwrap(), 0);
    const SWAP: &str = "INSERT INTO instance_facts (name, value, updated_at) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE instance_facts.value <> excluded.value";
    assert_eq!(execute!(tx, SWAP, "a", "1", db.now()).unwrap(), 0);
    assert_eq!(execute!(tx, SWAP, "a", "3", db.now()).unwrap(), 1);
    let value = fetch_one!(
        tx,
        (String,),
        "SELECT value FROM instance_facts WHERE name = $1",
        "a"
    );
    assert_eq!(value.unwrap().0, "3");
}

async fn a_violated_constraint_has_the_meaning_it_was_given(database: Database) {
    // A store meets sqlx's own error before it becomes ours; here the raw statement stands for it.
    let db = database.connect().await;
    let sql = "INSERT INTO tenants (tenant_id, display_name, created_at) VALUES ('default', '', '2026-01-01T00:00:00Z')";
    let error = match db.engine() {
        syncline::db::Engine::Sqlite => sqlx::query(sql)
            .execute(&mut database.outsider().await)
            .await
            .map(drop),
        syncline::db::Engine::Postgres => {
            let sql = sqlx::AssertSqlSafe(sql.replace("tenants", "syncline.tenants"));
            sqlx::query(sql)
                .execute(&mut database.superuser().await)
                .await
                .map(drop)
        }
    };
    let exists = || Error::Exists {
        kind: "tenant",
        name: "default".to_owned(),
    };
    let error = on_constraint(
        error.unwrap_err(),
        &["tenants_pkey", "tenants.tenant_id"],
        exists,
    );
    assert!(matches!(error, Error::Exists { .. }), "{error:?}");
}

async fn a_missing_parent_is_refused(database: Database) {
    let db = database.connect().await;
    let mut tx = db.write(SYSTEM).await.unwrap();
    const PUT: &str = "INSERT INTO budget_slices (account, slice, used) VALUES ($1, 1, 1)";
    execute!(tx, PUT, "nobody").unwrap_err();
}

async fn rows_are_returned_by_what_wrote_them(database: Database) {
    let db = database.connect().await;
    let mut tx = db.write(SYSTEM).await.unwrap();
    execute!(tx, PUT_FACT, "a", "1", db.now()).unwrap();
    const SWAP: &str =
        "UPDATE instance_facts SET value = $3 WHERE name = $1 AND value = $2 RETURNING value";
    let swapped = fetch_optional!(tx, (String,), SWAP, "a", "1", "2").unwrap();
    assert_eq!(swapped, Some(("2".to_owned(),)));
    assert_eq!(
        fetch_optional!(tx, (String,), SWAP, "a", "1", "3").unwrap(),
        None
    );
}

//! Keys of the systems that this one replaces go on working.

use super::{House, assert_wrong, reason, show, tenant};
use crate::kit::{Database, each_engine};
use chrono::TimeDelta;
use std::time::{Duration, Instant};
use syncline::{
    base::{Permissions, Role, Secret, sha256},
    outbound::Budget,
    tenants::keys::{self, Import, Kind, Shown, widget_tenant},
};

each_engine!(
    a_widgets_key_in_clear_is_hashed_and_goes_on,
    keys_with_a_sha_256_go_on_as_they_are,
    a_key_with_bcrypt_is_verified_once_and_flagged,
    a_key_with_bcrypt_is_found_behind_a_hundred_others,
    guesses_at_keys_with_bcrypt_are_counted_before_the_work,
    a_hash_that_takes_for_ever_is_not_taken_over,
    revoked_and_ended_keys_stay_so_and_a_second_import_changes_nothing,
    what_is_no_key_is_refused_with_all_its_faults,
);

fn import(house: &House, shown: Shown) -> Import {
    Import {
        tenant: Some(tenant("default")),
        shown,
        display_name: "imported".to_owned(),
        kind: Kind::Secret,
        role: Role::Operator,
        rate_limit: 0,
        created_at: house.clock.now() - TimeDelta::days(100),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}

fn hash(text: &str) -> String {
    let digits = sha256(text);
    digits.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn a_widgets_key_in_clear_is_hashed_and_goes_on(database: Database) {
    let house = House::open(database).await;
    let text = format!("pk_live_{}", "0123456789abcdef".repeat(4));
    let widget = Import {
        kind: Kind::Widget,
        role: Role::Viewer,
        ..import(&house, Shown::Clear(text.as_str().into()))
    };
    let imported = keys::import(&house.app, widget).await.unwrap();
    assert!(imported.is_new);
    assert_eq!(imported.key.prefix, "pk_live_0123");
    let secret = Secret::new(text);
    let found = widget_tenant(&house.app, &secret).await.unwrap();
    assert_eq!(found, tenant("default"));
    let audit = house.audit().await.join("\n");
    assert!(audit.contains("api_key.import") && !audit.contains("456789abcdef"));
}

async fn keys_with_a_sha_256_go_on_as_they_are(database: Database) {
    let house = House::open(database).await;
    for text in [
        format!("spy_live_{}", "fedcba9876543210".repeat(4)),
        format!("gs_live_{}", "A-_z".repeat(8)),
        format!("gs_test_{}", "b".repeat(32)),
    ] {
        let known = Shown::Sha256 {
            hash: hash(&text).to_uppercase(),
            prefix: "gs_live_".to_owned(),
        };
        let before = Secret::new(text);
        assert_wrong(show(&house.app, &before).await);
        keys::import(&house.app, import(&house, known))
            .await
            .unwrap();
        let caller = show(&house.app, &before).await.unwrap();
        assert_eq!(
            caller.permissions,
            Permissions::tenant(tenant("default"), Role::Operator)
        );
    }
}

async fn a_key_with_bcrypt_is_verified_once_and_flagged(database: Database) {
    let house = House::open(database).await;
    let (text, other) = (
        format!("gs_live_{}", "composed".repeat(4)),
        format!("gs_live_{}", "another0".repeat(4)),
    );
    // As the original stored it: the beginning that all share, or twelve characters and dots.
    for (text, prefix) in [(&other, "gs_live_"), (&text, "gs_live_comp...")] {
        let known = Shown::Bcrypt {
            hash: bcrypt::hash(text, 4).unwrap(),
            prefix: prefix.to_owned(),
        };
        let imported = keys::import(&house.app, import(&house, known))
            .await
            .unwrap();
        assert!(imported.key.rotation_reason.contains("slow to check"));
    }
    let wrong = Secret::new(format!("gs_live_{}", "composes".repeat(4)));
    assert_wrong(show(&house.app, &wrong).await);
    for text in [text, other] {
        let secret = Secret::new(text);
        let caller = show(&house.app, &secret).await.unwrap();
        assert_eq!(
            caller.permissions,
            Permissions::tenant(tenant("default"), Role::Operator)
        );
        // From now on it is one look-up, on every replica.
        let replica = house.replica().await;
        let since = Instant::now();
        assert!(show(&replica, &secret).await.is_ok());
        assert!(since.elapsed().as_secs() < 1);
    }
    let sql = match house.database.engine() {
        syncline::db::Engine::Postgres => "SELECT hash FROM syncline.api_keys",
        syncline::db::Engine::Sqlite => "SELECT hash FROM api_keys",
    };
    let hashes = house.database.column(sql).await;
    assert!(hashes.iter().all(|hash| hash.len() == 64), "{hashes:?}");
    let (listed, _) = keys::list(&house.app, "", false, 0, "").await.unwrap();
    assert!(listed.iter().all(|key| !key.rotation_reason.is_empty()));
}

fn slow(text: &str) -> Shown {
    Shown::Bcrypt {
        hash: bcrypt::hash(text, 4).unwrap(),
        prefix: "gs_live_".to_owned(),
    }
}

async fn a_key_with_bcrypt_is_found_behind_a_hundred_others(database: Database) {
    let house = House::open(database).await;
    let now = house.clock.now();
    for number in 0..110 {
        let ended = number % 2 == 0;
        let other = Import {
            expires_at: ended.then(|| now - TimeDelta::days(1)),
            ..import(&house, slow(&format!("gs_live_{number}")))
        };
        keys::import(&house.app, other).await.unwrap();
    }
    let text = format!("gs_live_{}", "composed".repeat(4));
    let last = import(&house, slow(&text));
    keys::import(&house.app, last).await.unwrap();
    assert!(show(&house.app, &text.as_str().into()).await.is_ok());
    assert_wrong(show(&house.app, &"gs_live_0".into()).await);
}

async fn guesses_at_keys_with_bcrypt_are_counted_before_the_work(database: Database) {
    let house = House::with(database, |config| {
        config.auth.attempts = Some(Budget {
            limit: 2,
            period: Duration::from_secs(3600),
        });
    })
    .await;
    let good = format!("gs_live_{}", "composed".repeat(4));
    let good_one = import(&house, slow(&good));
    keys::import(&house.app, good_one).await.unwrap();
    for number in 0..2 {
        assert_wrong(show(&house.app, &format!("gs_live_{number}").into()).await);
    }
    let third = show(&house.app, &good.as_str().into()).await.unwrap_err();
    assert_eq!(reason(&third), "TOO_MANY_ATTEMPTS");
    let elsewhere = super::address("203.0.113.8");
    for _ in 0..5 {
        let known = super::show_from(&house.app, &good.as_str().into(), elsewhere).await;
        assert!(known.is_ok());
    }
}

async fn a_hash_that_takes_for_ever_is_not_taken_over(database: Database) {
    let house = House::open(database).await;
    let hash = bcrypt::hash("gs_live_x", 4).unwrap();
    let costly = Shown::Bcrypt {
        hash: hash.replacen("$04$", "$16$", 1),
        prefix: "gs_live_".to_owned(),
    };
    let refused = keys::import(&house.app, import(&house, costly)).await;
    assert_eq!(reason(&refused.unwrap_err()), "INVALID_ARGUMENT");
}

async fn revoked_and_ended_keys_stay_so_and_a_second_import_changes_nothing(database: Database) {
    let house = House::open(database).await;
    house.tenant("ada").await;
    let now = house.clock.now();
    let of = |text: &str| Shown::Sha256 {
        hash: hash(text),
        prefix: String::new(),
    };
    let (revoked, ended, good) = ("spy_live_a", "spy_live_b", "spy_live_c");
    for (text, expires_at, revoked_at) in [
        (revoked, None, Some(now - TimeDelta::days(1))),
        (ended, Some(now - TimeDelta::days(1)), None),
        (good, Some(now + TimeDelta::days(1)), None),
    ] {
        let import = Import {
            expires_at,
            revoked_at,
            ..import(&house, of(text))
        };
        let first = keys::import(&house.app, import.clone()).await.unwrap();
        let second = keys::import(&house.app, import.clone()).await.unwrap();
        assert!(first.is_new && !second.is_new);
        assert_eq!(first.key.name, second.key.name);
        let foreign = Import {
            tenant: Some(tenant("ada")),
            ..import
        };
        let error = keys::import(&house.app, foreign).await.unwrap_err();
        assert_eq!(reason(&error), "ALREADY_EXISTS");
    }
    assert_wrong(show(&house.app, &revoked.into()).await);
    assert_wrong(show(&house.app, &ended.into()).await);
    assert!(show(&house.app, &good.into()).await.is_ok());
    let (listed, _) = keys::list(&house.app, "", false, 0, "").await.unwrap();
    assert_eq!(listed.len(), 3);
}

async fn what_is_no_key_is_refused_with_all_its_faults(database: Database) {
    let house = House::open(database).await;
    let sha = |hash: &str| Shown::Sha256 {
        hash: hash.to_owned(),
        prefix: String::new(),
    };
    for shown in [
        Shown::Clear("canary".into()),
        sha("canary"),
        Shown::Bcrypt {
            hash: "canary".to_owned(),
            prefix: "x".to_owned(),
        },
    ] {
        let import = Import {
            rate_limit: -1,
            ..import(&house, shown)
        };
        let error = keys::import(&house.app, import)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("rate_limit") && !error.contains("canary"),
            "{error}"
        );
    }
    let nowhere = Import {
        tenant: Some(tenant("nowhere")),
        ..import(&house, sha(&hash("spy_live_x")))
    };
    let error = keys::import(&house.app, nowhere).await.unwrap_err();
    assert_eq!(reason(&error), "NOT_FOUND");
}

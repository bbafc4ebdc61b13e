//! Sealing anew on a replica that did not make the new key.

use super::*;
use crate::kit::each_engine;
use std::{fs, os::unix::fs::PermissionsExt as _};

each_engine!(
    a_replica_that_has_not_heard_of_the_new_key_seals_anew_with_it_all_the_same,
    a_replica_without_the_new_key_seals_nothing_anew,
);

async fn a_replica_that_has_not_heard_of_the_new_key_seals_anew_with_it_all_the_same(
    database: Database,
) {
    let office = Office::open(database).await;
    let asleep = office.replica().await;
    office.fresh_google().await;
    let new = tokens::rotate(&office.app).await.unwrap();
    let rewrapped = tokens::rewrap(&asleep, 0).await.unwrap();
    assert_eq!((rewrapped.done, rewrapped.remaining), (1, 0));
    assert_eq!(asleep.keys.newest(), new);
}

async fn a_replica_without_the_new_key_seals_nothing_anew(database: Database) {
    let office = Office::open(database).await;
    office.fresh_google().await;
    let old = fs::read(office.config.data.key_file()).unwrap();
    tokens::rotate(&office.app).await.unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut config = (*office.config).clone();
    config.data.dir = elsewhere.path().to_owned();
    fs::write(config.data.key_file(), old).unwrap();
    fs::set_permissions(config.data.key_file(), fs::Permissions::from_mode(0o600)).unwrap();
    let config = Arc::new(config);
    let db = office.database.connect_at(office.clock.clone()).await;
    let keys = tokens::open_keyring(&config, &db).await.unwrap();
    let outbound = Outbound::new(db.clone(), Options::default()).unwrap();
    let other = App::new(config, db, outbound, keys);
    let refused = tokens::rewrap(&other, 0).await.unwrap_err();
    assert_eq!(reason(&refused), "KEY_MISSING");
}

//! What is written down about the use of keys.

use super::{House, show, show_from};
use crate::kit::{Database, each_engine};
use chrono::TimeDelta;
use syncline::tenants::keys;

each_engine!(
    the_last_use_is_written_down_in_batches,
    refusals_do_not_fill_the_audit,
);

async fn the_last_use_is_written_down_in_batches(database: Database) {
    let house = House::open(database).await;
    let (_, secret) = house.key().await;
    let (_, unused) = house.key().await;
    for _ in 0..100 {
        show(&house.app, &secret).await.unwrap();
    }
    let stored = || async {
        let (mut keys, _) = keys::list(&house.app, "", false, 0, "").await.unwrap();
        keys.pop().unwrap()
    };
    assert_eq!(
        stored().await.last_used_at,
        None,
        "not on the way of a call"
    );
    keys::flush(&house.app).await.unwrap();
    let used = stored().await;
    assert_eq!(used.last_used_at, Some(house.clock.now()));
    assert_eq!(used.last_used_address.as_deref(), Some("203.0.113.7"));
    house.clock.advance(TimeDelta::minutes(5));
    show_from(&house.app, &secret, super::address("2001:db8::1"))
        .await
        .unwrap();
    keys::flush(&house.app).await.unwrap();
    let used = stored().await;
    assert_eq!(used.last_used_at, Some(house.clock.now()));
    assert_eq!(used.last_used_address.as_deref(), Some("2001:db8::1"));
    drop(unused);
    let (keys, _) = keys::list(&house.app, "", false, 0, "").await.unwrap();
    assert_eq!(keys[0].last_used_at, None);
}

async fn refusals_do_not_fill_the_audit(database: Database) {
    let house = House::open(database).await;
    for round in 0..3 {
        for number in 0..200 {
            let guess = format!("sl_live_{round}{number}").as_str().into();
            // A new address each time, as every host of IPv6 has them.
            let from = super::address(&format!("2001:db8::{round}:{number}"));
            super::assert_wrong(show_from(&house.app, &guess, from).await);
        }
        let counted = format!("apiKeys/- KEY_UNKNOWN {} 2001:db8::/64", 200 * (round + 1));
        assert_eq!(house.refused().await, [counted]);
    }
    assert!(house.audit().await.is_empty());
}

//! How many users there are: numbers, with boundaries that are written down.

use super::*;
use crate::kit::each_engine;
use chrono::TimeDelta;
use syncline::people::{Imported, Provider};

each_engine!(
    users_are_counted_to_the_instant,
    logins_and_sessions_are_counted,
);

fn made(house: &House, number: usize, ago: TimeDelta, provider: Provider) -> Imported {
    Imported {
        id: format!("{number}"),
        username: String::new(),
        email: format!("{number}@example.org"),
        display_name: String::new(),
        provider,
        password_hash: String::new(),
        created_at: house.clock.now() - ago,
        updated_at: house.clock.now() - ago,
    }
}

/// Check 6 of the coder.
async fn users_are_counted_to_the_instant(database: Database) {
    let house = House::open(database).await;
    let (hour, instant) = (TimeDelta::hours(1), TimeDelta::microseconds(1));
    let week = TimeDelta::hours(7 * 24);
    let month = TimeDelta::hours(30 * 24);
    let ages = [
        week - hour,
        week + hour,
        TimeDelta::days(29),
        TimeDelta::days(31),
        week,
        week + instant,
        month,
        month + instant,
    ];
    let providers = [Provider::Local, Provider::Google, Provider::FirebaseGoogle];
    let all: Vec<_> = ages
        .iter()
        .enumerate()
        .map(|(number, ago)| made(&house, number, *ago, providers[number % 3]))
        .collect();
    people::import(&house.app, "test", &all, false)
        .await
        .unwrap();
    let service = house.accounts();
    let call = service.get_user_stats(Request::new(v1::GetUserStatsRequest {}));
    let stats = Guest::key(Role::Viewer)
        .calls(call)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        stats,
        v1::UserStats {
            total_users: 8,
            local_users: 3,
            google_users: 3,
            firebase_google_users: 2,
            users_last_week: 2,
            users_last_month: 6,
            ..v1::UserStats::default()
        }
    );
}

async fn logins_and_sessions_are_counted(database: Database) {
    let house = House::open(database).await;
    let ada = house.person("ada").await.person.name();
    house.person("bob").await;
    for wait in [20, 3, 6, 1] {
        house.session("ada").await;
        house.clock.advance(TimeDelta::days(wait));
    }
    // 30, 10, 7 and 1 days ago by now.
    house.session("bob").await;
    assert!(log_in(&house.app, "bob", "wrong password").await.is_err());
    let stats = people::stats(&house.app).await.unwrap();
    assert_eq!((stats.logins_last_week, stats.logins_last_month), (3, 5));
    assert_eq!(stats.active_sessions, 2, "sessions last seven days");
    house.clock.advance(TimeDelta::microseconds(1));
    people::delete(&house.app, ada, "").await.unwrap();
    let stats = people::stats(&house.app).await.unwrap();
    assert_eq!((stats.logins_last_week, stats.logins_last_month), (2, 4));
    assert_eq!(stats.active_sessions, 1);
}

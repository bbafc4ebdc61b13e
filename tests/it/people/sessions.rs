//! Sessions: how long they last, who ends them, and that they are secret.

use super::*;
use crate::kit::{each_engine, eventually};
use chrono::TimeDelta;
use std::time::Duration;
use syncline::{db::Engine, people::SessionName};

each_engine!(
    a_session_ends_after_seven_days_however_much_it_is_used,
    a_session_ends_after_24_hours_where_that_is_set,
    a_session_that_is_not_used_ends_where_that_is_set,
    a_session_survives_a_restart,
    a_logout_ends_the_session_on_every_replica_within_a_second,
    a_new_password_ends_all_sessions_but_the_callers,
    who_is_removed_is_logged_out_everywhere,
    people_see_and_end_their_own_sessions_only,
    the_last_use_is_written_at_most_once_a_minute,
    neither_sessions_nor_passwords_are_in_the_database,
    who_makes_sessions_up_is_slowed_and_nobody_is_locked_out,
    a_session_that_ended_uses_up_no_attempts,
);

/// Check 11 of the dashboard.
async fn a_session_ends_after_seven_days_however_much_it_is_used(database: Database) {
    let house = House::open(database).await;
    lasts(&house, TimeDelta::days(7)).await;
}

/// Check 8 of the coder.
async fn a_session_ends_after_24_hours_where_that_is_set(database: Database) {
    let house = House::with(database, |config| {
        config.people.session_length = Duration::from_secs(24 * 3600);
    })
    .await;
    lasts(&house, TimeDelta::hours(24)).await;
}

async fn lasts(house: &House, length: TimeDelta) {
    house.person("ada").await;
    let session = house.session("ada").await;
    for _ in 0..9 {
        house.clock.advance(length / 10);
        assert!(house.guest(&session).await.is_ok());
    }
    house.clock.advance(length / 10 - TimeDelta::seconds(1));
    assert!(house.guest(&session).await.is_ok(), "a second before");
    people::sweep(&house.app).await.unwrap();
    assert_eq!(sessions_in(&house.database).await, 1);
    house.clock.advance(TimeDelta::seconds(1));
    // At once, although this process knew it a moment ago; and where it is read anew.
    let other = house.replica().await;
    for app in [&house.app, &other] {
        let over = guest(app, &session).await.err().unwrap();
        assert!(is_unauthenticated(&over, "SESSION_OVER"), "{over}");
    }
    assert_eq!(people::stats(&house.app).await.unwrap().active_sessions, 0);
    people::sweep(&house.app).await.unwrap();
    assert_eq!(sessions_in(&house.database).await, 0);
}

async fn sessions_in(database: &Database) -> usize {
    let schema = match database.engine() {
        Engine::Postgres => "syncline.",
        Engine::Sqlite => "",
    };
    let sql = format!("SELECT 'x' FROM {schema}person_sessions");
    database.column(&sql).await.len()
}

async fn a_session_that_is_not_used_ends_where_that_is_set(database: Database) {
    let house = House::with(database, |config| {
        config.people.session_idle = Some(Duration::from_secs(3600));
    })
    .await;
    house.person("ada").await;
    let session = house.session("ada").await;
    for _ in 0..5 {
        house.clock.advance(TimeDelta::minutes(55));
        assert!(house.replica_knows(&session).await, "it is used");
    }
    // The last use is known to within a minute, and that minute is in favour of the person.
    house.clock.advance(TimeDelta::minutes(62));
    assert!(house.guest(&session).await.is_err());
    assert!(!house.replica_knows(&session).await);
    people::sweep(&house.app).await.unwrap();
    assert_eq!(sessions_in(&house.database).await, 0);
}

impl House {
    /// Whether a process that remembers nothing takes the session.
    async fn replica_knows(&self, session: &Secret) -> bool {
        guest(&self.replica().await, session).await.is_ok()
    }
}

async fn a_session_survives_a_restart(database: Database) {
    let house = House::open(database).await;
    house.person("ada").await;
    let session = house.session("ada").await;
    house.app.db.close().await;
    let app = house.replica().await;
    assert!(guest(&app, &session).await.is_ok());
    assert!(log_in(&app, "ada", PASSWORD).await.is_ok());
}

async fn a_logout_ends_the_session_on_every_replica_within_a_second(database: Database) {
    let house = House::open(database).await;
    let other = house.replica().await;
    for round in 0..kit::rounds(3, 50) {
        let name = format!("ada-{round}");
        house.person(&name).await;
        let session = house.session(&name).await;
        let kept = house.session(&name).await;
        let ada = house.guest(&session).await.unwrap();
        assert!(guest(&other, &session).await.is_ok());
        let service = house.accounts();
        let out = service.logout(Request::new(v1::LogoutRequest {}));
        ada.calls(out).await.unwrap();
        let ended = std::time::Instant::now();
        assert!(house.guest(&session).await.is_err(), "at once here");
        eventually(Duration::from_secs(1), || async {
            match guest(&other, &session).await {
                Err(_) => Ok(()),
                Ok(_) => Err("it is still good there"),
            }
        })
        .await;
        assert!(ended.elapsed() < Duration::from_secs(1));
        assert!(guest(&other, &kept).await.is_ok(), "only that one");
    }
}

async fn a_new_password_ends_all_sessions_but_the_callers(database: Database) {
    let house = House::open(database).await;
    let ada = house.person("ada").await;
    let (mine, other) = (house.session("ada").await, house.session("ada").await);
    let me = house.guest(&mine).await.unwrap();
    assert!(house.guest(&other).await.is_ok());
    let change = |current: &str| v1::UpdateUserRequest {
        user: Some(v1::User {
            name: ada.person.name().to_string(),
            ..v1::User::default()
        }),
        password: "another password".to_owned(),
        current_password: current.to_owned(),
        ..Default::default()
    };
    let service = house.accounts();
    let refused = me
        .calls(service.update_user(Request::new(change("wrong"))))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::PermissionDenied, "PASSWORD_WRONG".to_owned())
    );
    assert!(house.guest(&other).await.is_ok(), "nothing happened");
    me.calls(service.update_user(Request::new(change(PASSWORD))))
        .await
        .unwrap();
    assert!(house.guest(&mine).await.is_ok());
    assert!(house.guest(&other).await.is_err());
    assert!(log_in(&house.app, "ada", PASSWORD).await.is_err());
    assert!(log_in(&house.app, "ada", "another password").await.is_ok());
}

async fn who_is_removed_is_logged_out_everywhere(database: Database) {
    let house = House::open(database).await;
    let ada = house.person("ada").await.person.name();
    let session = house.session("ada").await;
    let other = house.replica().await;
    assert!(house.guest(&session).await.is_ok() && guest(&other, &session).await.is_ok());
    people::delete(&house.app, ada, "").await.unwrap();
    assert!(house.guest(&session).await.is_err());
    eventually(Duration::from_secs(1), || async {
        match guest(&other, &session).await {
            Err(error) => {
                assert!(is_unauthenticated(&error, "SESSION_OVER"));
                Ok(())
            }
            Ok(_) => Err("it is still good there"),
        }
    })
    .await;
    assert!(log_in(&house.app, "ada", PASSWORD).await.is_err());
    // The name is free again.
    house.person("ADA").await;
}

async fn people_see_and_end_their_own_sessions_only(database: Database) {
    let house = House::open(database).await;
    let (ada, adas) = house.logged_in("ada").await;
    let (bob, bobs) = house.logged_in("bob").await;
    let list = async |who: &Guest, parent: &str| {
        who.calls(people::sessions(&house.app, parent, 0, ""))
            .await
            .map(|(sessions, _)| sessions)
    };
    let own = list(&adas, "").await.unwrap();
    assert_eq!(own.len(), 1);
    assert!(own[0].is_current);
    let bobs_name = bob.person.name().to_string();
    for foreign in [
        bobs_name.as_str(),
        "users/00000000-0000-0000-0000-000000000001",
    ] {
        let refused = list(&adas, foreign).await.unwrap_err();
        assert!(matches!(refused, Error::NotFound { kind: "user", .. }));
    }
    let [theirs] = list(&bobs, "").await.unwrap().try_into().unwrap();
    let revoke = |name| people::revoke(&house.app, name);
    let foreign = adas.calls(revoke(theirs.name)).await.unwrap_err();
    let mixed = SessionName {
        person: ada.person.name(),
        id: theirs.name.id,
    };
    let mixed = adas.calls(revoke(mixed)).await.unwrap_err();
    for refused in [foreign, mixed] {
        assert!(matches!(
            refused,
            Error::NotFound {
                kind: "session",
                ..
            }
        ));
    }
    assert_eq!(list(&bobs, "").await.unwrap().len(), 1);
    bobs.calls(revoke(theirs.name)).await.unwrap();
    // An admin may, and pages are in order.
    for _ in 0..3 {
        house.session("ada").await;
    }
    let page = people::sessions(&house.app, &ada.person.name().to_string(), 3, "").await;
    let (first, next) = page.unwrap();
    let page = people::sessions(&house.app, &ada.person.name().to_string(), 3, &next).await;
    let (second, last) = page.unwrap();
    assert_eq!((first.len(), second.len(), last.as_str()), (3, 1, ""));
    assert_eq!(second[0].name, own[0].name, "the oldest comes last");
}

async fn the_last_use_is_written_at_most_once_a_minute(database: Database) {
    let house = House::open(database).await;
    let ada = house.person("ada").await.person.name().to_string();
    let session = house.session("ada").await;
    let began = house.clock.now();
    let used = async || {
        let (sessions, _) = people::sessions(&house.app, &ada, 0, "").await.unwrap();
        sessions[0].used_at
    };
    house.clock.advance(TimeDelta::seconds(59));
    assert!(house.replica_knows(&session).await);
    assert_eq!(used().await, began);
    house.clock.advance(TimeDelta::seconds(1));
    assert!(house.replica_knows(&session).await);
    assert_eq!(used().await, began + TimeDelta::minutes(1));
}

async fn neither_sessions_nor_passwords_are_in_the_database(database: Database) {
    let house = House::open(database).await;
    house.person("ada").await;
    let session = house.session("ada").await;
    assert!(log_in(&house.app, "ada", "another canary").await.is_err());
    let dump = house.database.dump();
    let text = String::from_utf8_lossy(&dump);
    assert!(text.contains("$argon2id$"), "the dump is whole");
    for secret in [
        session.expose(),
        &session.expose()[11..],
        PASSWORD,
        "another canary",
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
}

fn made_up(number: usize) -> Secret {
    Secret::new(format!("sl_session_{number:043}"))
}

async fn who_makes_sessions_up_is_slowed_and_nobody_is_locked_out(database: Database) {
    let house = House::open(database).await;
    house.person("ada").await;
    let remembered = house.session("ada").await;
    house.guest(&remembered).await.unwrap();
    let unseen = house.session("ada").await;
    let allowed = house.config.auth.attempts.unwrap().limit as usize;
    let mut over = 0;
    let slowed = loop {
        // What could be one, and what could never be.
        let guess = match over % 2 {
            0 => made_up(over),
            _ => "sl_session_x".into(),
        };
        let error = house.guest(&guess).await.err().unwrap();
        if !is_unauthenticated(&error, "SESSION_OVER") {
            break error;
        }
        over += 1;
        assert!(over < 10 * allowed, "nobody is slowed");
    };
    assert_eq!(super::reason(&slowed), "TOO_MANY_ATTEMPTS");
    // They come back one by one meanwhile.
    assert!((allowed..allowed + 30).contains(&over), "{over}");
    // From the same address.
    for good in [&remembered, &unseen] {
        house.guest(good).await.unwrap();
    }
    let stranger = Guest::stranger();
    stranger
        .calls(log_in(&house.app, "ada", PASSWORD))
        .await
        .unwrap();
    // Others are not slowed.
    let elsewhere = Some([192, 0, 2, 8].into());
    let error = people::authenticate(&house.app, &made_up(0), elsewhere).await;
    assert!(is_unauthenticated(&error.err().unwrap(), "SESSION_OVER"));
}

async fn a_session_that_ended_uses_up_no_attempts(database: Database) {
    let house = House::open(database).await;
    house.person("ada").await;
    let ended = house.session("ada").await;
    house.clock.advance(TimeDelta::days(7));
    let tries = house.config.auth.attempts.unwrap().limit + 40;
    for _ in 0..tries {
        let error = house.guest(&ended).await.err().unwrap();
        assert!(is_unauthenticated(&error, "SESSION_OVER"), "{error}");
    }
}

//! Logging in by name and password.

use super::*;
use crate::kit::{each_engine, eventually};
use std::time::{Duration, Instant};
use syncline::people::{Imported, Provider};

each_engine!(
    everything_that_is_wrong_is_answered_alike,
    nobody_learns_from_the_clock_who_has_an_account,
    a_hash_of_the_original_is_upgraded_at_the_login,
    a_password_beyond_72_bytes_of_the_original_is_not_upgraded,
    who_guesses_is_slowed_down_by_name_and_others_are_not,
    a_session_that_is_shown_at_a_login_ends,
    nobody_is_locked_out_from_another_address,
    ten_addresses_lock_nobody_out_from_where_they_log_in,
    guesses_at_once_and_registrations_use_up_the_attempts_of_the_address,
    both_names_log_in,
    a_login_that_a_new_password_overtakes_leaves_no_session,
);

fn imported(email: &str, provider: Provider, hash: &str) -> Imported {
    let made = kit::fixed_clock().now();
    Imported {
        id: email.to_owned(),
        username: String::new(),
        email: email.to_owned(),
        display_name: String::new(),
        provider,
        password_hash: hash.to_owned(),
        created_at: made,
        updated_at: made,
    }
}

/// Somebody with a password, one by Google, and one who has nothing.
async fn people_of_all_kinds(house: &House) {
    house.person("ada").await;
    let old = bcrypt::hash(PASSWORD, 4).unwrap();
    let others = [
        imported("google@example.org", Provider::Google, ""),
        imported("nothing@example.org", Provider::Local, ""),
        imported("old@example.org", Provider::Local, &old),
    ];
    let made = people::import(&house.app, "test", &others, false).await;
    assert_eq!(made.unwrap().created, 3);
}

/// Check 4 of the coder, which answered 500 for a user of Google.
async fn everything_that_is_wrong_is_answered_alike(database: Database) {
    let house = House::open(database).await;
    people_of_all_kinds(&house).await;
    let service = house.accounts();
    let mut answers = Vec::new();
    for (login, password) in [
        ("ada", "wrong password"),
        ("nobody", PASSWORD),
        ("google@example.org", PASSWORD),
        ("nothing@example.org", PASSWORD),
        ("old@example.org", "wrong password"),
        ("a\0b", PASSWORD),
        ("ada", "with a\0nul"),
        ("ada", &"x".repeat(5000)),
    ] {
        let request = v1::LoginRequest {
            login: login.to_owned(),
            password: password.to_owned(),
            ..Default::default()
        };
        let call = service.login(Request::new(request));
        let refused = Guest::nobody().calls(call).await.unwrap_err();
        assert_eq!(
            refusal(&refused),
            (Code::Unauthenticated, "LOGIN_WRONG".to_owned()),
            "{login:?}"
        );
        answers.push(refused.message().to_owned());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    // What nobody can mean is a wrong request instead.
    let empty = service.login(Request::new(v1::LoginRequest::default()));
    let empty = Guest::nobody().calls(empty).await.unwrap_err();
    assert_eq!(fields(&empty), ["login", "password"]);
}

async fn nobody_learns_from_the_clock_who_has_an_account(database: Database) {
    let house = House::open(database).await;
    people_of_all_kinds(&house).await;
    let median = async |login: &str| {
        let mut took = Vec::new();
        for _ in 0..5 {
            let begun = Instant::now();
            assert!(log_in(&house.app, login, "wrong password").await.is_err());
            took.push(begun.elapsed());
        }
        took.sort();
        took[2]
    };
    let mut all = Vec::new();
    for login in [
        "ada",
        "nobody",
        "google@example.org",
        "nothing@example.org",
        "old@example.org",
    ] {
        all.push(median(login).await);
    }
    let (fastest, slowest) = (all.iter().min().unwrap(), all.iter().max().unwrap());
    assert!(*fastest >= Duration::from_millis(400), "{all:?}");
    // All wait for the same moment; a machine that is busy may be late for it.
    assert!(
        slowest.as_secs_f64() / fastest.as_secs_f64() < 2.0,
        "{all:?}"
    );
}

async fn a_hash_of_the_original_is_upgraded_at_the_login(database: Database) {
    let house = House::open(database).await;
    people_of_all_kinds(&house).await;
    let hash = async || {
        let prefix = match house.database.engine() {
            syncline::db::Engine::Postgres => "syncline.",
            syncline::db::Engine::Sqlite => "",
        };
        let sql =
            format!("SELECT password_hash FROM {prefix}people WHERE email = 'old@example.org'");
        house.database.column(&sql).await.remove(0)
    };
    assert!(hash().await.starts_with("$2b$04$"));
    house.session("Old@Example.org").await;
    let upgraded = hash().await;
    assert!(upgraded.starts_with("$argon2id$"), "{upgraded}");
    house.session("old@example.org").await;
    assert_eq!(hash().await, upgraded, "once is enough");
    assert!(
        log_in(&house.app, "old@example.org", "composed")
            .await
            .is_err()
    );
}

async fn a_password_beyond_72_bytes_of_the_original_is_not_upgraded(database: Database) {
    let house = House::open(database).await;
    let (head, right) = ("é".repeat(36), format!("{}right", "é".repeat(36)));
    let old = bcrypt::hash(&right, 4).unwrap();
    let person = imported("long@example.org", Provider::Local, &old);
    let made = people::import(&house.app, "test", &[person], false).await;
    assert_eq!(made.unwrap().created, 1);
    // A slip at the end gets in, as it ever did, and does not lock the owner out.
    let typed = [format!("{head}slip"), right];
    for typed in &typed {
        assert!(log_in(&house.app, "long@example.org", typed).await.is_ok());
    }
    let other = head.replacen('é', "e", 1);
    assert!(
        log_in(&house.app, "long@example.org", &other)
            .await
            .is_err()
    );
}

async fn who_guesses_is_slowed_down_by_name_and_others_are_not(database: Database) {
    let house = House::open(database).await;
    house.person("ada").await;
    house.person("bob").await;
    // The right password has to wait, too.
    let typed = [["wrong password"; 30].as_slice(), &[PASSWORD]].concat();
    let guesses = typed
        .into_iter()
        .map(|typed| log_in(&house.app, "ADA", typed));
    let guessed = futures::future::join_all(guesses).await;
    assert!(matches!(guessed[30], Err(Error::Limited { .. })));
    let wait = guessed.iter().find_map(|guess| match guess {
        Err(Error::Limited { wait, .. }) => Some(*wait),
        _ => None,
    });
    let wrong = guessed.iter().filter(|guess| {
        guess
            .as_ref()
            .is_err_and(|error| is_unauthenticated(error, "LOGIN_WRONG"))
    });
    assert_eq!(wrong.count(), 10, "all the others were not looked at");
    let wait = wait.unwrap();
    assert!(wait <= Duration::from_secs(6), "{wait:?}");
    // Somebody else does not wait.
    house.session("bob").await;
    eventually(wait + Duration::from_secs(5), || async {
        log_in(&house.app, "ada", PASSWORD).await
    })
    .await;
}

async fn a_session_that_is_shown_at_a_login_ends(database: Database) {
    let house = House::open(database).await;
    let (_, victim) = house.logged_in("ada").await;
    // Somebody planted this one in the victim's browser.
    house.person("mallory").await;
    let planted = house.session("mallory").await;
    let planted_guest = house.guest(&planted).await.unwrap();
    let request = v1::LoginRequest {
        login: "ada".to_owned(),
        password: PASSWORD.to_owned(),
        ..Default::default()
    };
    let service = house.accounts();
    let call = service.login(Request::new(request));
    let fresh = planted_guest.calls(call).await.unwrap().into_inner();
    assert_ne!(fresh.session_token, planted.expose());
    assert!(is_unauthenticated(
        &house.guest(&planted).await.err().unwrap(),
        "SESSION_OVER"
    ));
    let ada = house.guest(&fresh.session_token.into()).await.unwrap();
    assert_eq!(ada.0.unwrap().name, victim.0.unwrap().name);
}

async fn both_names_log_in(database: Database) {
    let house = House::open(database).await;
    let register = Register {
        username: "ada".to_owned(),
        email: "Ada@Example.org".to_owned(),
        password: PASSWORD.into(),
        ..Register::default()
    };
    people::register(&house.app, register, &Origin::default())
        .await
        .unwrap();
    let [one, other] = [
        house.session("ADA").await,
        house.session("ada@example.org").await,
    ];
    assert_ne!(one, other);
    let names = [&one, &other].map(|session| house.guest(session));
    let names = futures::future::join_all(names).await;
    let names: Vec<_> = names
        .into_iter()
        .map(|guest| guest.unwrap().0.unwrap().name.clone())
        .collect();
    assert_eq!(names[0], names[1]);
}

/// Somebody at this address, who shows nothing.
fn at(last: u8) -> Guest {
    let address = Some([203, 0, 113, last].into());
    Guest(Some(Arc::new(Caller::nobody(Permissions::none(), address))))
}

async fn nobody_is_locked_out_from_another_address(database: Database) {
    let house = House::open(database).await;
    house.person("ada").await;
    let (guesser, owner) = (at(1), at(2));
    let guesses = (0..11).map(|_| guesser.calls(log_in(&house.app, "ada", "wrong password")));
    let outcomes = futures::future::join_all(guesses).await;
    let is_limited =
        |outcome: &Result<Secret, Error>| matches!(outcome, Err(Error::Limited { .. }));
    assert_eq!(
        outcomes
            .iter()
            .filter(|outcome| is_limited(outcome))
            .count(),
        1
    );
    let from_there = guesser.calls(log_in(&house.app, "ada", PASSWORD)).await;
    assert!(is_limited(&from_there));
    assert!(
        owner
            .calls(log_in(&house.app, "ada", PASSWORD))
            .await
            .is_ok()
    );
}

async fn ten_addresses_lock_nobody_out_from_where_they_log_in(database: Database) {
    let house = House::open(database).await;
    house.person("ada").await;
    let from = async |app: &App, last: u8, password: &str| {
        let guest = at(last);
        guest.calls(log_in(app, "ada", password)).await
    };
    // The login was at another process: this one finds it among the sessions.
    from(&house.replica().await, 1, PASSWORD).await.unwrap();
    // All take their turn before the first of them is answered, and nothing has come back by then.
    let guesses = (2..=31).flat_map(|last| [last; 10]);
    let guesses = guesses.map(|last| from(&house.app, last, "wrong password"));
    let (guesses, elsewhere, owner) = futures::join!(
        futures::future::join_all(guesses),
        from(&house.app, 32, PASSWORD),
        from(&house.app, 1, PASSWORD),
    );
    let is_limited =
        |outcome: &Result<Secret, Error>| matches!(outcome, Err(Error::Limited { .. }));
    let looked_at = guesses.iter().filter(|guess| !is_limited(guess)).count();
    assert!((100..200).contains(&looked_at), "{looked_at}");
    assert!(is_limited(&elsewhere), "all together have no more");
    owner.unwrap();
    // Nobody guesses without end there, either.
    let guesses = (0..12).map(|_| from(&house.app, 1, "wrong password"));
    let guesses = futures::future::join_all(guesses).await;
    let limited = guesses.iter().filter(|guess| is_limited(guess));
    assert_eq!(limited.count(), 2);
}

async fn guesses_at_once_and_registrations_use_up_the_attempts_of_the_address(database: Database) {
    let house = House::with(database, |config| {
        config.people.registration_open = true;
        config.auth.attempts = Some(syncline::outbound::Budget {
            limit: 3,
            period: Duration::from_secs(3600),
        });
    })
    .await;
    house.person("ada").await;
    for _ in 0..5 {
        assert!(
            at(1)
                .calls(log_in(&house.app, "ada", PASSWORD))
                .await
                .is_ok()
        );
    }
    let guesser = at(1);
    let names: Vec<String> = (0..5).map(|number| format!("somebody-{number}")).collect();
    let guesses = names
        .iter()
        .map(|name| guesser.calls(log_in(&house.app, name, "wrong password")));
    let outcomes = futures::future::join_all(guesses).await;
    let limited = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(Error::Limited { .. })));
    assert_eq!(limited.count(), 2);
    for (number, name) in names.iter().enumerate() {
        let register = Register {
            username: name.clone(),
            password: PASSWORD.into(),
            ..Register::default()
        };
        let origin = Origin::default();
        let made = at(2)
            .calls(people::register(&house.app, register, &origin))
            .await;
        assert_eq!(made.is_ok(), number < 3, "{made:?}");
    }
}

/// The comparison takes a while on purpose. What was right when it began may be wrong when it ends.
async fn a_login_that_a_new_password_overtakes_leaves_no_session(database: Database) {
    let house = House::open(database).await;
    let ada = house.person("ada").await.person.name();
    let passwords = [PASSWORD, "another password"];
    let mut overtaken = 0;
    for round in 0..kit::rounds(12, 200) {
        let (old, new) = (passwords[round % 2], passwords[(round + 1) % 2]);
        let change = people::Update {
            name: ada.to_string(),
            password: new.into(),
            ..people::Update::default()
        };
        let (entered, changed) = tokio::join!(
            log_in(&house.app, "ada", old),
            people::update(&house.app, change)
        );
        changed.unwrap();
        match entered {
            // It came first, and ended with the other sessions.
            Ok(session) => assert!(house.guest(&session).await.is_err(), "round {round}"),
            Err(error) => {
                assert!(is_unauthenticated(&error, "LOGIN_WRONG"), "{error}");
                overtaken += 1;
            }
        }
        assert!(log_in(&house.app, "ada", new).await.is_ok());
    }
    println!("{overtaken} logins were overtaken");
}

//! People of other systems, taken over.

use super::*;
use crate::kit::each_engine;
use chrono::TimeDelta;
use syncline::people::{Imported, Imports, Provider};

each_engine!(
    people_of_the_coder_keep_ids_times_and_passwords,
    addresses_that_differ_in_case_are_a_conflict_and_never_two,
    a_dry_run_tells_the_same_and_writes_nothing,
    what_cannot_be_taken_over_is_refused_with_its_place,
);

const ID: &str = "3b0c1c9e-1a52-4c0e-9d55-0a6b6f0c1d11";

fn mia(house: &House) -> Imported {
    Imported {
        id: ID.to_owned(),
        username: String::new(),
        email: "Mia@example.org".to_owned(),
        display_name: String::new(),
        provider: Provider::Local,
        password_hash: bcrypt::hash(PASSWORD, 4).unwrap(),
        created_at: house.clock.now() - TimeDelta::days(275),
        updated_at: house.clock.now() - TimeDelta::days(274),
    }
}

/// Somebody of the dashboard, whose ids may be any text.
fn vera(house: &House) -> Imported {
    Imported {
        id: "not a uuid".to_owned(),
        username: "vera_k".to_owned(),
        email: String::new(),
        ..mia(house)
    }
}

/// Checks 1 of the coder and 2 of the dashboard, as far as they are about accounts.
async fn people_of_the_coder_keep_ids_times_and_passwords(database: Database) {
    let house = House::open(database).await;
    let (mia, vera) = (mia(&house), vera(&house));
    let all = [mia.clone(), vera];
    let first = people::import(&house.app, "coder", &all, false).await;
    assert_eq!(first.unwrap().created, 2);
    let again = people::import(&house.app, "coder", &all, false)
        .await
        .unwrap();
    assert_eq!((again.created, again.skipped), (0, 2));
    let name = people::imported(&house.app, "coder", ID).await.unwrap();
    assert_eq!(name.to_string(), format!("users/{ID}"));
    let person = people::get(&house.app, name).await.unwrap().person;
    assert_eq!(
        (person.created_at, person.updated_at),
        (mia.created_at, mia.updated_at)
    );
    for login in ["mia@example.org", "Vera_K"] {
        house.session(login).await;
    }
    let vera = people::imported(&house.app, "coder", "not a uuid")
        .await
        .unwrap();
    let vera = people::get(&house.app, vera).await.unwrap();
    assert_eq!(v1::User::from(vera).source_id, "not a uuid");
    let mia = people::get(&house.app, name).await.unwrap();
    assert_eq!(v1::User::from(mia).source_id, "");
}

/// Check 2 of the coder.
async fn addresses_that_differ_in_case_are_a_conflict_and_never_two(database: Database) {
    let house = House::open(database).await;
    let other = Imported {
        id: "00000000-0000-4000-8000-000000000001".to_owned(),
        email: "mia@EXAMPLE.org".to_owned(),
        ..mia(&house)
    };
    let told = people::import(&house.app, "coder", &[mia(&house), other], false)
        .await
        .unwrap();
    assert_eq!(told.created, 1);
    assert_eq!(told.conflicts, ["mia@EXAMPLE.org"]);
    assert_eq!(people::stats(&house.app).await.unwrap().total, 1);
}

async fn a_dry_run_tells_the_same_and_writes_nothing(database: Database) {
    let house = House::open(database).await;
    let all = [mia(&house), vera(&house), mia(&house)];
    let dry = people::import(&house.app, "coder", &all, true)
        .await
        .unwrap();
    assert_eq!(people::stats(&house.app).await.unwrap().total, 0);
    let real = people::import(&house.app, "coder", &all, false)
        .await
        .unwrap();
    assert_eq!(dry, real);
    assert_eq!((real.created, real.skipped), (2, 1));
}

async fn what_cannot_be_taken_over_is_refused_with_its_place(database: Database) {
    let house = House::open(database).await;
    let wrong = [
        mia(&house),
        Imported {
            id: String::new(),
            email: "mia".to_owned(),
            password_hash: "secret in clear".to_owned(),
            ..mia(&house)
        },
    ];
    let told = people::import(&house.app, "coder", &wrong, false)
        .await
        .unwrap();
    let fields: Vec<_> = told
        .refused
        .iter()
        .map(|wrong| wrong.field.as_str())
        .collect();
    assert_eq!(
        fields,
        ["users[1].id", "users[1].email", "users[1].password"]
    );
    assert!(!format!("{:?}", told.refused).contains("secret in clear"));
    assert_eq!(told.created, 1);
    let operator = Guest::key(Role::Operator);
    let denied = operator.calls(people::import(&house.app, "x", &[], false));
    assert!(matches!(denied.await, Err(Error::Denied { .. })));
    let empty = people::import(&house.app, "coder", &[], false)
        .await
        .unwrap();
    assert_eq!(empty, Imports::default());
}

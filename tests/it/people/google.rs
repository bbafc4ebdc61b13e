//! Logging in by Google: whoever it vouches for gets in, and nobody who forges that.

use super::{
    signing::{Google, jwk, public, signed, signed_by, unsigned},
    *,
};
use crate::kit::each_engine;
use aws_lc_rs::{
    rsa::{KeyPair, KeySize},
    signature::RSA_PKCS1_SHA512,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use serde_json::{Value, json};
use syncline::people::{Imported, Provider};

each_engine!(
    a_good_token_makes_a_user_of_google_once,
    forged_tokens_are_refused,
    where_registration_is_closed_only_known_addresses_get_in,
    an_account_under_somebody_elses_address_is_not_handed_over,
    a_user_of_firebase_logs_in_by_google,
    keys_are_fetched_once_and_anew_after_a_change,
    an_address_that_people_gave_themselves_hands_nothing_over,
);

const AUDIENCE: &str = "client.apps.example.org";
const ISSUER: &str = "https://accounts.google.com";

impl Google {
    async fn house(&self, database: Database, open: bool) -> House {
        let url = self.url.clone();
        House::with(database, |config| {
            config.people.registration_open = open;
            config.people.google_jwks_url = url;
            config.people.google_audience = Some(AUDIENCE.to_owned());
        })
        .await
    }
}

fn claims(house: &House, subject: &str, email: &str) -> Value {
    let now = house.clock.now().timestamp();
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "azp": AUDIENCE, "sub": subject, "email": email, "email_verified": true,
        "name": "Ada Example", "iat": now, "exp": now + 3600,
    })
}

async fn log_in_by(house: &House, token: String) -> Result<(Profile, Secret), Error> {
    let login = Login {
        google_id_token: token.into(),
        ..Login::default()
    };
    let logged_in = people::login(&house.app, login, &Origin::default()).await;
    logged_in.map(|(profile, begun)| (profile, begun.token))
}

/// Check 5 of the coder, for which any text was a token.
async fn a_good_token_makes_a_user_of_google_once(database: Database) {
    let google = Google::start().await;
    let house = google.house(database, true).await;
    let token = || google.token(&claims(&house, "109", "Ada@Example.org"));
    let tries = (0..8).map(|_| log_in_by(&house, token()));
    let entered = futures::future::join_all(tries).await;
    let mut names: Vec<_> = entered
        .into_iter()
        .map(|entered| entered.unwrap().0.person.name())
        .collect();
    names.dedup();
    assert_eq!(names.len(), 1, "one user, however many tries at once");
    let (profile, session) = log_in_by(&house, token()).await.unwrap();
    assert_eq!(profile.person.provider, Provider::Google);
    assert_eq!(profile.person.email.as_deref(), Some("Ada@Example.org"));
    assert!(house.guest(&session).await.is_ok());
    // The other form of the issuer, and another address of the same person.
    let mut moved = claims(&house, "109", "ada@example.com");
    moved["iss"] = "accounts.google.com".into();
    let (again, _) = log_in_by(&house, google.token(&moved)).await.unwrap();
    assert_eq!(again.person.name(), profile.person.name());
    let stats = people::stats(&house.app).await.unwrap();
    assert_eq!((stats.total, stats.google, stats.local), (1, 1, 0));
    assert_eq!(stats.logins_last_week, 10);
}

async fn forged_tokens_are_refused(database: Database) {
    let google = Google::start().await;
    let house = google.house(database, true).await;
    let (id, key) = google.key();
    let stranger = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let good = claims(&house, "109", "ada@example.org");
    let header = json!({ "alg": "RS256", "kid": id, "typ": "JWT" });
    let changed = |field: &str, value: Value| {
        let mut claims = good.clone();
        claims[field] = value;
        google.token(&claims)
    };
    let without = |field: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(field);
        google.token(&claims)
    };
    let now = house.clock.now().timestamp();
    let parts: Vec<String> = google.token(&good).split('.').map(str::to_owned).collect();
    let other = google.token(&claims(&house, "666", "mallory@example.org"));
    let other: Vec<&str> = other.split('.').collect();
    // The public key as the secret of a signature that needs one.
    let (n, _) = public(&key);
    let mut hmac = header.clone();
    hmac["alg"] = "HS256".into();
    let hmac = unsigned(&hmac, &good);
    let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, n.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&secret, hmac.as_bytes());
    let with = |field: &str, value: Value| {
        let mut header = header.clone();
        header[field] = value;
        header
    };
    let forged = [
        ("nothing but ten letters", "xxxxxxxxxx".to_owned()),
        ("three dots", "...".to_owned()),
        ("no signature", format!("{}.", unsigned(&header, &good))),
        (
            "none",
            format!("{}.", unsigned(&with("alg", "none".into()), &good)),
        ),
        (
            "None",
            format!("{}.", unsigned(&with("alg", "None".into()), &good)),
        ),
        (
            "the public key as a secret",
            format!("{hmac}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag)),
        ),
        (
            "another algorithm, well signed",
            signed_by(&with("alg", "RS512".into()), &good, &key, &RSA_PKCS1_SHA512),
        ),
        (
            "another key under the known name",
            signed(&header, &good, &stranger),
        ),
        (
            "a key of an unknown name",
            signed(&with("kid", "two".into()), &good, &stranger),
        ),
        (
            "no name of a key",
            signed(&json!({ "alg": "RS256" }), &good, &key),
        ),
        (
            "a key that comes along",
            signed(
                &with(
                    "jwk",
                    jwk(&(
                        id.clone(),
                        Arc::new(KeyPair::generate(KeySize::Rsa2048).unwrap()),
                    )),
                ),
                &good,
                &stranger,
            ),
        ),
        (
            "a place for keys that comes along",
            signed(&with("jku", "http://127.0.0.1:9/".into()), &good, &stranger),
        ),
        (
            "something critical",
            signed(&with("crit", json!(["exp"])), &good, &key),
        ),
        (
            "claims of another token",
            format!("{}.{}.{}", parts[0], other[1], parts[2]),
        ),
        (
            "another issuer",
            changed("iss", "https://accounts.example.org".into()),
        ),
        (
            "an issuer that looks alike",
            changed("iss", "https://accounts.google.com.example.org".into()),
        ),
        (
            "another audience",
            changed("aud", "other.apps.example.org".into()),
        ),
        (
            "several audiences",
            changed("aud", json!([AUDIENCE, "other"])),
        ),
        ("no audience", without("aud")),
        ("no issuer", without("iss")),
        ("no end", without("exp")),
        ("no subject", without("sub")),
        ("an end in the past", changed("exp", (now - 61).into())),
        ("an end that is no number", changed("exp", "never".into())),
        (
            "a beginning in the future",
            changed("nbf", (now + 120).into()),
        ),
        ("made in the future", changed("iat", (now + 120).into())),
        (
            "an address that is not verified",
            changed("email_verified", false.into()),
        ),
        (
            "an address that is verified in words",
            changed("email_verified", "true".into()),
        ),
        ("no word about the address", without("email_verified")),
        ("no address", without("email")),
        ("no address of anybody", changed("email", "ada".into())),
        (
            "sixteen kilobytes",
            format!("{}{}", google.token(&good), "A".repeat(17_000)),
        ),
    ];
    for (what, token) in forged {
        let refused = log_in_by(&house, token).await.err();
        let refused = refused.unwrap_or_else(|| panic!("{what} got in"));
        assert!(
            is_unauthenticated(&refused, "LOGIN_WRONG"),
            "{what}: {refused}"
        );
    }
    assert_eq!(people::stats(&house.app).await.unwrap().total, 0);
    // A minute of skew is borne, and the good one still works.
    log_in_by(&house, changed("exp", (now - 59).into()))
        .await
        .unwrap();
    log_in_by(&house, google.token(&good)).await.unwrap();
    assert_eq!(google.asked(), 1, "nobody makes us ask at will");
}

async fn where_registration_is_closed_only_known_addresses_get_in(database: Database) {
    let google = Google::start().await;
    let house = google.house(database, false).await;
    let token = |subject, email| google.token(&claims(&house, subject, email));
    let refused = log_in_by(&house, token("1", "ada@example.org")).await;
    assert!(matches!(
        refused.err().unwrap(),
        Error::Denied {
            reason: "REGISTRATION_CLOSED",
            ..
        }
    ));
    // An admin makes somebody without a password.
    let register = Register {
        email: "ada@example.org".to_owned(),
        ..Register::default()
    };
    let made = people::register(&house.app, register, &Origin::default()).await;
    let made = made.unwrap().profile;
    let (profile, _) = log_in_by(&house, token("1", "ADA@example.org"))
        .await
        .unwrap();
    assert_eq!(profile.person.name(), made.person.name());
    // The address was given to somebody else since.
    let refused = log_in_by(&house, token("2", "ada@example.org")).await;
    assert!(matches!(
        refused.err().unwrap(),
        Error::Denied {
            reason: "GOOGLE_NOT_LINKED",
            ..
        }
    ));
}

/// By somebody who was here already, as below by one who registers.
async fn an_address_that_people_gave_themselves_hands_nothing_over(database: Database) {
    let google = Google::start().await;
    let house = google.house(database, true).await;
    let (mallory, guest) = house.logged_in("mallory").await;
    let update = people::Update {
        name: mallory.person.name().to_string(),
        email: "ada@example.org".to_owned(),
        ..people::Update::default()
    };
    guest
        .calls(people::update(&house.app, update))
        .await
        .unwrap();
    let token = google.token(&claims(&house, "1", "ada@example.org"));
    let refused = log_in_by(&house, token).await.err().unwrap();
    assert!(
        matches!(&refused, Error::Denied { reason, .. } if *reason == "GOOGLE_NOT_LINKED"),
        "{refused}"
    );
}

async fn an_account_under_somebody_elses_address_is_not_handed_over(database: Database) {
    let google = Google::start().await;
    let house = google.house(database, true).await;
    // Mallory registers with Ada's address, and waits for her.
    let register = Register {
        email: "ada@example.org".to_owned(),
        password: PASSWORD.into(),
        ..Register::default()
    };
    let caller = Guest::nobody();
    let origin = Origin::default();
    let made = caller.calls(people::register(&house.app, register, &origin));
    let made = made.await.unwrap().profile.person;
    let token = || google.token(&claims(&house, "1", "ada@example.org"));
    let refused = log_in_by(&house, token()).await.err().unwrap();
    assert!(matches!(
        refused,
        Error::Denied {
            reason: "GOOGLE_NOT_LINKED",
            ..
        }
    ));
    // An admin who knows better says so.
    let update = people::Update {
        name: made.name().to_string(),
        email: "ada@example.org".to_owned(),
        ..people::Update::default()
    };
    people::update(&house.app, update).await.unwrap();
    let (profile, _) = log_in_by(&house, token()).await.unwrap();
    assert_eq!(profile.person.name(), made.name());
}

async fn a_user_of_firebase_logs_in_by_google(database: Database) {
    let google = Google::start().await;
    let house = google.house(database, false).await;
    let made = house.clock.now() - TimeDelta::days(400);
    let imported = Imported {
        id: "9e1d2c3b-1a52-4c0e-9d55-0a6b6f0c1d11".to_owned(),
        username: String::new(),
        email: "bo@example.net".to_owned(),
        display_name: "Bo".to_owned(),
        provider: Provider::FirebaseGoogle,
        password_hash: String::new(),
        created_at: made,
        updated_at: made,
    };
    people::import(&house.app, "coder", &[imported], false)
        .await
        .unwrap();
    let token = google.token(&claims(&house, "77", "Bo@example.net"));
    let (profile, _) = log_in_by(&house, token).await.unwrap();
    assert_eq!(
        (profile.person.provider, profile.person.created_at),
        (Provider::FirebaseGoogle, made)
    );
    assert_eq!(profile.person.google_subject.as_deref(), Some("77"));
}

async fn keys_are_fetched_once_and_anew_after_a_change(database: Database) {
    let google = Google::start().await;
    let house = google.house(database, true).await;
    let token = || google.token(&claims(&house, "1", "ada@example.org"));
    for _ in 0..5 {
        log_in_by(&house, token()).await.unwrap();
    }
    assert_eq!(google.asked(), 1);
    // Google changes its keys: at once nobody asks again, so that a flood of nonsense does not either.
    google.new_key("two");
    assert!(log_in_by(&house, token()).await.is_err());
    assert_eq!(google.asked(), 1);
    house.clock.advance(TimeDelta::seconds(31));
    log_in_by(&house, token()).await.unwrap();
    assert_eq!(google.asked(), 2);
    // A key that Google took back is not taken for longer than Google said.
    let old = google.keys().remove(1);
    let stale = signed(
        &json!({ "alg": "RS256", "kid": old.0 }),
        &claims(&house, "1", "ada@example.org"),
        &old.1,
    );
    house.clock.advance(TimeDelta::seconds(3500));
    log_in_by(&house, stale.clone()).await.unwrap();
    house.clock.advance(TimeDelta::seconds(101));
    assert!(log_in_by(&house, stale).await.is_err());
    assert_eq!(google.asked(), 3);
    // Nobody there: that is no word about the token.
    let lost = House::with(Database::new(house.database.engine()).await, |config| {
        config.people.google_jwks_url = "http://127.0.0.1:9/".to_owned();
        config.people.google_audience = Some(AUDIENCE.to_owned());
        config.outbound.retries = 0;
    })
    .await;
    let refused = log_in_by(&lost, token()).await.err().unwrap();
    assert!(matches!(refused, Error::Unavailable { .. }), "{refused}");
}

//! A provider that does not answer as it should costs nobody a new consent.

use super::*;
use crate::kit::{each_engine, rounds};
use syncline::tokens::{Standing, State};

each_engine!(
    no_outage_asks_a_person,
    an_outage_does_not_show_while_the_access_token_is_good,
    after_a_failure_everybody_waits,
);

const HTML: &str = "<html><body>Sorry, an error occurred</body></html>";

/// Everything that a token endpoint may do wrong without meaning the grant.
fn troubles() -> Vec<(&'static str, Effect)> {
    vec![
        ("500", reply(500, "")),
        ("502 page", reply(502, HTML)),
        ("503", reply(503, r#"{"error":"temporarily_unavailable"}"#)),
        ("504", reply(504, HTML)),
        ("400 page", reply(400, HTML)),
        (
            "400 internal failure",
            reply(
                400,
                r#"{"error":"invalid_grant","error_description":"internal_failure"}"#,
            ),
        ),
        ("403 page", reply(403, HTML)),
        ("404", reply(404, "")),
        ("408", reply(408, "")),
        ("429", reply(429, r#"{"error":"rate_limit_exceeded"}"#)),
        ("200 page", reply(200, HTML)),
        ("200 empty", reply(200, "{}")),
        ("reset", Effect::Drop),
        ("reset after", Effect::CommitThenDrop),
        ("cut off", Effect::Truncate),
        ("time-out", Effect::Hang),
        ("time-out after", Effect::CommitThenHang),
    ]
}

async fn no_outage_asks_a_person(database: Database) {
    let office = Office::open(database).await;
    let hasty = Duration::from_millis(300);
    let app = replica_with(&office.database, &office.clock, &office.config, hasty).await;
    let name = office.google().await;
    let troubles = troubles();
    let rounds = rounds(1, 10);
    let mut asked = 0;
    for _ in 0..rounds {
        for (what, effect) in &troubles {
            office.advance(TimeDelta::hours(2));
            office.sim.faults().clear();
            office.fault(TOKEN, When::Next(3), effect.clone());
            for _ in 0..3 {
                let error = try_access(&app, &name).await.unwrap_err();
                asked += 1;
                assert_eq!(reason(&error), "PROVIDER_UNAVAILABLE", "{what}: {error}");
                let Error::Unavailable { retry_at, .. } = error else {
                    unreachable!()
                };
                assert!(retry_at.is_some_and(|at| at > office.clock.now()), "{what}");
                let token = office.get(&name).await;
                assert_eq!(
                    (token.state, token.standing(office.clock.now())),
                    (State::Active, Standing::Active),
                    "{what}"
                );
                office.advance(TimeDelta::minutes(20));
            }
            office.sim.faults().clear();
            office.advance(TimeDelta::hours(1));
            access(&app, &name).await;
        }
    }
    let events = office.event_kinds(&name).await;
    assert!(!events.contains(&"needs_reauth"));
    println!(
        "{asked} refreshes against {} sorts of trouble: 0 asked a person",
        troubles.len()
    );
}

async fn an_outage_does_not_show_while_the_access_token_is_good(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    let first = access(&office.app, &name).await;
    office.fault(TOKEN, When::Always, reply(503, ""));
    office.advance(TimeDelta::minutes(56));
    assert_eq!(access(&office.app, &name).await, first);
    office.advance(TimeDelta::minutes(4));
    assert_eq!(
        reason(&try_access(&office.app, &name).await.unwrap_err()),
        "PROVIDER_UNAVAILABLE"
    );
}

async fn after_a_failure_everybody_waits(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    office.fault(TOKEN, When::Always, reply(503, ""));
    let other = office.replica().await;
    for app in [&office.app, &other, &office.app, &other] {
        assert_eq!(
            reason(&try_access(app, &name).await.unwrap_err()),
            "PROVIDER_UNAVAILABLE"
        );
    }
    assert_eq!(office.refreshes(), 1);
    office.sim.faults().clear();
    office.advance(TimeDelta::seconds(1));
    access(&other, &name).await;
}

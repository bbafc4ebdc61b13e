//! Refreshers that are slow, frozen or killed never destroy a newer token, and what a provider gave is not lost while
//! anybody can still bring it.

use super::*;
use crate::kit::{each_engine, eventually};
use syncline::tokens::{Standing, State};
use tokio::runtime::Runtime;

each_engine!(
    killed_before_the_provider_acts_the_next_one_succeeds,
    killed_after_the_provider_acted_the_next_one_succeeds,
    killed_after_a_rotation_the_reason_says_so,
    a_slow_answer_does_not_overwrite_a_newer_one,
    a_slow_rotation_heals_what_another_one_gave_up,
    a_slow_answer_does_not_overwrite_a_new_credential,
    a_slow_answer_does_not_bring_a_revoked_token_back,
    bad_news_from_a_slow_refresher_does_not_count,
);

/// Longer than any lease here.
const LEASE_OVER: TimeDelta = TimeDelta::minutes(1);

/// A replica in a runtime of its own, so that it can be killed between any two steps.
struct Victim {
    runtime: Option<Runtime>,
}

impl Victim {
    /// Starts a refresh and waits until the provider has the call.
    async fn refreshing(office: &Office, name: &TokenName) -> Self {
        let before = office.refreshes();
        let runtime = Runtime::new().unwrap();
        let (app, name) = (office.replica(), name.clone());
        let app = app.await;
        runtime.spawn(async move { try_access(&app, &name).await });
        eventually(Duration::from_secs(5), async || {
            match office.refreshes() > before {
                true => Ok(()),
                false => Err("no call yet"),
            }
        })
        .await;
        Self {
            runtime: Some(runtime),
        }
    }

    fn kill(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn standing(office: &Office, name: &TokenName) -> Standing {
    office.get(name).await.standing(office.clock.now())
}

/// Waits for an event, which is the last thing that a refresher writes.
async fn has_event(office: &Office, name: &TokenName, kind: &'static str) {
    eventually(Duration::from_secs(10), async || {
        let kinds = office.event_kinds(name).await;
        if kinds.contains(&kind) {
            Ok(())
        } else {
            Err(format!("{kinds:?}"))
        }
    })
    .await;
}

async fn killed_before_the_provider_acts_the_next_one_succeeds(database: Database) {
    let office = Office::open(database).await;
    office.sim.world().google.rotate_refresh_tokens = true;
    let name = office.google().await;
    office.fault(TOKEN, When::Nth(1), Effect::Hang);
    Victim::refreshing(&office, &name).await.kill();
    assert_eq!(
        standing(&office, &name).await,
        Standing::Active,
        "it may still be at work"
    );
    office.advance(LEASE_OVER);
    assert_eq!(standing(&office, &name).await, Standing::UnknownOutcome);
    access(&office.app, &name).await;
    assert_eq!(standing(&office, &name).await, Standing::Active);
}

async fn killed_after_the_provider_acted_the_next_one_succeeds(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    office.fault(TOKEN, When::Nth(1), Effect::CommitThenHang);
    Victim::refreshing(&office, &name).await.kill();
    office.advance(LEASE_OVER);
    assert_eq!(standing(&office, &name).await, Standing::UnknownOutcome);
    access(&office.app, &name).await;
    assert_eq!(standing(&office, &name).await, Standing::Active);
}

async fn killed_after_a_rotation_the_reason_says_so(database: Database) {
    let office = Office::open(database).await;
    office.sim.world().google.rotate_refresh_tokens = true;
    let name = office.google().await;
    office.fault(TOKEN, When::Nth(1), Effect::CommitThenHang);
    Victim::refreshing(&office, &name).await.kill();
    office.advance(LEASE_OVER);
    // An outage in between resolves nothing.
    office.fault(TOKEN, When::Nth(1), reply(503, ""));
    assert_eq!(
        reason(&try_access(&office.app, &name).await.unwrap_err()),
        "PROVIDER_UNAVAILABLE"
    );
    assert_eq!(standing(&office, &name).await, Standing::UnknownOutcome);
    office.advance(LEASE_OVER);
    let error = try_access(&office.app, &name).await.unwrap_err();
    assert_eq!(reason(&error), "NEEDS_REAUTH");
    assert!(error.to_string().contains("got no answer"), "{error}");
}

async fn a_slow_answer_does_not_overwrite_a_newer_one(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    office.fault(TOKEN, When::Nth(1), Effect::CommitThenDelay { millis: 800 });
    let _slow = Victim::refreshing(&office, &name).await;
    office.advance(LEASE_OVER);
    let newer = access(&office.app, &name).await;
    let etag = office.get(&name).await.etag();
    has_event(&office, &name, "refresh_failed").await;
    assert_eq!(office.get(&name).await.etag(), etag);
    assert_eq!(access(&office.replica().await, &name).await, newer);
}

async fn a_slow_rotation_heals_what_another_one_gave_up(database: Database) {
    let office = Office::open(database).await;
    office.sim.world().google.rotate_refresh_tokens = true;
    let name = office.google().await;
    office.fault(TOKEN, When::Nth(1), Effect::CommitThenDelay { millis: 800 });
    let _slow = Victim::refreshing(&office, &name).await;
    office.advance(LEASE_OVER);
    let error = try_access(&office.app, &name).await.unwrap_err();
    assert_eq!(reason(&error), "NEEDS_REAUTH");
    has_event(&office, &name, "refreshed").await;
    assert_eq!(standing(&office, &name).await, Standing::Active);
    access(&office.app, &name).await;
    // The refresh token that came late is the one that works.
    office.advance(TimeDelta::hours(2));
    access(&office.app, &name).await;
}

async fn a_slow_answer_does_not_overwrite_a_new_credential(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    office.fault(TOKEN, When::Nth(1), Effect::CommitThenDelay { millis: 800 });
    let _slow = Victim::refreshing(&office, &name).await;
    let other = office.consented();
    let update = tokens::Update {
        name: name.to_string(),
        given: Some(grant(&other.refresh_token.expect("offline access"))),
        ..tokens::Update::default()
    };
    tokens::update(&office.app, update).await.unwrap();
    // Nobody has to wait for the slow one.
    let newer = access(&office.app, &name).await;
    has_event(&office, &name, "refresh_failed").await;
    assert_eq!(access(&office.replica().await, &name).await, newer);
}

async fn a_slow_answer_does_not_bring_a_revoked_token_back(database: Database) {
    let office = Office::open(database).await;
    let name = office.google().await;
    office.fault(TOKEN, When::Nth(1), Effect::CommitThenDelay { millis: 800 });
    let _slow = Victim::refreshing(&office, &name).await;
    tokens::revoke(&office.app, &name).await.unwrap();
    has_event(&office, &name, "refresh_failed").await;
    let token = office.get(&name).await;
    assert_eq!(
        (token.state, token.access_expires_at),
        (State::Revoked, None)
    );
    assert_eq!(
        reason(&try_access(&office.app, &name).await.unwrap_err()),
        "TOKEN_REVOKED"
    );
}

async fn bad_news_from_a_slow_refresher_does_not_count(database: Database) {
    let office = Office::open(database).await;
    office.sim.world().google.rotate_refresh_tokens = true;
    let name = office.google().await;
    // The provider acts so late that the refresh token is used up by then.
    office.fault(TOKEN, When::Nth(1), Effect::Delay { millis: 800 });
    let _slow = Victim::refreshing(&office, &name).await;
    office.advance(LEASE_OVER);
    let newer = access(&office.app, &name).await;
    has_event(&office, &name, "refresh_failed").await;
    assert_eq!(standing(&office, &name).await, Standing::Active);
    assert_eq!(access(&office.replica().await, &name).await, newer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_kept_until_the_database_takes_it() {
    let database = Database::new(syncline::db::Engine::Sqlite).await;
    let office = Office::open(database).await;
    office.sim.world().google.rotate_refresh_tokens = true;
    let name = office.google().await;
    let mut app = office.app.clone();
    let options = syncline::db::Options {
        busy_timeout: Duration::from_millis(50),
        ..office.database.options()
    };
    app.db = syncline::db::Db::connect(options, office.clock.clone())
        .await
        .unwrap();
    office.fault(TOKEN, When::Nth(1), Effect::CommitThenDelay { millis: 500 });
    let refresher = tokio::spawn({
        let name = name.clone();
        async move { try_access(&app, &name).await }
    });
    eventually(Duration::from_secs(5), async || match office.refreshes() {
        0 => Err("no call yet"),
        _ => Ok(()),
    })
    .await;
    let mut outsider = office.database.outsider().await;
    sqlx::Executor::execute(&mut outsider, sqlx::raw_sql("BEGIN IMMEDIATE"))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!refresher.is_finished(), "it waits for the database");
    sqlx::Executor::execute(&mut outsider, sqlx::raw_sql("ROLLBACK"))
        .await
        .unwrap();
    let stored = refresher.await.unwrap().unwrap();
    assert_eq!(access(&office.replica().await, &name).await, stored);
    assert_eq!(office.refreshes(), 1);
}

//! A refreshing process is killed (SIGKILL) at each step of a refresh: another one goes on, and what was stored stays.

use super::*;
use crate::kit::{Process, each_engine, eventually, rounds};
use sqlx::{Connection as _, Executor as _};
use std::env;
use syncline::{db::Engine, tokens::Standing};

each_engine!(
    a_kill_at_any_step_loses_nothing_at_a_provider_that_keeps_refresh_tokens,
    a_kill_at_any_step_is_honest_at_a_provider_that_rotates_them,
);

const VICTIM: &str = concat!(module_path!(), "::victim");
const URL: &str = "SYNCLINE_TEST_DATABASE";
const FOLDER: &str = "SYNCLINE_TEST_FOLDER";
const TOKEN_URL: &str = "SYNCLINE_TEST_TOKEN_URL";

/// How far the office is ahead of the victim: longer than its lease.
const AHEAD: TimeDelta = TimeDelta::minutes(1);

/// Where the process is when it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It waits for its turn to write that it will refresh.
    BeforeTheLease,
    /// Its call has arrived, and nothing was done.
    Sent,
    /// The provider acted; the answer is on its way.
    Carried,
    /// Half of the answer has arrived.
    HalfAnswered,
    /// It has the answer, and waits for its turn to store it.
    Answered,
    /// It has stored the answer.
    Stored,
}

const STEPS: [Step; 6] = [
    Step::BeforeTheLease,
    Step::Sent,
    Step::Carried,
    Step::HalfAnswered,
    Step::Answered,
    Step::Stored,
];

/// The process that is killed; as a test of its own it does nothing.
#[tokio::test]
async fn victim() {
    let (Ok(url), Ok(folder), Ok(token_url)) =
        (env::var(URL), env::var(FOLDER), env::var(TOKEN_URL))
    else {
        return;
    };
    let options = match url.strip_prefix("sqlite:") {
        Some(file) => syncline::db::Options::sqlite(file),
        None => syncline::db::Options::postgres(url),
    };
    let db = syncline::db::Db::connect(options, Clock::system())
        .await
        .unwrap();
    let mut config = Config::with_defaults(folder);
    config.google.token_url = token_url;
    config.google.client_id = Some(CLIENT_ID.to_owned());
    config.google.client_secret = Some(CLIENT_SECRET.into());
    let keys = tokens::open_keyring(&config, &db).await.unwrap();
    let outbound = Outbound::new(db.clone(), Options::default()).unwrap();
    let app = App::new(Arc::new(config), db, outbound, keys);
    println!("refreshing");
    access(&app, &named("google")).await;
    println!("refreshed");
    std::future::pending::<()>().await;
}

/// Keeps everybody from writing tokens, but not from reading them.
enum Lock {
    Postgres(sqlx::PgConnection),
    Sqlite(sqlx::SqliteConnection),
}

impl Lock {
    async fn take(database: &Database) -> Self {
        match database.engine() {
            Engine::Postgres => {
                let mut connection = database.superuser().await;
                let sql = "BEGIN; LOCK TABLE syncline.tokens IN SHARE MODE";
                connection.execute(sqlx::raw_sql(sql)).await.unwrap();
                Self::Postgres(connection)
            }
            Engine::Sqlite => {
                let mut connection = database.outsider().await;
                connection
                    .execute(sqlx::raw_sql("BEGIN IMMEDIATE"))
                    .await
                    .unwrap();
                Self::Sqlite(connection)
            }
        }
    }

    async fn release(self) {
        match self {
            Self::Postgres(connection) => connection.close().await.unwrap(),
            Self::Sqlite(connection) => connection.close().await.unwrap(),
        }
    }
}

/// Starts a refresh in a process of its own, and kills it at `step`.
async fn kill_at(office: &Office, step: Step) {
    let refreshes = office.refreshes();
    office.sim.faults().clear();
    match step {
        Step::BeforeTheLease | Step::Stored => {}
        Step::Sent => office.fault(TOKEN, When::Nth(1), Effect::Hang),
        Step::Carried => office.fault(TOKEN, When::Nth(1), Effect::CommitThenHang),
        Step::HalfAnswered => office.fault(TOKEN, When::Nth(1), Effect::Truncate),
        Step::Answered => office.fault(
            TOKEN,
            When::Nth(1),
            Effect::CommitThenDelay { millis: 1500 },
        ),
    }
    let mut lock = match step {
        Step::BeforeTheLease => Some(Lock::take(&office.database).await),
        _ => None,
    };
    let mut victim = Process::this_test(VICTIM)
        .env(URL, office.database.url())
        .env(FOLDER, &office.config.data.dir)
        .env(TOKEN_URL, &office.config.google.token_url)
        .start();
    victim.line("refreshing", Duration::from_secs(20)).await;
    let called = async || {
        eventually(Duration::from_secs(20), async || {
            match office.refreshes() > refreshes {
                true => Ok(()),
                false => Err("no call yet"),
            }
        })
        .await;
    };
    match step {
        Step::BeforeTheLease => tokio::time::sleep(Duration::from_millis(300)).await,
        Step::Sent | Step::Carried | Step::HalfAnswered => called().await,
        Step::Answered => {
            called().await;
            lock = Some(Lock::take(&office.database).await);
            tokio::time::sleep(Duration::from_millis(1800)).await;
        }
        Step::Stored => drop(victim.line("refreshed", Duration::from_secs(20)).await),
    }
    victim.kill();
    if let Some(lock) = lock {
        lock.release().await;
    }
    office.sim.faults().clear();
    // The victim's lease ends by the machine's clock.
    office.advance(Clock::system().now() + AHEAD - office.clock.now());
}

/// A token that has to be refreshed, in an office whose clock is past the victim's lease.
async fn office(database: Database, rotate: bool) -> Office {
    let mut office = Office::open(database).await;
    let ahead = Clock::system().now() + AHEAD;
    office.clock = Clock::fixed(ahead);
    office.sim.clock().set(ahead);
    office.app = office.replica().await;
    office.sim.world().google.rotate_refresh_tokens = rotate;
    office.google().await;
    office
}

async fn a_kill_at_any_step_loses_nothing_at_a_provider_that_keeps_refresh_tokens(
    database: Database,
) {
    let office = office(database, false).await;
    let name = named("google");
    let rounds = rounds(1, 20);
    for _ in 0..rounds {
        for step in STEPS {
            office.sim.world().expire_access_tokens();
            office.database.execute(&forget_access(&office)).await;
            kill_at(&office, step).await;
            let other = office.replica().await;
            access(&other, &name).await;
            let health = tokens::check(&other, &name).await.unwrap();
            assert!(health.usable, "{step:?}: {:?}", health.problems);
        }
    }
    let kills = rounds * STEPS.len();
    println!("{kills} kills at {} steps: 0 grants lost", STEPS.len());
}

async fn a_kill_at_any_step_is_honest_at_a_provider_that_rotates_them(database: Database) {
    let office = office(database, true).await;
    let name = named("google");
    let rounds = rounds(1, 20);
    let mut answers_lost = 0;
    for _ in 0..rounds {
        for step in STEPS {
            office.sim.world().expire_access_tokens();
            office.database.execute(&forget_access(&office)).await;
            kill_at(&office, step).await;
            let other = office.replica().await;
            let outcome = try_access(&other, &name).await;
            match step {
                Step::BeforeTheLease | Step::Sent | Step::Stored => {
                    outcome.unwrap();
                    assert!(
                        tokens::check(&other, &name).await.unwrap().usable,
                        "{step:?}"
                    );
                }
                // The only good refresh token was on its way to a process that is no more.
                Step::Carried | Step::HalfAnswered | Step::Answered => {
                    answers_lost += 1;
                    let error = outcome.expect_err(&format!("{step:?}"));
                    assert_eq!(reason(&error), "NEEDS_REAUTH", "{step:?}");
                    assert!(
                        error.to_string().contains("got no answer"),
                        "{step:?}: {error}"
                    );
                    let update = tokens::Update {
                        name: name.to_string(),
                        given: Some(grant(
                            &office.consented().refresh_token.expect("offline access"),
                        )),
                        ..tokens::Update::default()
                    };
                    tokens::update(&other, update).await.unwrap();
                }
            }
            let token = office.get(&name).await;
            assert_eq!(
                token.standing(office.clock.now()),
                Standing::Active,
                "{step:?}"
            );
        }
    }
    let kills = rounds * STEPS.len();
    println!(
        "{kills} kills at {} steps, refresh tokens for single use: {answers_lost} answers died with their process, \
         each said so; 0 other grants lost",
        STEPS.len()
    );
}

/// So that the next use has to refresh.
fn forget_access(office: &Office) -> String {
    let table = match office.database.engine() {
        Engine::Postgres => "syncline.tokens",
        Engine::Sqlite => "tokens",
    };
    format!("UPDATE {table} SET access_sealed = NULL, access_expires_at = NULL")
}

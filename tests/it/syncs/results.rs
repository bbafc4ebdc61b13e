//! What a run says it did, when it did not come to its end.

use super::{Desk, PATIENCE, finished, replica, start, token};
use crate::kit::{self, Database};
use std::{sync::Arc, time::Duration};
use syncline::{
    base::RunName,
    db::Scope,
    runs::{self, State, worker::Worker},
    simulator::{
        faults::{Canned, Effect, Rule, When},
        world::Meeting,
    },
    syncs::{
        definition::Definition,
        job::{Arguments, SyncJob},
        summary::Summary,
    },
    tokens,
};

const CREATE: &str = "clockify.timeEntries.create";

fn unavailable() -> Effect {
    Effect::Reply(Canned {
        status: 503,
        body: String::new(),
        content_type: "text/plain".into(),
        headers: Vec::new(),
    })
}

/// Enough for several batches.
async fn busy(database: Database) -> Desk {
    let desk = Desk::empty(database).await;
    for hours in 2..102 {
        desk.sim
            .world()
            .add_meeting(Meeting::between(desk.ago(hours), desk.ago(hours - 1)));
    }
    desk
}

async fn now(desk: &Desk, name: &RunName) -> (State, Summary) {
    let scope = Scope::Tenant(name.tenant.clone());
    let mut tx = desk.app.db.read(scope).await.unwrap();
    let run = runs::store::get(&mut tx, name).await.unwrap().unwrap();
    let result = run.result.unwrap_or_else(|| serde_json::json!({}));
    (run.state, serde_json::from_value(result).unwrap())
}

async fn a_run_that_is_cancelled_while_it_waits_keeps_what_it_did(database: Database) {
    let desk = busy(database).await;
    let update = tokens::Update {
        name: token("clockify").to_string(),
        mask: vec!["request_budget".into()],
        request_budget: "30/1h".into(),
        ..tokens::Update::default()
    };
    tokens::update(&desk.app, update).await.unwrap();
    let sync = desk.sync("s", Definition::default()).await;
    let run = start(&desk.app, &sync, Arguments::default()).await;
    kit::eventually(PATIENCE, || async {
        let (state, summary) = now(&desk, &run.name).await;
        (state == State::Waiting)
            .then_some(())
            .ok_or(format!("{state} {summary:?}"))
    })
    .await;
    let written = desk.sim.world().entries().len() as u64;
    assert!((1..100).contains(&written), "{written}");
    let cancelled = runs::cancel::cancel(&desk.app, &run.name).await.unwrap();
    assert_eq!(cancelled.state, State::Cancelled);
    let (_, summary) = now(&desk, &run.name).await;
    assert_eq!((summary.meetings_found, summary.created), (100, written));
}

async fn a_run_that_fails_at_last_keeps_what_it_did_and_a_retry_goes_on(database: Database) {
    let mut desk = busy(database).await;
    desk.stop_working().await;
    let mut config = desk.config.clone();
    config.runs.max_attempts = 2;
    // A slow machine is not one of the faults here.
    config.outbound.timeout = Duration::from_secs(20);
    let app = replica(&desk.database, &config).await;
    let worker = Worker::start(app.clone(), vec![Arc::new(SyncJob)], None)
        .await
        .unwrap();
    // The first attempt writes some and is told to come back later; the second one cannot even read.
    let later = Effect::Reply(Canned {
        status: 429,
        body: "{}".into(),
        content_type: "application/json".into(),
        headers: vec![("Retry-After".into(), "600".into())],
    });
    desk.sim
        .faults()
        .add(Rule::on(CREATE, When::After(40), later));
    let sync = desk.sync("s", Definition::default()).await;
    let run = start(&app, &sync, Arguments::default()).await;
    kit::eventually(PATIENCE, || async {
        let (state, summary) = now(&desk, &run.name).await;
        (state == State::Waiting)
            .then_some(())
            .ok_or(format!("{state} {summary:?}"))
    })
    .await;
    let written = desk.sim.world().entries().len() as u64;
    assert!((1..100).contains(&written), "{written}");
    let (_, summary) = now(&desk, &run.name).await;
    assert_eq!((summary.meetings_found, summary.created), (100, written));
    desk.sim.faults().clear();
    desk.sim
        .faults()
        .add(Rule::on("meet.*", When::Always, unavailable()));
    let schema = match desk.database.engine() {
        syncline::db::Engine::Postgres => "syncline.",
        syncline::db::Engine::Sqlite => "",
    };
    let now_due = format!("UPDATE {schema}runs SET due_at = created_at WHERE state = 'waiting'");
    desk.database.execute(&now_due).await;
    let (failed, summary) = finished(&app, run).await;
    assert_eq!(failed.state, State::Failed, "{:?}", failed.failure);
    assert_eq!((summary.meetings_found, summary.created), (100, written));

    worker.shut_down(config.runs.grace).await;

    // As if the ten minutes were over.
    desk.sim.faults().clear();
    let unblocked = format!("UPDATE {schema}budgets SET blocked_until = NULL");
    desk.database.execute(&unblocked).await;
    let app = replica(&desk.database, &config).await;
    let worker = Worker::start(app.clone(), vec![Arc::new(SyncJob)], None)
        .await
        .unwrap();
    let again = runs::retry::retry(&app, &failed.name).await.unwrap();
    let (done, summary) = finished(&app, again).await;
    assert_eq!(done.state, State::Succeeded, "{:?}", done.failure);
    assert_eq!(summary.created, 100, "{summary:?}");
    desk.assert_each_once(100);
    worker.shut_down(config.runs.grace).await;
}

kit::each_engine!(
    a_run_that_is_cancelled_while_it_waits_keeps_what_it_did,
    a_run_that_fails_at_last_keeps_what_it_did_and_a_retry_goes_on,
);

//! Several at once: runs, syncs, processes.

use super::{Desk, finished, replica, start};
use crate::kit::{self, Database};
use std::sync::Arc;
use syncline::{
    runs::worker::Worker,
    syncs::{
        definition::Definition,
        job::{Arguments, SyncJob},
    },
};

async fn two_syncs_on_one_account_in_two_workers_write_each_entry_once(database: Database) {
    let desk = Desk::standard(database).await;
    let other = replica(&desk.database, &desk.config).await;
    let worker = Worker::start(other.clone(), vec![Arc::new(SyncJob)], None)
        .await
        .unwrap();
    let names = [
        desk.sync("a", Definition::default()).await,
        desk.sync("b", Definition::default()).await,
    ];
    let mut runs = Vec::new();
    for (app, name) in [(&desk.app, &names[0]), (&other, &names[1])] {
        runs.push(start(app, name, Arguments::default()).await);
    }
    let mut created = 0;
    for run in runs {
        let (run, summary) = finished(&desk.app, run).await;
        assert_eq!(
            run.state.as_str(),
            "succeeded",
            "{:?} {summary:?}",
            run.failure
        );
        created += summary.created;
    }
    assert_eq!(created, 240);
    desk.assert_each_once(240);
    worker.shut_down(desk.config.runs.grace).await;
}

async fn two_runs_of_one_sync_at_once_write_each_entry_once(database: Database) {
    let desk = Desk::standard(database).await;
    let sync = desk.sync("s", Definition::default()).await;
    let first = start(&desk.app, &sync, Arguments::default()).await;
    let second = start(&desk.app, &sync, Arguments::default()).await;
    for run in [first, second] {
        let (run, summary) = finished(&desk.app, run).await;
        assert_eq!(
            run.state.as_str(),
            "succeeded",
            "{:?} {summary:?}",
            run.failure
        );
    }
    desk.assert_each_once(240);
}

async fn a_worker_that_is_told_to_stop_hands_its_run_to_the_next_one(database: Database) {
    let mut desk = Desk::standard(database).await;
    desk.sim.set_latency(std::time::Duration::from_millis(15));
    let sync = desk.sync("s", Definition::default()).await;
    let run = start(&desk.app, &sync, Arguments::default()).await;
    kit::eventually(super::PATIENCE, || async {
        let entries = desk.sim.world().entries().len();
        if entries > 20 {
            Ok(())
        } else {
            Err(format!("{entries} entries"))
        }
    })
    .await;
    desk.worker
        .take()
        .unwrap()
        .shut_down(desk.config.runs.grace)
        .await;
    let written = desk.sim.world().entries().len();
    assert!(written < 240, "it should have stopped in the middle");
    desk.worker = Some(
        Worker::start(desk.app.clone(), vec![Arc::new(SyncJob)], None)
            .await
            .unwrap(),
    );
    let (run, summary) = finished(&desk.app, run).await;
    assert_eq!(
        run.state.as_str(),
        "succeeded",
        "{:?} {summary:?}",
        run.failure
    );
    assert_eq!(
        summary.created, 240,
        "counted whichever attempt wrote it: {summary:?}"
    );
    desk.assert_each_once(240);
}

async fn finished_runs_are_forgotten_after_their_retention(database: Database) {
    let desk = Desk::empty(database).await;
    let sync = desk.sync("s", Definition::default()).await;
    let (run, _) = desk.run(&sync).await;
    let mut config = desk.config.clone();
    config.runs.retention = std::time::Duration::from_millis(1);
    let other = replica(&desk.database, &config).await;
    let worker = Worker::start(other, vec![Arc::new(SyncJob)], None)
        .await
        .unwrap();
    let mut tx = desk
        .app
        .db
        .read(syncline::db::Scope::Tenant(run.name.tenant.clone()))
        .await
        .unwrap();
    let found = syncline::runs::store::get(&mut tx, &run.name)
        .await
        .unwrap();
    assert!(found.is_none(), "{found:?}");
    worker.shut_down(config.runs.grace).await;
}

kit::each_engine!(
    finished_runs_are_forgotten_after_their_retention,
    two_syncs_on_one_account_in_two_workers_write_each_entry_once,
    two_runs_of_one_sync_at_once_write_each_entry_once,
    a_worker_that_is_told_to_stop_hands_its_run_to_the_next_one,
);

//! Who gets which run when.

use super::{Desk, PATIENCE, Seen, done, request, worker};
use crate::kit::{self, Database};
use chrono::TimeDelta;
use std::{sync::Arc, time::Duration};
use syncline::{
    db::Scope,
    runs::{Priority, State, accept, cancel, store},
};

kit::each_engine!(
    urgent_runs_go_first_and_then_the_oldest,
    a_delayed_run_waits_for_its_moment,
    no_sync_runs_twice_at_a_time_over_all_processes,
    an_account_and_a_tenant_run_at_most_so_many_at_a_time,
    a_run_of_a_rolled_back_transaction_never_was,
    a_run_of_a_committed_transaction_is_run,
    a_delayed_run_can_be_cancelled,
    a_paused_queue_gives_nothing,
    a_run_whose_claim_got_no_answer_is_given_back_and_run,
);

async fn urgent_runs_go_first_and_then_the_oldest(database: Database) {
    let desk = Desk::with(database, |config| config.runs.concurrency = 1).await;
    for (sync, priority) in [
        ("low", Priority::Low),
        ("first", Priority::Normal),
        ("second", Priority::Normal),
        ("high", Priority::High),
    ] {
        desk.accept(sync, |request| request.priority = priority)
            .await;
    }
    let seen = Arc::new(Seen::default());
    let worker = worker(&desk.app, &seen, |_, _| async { done() }).await;
    kit::eventually(PATIENCE, || async {
        let order = seen.order();
        if order == ["high", "first", "second", "low"] {
            Ok(())
        } else {
            Err(format!("{order:?}"))
        }
    })
    .await;
    worker.shut_down(PATIENCE).await;
}

async fn a_delayed_run_waits_for_its_moment(database: Database) {
    let desk = Desk::open(database).await;
    let due = desk.app.db.now() + TimeDelta::milliseconds(700);
    let seen = Arc::new(Seen::default());
    let worker = worker(&desk.app, &seen, |_, _| async { done() }).await;
    let run = desk
        .accept("later", |request| request.due_at = Some(due))
        .await;
    assert_eq!(run.due_at, due);
    let run = desk.ended(&run).await;
    let late = run.started_at.unwrap() - due;
    assert!(
        late >= TimeDelta::zero() && late < TimeDelta::seconds(2),
        "{late}"
    );
    worker.shut_down(PATIENCE).await;
}

async fn no_sync_runs_twice_at_a_time_over_all_processes(database: Database) {
    let desk = Desk::open(database).await;
    let other = desk.replica().await;
    let seen = Arc::new(Seen::default());
    let act = |_, _| async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        done()
    };
    let workers = [
        worker(&desk.app, &seen, act).await,
        worker(&other, &seen, act).await,
    ];
    let mut runs = Vec::new();
    for round in 0..kit::rounds(40, 400) {
        runs.push(desk.accept(&format!("s{}", round % 4), |_| {}).await);
    }
    for run in &runs {
        assert_eq!(desk.ended(run).await.state, State::Succeeded);
    }
    for sync in 0..4 {
        assert_eq!(seen.most(&format!("tenants/default/syncs/s{sync}")), 1);
    }
    assert_eq!(seen.order().len(), runs.len());
    for worker in workers {
        worker.shut_down(PATIENCE).await;
    }
}

async fn an_account_and_a_tenant_run_at_most_so_many_at_a_time(database: Database) {
    let desk = Desk::with(database, |config| {
        config.runs.tenant_concurrency = 5;
        config.runs.account_concurrency = 2;
    })
    .await;
    desk.tenant("other").await;
    let mut runs = Vec::new();
    for number in 0..60 {
        let tenant = if number % 2 == 0 { "default" } else { "other" };
        let sync = format!("tenants/{tenant}/syncs/s{number}");
        let lane = ["a", "a", "a", "b"][number / 2 % 4].to_owned();
        runs.push(desk.accept(&sync, |request| request.lane = lane).await);
    }
    let other = desk.replica().await;
    let seen = Arc::new(Seen::default());
    let act = |_, _| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        done()
    };
    let workers = [
        worker(&desk.app, &seen, act).await,
        worker(&other, &seen, act).await,
    ];
    for run in &runs {
        assert_eq!(desk.ended(run).await.state, State::Succeeded);
    }
    // Lanes are a tenant's own: two of each tenant.
    for (what, most) in [("default", 5), ("other", 5), ("lane a", 4), ("lane b", 4)] {
        let seen = seen.most(what);
        assert!(seen <= most && seen > 1, "{what}: {seen}");
    }
    for worker in workers {
        worker.shut_down(PATIENCE).await;
    }
}

async fn a_run_of_a_rolled_back_transaction_never_was(database: Database) {
    let desk = Desk::open(database).await;
    let request = request("s");
    let scope = || Scope::Tenant(request.sync.tenant.clone());
    let mut tx = desk.app.db.write(scope()).await.unwrap();
    let run = accept::accept_in(&mut tx, &desk.app, request.clone())
        .await
        .unwrap();
    drop(tx);
    let mut tx = desk.app.db.read(scope()).await.unwrap();
    assert!(store::get(&mut tx, &run.name).await.unwrap().is_none());
}

async fn a_run_of_a_committed_transaction_is_run(database: Database) {
    let desk = Desk::with(database, |config| config.runs.poll = PATIENCE).await;
    let seen = Arc::new(Seen::default());
    let worker = worker(&desk.app, &seen, |_, _| async { done() }).await;
    let request = request("s");
    let scope = Scope::Tenant(request.sync.tenant.clone());
    let mut tx = desk.app.db.write(scope).await.unwrap();
    let run = accept::accept_in(&mut tx, &desk.app, request)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    accept::announce(&desk.app);
    assert_eq!(desk.ended(&run).await.state, State::Succeeded);
    worker.shut_down(PATIENCE).await;
}

async fn a_delayed_run_can_be_cancelled(database: Database) {
    let desk = Desk::open(database).await;
    let due = desk.app.db.now() + TimeDelta::hours(1);
    let run = desk
        .accept("later", |request| request.due_at = Some(due))
        .await;
    let run = cancel::cancel(&desk.app, &run.name).await.unwrap();
    assert_eq!(run.state, State::Cancelled);
}

async fn a_paused_queue_gives_nothing(database: Database) {
    let desk = Desk::open(database).await;
    let schema = super::schema(desk.database.engine());
    let at = "'2026-01-01T00:00:00+00:00'";
    desk.database
        .execute(&format!(
            "INSERT INTO {schema}queues VALUES ('sync', TRUE, TRUE, {at})"
        ))
        .await;
    let seen = Arc::new(Seen::default());
    let worker = worker(&desk.app, &seen, |_, _| async { done() }).await;
    let run = desk.accept("s", |_| {}).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(desk.get(&run.name).await.state, State::Queued);
    desk.database
        .execute(&format!("UPDATE {schema}queues SET paused = FALSE"))
        .await;
    assert_eq!(desk.ended(&run).await.state, State::Succeeded);
    worker.shut_down(PATIENCE).await;
}

/// The claim was committed, and its worker never heard of that: the row says that it has a run which it does not know.
async fn a_run_whose_claim_got_no_answer_is_given_back_and_run(database: Database) {
    let desk = Desk::with(database, |config| {
        config.runs.heartbeat = Duration::from_millis(200);
    })
    .await;
    let due = desk.app.db.now() + TimeDelta::hours(1);
    let run = desk.accept("s", |request| request.due_at = Some(due)).await;
    let seen = Arc::new(Seen::default());
    let worker = worker(&desk.app, &seen, |_, _| async { done() }).await;
    let schema = super::schema(desk.database.engine());
    desk.database
        .execute(&format!(
            "UPDATE {schema}runs SET state = 'running', attempt = 1, fence = fence + 1, \
             worker_id = (SELECT worker_id FROM {schema}workers)"
        ))
        .await;
    let run = desk.ended(&run).await;
    assert_eq!((run.state, run.crashes), (State::Succeeded, 0));
    worker.shut_down(PATIENCE).await;
}

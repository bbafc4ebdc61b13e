//! Who gets a run, when several want it in the same instant.

use super::{Desk, finished, replica, start};
use crate::kit::{self, Database, rounds};
use sqlx::{Connection as _, Row as _};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use syncline::{
    base::Error,
    db::{Db, Engine, Scope, migrate},
    runs::{Ended, Handle, Job, Run, State, store, worker::Worker},
    syncs::{
        definition::Definition,
        job::{Arguments, KIND},
    },
};
use uuid::Uuid;

const SYSTEM: Scope = Scope::System("a test claims runs");

/// What a claim of one run comes to; the transaction is left open.
async fn claim(db: &Db, run: &Run) -> Result<(syncline::db::Tx, usize), Error> {
    let mut tx = db.write(SYSTEM).await?;
    let wanted = store::Wanted {
        worker: Uuid::now_v7(),
        kinds: &[KIND],
        limit: 1,
        lane_limit: 0,
        tenant_limit: 0,
    };
    let name = (run.name.tenant.to_string(), run.name.id);
    let held = store::hold_tenants(
        &mut tx,
        std::slice::from_ref(&name.0),
        store::Patience::PassOver,
    )
    .await?;
    if held.is_empty() {
        return Ok((tx, 0));
    }
    let claimed = store::claim_these(&mut tx, &wanted, &[name], db.now()).await?;
    Ok((tx, claimed.len()))
}

async fn of_two_runs_of_one_sync_claimed_in_the_same_instant_one_waits(database: Database) {
    let mut desk = Desk::empty(database).await;
    desk.stop_working().await;
    let sync = desk.sync("s", Definition::default()).await;
    let first = start(&desk.app, &sync, Arguments::default()).await;
    let second = start(&desk.app, &sync, Arguments::default()).await;
    let (tx, claimed) = claim(&desk.app.db, &first).await.unwrap();
    assert_eq!(claimed, 1);
    let other = desk.database.connect().await;
    let mut quick = tokio::spawn({
        let second = second.clone();
        async move {
            match claim(&other, &second).await {
                Ok((tx, claimed)) => {
                    tx.commit().await.unwrap();
                    claimed
                }
                Err(other) => panic!("{other}"),
            }
        }
    });
    // It waits for the first one to commit; one that does not is done by then.
    let done = tokio::time::timeout(Duration::from_millis(300), &mut quick).await;
    tx.commit().await.unwrap();
    let claimed = match done {
        Ok(claimed) => claimed.unwrap(),
        Err(_) => quick.await.unwrap(),
    };
    assert_eq!(claimed, 0, "two runs of one sync run at the same time");
    let (_, claimed) = claim(&desk.app.db, &second).await.unwrap();
    assert_eq!(claimed, 0, "the first one still runs");
}

/// Counts how many runs are executed at the same time.
#[derive(Default)]
struct Counting {
    now: AtomicUsize,
    most: AtomicUsize,
}

#[tonic::async_trait]
impl Job for Counting {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, _: &Handle) -> Ended {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        Ended::Succeeded(serde_json::json!({}))
    }
}

async fn workers_that_want_runs_of_one_sync_take_them_one_after_the_other(database: Database) {
    let mut desk = Desk::empty(database).await;
    desk.stop_working().await;
    let sync = desk.sync("s", Definition::default()).await;
    let mut apps = Vec::new();
    for _ in 0..4 {
        apps.push(replica(&desk.database, &desk.config).await);
    }
    for round in 0..rounds(5, 100) {
        let job = Arc::new(Counting::default());
        let mut runs = Vec::new();
        for _ in &apps {
            runs.push(start(&desk.app, &sync, Arguments::default()).await);
        }
        let workers = apps.iter().zip(&runs).map(|(app, run)| {
            let only = Some(run.name.clone());
            Worker::start(app.clone(), vec![job.clone() as Arc<dyn Job>], only)
        });
        let workers = futures::future::try_join_all(workers).await.unwrap();
        for run in runs {
            let (run, _) = finished(&desk.app, run).await;
            assert_eq!(run.state, State::Succeeded, "{round} {:?}", run.failure);
            assert_eq!((run.attempt, run.crashes), (1, 0), "{round}");
        }
        assert_eq!(job.most.load(Ordering::SeqCst), 1, "{round}");
        for worker in workers {
            worker.shut_down(desk.config.runs.grace).await;
        }
    }
}

#[tokio::test]
async fn runs_of_the_dead_that_somebody_else_is_taking_are_passed_over() {
    let mut desk = Desk::empty(Database::new(Engine::Postgres).await).await;
    desk.stop_working().await;
    let mut runs = Vec::new();
    for id in ["a", "b"] {
        let sync = desk.sync(id, Definition::default()).await;
        let run = start(&desk.app, &sync, Arguments::default()).await;
        // By a worker that never said that it lives.
        let (tx, claimed) = claim(&desk.app.db, &run).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(claimed, 1);
        runs.push(run.name.id);
    }
    let mut outsider = desk.database.superuser().await;
    let mut theirs = outsider.begin().await.unwrap();
    sqlx::query("SELECT FROM syncline.runs WHERE run_id = $1 FOR UPDATE")
        .bind(runs[0])
        .execute(&mut *theirs)
        .await
        .unwrap();
    let taken = take(&desk.app.db).await;
    assert_eq!(taken, [runs[1]]);
    theirs.rollback().await.unwrap();
    assert_eq!(take(&desk.app.db).await, [runs[0]]);
}

async fn take(db: &Db) -> Vec<Uuid> {
    let mut tx = db.write(SYSTEM).await.unwrap();
    let now = db.now();
    let taken = store::take_from_dead(&mut tx, now, 3, now);
    let taken = tokio::time::timeout(Duration::from_secs(5), taken).await;
    let taken = taken.expect("nobody is waited for").unwrap();
    tx.commit().await.unwrap();
    taken.iter().map(|run| run.name.id).collect()
}

#[tokio::test]
async fn a_database_where_two_runs_of_one_sync_run_is_migrated_by_its_plain_owner() {
    let database = Database::empty(Engine::Postgres).await;
    let owner = format!("owner_{}", database.name());
    let make = format!(
        "CREATE ROLE {owner} LOGIN CREATEROLE; GRANT CREATE ON DATABASE {} TO {owner}",
        database.name()
    );
    database.execute(&make).await;
    let mut options = database.options();
    options.schema = format!("plain_{}", database.name());
    options.target = syncline::db::Target::Postgres(database.url_of(&owner).into());
    let schema = options.schema.clone();
    let db = Db::connect(options, kit::fixed_clock()).await.unwrap();
    migrate::run(&db).await.unwrap();
    // As migration 1 left it, with what could happen then.
    let run = |id: u128, state: &str| {
        format!(
            "INSERT INTO {schema}.runs (tenant_id, run_id, kind, subject, cause, state, priority, arguments, attempt, \
             max_attempts, crashes, fence, due_at, wait_reason, created_at, updated_at) VALUES ('default', '{}', 'sync', \
             's', 'manual', '{state}', 0, '{{}}', 1, 3, 0, 7, now(), '', now(), now());",
            Uuid::from_u128(id)
        )
    };
    let back = format!(
        "CREATE TABLE public.kept (LIKE {schema}.syncline_migrations INCLUDING ALL); \
         INSERT INTO public.kept SELECT * FROM {schema}.syncline_migrations WHERE version = 1; \
         ALTER TABLE public.kept OWNER TO {owner}; DROP SCHEMA {schema} CASCADE; \
         CREATE SCHEMA {schema} AUTHORIZATION {owner}; ALTER TABLE public.kept SET SCHEMA {schema}; \
         ALTER TABLE {schema}.kept RENAME TO syncline_migrations; SET ROLE {owner}; SET search_path TO {schema}; {}\n{}; \
         RESET ROLE; {}{}{}",
        include_str!("../../../migrations/0001_ground.sql"),
        include_str!("../../../migrations/0001_ground.postgres.sql"),
        run(1, "running"),
        run(2, "running"),
        run(3, "succeeded")
    );
    database.execute(&back).await;
    assert!(migrate::run(&db).await.unwrap().is_current());
    let mut outsider = database.superuser().await;
    let query = format!("SELECT state || ' ' || fence AS now FROM {schema}.runs ORDER BY run_id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(query))
        .fetch_all(&mut outsider)
        .await
        .unwrap();
    let now: Vec<String> = rows.iter().map(|row| row.get("now")).collect();
    assert_eq!(now, ["running 7", "queued 8", "succeeded 7"]);
    let forced = format!(
        "SELECT CAST(relforcerowsecurity AS TEXT) FROM pg_class WHERE oid = CAST('{schema}.runs' AS regclass)"
    );
    assert_eq!(database.column(&forced).await, ["true"]);
}

kit::each_engine!(
    of_two_runs_of_one_sync_claimed_in_the_same_instant_one_waits,
    workers_that_want_runs_of_one_sync_take_them_one_after_the_other,
);

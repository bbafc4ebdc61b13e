//! Keeps what is due, of all tenants. Any number of processes may do this at once: a time gets its outcome, its run and
//! its successor in one transaction, under the lock of its schedule.

use crate::{
    app::App,
    base::Result,
    db::Scope,
    runs::accept,
    schedules::{
        book::Book,
        schedule::{Outcome, PausedBy},
        store,
    },
    telemetry::metrics,
};

/// Schedules that are looked after in one transaction.
const BATCH: i64 = 500;

/// What a look did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Schedules that were looked after.
    pub schedules: usize,
    /// Runs that were accepted.
    pub runs: usize,
}

impl Kept {
    fn add(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.runs += other.runs;
    }
}

/// Does everything that is to be done now, until nothing is left.
pub async fn tick(app: &App) -> Result<Kept> {
    let scope = Scope::System("look whether a schedule is due");
    let mut tx = app.db.read(scope).await?;
    let anything = store::anything_to_do(&mut tx, app.db.now()).await?;
    drop(tx);
    let mut kept = Kept::default();
    if !anything {
        return Ok(kept);
    }
    pause_failed(app).await?;
    // Buffered times came first.
    loop {
        let ready = run_buffered(app).await?;
        kept.add(ready);
        if ready.schedules < usize::try_from(BATCH).unwrap_or(1) {
            break;
        }
    }
    loop {
        let due = keep_due(app).await?;
        kept.add(due);
        // A schedule may have more times that are due than are kept in one go.
        if due.schedules == 0 {
            return Ok(kept);
        }
    }
}

/// Keeps the times of one batch of schedules that are due.
async fn keep_due(app: &App) -> Result<Kept> {
    let now = app.db.now();
    let mut tx = app
        .db
        .write(Scope::System("keep the schedules of all tenants"))
        .await?;
    let mut due = store::due(&mut tx, now, BATCH).await?;
    if due.is_empty() {
        return Ok(Kept::default());
    }
    let times: Vec<_> = due.iter().filter_map(|schedule| schedule.next_at).collect();
    let mut book = Book::open(app, &mut tx, &due, now).await?;
    for schedule in &mut due {
        book.keep_due(schedule);
    }
    book.write(&mut tx, &due).await?;
    tx.commit().await?;
    for at in times {
        metrics::schedule_fired((now - at).to_std().unwrap_or_default());
    }
    accept::announce(app);
    Ok(Kept {
        schedules: due.len(),
        runs: book.runs.len(),
    })
}

/// Accepts the runs of buffered times whose way is free.
async fn run_buffered(app: &App) -> Result<Kept> {
    let now = app.db.now();
    let mut tx = app
        .db
        .write(Scope::System("run buffered times of all tenants"))
        .await?;
    let mut ready = store::ready(&mut tx, BATCH).await?;
    if ready.is_empty() {
        return Ok(Kept::default());
    }
    let mut book = Book::open(app, &mut tx, &ready, now).await?;
    for schedule in &mut ready {
        let Some(at) = schedule.buffered_at.take() else {
            continue;
        };
        let run = book.run(schedule);
        store::resolve(&mut tx, &schedule.key, at, Outcome::Ran, Some(&run), now).await?;
    }
    book.write(&mut tx, &ready).await?;
    tx.commit().await?;
    accept::announce(app);
    Ok(Kept {
        schedules: ready.len(),
        runs: book.runs.len(),
    })
}

/// Pauses the schedules whose run failed and that want to be paused then.
async fn pause_failed(app: &App) -> Result<()> {
    let now = app.db.now();
    let mut tx = app
        .db
        .write(Scope::System("pause schedules whose run failed"))
        .await?;
    let ended = store::ended(&mut tx, BATCH).await?;
    if ended.is_empty() {
        return Ok(());
    }
    let (mut schedules, mut book) = (Vec::new(), Book::new(app, Default::default(), now));
    for (mut schedule, failure) in ended {
        let run = schedule.watched_run.take();
        if let (Some(run), Some(why), None) = (run, failure, &schedule.pause) {
            tracing::warn!(schedule.key = %schedule.key, "paused a schedule because its run failed");
            let note = format!("tenants/{}/runs/{run} failed: {why}", schedule.key.tenant);
            book.pause(&mut schedule, PausedBy::Failure, &note);
            if let Some(at) = schedule.buffered_at.take() {
                store::resolve(&mut tx, &schedule.key, at, Outcome::Paused, None, now).await?;
            }
        }
        schedules.push(schedule);
    }
    book.write(&mut tx, &schedules).await?;
    tx.commit().await
}

//! Runs that workers of others execute, in Node or Python: each kind has a queue of its own in Redis, declared in the
//! settings. Their jobs are put there, and what becomes of them is read there and carried into the table; a job whose run
//! has ended is taken out. Every process may do this at any time: what is written is refused where the run was changed
//! since it was read.
//!
//! A worker of others is found dead by its own kind, and a job may be executed twice, as ever with BullMQ.

use super::{Redis, Standing, attach, fill, job, sight};
use crate::{
    app::App,
    base::{Result, RunName},
    db::Scope,
    queue::{JobState, Put, Queue, Which},
    runs::{
        Run, State, measure,
        store::{self, Sight},
    },
};
use chrono::{DateTime, Utc};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Runs that are compared at once.
const AT_ONCE: i64 = 500;
/// Lines of a job's log that its run keeps.
const LINES: u32 = 100;

/// Compares all runs of these kinds with their jobs, and puts those that are due.
pub(super) async fn compare(app: &App, redis: &Redis, life: &str) -> Result<()> {
    for queue in redis.external() {
        let mut after = Uuid::nil();
        loop {
            let runs = in_redis(app, queue, after).await?;
            let Some((last, _)) = runs.last() else {
                break;
            };
            after = last.name.id;
            let is_last = i64::try_from(runs.len()).is_ok_and(|seen| seen < AT_ONCE);
            follow(app, redis, queue, life, runs).await?;
            if is_last {
                break;
            }
        }
    }
    put_due(app, redis, life).await
}

async fn in_redis(app: &App, queue: &Queue, after: Uuid) -> Result<Vec<(Run, String)>> {
    let scope = Scope::System("look at runs that others execute");
    let mut tx = app.db.read(scope).await?;
    store::in_redis(&mut tx, queue.name(), after, AT_ONCE).await
}

/// Carries what became of these jobs into the table.
async fn follow(
    app: &App,
    redis: &Redis,
    queue: &Queue,
    life: &str,
    runs: Vec<(Run, String)>,
) -> Result<()> {
    let ids: Vec<_> = runs
        .iter()
        .map(|(run, _)| run.name.id.to_string())
        .collect();
    let states = queue.states(&ids).await?;
    // Only where Redis has not lost everything meanwhile does "not there" mean "removed".
    let same_life = attach::look(app, redis).await? == Standing::Attached(life.to_owned());
    let now = app.db.now();
    let (mut over, mut changed, mut hurried) = (Vec::new(), Vec::new(), Vec::new());
    let mut confirmed = HashMap::new();
    for ((run, mut put_epoch), state) in runs.into_iter().zip(states) {
        if state.is_some() && same_life && put_epoch != life {
            // Whoever put it died before saying so, or Redis was started again and still has it.
            let of_place: &mut Vec<_> = confirmed.entry(put_epoch).or_default();
            of_place.push(store::key(&run.name));
            put_epoch = life.to_owned();
        }
        if run.state.is_final() {
            over.push((run.name, put_epoch));
            continue;
        }
        if state == Some(JobState::Delayed) && run.state == State::Retrying && run.due_at <= now {
            // Somebody does not want to wait for it.
            hurried.push(run.name.id.to_string());
        }
        let overdue = run.deadline_at.is_some_and(|at| at <= now);
        let is_over = matches!(state, Some(JobState::Completed | JobState::Failed));
        let (sight, lines) = if overdue && !is_over {
            (Some(sight::late(&run, &put_epoch, now)), Vec::new())
        } else {
            match state {
                Some(state) => look(queue, &run, &put_epoch, state, now).await?,
                None if !same_life => (None, Vec::new()),
                None if put_epoch == life => (Some(sight::removed(&run, now)), Vec::new()),
                // Never put, or put into what Redis was before: it comes again.
                None => (Some(sight::again(&run, now)), Vec::new()),
            }
        };
        if let Some(sight) = sight {
            changed.push((run, put_epoch, sight, lines));
        }
    }
    for (put_epoch, keys) in confirmed {
        mark(app, &keys, &put_epoch, life).await?;
    }
    queue.promote(Which::Ids(hurried)).await?;
    for (run, was, sight, lines) in changed {
        if write(app, &run, &was, &sight, &lines, now).await? && sight.state.is_final() {
            over.push((run.name, sight.put_epoch));
        }
    }
    take_out(app, queue, over).await
}

/// What a job shows that its run does not say yet, and the log that goes with an end.
async fn look(
    queue: &Queue,
    run: &Run,
    put_epoch: &str,
    state: JobState,
    now: DateTime<Utc>,
) -> Result<(Option<Sight>, Vec<String>)> {
    let waits = matches!(
        state,
        JobState::Waiting | JobState::Prioritized | JobState::Paused
    );
    if waits && run.state == State::Queued {
        return Ok((None, Vec::new()));
    }
    let id = run.name.id.to_string();
    let Some((job, Some(state))) = queue.get(&id).await? else {
        return Ok((None, Vec::new()));
    };
    let sight = sight::seen(run, put_epoch, &job, state, now);
    let lines = match sight.state.is_final() {
        true => queue.logs(&id, 0, LINES).await?.0,
        false => Vec::new(),
    };
    let same = run.state == sight.state
        && run.attempt == sight.attempt
        && run.failure == sight.failure
        && (sight.progress.is_none() || run.progress == sight.progress);
    Ok(((!same).then_some(sight), lines))
}

async fn write(
    app: &App,
    run: &Run,
    was: &str,
    sight: &Sight,
    lines: &[String],
    now: DateTime<Utc>,
) -> Result<bool> {
    let mut tx = app.db.write(Scope::Tenant(run.name.tenant.clone())).await?;
    if !store::see(&mut tx, run, was, sight, now).await? {
        return Ok(false);
    }
    for line in lines {
        store::log(&mut tx, &run.name, "info", &sight::short(line), now).await?;
    }
    if sight.state == State::Cancelled {
        let why = "removed from the queue by an operator";
        store::log(&mut tx, &run.name, "warn", why, now).await?;
    }
    tx.commit().await?;
    if sight.state.is_final() {
        tracing::info!(run.name = %run.name, run.kind = run.kind, run.state = %sight.state, "a run of others ended");
    }
    measure::left(run, sight.state, now);
    Ok(true)
}

/// Takes the jobs of ended runs out, also from a worker that still has one: what it does with it counts no more.
async fn take_out(app: &App, queue: &Queue, over: Vec<(RunName, String)>) -> Result<()> {
    if over.is_empty() {
        return Ok(());
    }
    let ids = over.iter().map(|(name, _)| name.id.to_string()).collect();
    queue.evict(ids).await?;
    let mut by_place: HashMap<String, Vec<(String, Uuid)>> = HashMap::new();
    for (name, put_epoch) in over {
        by_place
            .entry(put_epoch)
            .or_default()
            .push(store::key(&name));
    }
    let scope = Scope::System("remember which runs are in Redis no more");
    let mut tx = app.db.write(scope).await?;
    for (put_epoch, keys) in by_place {
        store::mark(&mut tx, &keys, &put_epoch, "").await?;
    }
    tx.commit().await
}

/// Puts the runs that are due and not in Redis yet, of each tenant as many as belong there.
async fn put_due(app: &App, redis: &Redis, life: &str) -> Result<()> {
    let kinds: Vec<_> = redis.external().map(Queue::name).collect();
    let (about_to, mut after) = (format!("~{life}"), String::new());
    while !kinds.is_empty() {
        let (places, next) = fill::window(app, &kinds, &after).await?;
        for queue in redis.external() {
            let fits = |place: &&fill::Place| {
                place.run.put_epoch.is_empty() && place.run.kind == queue.name()
            };
            let due: Vec<_> = places.iter().filter(fits).collect();
            put(app, queue, &due, &about_to, life).await?;
        }
        match next {
            Some(next) => after = next,
            None => break,
        }
    }
    Ok(())
}

async fn put(
    app: &App,
    queue: &Queue,
    due: &[&fill::Place],
    about_to: &str,
    life: &str,
) -> Result<()> {
    if due.is_empty() {
        return Ok(());
    }
    let keys: Vec<_> = due
        .iter()
        .map(|place| store::key(&place.run.name))
        .collect();
    let mine = mark(app, &keys, "", about_to).await?;
    if mine.is_empty() {
        return Ok(());
    }
    let ours: HashSet<_> = mine.iter().map(|(_, id)| *id).collect();
    let places: Vec<_> = due
        .iter()
        .copied()
        .filter(|place| ours.contains(&place.run.name.id))
        .collect();
    let puts: Vec<Put> = fill::load(app, &places)
        .await?
        .iter()
        .map(|(run, turn)| job::external(run, *turn))
        .collect();
    queue.put(&puts).await?;
    mark(app, &mine, about_to, life).await?;
    Ok(())
}

async fn mark(
    app: &App,
    keys: &[(String, Uuid)],
    from: &str,
    to: &str,
) -> Result<Vec<(String, Uuid)>> {
    let scope = Scope::System("remember which runs are in Redis");
    let mut tx = app.db.write(scope).await?;
    let marked = store::mark(&mut tx, keys, from, to).await?;
    tx.commit().await?;
    Ok(marked)
}

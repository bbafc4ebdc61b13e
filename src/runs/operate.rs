//! What operators do to queues: pause, resume, retry, promote, remove, clean. All of it is done to the table; the relay
//! carries it to Redis.

use crate::{
    app::App,
    audit::{self, Entry},
    base::{Error, Result, RunName},
    db::Scope,
    runs::{
        State, cancel,
        relay::is_external,
        retry,
        store::{self, Pause},
    },
};
use chrono::{DateTime, Utc};
use std::collections::HashSet;

/// A queue, as it stands.
#[derive(Clone, Debug)]
pub struct Queue {
    /// The kind of its runs.
    pub name: String,
    /// Workers of others execute them.
    pub is_external: bool,
    /// Nobody begins a run of it.
    pub is_paused: bool,
    /// How many runs are in which state.
    pub counts: Vec<(State, i64)>,
    /// When the first run that could begin was due.
    pub oldest_due_at: Option<DateTime<Utc>>,
}

/// The queue called `name`, as kinds are called.
pub fn known<'a>(app: &'a App, name: &str) -> Result<&'a str> {
    let mut names = app.config.queue.names();
    names
        .find(|known| *known == name)
        .ok_or_else(|| Error::not_found("queue", format!("queues/{name}")))
}

/// All queues.
pub async fn list(app: &App) -> Result<Vec<Queue>> {
    let scope = Scope::System("count the runs of all tenants");
    let mut tx = app.db.read(scope).await?;
    let counts = store::counts(&mut tx).await?;
    let pauses = store::pauses(&mut tx).await?;
    let now = app.db.now();
    let queue = |name: &str| {
        let ours = counts.iter().filter(|(kind, ..)| kind == name);
        let due = ours
            .clone()
            .filter(|(_, state, _, due)| is_open(*state) && *due <= now);
        Queue {
            name: name.to_owned(),
            is_external: is_external(name),
            is_paused: pauses
                .iter()
                .any(|(of, pause)| of == name && pause.is_paused),
            counts: ours.map(|(_, state, count, _)| (*state, *count)).collect(),
            oldest_due_at: due.map(|(.., due)| *due).min(),
        }
    };
    Ok(app.config.queue.names().map(queue).collect())
}

/// One queue.
pub async fn get(app: &App, name: &str) -> Result<Queue> {
    let all = list(app).await?;
    all.into_iter()
        .find(|queue| queue.name == name)
        .ok_or_else(|| Error::not_found("queue", format!("queues/{name}")))
}

/// Pauses a queue, or lets it go on.
pub async fn set_paused(app: &App, name: &str, is_paused: bool) -> Result<Queue> {
    let scope = Scope::System("pause a queue of all tenants");
    let mut tx = app.db.write(scope).await?;
    let pauses = store::pauses(&mut tx).await?;
    let before = pauses.iter().find(|(of, _)| of == name);
    let before = before.map(|(_, pause)| *pause).unwrap_or_default();
    let pause = Pause {
        is_paused,
        ..before
    };
    store::set_pause(&mut tx, name, pause, app.db.now()).await?;
    let action = match is_paused {
        true => "queue.pause",
        false => "queue.resume",
    };
    audit::record(&mut tx, of_queue_itself(action, name), app.db.now()).await?;
    tx.commit().await?;
    app.work_arrived.notify_waiters();
    get(app, name).await
}

/// Those of these runs that are in the queue.
async fn of_queue(app: &App, queue: &str, names: Vec<RunName>) -> Result<Vec<RunName>> {
    let scope = Scope::System("look which queue runs are in");
    let mut tx = app.db.read(scope).await?;
    let keys: Vec<_> = names.iter().map(store::key).collect();
    let runs = store::get_these(&mut tx, &keys).await?;
    let inside: HashSet<_> = runs
        .into_iter()
        .filter(|run| run.kind == queue)
        .map(|run| run.name.to_string())
        .collect();
    let is_inside = |name: &RunName| inside.contains(&name.to_string());
    Ok(names.into_iter().filter(is_inside).collect())
}

/// Queues runs again; those that are not failed, partial or cancelled, or in another queue, are left out of the answer.
pub async fn retry(app: &App, queue: &str, names: Vec<RunName>) -> Result<Vec<RunName>> {
    let mut done = Vec::new();
    for name in of_queue(app, queue, names).await? {
        match retry::retry(app, &name).await {
            Ok(_) => done.push(name),
            Err(Error::Precondition { .. } | Error::NotFound { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(done)
}

/// The newest failed runs of a queue.
pub async fn failed(app: &App, name: &str, limit: i64) -> Result<Vec<RunName>> {
    let scope = Scope::System("list failed runs of all tenants");
    let mut tx = app.db.read(scope).await?;
    let runs = store::list_kind(&mut tx, name, Some(State::Failed), None, limit).await?;
    Ok(runs.into_iter().map(|run| run.name).collect())
}

/// Makes runs that wait for a moment ready; others are left out of the answer.
pub async fn promote(app: &App, queue: &str, names: Vec<RunName>) -> Result<Vec<RunName>> {
    let names = of_queue(app, queue, names).await?;
    let scope = Scope::System("promote runs of all tenants");
    let mut tx = app.db.write(scope).await?;
    let mut done = Vec::new();
    for name in names {
        if store::promote(&mut tx, &name, app.db.now()).await? {
            let entry = Entry::new(Some(name.tenant.clone()), "run.promote", &name);
            audit::record(&mut tx, entry, app.db.now()).await?;
            done.push(name);
        }
    }
    tx.commit().await?;
    app.work_arrived.notify_waiters();
    Ok(done)
}

/// Cancels runs that nobody has and forgets finished ones; running ones are left out of the answer.
pub async fn remove(app: &App, queue: &str, names: Vec<RunName>) -> Result<Vec<RunName>> {
    let mut done = Vec::new();
    for name in of_queue(app, queue, names).await? {
        if cancel::withdraw(app, &name, "removed from the queue by an operator").await? {
            done.push(name);
            continue;
        }
        let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
        if store::forget(&mut tx, &name, is_external(queue)).await? {
            let entry = Entry::new(Some(name.tenant.clone()), "run.remove", &name);
            audit::record(&mut tx, entry, app.db.now()).await?;
            tx.commit().await?;
            done.push(name);
        }
    }
    Ok(done)
}

/// Forgets finished runs of one state that finished before `before`; gives how many.
pub async fn clean(
    app: &App,
    name: &str,
    state: State,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64> {
    if !state.is_final() {
        return Err(Error::invalid(
            "state",
            "expected SUCCEEDED, PARTIAL, FAILED or CANCELLED",
        ));
    }
    let scope = Scope::System("forget finished runs of all tenants");
    let mut tx = app.db.write(scope).await?;
    let removed = store::clean(&mut tx, name, state, before, is_external(name), limit).await?;
    let detail = format!("{removed} runs, {state}, finished before {before}");
    let entry = of_queue_itself("queue.clean", name).detail(detail);
    audit::record(&mut tx, entry, app.db.now()).await?;
    tx.commit().await?;
    Ok(removed)
}

/// Queues belong to the installation.
fn of_queue_itself(action: &'static str, name: &str) -> Entry {
    Entry::new(None, action, format!("queues/{name}"))
}

fn is_open(state: State) -> bool {
    matches!(state, State::Queued | State::Retrying | State::Waiting)
}

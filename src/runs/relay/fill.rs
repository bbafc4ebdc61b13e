//! Puts runs into Redis, and finds out what became of those that are there.

use super::{QUEUES, Redis, job};
use crate::{
    app::App,
    base::{Result, RunName},
    db::Scope,
    queue::{JobState, Put, PutCode},
    runs::{Priority, Run, State, cancel, store},
};
use std::collections::HashMap;
use uuid::Uuid;

/// Tenants that one statement walks over, and whose windows one statement reads.
const STRIDE: i64 = 128;

/// What this process knows to be in Redis.
#[derive(Default)]
pub(super) struct Known {
    life: String,
    jobs: HashMap<Uuid, Seen>,
}

/// What was seen of a job.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// In how many comparisons in a row a worker had it, although the table says that nobody has the run.
    active: u32,
    /// In how many comparisons in a row it had ended, although the table says that the run has not.
    ended: u32,
    /// The turn that this process gave it.
    turn: Option<usize>,
}

/// A run that belongs into Redis, and its place there.
pub(super) struct Place {
    pub run: store::InFront,
    pub turn: usize,
}

impl Seen {
    /// Whether a job that is ready stands where it should, or so near that moving it is not worth it: those in front stand
    /// exactly, and each is moved a few times on its way there.
    fn stands_well(self, turn: usize) -> bool {
        self.turn
            .is_some_and(|given| given == turn || (turn < given && given < 2 * turn))
    }
}

impl Known {
    fn begin(&mut self, life: &str) {
        if self.life != life {
            self.life = life.to_owned();
            self.jobs.clear();
        }
    }
}

/// Puts what is new.
pub(super) async fn top_up(app: &App, redis: &Redis, life: &str, known: &mut Known) -> Result<()> {
    known.begin(life);
    let mut after = String::new();
    loop {
        let (places, next) = window(app, &QUEUES, &after).await?;
        let new = places
            .iter()
            .filter(|place| !known.jobs.contains_key(&place.run.name.id));
        put(app, redis, new.collect(), known).await?;
        match next {
            Some(next) => after = next,
            None => return Ok(()),
        }
    }
}

/// Compares all windows with what is in Redis: puts what is missing or in another place, cancels what somebody removed
/// there, and finds what its worker left behind.
pub(super) async fn compare(app: &App, redis: &Redis, life: &str, known: &mut Known) -> Result<()> {
    known.begin(life);
    let mut before = std::mem::take(&mut known.jobs);
    let (mut after, mut left_behind) = (String::new(), Vec::new());
    loop {
        let (places, next) = window(app, &QUEUES, &after).await?;
        for kind in QUEUES {
            let places = places
                .iter()
                .filter(|place| place.run.kind == kind)
                .collect();
            compare_queue(
                app,
                redis,
                kind,
                places,
                &mut before,
                known,
                &mut left_behind,
            )
            .await?;
        }
        match next {
            Some(next) => after = next,
            None => break,
        }
    }
    if !left_behind.is_empty() {
        app.work_arrived.notify_waiters();
    }
    redis.leave_behind(left_behind);
    Ok(())
}

async fn compare_queue(
    app: &App,
    redis: &Redis,
    kind: &str,
    places: Vec<&Place>,
    before: &mut HashMap<Uuid, Seen>,
    known: &mut Known,
    left_behind: &mut Vec<(String, Uuid)>,
) -> Result<()> {
    let Some(queue) = redis.queue(kind).filter(|_| !places.is_empty()) else {
        return Ok(());
    };
    let ids: Vec<_> = places
        .iter()
        .map(|place| place.run.name.id.to_string())
        .collect();
    let states = queue.states(&ids).await?;
    // Only where Redis has not lost everything meanwhile does "not there" mean "removed".
    let same_life =
        super::attach::look(app, redis).await? == super::Standing::Attached(known.life.clone());
    let (mut wanted, mut marks) = (Vec::new(), Vec::new());
    for (place, state) in places.into_iter().zip(states) {
        let name = &place.run.name;
        let mut seen = before.remove(&name.id).unwrap_or_default();
        let was_put = place.run.put_epoch == known.life;
        match state {
            None if was_put && same_life => {
                removed(app, name).await?;
                continue;
            }
            Some(JobState::Active) => {
                seen.active += 1;
                if seen.active > 1 {
                    left_behind.push(store::key(name));
                }
            }
            // The row may just have been read before the run ended.
            Some(JobState::Completed | JobState::Failed) if seen.ended == 0 => seen.ended = 1,
            Some(JobState::Waiting | JobState::Prioritized | JobState::Paused)
                if seen.stands_well(place.turn) =>
            {
                (seen.active, seen.ended) = (0, 0);
            }
            _ => {
                seen = Seen::default();
                wanted.push(place);
            }
        }
        if state.is_some() && !was_put {
            marks.push(store::key(name));
        }
        known.jobs.insert(name.id, seen);
    }
    put(app, redis, wanted, known).await?;
    if !marks.is_empty() && same_life {
        let scope = Scope::System("remember which runs are in Redis");
        let mut tx = app.db.write(scope).await?;
        store::mark_put(&mut tx, &marks, &known.life).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn put(app: &App, redis: &Redis, places: Vec<&Place>, known: &mut Known) -> Result<()> {
    let runs = load(app, &places).await?;
    for kind in QUEUES {
        let of_kind: Vec<_> = runs.iter().filter(|(run, _)| run.kind == kind).collect();
        let Some(queue) = redis.queue(kind).filter(|_| !of_kind.is_empty()) else {
            continue;
        };
        let puts: Vec<Put> = of_kind
            .iter()
            .map(|(run, turn)| job::of(run, *turn))
            .collect();
        let codes = queue.put(&puts).await?;
        for ((run, turn), code) in of_kind.iter().zip(codes) {
            let seen = known.jobs.entry(run.name.id).or_default();
            seen.turn = Some(*turn);
            if code == PutCode::Restarted {
                tracing::debug!(run.name = %run.name, "the run is handed out again");
            }
        }
    }
    Ok(())
}

/// Those runs in these places that are still to be run, with their turns.
pub(super) async fn load(app: &App, places: &[&Place]) -> Result<Vec<(Run, usize)>> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<_> = places
        .iter()
        .map(|place| store::key(&place.run.name))
        .collect();
    let turns: HashMap<_, _> = places
        .iter()
        .map(|place| (place.run.name.id, place.turn))
        .collect();
    let scope = Scope::System("put runs of all tenants into Redis");
    let mut tx = app.db.read(scope).await?;
    let runs = store::get_these(&mut tx, &keys).await?;
    let waiting = runs
        .into_iter()
        .filter(|run| run.state != State::Running && !run.state.is_final());
    let with_turn = |run: Run| turns.get(&run.name.id).map(|turn| (run, *turn));
    Ok(waiting.filter_map(with_turn).collect())
}

/// Somebody removed the job: that was meant to keep it from being run.
async fn removed(app: &App, name: &RunName) -> Result<()> {
    match cancel::withdraw(app, name, "removed from the queue by an operator").await {
        Ok(true) => tracing::info!(run.name = %name, "cancelled: its job was removed from Redis"),
        Ok(false) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// The windows of the next tenants after `after`, and after whom to go on.
pub(super) async fn window(
    app: &App,
    kinds: &[&str],
    after: &str,
) -> Result<(Vec<Place>, Option<String>)> {
    let scope = Scope::System("look for runs of all tenants");
    let mut tx = app.db.read(scope).await?;
    let now = app.db.now();
    let stops = store::tenants_with_runs(&mut tx, kinds, after, STRIDE, now).await?;
    let is_end = i64::try_from(stops.len()).is_ok_and(|seen| seen < STRIDE);
    let next = stops
        .last()
        .map(|stop| stop.tenant.clone())
        .filter(|_| !is_end);
    let due: Vec<_> = stops
        .into_iter()
        .filter(|stop| stop.is_due)
        .map(|stop| stop.tenant)
        .collect();
    if due.is_empty() {
        return Ok((Vec::new(), next));
    }
    let most = i64::from(app.config.queue.window);
    let rows = store::window(&mut tx, kinds, &due, most, now).await?;
    Ok((places(rows), next))
}

/// Counts the turns of each tenant, kind and urgency. Rows come in the order in which they go.
fn places(rows: Vec<store::InFront>) -> Vec<Place> {
    let mut turns: HashMap<(String, String, Priority), usize> = HashMap::new();
    let place = |run: store::InFront| {
        let line = (run.name.tenant.to_string(), run.kind.clone(), run.priority);
        let turn = turns.entry(line).or_default();
        *turn += 1;
        Place {
            turn: *turn - 1,
            run,
        }
    };
    rows.into_iter().map(place).collect()
}

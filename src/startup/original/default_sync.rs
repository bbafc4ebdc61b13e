//! The sync of a server with the original's variables: made once for the installation, and run when a server starts.

use super::{
    Shelf, definition,
    facts::{self, Made},
    project, refresh_token, schedule,
    shelf::fingerprint,
};
use crate::{
    app::App,
    base::{Error, ResourceId, Result, Secret, SyncName},
    config::MeetClockify,
    db::Scope,
    runs::{self, accept},
    schedules::{self, spec::Times},
    syncs::{
        Sync,
        create::{self, Create},
        job::{Arguments, KIND},
        schedule as of_sync, store,
    },
};
use chrono::TimeDelta;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The wait before looking again for what is missing, and the longest.
const AGAIN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));
/// Replicas that start within this time of each other are one start of the system, and run the sync once.
const ONE_START: TimeDelta = TimeDelta::minutes(5);

/// What a server was given.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What the variables say.
    pub said: MeetClockify,
    /// The content of the token file.
    pub token_file: Option<Secret>,
}

impl Wanted {
    fn secrets(&self) -> Made {
        let file = self.token_file.as_ref();
        let grant = file.and_then(|file| refresh_token(file.expose()));
        Made {
            clockify: fingerprint(self.said.clockify_api_token.expose()),
            google: grant.as_deref().map(fingerprint).unwrap_or_default(),
        }
    }
}

/// Makes the tokens, the sync `default` and its schedule, unless that was done before, and runs the sync once for this
/// start of the system. While something is missing it says what, and goes on by itself when it is there. Returns when
/// there is nothing more to do, or at `stop`.
pub async fn look_after(app: App, wanted: Wanted, stop: CancellationToken) {
    let mut wait = AGAIN.0;
    let mut said = String::new();
    loop {
        let done = tokio::select! {
            done = attempt(&app, &wanted) => done,
            () = stop.cancelled() => return,
        };
        let Err(error) = done else {
            return;
        };
        let why = error.to_string();
        if why != said {
            tracing::warn!(
                "the sync of GOOGLE_…, CLOCKIFY_… and SYNC_SCHEDULE is not ready: {why}; it goes on by itself when that is mended"
            );
            said = why;
        }
        if timeout(wait, stop.cancelled()).await.is_ok() {
            return;
        }
        wait = (wait * 2).min(AGAIN.1);
    }
}

async fn attempt(app: &App, wanted: &Wanted) -> Result<()> {
    let name = SyncName::new(
        ResourceId::default_tenant(),
        ResourceId::parse("id", "default")?,
    );
    let mut tx = app
        .db
        .read(Scope::System("look for the original's sync"))
        .await?;
    let known = facts::made(&mut tx).await?;
    drop(tx);
    match known {
        Some(made) => mention_changes(app, wanted, &name, made).await?,
        None => set_up(app, wanted, &name).await?,
    }
    run_at_start(app, &name).await
}

async fn set_up(app: &App, wanted: &Wanted, name: &SyncName) -> Result<()> {
    let said = &wanted.said;
    let shelf = Shelf::of_server(app)?;
    shelf.keep_clockify(said).await?;
    shelf.keep_google(wanted.token_file.as_ref()).await?;
    if let Some(note) = shelf.check_owner(said).await? {
        tracing::info!("{note}");
    }
    let spec = schedule(said);
    let checked = Create {
        name: name.clone(),
        display_name: String::new(),
        source: shelf.google().clone(),
        destination: shelf.clockify().clone(),
        definition: definition(said),
        schedule: Some(spec.clone()),
        validate_only: true,
    };
    let checked = match create::create(app, checked).await {
        Err(Error::Exists { .. }) => None,
        checked => Some(checked?),
    };
    let now = app.db.now();
    let mut tx = app
        .db
        .write(Scope::System("make the original's sync"))
        .await?;
    if !facts::remember(&mut tx, &wanted.secrets(), now).await? {
        return Ok(());
    }
    let made = match checked {
        Some(sync) => create::put(app, &mut tx, &sync, Some(spec.clone())).await?,
        None => false,
    };
    tx.commit().await?;
    match (made, &spec.times) {
        (true, Times::Cron(cron)) => tracing::info!(
            "{name} was made of the variables, and runs at \"{cron}\" {}; from now on what is stored counts: change it with `syncline sync update default`",
            spec.time_zone
        ),
        _ => tracing::info!(
            "{name} is there already: it stays as it is, whatever SYNC_SCHEDULE and the other variables say"
        ),
    }
    Ok(())
}

/// Says which variables say something else than what is stored.
async fn mention_changes(app: &App, wanted: &Wanted, name: &SyncName, made: Made) -> Result<()> {
    let mut tx = app.db.read(Scope::Tenant(name.tenant.clone())).await?;
    let sync = store::syncs::get(&mut tx, name).await?;
    let stored = schedules::store::get(&mut tx, &of_sync::key(name)).await?;
    drop(tx);
    let Some(sync) = sync else {
        tracing::info!(
            "{name} was made of GOOGLE_…, CLOCKIFY_… and SYNC_SCHEDULE before and is gone: they make it only once; `syncline sync create meet-to-clockify default` makes it again"
        );
        return Ok(());
    };
    let times = stored.map(|schedule| schedule.spec.times);
    for other in others(&wanted.said, &sync, times.as_ref()) {
        tracing::warn!("{other}");
    }
    mention_other_secrets(app, wanted, made).await
}

/// Each variable that says something else than what is stored, with what to type.
fn others(said: &MeetClockify, sync: &Sync, times: Option<&Times>) -> Vec<String> {
    let mut others = Vec::new();
    let mut other = |variable: &str, text: &str, flag: &str| {
        let name = &sync.name;
        others.push(format!(
            "{variable} ({text}) differs from {name}: the stored one counts; to change it type `syncline sync update {} {flag} '{text}'`",
            name.id
        ));
    };
    let days = said.days.filter(|days| *days != sync.definition.days);
    if let Some(days) = days {
        other("SYNC_DAYS", &days.to_string(), "--days");
    }
    if said.project.is_some() && project(said) != sync.definition.default_target().project {
        other("MEET_PROJECT_NAME", project(said), "--project");
    }
    if let Some(cron) = &said.schedule
        && times != Some(&Times::Cron(cron.clone()))
    {
        other("SYNC_SCHEDULE", cron, "--cron");
    }
    others
}

/// Says once that a secret was changed: whether the new one was stored since cannot be known.
async fn mention_other_secrets(app: &App, wanted: &Wanted, made: Made) -> Result<()> {
    let now = wanted.secrets();
    let told = Made {
        google: match now.google.is_empty() {
            true => made.google.clone(),
            false => now.google,
        },
        ..now
    };
    if told == made {
        return Ok(());
    }
    let changed =
        "was changed since the token was made of it: what is stored counts; to change it type";
    if told.clockify != made.clockify {
        tracing::warn!("CLOCKIFY_API_TOKEN {changed} `syncline token add clockify --replace`");
    }
    if told.google != made.google {
        tracing::warn!("the token file {changed} `syncline token import token.json --replace`");
    }
    let mut tx = app
        .db
        .write(Scope::System("remember the original's secrets"))
        .await?;
    facts::remember_other(&mut tx, &told, app.db.now()).await?;
    tx.commit().await
}

/// Accepts a run because a server started, as the original did: not where it rests or was taken away, not for each of
/// several replicas, and not beside a run that is not finished, which does the same.
async fn run_at_start(app: &App, name: &SyncName) -> Result<()> {
    let now = app.db.now();
    let mut tx = app
        .db
        .write(Scope::System("run the original's sync"))
        .await?;
    let Some(sync) = store::syncs::get(&mut tx, name).await? else {
        return Ok(());
    };
    let schedule = schedules::store::get(&mut tx, &of_sync::key(name)).await?;
    if schedule.is_none_or(|schedule| schedule.pause.is_some()) {
        tracing::info!("{name} is not run at this start: it has no schedule, or is paused");
        return Ok(());
    }
    if runs::store::any_open(&mut tx, name).await?
        || !facts::is_first_start(&mut tx, now - ONE_START, now).await?
    {
        return Ok(());
    }
    let arguments = Arguments {
        dry_run: app.config.syncs.dry_run,
        ..Arguments::default()
    };
    let arguments = serde_json::to_value(arguments).map_err(Error::internal)?;
    let request = accept::Request {
        lane: of_sync::lane(&sync).to_owned(),
        ..accept::Request::new(KIND, name.clone(), "start", arguments)
    };
    let run = accept::accept_in(&mut tx, app, request).await?;
    tx.commit().await?;
    accept::announce(app);
    tracing::info!(run = %run.name, "{name} runs because the server started");
    Ok(())
}

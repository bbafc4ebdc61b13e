//! Syncs: attendance in, time entries out, each exactly once.

mod alarms;
mod claims;
mod destination;
mod entries;
mod events;
mod faults;
mod meetings;
mod refusals;
mod results;
mod rules;
mod schedules;
mod together;
mod wishes;

use crate::kit::{self, Database};
use chrono::{DateTime, TimeDelta, Utc};
use std::{sync::Arc, time::Duration};
use syncline::{
    app::App,
    base::{Clock, ResourceId, SyncName, TokenName},
    config::Config,
    db::Scope,
    runs::{Run, State, accept, worker::Worker},
    simulator::{
        Now, Options as World, Simulator,
        world::{CLIENT_ID, CLIENT_SECRET, NewEntry, SCOPES},
    },
    syncs::{
        create,
        definition::Definition,
        job::{Arguments, KIND, SyncJob},
        summary::Summary,
    },
    tokens::{self, Create, Given, OauthGrant, Provider},
};
use tempfile::TempDir;

/// Longest that any run here may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// A database, the fake providers, and the program with a worker.
struct Desk {
    sim: Simulator,
    app: App,
    database: Database,
    config: Config,
    worker: Option<Worker>,
    _folder: TempDir,
}

impl Desk {
    /// The standard world: 240 meetings of mine in 30 days.
    async fn standard(database: Database) -> Self {
        Self::open(database, World::new(Now::Running(Clock::system().now()))).await
    }

    /// Nothing but me.
    async fn empty(database: Database) -> Self {
        Self::open(database, World::empty(Now::Running(Clock::system().now()))).await
    }

    async fn open(database: Database, world: World) -> Self {
        let sim = Simulator::start(world).expect("a free port");
        let folder = kit::temp_dir();
        let config = config_for(&sim, &folder);
        let app = replica(&database, &config).await;
        let worker = Worker::start(app.clone(), vec![Arc::new(SyncJob)], None)
            .await
            .unwrap();
        let desk = Self {
            sim,
            app,
            database,
            config,
            worker: Some(worker),
            _folder: folder,
        };
        desk.add_tokens().await;
        desk
    }

    async fn add_tokens(&self) {
        for (provider, _, given) in self.credentials() {
            let create = Create {
                provider: Some(provider),
                given: Some(given),
                ..Create::default()
            };
            tokens::create(&self.app, create).await.unwrap();
        }
        self.sim.calls().clear();
    }

    /// What a person does when the program says that consent, or a key, must be given again; nothing when it works.
    async fn consent_again(&self) {
        for (_, name, given) in self.credentials() {
            let token = tokens::get(&self.app, &name).await.unwrap();
            if token.standing(self.app.db.now()) != tokens::Standing::Active {
                let update = tokens::Update {
                    name: name.to_string(),
                    given: Some(given),
                    ..tokens::Update::default()
                };
                tokens::update(&self.app, update).await.unwrap();
            }
        }
    }

    /// A new grant and the key, each with the token that it is kept in.
    fn credentials(&self) -> [(Provider, TokenName, Given); 2] {
        let mut world = self.sim.world();
        let me = world.me().id;
        let refresh_token = world.grant(&me, &SCOPES).refresh_token;
        let grant = Given::Grant(OauthGrant {
            refresh_token: refresh_token.expect("offline access").into(),
            ..OauthGrant::default()
        });
        let key = Given::ApiKey(world.clockify_me().api_key.into());
        [
            (Provider::Google, token("google"), grant),
            (Provider::Clockify, token("clockify"), key),
        ]
    }

    /// Defines a sync of the two tokens.
    async fn sync(&self, id: &str, definition: Definition) -> SyncName {
        let name = SyncName::new(ResourceId::default_tenant(), id.parse().unwrap());
        let create = create::Create {
            name: name.clone(),
            display_name: String::new(),
            source: token("google"),
            destination: token("clockify"),
            definition,
            schedule: None,
            validate_only: false,
        };
        create::create(&self.app, create).await.unwrap();
        name
    }

    /// Runs a sync to its last state.
    async fn run(&self, sync: &SyncName) -> (Run, Summary) {
        self.run_with(sync, Arguments::default()).await
    }

    async fn run_with(&self, sync: &SyncName, arguments: Arguments) -> (Run, Summary) {
        let run = start(&self.app, sync, arguments).await;
        finished(&self.app, run).await
    }

    /// Runs a sync that must do everything.
    async fn run_well(&self, sync: &SyncName) -> Summary {
        let (run, summary) = self.run(sync).await;
        assert_eq!(run.state, State::Succeeded, "{:?} {summary:?}", run.failure);
        summary
    }

    /// Marked entries at the destination, by conference: how many each has.
    fn marked(&self) -> std::collections::BTreeMap<String, usize> {
        let mut marked = std::collections::BTreeMap::new();
        for entry in self.sim.world().entries() {
            for conference in syncline::syncs::marker::found_in(&entry.description) {
                *marked.entry(conference.to_owned()).or_default() += 1;
            }
        }
        marked
    }

    /// `count` meetings with exactly one entry each.
    fn assert_each_once(&self, count: usize) {
        let marked = self.marked();
        let doubled: Vec<_> = marked.iter().filter(|(_, entries)| **entries > 1).collect();
        assert!(doubled.is_empty(), "doubled: {doubled:?}");
        assert_eq!(marked.len(), count, "meetings with an entry");
    }

    /// Ends the worker, for tests that claim runs themselves.
    async fn stop_working(&mut self) {
        let worker = self.worker.take().expect("it works");
        worker.shut_down(self.config.runs.grace).await;
    }

    fn now(&self) -> DateTime<Utc> {
        self.sim.clock().now()
    }

    fn ago(&self, hours: i64) -> DateTime<Utc> {
        self.now() - TimeDelta::hours(hours)
    }
}

fn token(id: &str) -> TokenName {
    TokenName::new(ResourceId::default_tenant(), id.parse().unwrap())
}

/// An entry that is there before we come.
fn entry(start: DateTime<Utc>, description: impl Into<String>) -> NewEntry {
    NewEntry {
        start,
        end: Some(start + TimeDelta::hours(1)),
        description: description.into(),
        project: None,
        tags: Vec::new(),
    }
}

fn config_for(sim: &Simulator, folder: &TempDir) -> Config {
    let mut config = Config::with_defaults(folder.path());
    let endpoints = sim.endpoints();
    config.google.auth_url = endpoints.google_auth;
    config.google.token_url = endpoints.google_token;
    config.google.revoke_url = endpoints.google_revoke;
    config.google.userinfo_url = endpoints.google_userinfo;
    config.google.meet_url = endpoints.google_meet;
    config.google.calendar_url = endpoints.google_calendar;
    config.google.client_id = Some(CLIENT_ID.to_owned());
    config.google.client_secret = Some(CLIENT_SECRET.into());
    config.clockify.url = endpoints.clockify;
    // Nobody waits for a real provider here.
    config.google.meet_budget = None;
    config.google.calendar_budget = None;
    config.clockify.budget = None;
    config.outbound.timeout = Duration::from_secs(2);
    config.outbound.connect_timeout = Duration::from_secs(1);
    config.outbound.backoff_base = Duration::from_millis(20);
    config.outbound.breaker_open = Duration::from_millis(200);
    config.syncs.visibility_grace = Duration::from_millis(300);
    config.runs.poll = Duration::from_millis(50);
    config
}

/// One more process, as far as the database can tell.
async fn replica(database: &Database, config: &Config) -> App {
    let db = database.connect().await;
    syncline::startup::assemble(config.clone(), db)
        .await
        .unwrap()
}

async fn start(app: &App, sync: &SyncName, arguments: Arguments) -> Run {
    let arguments = serde_json::to_value(arguments).unwrap();
    let request = accept::Request::new(KIND, sync.clone(), "manual", arguments);
    accept::accept(app, request).await.unwrap()
}

async fn finished(app: &App, run: Run) -> (Run, Summary) {
    let run = kit::eventually(PATIENCE, || async {
        let mut tx = app
            .db
            .read(Scope::Tenant(run.name.tenant.clone()))
            .await
            .unwrap();
        let now = syncline::runs::store::get(&mut tx, &run.name)
            .await
            .unwrap()
            .unwrap();
        if now.state.is_final() {
            Ok(now)
        } else {
            Err(format!("{now:?}"))
        }
    })
    .await;
    let summary = run
        .result
        .clone()
        .map(|result| serde_json::from_value(result).unwrap())
        .unwrap_or_default();
    (run, summary)
}

//! Tokens: kept, refreshed once, never lost, never shown.

mod audit;
mod browsers;
mod canaries;
mod consent;
mod credentials;
mod history;
mod issuing;
mod keys;
mod kills;
mod notices;
mod outages;
mod processes;
mod races;
mod refreshing;
mod retiring;
mod rewrapping;
mod rpc;

use crate::kit::{self, Database};
use chrono::TimeDelta;
use std::{sync::Arc, time::Duration};
use syncline::{
    app::App,
    base::{Clock, Error, ResourceId, Secret, TokenName},
    config::Config,
    outbound::{Options, Outbound},
    simulator::{
        Limit, Now, Options as World, Quotas, Simulator,
        faults::{Effect, Rule, When},
        world::{CLIENT_ID, CLIENT_SECRET, Grant, SCOPES},
    },
    tokens::{self, Create, Given, OauthGrant, Provider, Scopes, Token},
};
use tempfile::TempDir;

/// The endpoint of the simulator that refreshes and exchanges.
const TOKEN: &str = "oauth.token";

/// A database, the fake providers, and a replica of the program, all by one clock that the test moves.
struct Office {
    sim: Simulator,
    clock: Clock,
    app: App,
    database: Database,
    config: Arc<Config>,
    _folder: TempDir,
}

impl Office {
    async fn open(database: Database) -> Self {
        let clock = kit::fixed_clock();
        let sim = Simulator::start(World::empty(Now::Fixed(clock.now()))).expect("a free port");
        let folder = kit::temp_dir();
        let mut config = Config::with_defaults(folder.path());
        let endpoints = sim.endpoints();
        config.google.auth_url = endpoints.google_auth;
        config.google.token_url = endpoints.google_token;
        config.google.revoke_url = endpoints.google_revoke;
        config.google.userinfo_url = endpoints.google_userinfo;
        config.google.client_id = Some(CLIENT_ID.to_owned());
        config.google.client_secret = Some(CLIENT_SECRET.into());
        config.clockify.url = endpoints.clockify;
        let config = Arc::new(config);
        let app = replica(&database, &clock, &config).await;
        Self {
            sim,
            clock,
            app,
            database,
            config,
            _folder: folder,
        }
    }

    /// One more process, as far as the database can tell.
    async fn replica(&self) -> App {
        replica(&self.database, &self.clock, &self.config).await
    }

    fn advance(&self, by: TimeDelta) {
        self.clock.advance(by);
        self.sim.clock().advance(by);
    }

    /// What "me" has allowed at the fake Google.
    fn consented(&self) -> Grant {
        let me = self.sim.world().me();
        self.sim.world().grant(&me.id, &SCOPES)
    }

    /// A stored Google token without an access token, so that its first use refreshes.
    async fn google(&self) -> TokenName {
        let refresh_token = self.consented().refresh_token.expect("offline access");
        let create = Create {
            given: Some(grant(&refresh_token)),
            provider: Some(Provider::Google),
            ..Create::default()
        };
        tokens::create(&self.app, create).await.unwrap().name()
    }

    /// A stored Google token with a fresh access token.
    async fn fresh_google(&self) -> TokenName {
        let name = self.google().await;
        access(&self.app, &name).await;
        name
    }

    async fn clockify(&self) -> TokenName {
        let key = self.sim.world().clockify.users[0].api_key.clone();
        let create = Create {
            given: Some(Given::ApiKey(key.into())),
            provider: Some(Provider::Clockify),
            ..Create::default()
        };
        tokens::create(&self.app, create).await.unwrap().name()
    }

    fn fault(&self, endpoint: &str, when: When, effect: Effect) {
        self.sim.faults().add(Rule::on(endpoint, when, effect));
    }

    fn refreshes(&self) -> usize {
        self.sim.calls().count(TOKEN)
    }

    async fn get(&self, name: &TokenName) -> Token {
        tokens::get(&self.app, name).await.unwrap()
    }

    async fn event_kinds(&self, name: &TokenName) -> Vec<&'static str> {
        let (events, _) = tokens::events(&self.app, name, 100, "").await.unwrap();
        events.iter().map(|event| event.kind.as_str()).collect()
    }
}

async fn replica(database: &Database, clock: &Clock, config: &Arc<Config>) -> App {
    replica_with(database, clock, config, Duration::from_secs(3)).await
}

async fn replica_with(
    database: &Database,
    clock: &Clock,
    config: &Arc<Config>,
    timeout: Duration,
) -> App {
    let db = database.connect_at(clock.clone()).await;
    let keys = tokens::open_keyring(config, &db).await.unwrap();
    let options = Options {
        timeout,
        connect_timeout: timeout,
        ..Options::default()
    };
    let outbound = Outbound::new(db.clone(), options).unwrap();
    App::new(Arc::clone(config), db, outbound, keys)
}

fn grant(refresh_token: &str) -> Given {
    Given::Grant(OauthGrant {
        refresh_token: refresh_token.into(),
        scopes: Scopes::new(SCOPES),
        ..OauthGrant::default()
    })
}

fn named(id: &str) -> TokenName {
    let tenant = ResourceId::default_tenant();
    TokenName::new(tenant, ResourceId::parse("id", id).unwrap())
}

/// A credential that is good for a minute.
async fn try_access(app: &App, name: &TokenName) -> Result<Secret, Error> {
    tokens::credential(app, name, TimeDelta::minutes(1)).await
}

async fn access(app: &App, name: &TokenName) -> Secret {
    try_access(app, name).await.unwrap()
}

/// The reason of an error that the caller can do something about.
fn reason(error: &Error) -> &str {
    match error {
        Error::Precondition { reason, .. }
        | Error::Unavailable { reason, .. }
        | Error::Refused { reason, .. }
        | Error::Denied { reason, .. } => reason,
        Error::NeedsReauth { .. } => "NEEDS_REAUTH",
        Error::Conflict { .. } => "CHANGED_MEANWHILE",
        Error::Exists { .. } => "ALREADY_EXISTS",
        Error::NotFound { .. } => "NOT_FOUND",
        Error::Invalid(_) => "INVALID_ARGUMENT",
        other => panic!("unexpected: {other}"),
    }
}

/// The fields of a violated request.
fn fields(error: &Error) -> Vec<&str> {
    match error {
        Error::Invalid(violations) => violations.iter().map(|one| one.field.as_str()).collect(),
        other => panic!("not a violation: {other}"),
    }
}

fn reply(status: u16, body: &str) -> Effect {
    let json = serde_json::json!({"reply": {"status": status, "body": body}});
    serde_json::from_value(json).expect("an effect")
}

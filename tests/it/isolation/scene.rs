//! Two tenants on one server: `alpha`, whose key is used, and `bravo`, who has something of everything.

use super::messages::{self, Answer};
use crate::kit::{self, Database, eventually};
use serde_json::{Value, json};
use std::time::Duration;
use syncline::{
    api::v1::{self, sync_service_client::SyncServiceClient},
    app::App,
    base::{Clock, Role},
    config::Config,
    db::{Db, Engine, Options},
    serve::{self, Listeners, Start},
    simulator::{
        Now, Options as World, Simulator, WorldSpec,
        world::{CLIENT_ID, CLIENT_SECRET, SCOPES},
    },
    startup,
    tenants::keys,
    tokens::{self, Create, Given, OauthGrant, Provider, Scopes},
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Request, transport::Channel};

/// For the installation: composed, and long enough.
const ADMIN: &str = "composed-admin-key-of-the-whole-installation";
const LONG: Duration = Duration::from_secs(60);

/// Names of one tenant and of what it has.
#[derive(Clone, Debug)]
pub struct Names {
    pub tenant: String,
    pub token: String,
    pub google: String,
    pub sync: String,
    pub run: String,
    pub key: String,
}

impl Names {
    /// What nobody has; each of the same length as what bravo has.
    pub fn of_nobody() -> Self {
        Self {
            tenant: "tenants/nobdy".to_owned(),
            token: "key-of-nobdy".to_owned(),
            google: "grant-of-nobdy".to_owned(),
            sync: "sync-of-nobdy".to_owned(),
            run: uuid::Uuid::now_v7().to_string(),
            key: uuid::Uuid::now_v7().to_string(),
        }
    }

    /// The request of a template.
    pub fn fill(&self, template: &str) -> Value {
        let text = template
            .replace("{t}", &self.tenant)
            .replace("{own}", "tenants/alpha")
            .replace("{token}", &self.token)
            .replace("{google}", &self.google)
            .replace("{sync}", &self.sync)
            .replace("{run}", &self.run)
            .replace("{key}", &self.key);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The same things in another tenant.
    pub fn in_alpha(&self) -> Self {
        Self {
            tenant: "tenants/alpha".to_owned(),
            ..self.clone()
        }
    }
}

pub struct Scene {
    pub database: Database,
    /// Of alpha, role admin.
    pub key: String,
    /// Of bravo, the same.
    pub key_of_bravo: String,
    pub bravo: Names,
    pub channel: Channel,
    /// Bravo's meetings, entries, accounts: what no answer to alpha may hold.
    pub canaries: Vec<String>,
    config: Config,
    _simulator: Simulator,
    _folder: TempDir,
    _stop: tokio_util::sync::DropGuard,
}

impl Scene {
    pub async fn open(database: Database) -> Self {
        let simulator = Simulator::start(World {
            world: WorldSpec::of(2, 2),
            ..World::new(Now::Running(Clock::system().now()))
        })
        .expect("a free port");
        let folder = kit::temp_dir();
        let config = config(&simulator, &folder);
        for tenant in ["alpha", "bravo"] {
            let schema = match database.engine() {
                Engine::Postgres => "syncline.",
                Engine::Sqlite => "",
            };
            let sql = format!(
                "INSERT INTO {schema}tenants (tenant_id, display_name, created_at) VALUES ('{tenant}', 'canary {tenant}', '2026-01-01T00:00:00+00:00')"
            );
            database.execute(&sql).await;
        }
        let stop = CancellationToken::new();
        let (app, channel) = server(&database.options(), &config, &stop).await;
        let (key, _) = key_for(&app, "alpha").await;
        let (key_of_bravo, id) = key_for(&app, "bravo").await;
        let mut scene = Self {
            database,
            key,
            key_of_bravo,
            bravo: Names {
                tenant: "tenants/bravo".to_owned(),
                token: "key-of-bravo".to_owned(),
                google: "grant-of-bravo".to_owned(),
                sync: "sync-of-bravo".to_owned(),
                run: String::new(),
                key: id,
            },
            channel,
            canaries: Vec::new(),
            config,
            _simulator: simulator,
            _folder: folder,
            _stop: stop.drop_guard(),
        };
        scene
            .furnish(&app, "alpha", "own", "own-grant", "own")
            .await;
        let bravo = scene.bravo.clone();
        scene.bravo.run = scene
            .furnish(&app, "bravo", &bravo.token, &bravo.google, &bravo.sync)
            .await;
        scene.canaries = vec![
            "bravo".to_owned(),
            scene.bravo.run.clone(),
            scene.bravo.key.clone(),
        ];
        scene
    }

    /// Another server on the same database, whose statements forget which tenant they are about.
    pub async fn forgetful(&self, stop: &CancellationToken) -> Channel {
        let options = Options {
            forgets_tenants: true,
            ..self.database.options()
        };
        server(&options, &self.config, stop).await.1
    }

    /// Makes a call as alpha.
    pub async fn call(&self, method: &str, request: &Value) -> Answer {
        messages::call(&self.channel, &self.key, method, request).await
    }

    /// Two tokens, a sync and a run of it that ended, and gives the run's id.
    async fn furnish(
        &self,
        app: &App,
        tenant: &str,
        token: &str,
        google: &str,
        sync: &str,
    ) -> String {
        let parent = format!("tenants/{tenant}");
        let (api_key, refresh_token) = {
            let mut world = self._simulator.world();
            let me = world.me();
            let grant = world.grant(&me.id, &SCOPES);
            (world.clockify_me().api_key, grant.refresh_token)
        };
        let display_name = format!("canary of {tenant}");
        for (token_id, provider, given) in [
            (token, Provider::Clockify, Given::ApiKey(api_key.into())),
            (
                google,
                Provider::Google,
                Given::Grant(OauthGrant {
                    refresh_token: refresh_token.expect("offline access").into(),
                    scopes: Scopes::new(SCOPES),
                    ..OauthGrant::default()
                }),
            ),
        ] {
            let create = Create {
                parent: parent.clone(),
                token_id: token_id.to_owned(),
                provider: Some(provider),
                display_name: display_name.clone(),
                given: Some(given),
                ..Create::default()
            };
            tokens::create(app, create).await.unwrap();
        }
        let mut syncs = SyncServiceClient::new(self.channel.clone());
        let create = json!({
            "parent": parent, "sync_id": sync, "sync": {
                "display_name": display_name,
                "source_token": format!("{parent}/tokens/{google}"),
                "destination_token": format!("{parent}/tokens/{token}"),
                "meet_to_clockify": {},
            },
        });
        let made = messages::call(&self.channel, ADMIN, "SyncService/CreateSync", &create).await;
        assert_eq!(made.code, 0, "{}", made.message);
        let name = format!("{parent}/syncs/{sync}");
        let request = v1::RunSyncRequest {
            name,
            ..Default::default()
        };
        let run = syncs
            .run_sync(as_admin(request))
            .await
            .unwrap()
            .into_inner();
        eventually(LONG, || {
            let mut syncs = syncs.clone();
            let name = run.name.clone();
            async move {
                let run = syncs.get_run(as_admin(v1::GetRunRequest { name })).await;
                let run = run.unwrap().into_inner();
                match run.state() {
                    v1::RunState::Succeeded => Ok(()),
                    state => Err(format!("{state:?} {:?}", run.error)),
                }
            }
        })
        .await;
        run.name
            .rsplit('/')
            .next()
            .expect("it has parts")
            .to_owned()
    }
}

fn as_admin<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let shown = format!("Bearer {ADMIN}").parse().expect("it is ASCII");
    request.metadata_mut().insert("authorization", shown);
    request
}

fn config(simulator: &Simulator, folder: &TempDir) -> Config {
    let mut config = Config::with_defaults(folder.path());
    let endpoints = simulator.endpoints();
    config.google.auth_url = endpoints.google_auth;
    config.google.token_url = endpoints.google_token;
    config.google.revoke_url = endpoints.google_revoke;
    config.google.userinfo_url = endpoints.google_userinfo;
    config.google.meet_url = endpoints.google_meet;
    config.google.calendar_url = endpoints.google_calendar;
    config.google.client_id = Some(CLIENT_ID.to_owned());
    config.google.client_secret = Some(CLIENT_SECRET.into());
    config.clockify.url = endpoints.clockify;
    config.auth.is_required = true;
    config.auth.admin_key = Some(ADMIN.into());
    config
}

/// Starts a server in this process.
async fn server(options: &Options, config: &Config, stop: &CancellationToken) -> (App, Channel) {
    let db = Db::connect(options.clone(), Clock::system()).await.unwrap();
    let app = startup::assemble(config.clone(), db).await.unwrap();
    let listener = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listeners = Listeners {
        grpc: Some(listener().await),
        http: listener().await,
    };
    let address = listeners.grpc_address().unwrap().expect("it has that role");
    tokio::spawn(serve::run(
        Start::Open(app.clone()),
        listeners,
        stop.clone(),
    ));
    let channel = Channel::from_shared(format!("http://{address}")).unwrap();
    (app, channel.connect().await.unwrap())
}

/// A key of a tenant's admin, and its id.
async fn key_for(app: &App, tenant: &str) -> (String, String) {
    let create = keys::Create {
        parent: format!("tenants/{tenant}"),
        display_name: format!("canary of {tenant}"),
        role: Some(Role::Admin),
        ..keys::Create::default()
    };
    let (key, secret) = keys::create(app, create).await.unwrap();
    (secret.expose().to_owned(), key.name.id.to_string())
}

//! Two tenants on one server: `alpha`, whose key is used, and `bravo`, who has something of everything.

use super::{
    house::{config, key_for, server},
    messages::{self, Answer, good},
};
use crate::kit::{self, Database, eventually};
use serde_json::{Value, json};
use std::time::Duration;
use syncline::{
    api::v1::{self, sync_service_client::SyncServiceClient},
    app::App,
    base::Clock,
    config::Config,
    db::{Engine, Options},
    simulator::{Now, Options as World, Simulator, WorldSpec, world::SCOPES},
    tokens::{self, Create, Given, OauthGrant, Provider, Scopes},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tonic::{Request, transport::Channel};

/// For the installation: composed, and long enough.
pub const ADMIN: &str = "composed-admin-key-of-the-whole-installation";
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
    /// Somebody who looks at this tenant: the name that they log in with, and their id.
    pub login: String,
    pub user: String,
    pub session: String,
    /// An access rule of the key.
    pub rule: String,
}

impl Names {
    /// What nobody has; each of the same length as what bravo has.
    pub fn of_nobody() -> Self {
        let id = || uuid::Uuid::now_v7().to_string();
        Self {
            tenant: "tenants/nobdy".to_owned(),
            token: "key-of-nobdy".to_owned(),
            google: "grant-of-nobdy".to_owned(),
            sync: "sync-of-nobdy".to_owned(),
            run: id(),
            key: id(),
            login: "user-of-nobdy".to_owned(),
            user: id(),
            session: id(),
            rule: id(),
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
            .replace("{key}", &self.key)
            .replace("{login}", &self.login)
            .replace("{user}", &self.user)
            .replace("{session}", &self.session)
            .replace("{rule}", &self.rule);
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
    /// A session of somebody who is an admin of alpha.
    pub session: String,
    /// A session of bravo's person.
    pub session_of_bravo: String,
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
            session: String::new(),
            session_of_bravo: String::new(),
            bravo: Names {
                tenant: "tenants/bravo".to_owned(),
                token: "key-of-bravo".to_owned(),
                google: "grant-of-bravo".to_owned(),
                sync: "sync-of-bravo".to_owned(),
                key: id,
                login: "user-of-bravo".to_owned(),
                ..Names::of_nobody()
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
        scene.session = scene.person("user-of-alpha", "alpha", 3).await.1;
        let (user, session) = scene.person(&bravo.login, "bravo", 1).await;
        let sessions = json!({"parent": user});
        let sessions: v1::ListSessionsResponse = scene
            .as_admin("AccountService/ListSessions", &sessions)
            .await;
        let rule = json!({"access_rule": {
            "network": "192.0.2.0/24", "effect": 2, "api_key": format!("tenants/bravo/apiKeys/{}", bravo.key)}});
        let rule: v1::AccessRule = scene
            .as_admin("TenantService/CreateAccessRule", &rule)
            .await;
        scene.session_of_bravo = session;
        scene.bravo.user = last(&user);
        scene.bravo.session = last(&sessions.sessions[0].name);
        scene.bravo.rule = last(&rule.name);
        let Names {
            run,
            key,
            user,
            session,
            rule,
            ..
        } = scene.bravo.clone();
        scene.canaries = vec!["bravo".to_owned(), run, key, user, session, rule];
        scene
    }

    /// Somebody with this role in a tenant: their name, and a session of theirs.
    pub async fn person(&self, username: &str, tenant: &str, role: i32) -> (String, String) {
        let password = "composed for this test, too";
        let tenant = format!("tenants/{tenant}");
        let user = json!({"username": username, "display_name": format!("canary of {tenant}"),
            "memberships": [{"tenant": tenant, "role": role}]});
        let register = json!({"user": user, "password": password});
        let made: v1::RegisterResponse = self.as_admin("AccountService/Register", &register).await;
        let name = made.user.expect("it was made").name;
        let session = self.log_in(username).await;
        (name, session)
    }

    /// A session of somebody whom [`Scene::person`] made.
    pub async fn log_in(&self, username: &str) -> String {
        let login = json!({"login": username, "password": "composed for this test, too"});
        let begun: v1::LoginResponse = self.as_admin("AccountService/Login", &login).await;
        begun.session_token
    }

    /// A call of the installation's admin, which must be good.
    pub async fn as_admin<T: prost::Message + Default>(&self, method: &str, request: &Value) -> T {
        good(&self.channel, ADMIN, method, request).await
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

    /// Makes a call as the installation's admin.
    pub async fn admins_call(&self, method: &str, request: &Value) -> Answer {
        messages::call(&self.channel, ADMIN, method, request).await
    }

    /// Makes a call as alpha's person, which must be good.
    pub async fn as_alphas_person<T: prost::Message + Default>(&self, method: &str) -> T {
        good(&self.channel, &self.session, method, &json!({})).await
    }

    /// More of what bravo has one of, so that each of its lists has a second page.
    pub async fn two_of_everything_of_bravo(&self) {
        let Names {
            token,
            google,
            sync,
            key,
            user,
            login,
            ..
        } = &self.bravo;
        let sync = json!({"name": format!("tenants/bravo/syncs/{sync}")});
        let _: v1::Run = self.as_admin("SyncService/RunSync", &sync).await;
        let sync = json!({"parent": "tenants/bravo", "sync_id": "every-second", "sync": {
            "source_token": format!("tenants/bravo/tokens/{google}"),
            "destination_token": format!("tenants/bravo/tokens/{token}"),
            "meet_to_clockify": {}, "schedule": {"cron": "* * * * * *"}}});
        let _: v1::Sync = self.as_admin("SyncService/CreateSync", &sync).await;
        let create = json!({"parent": "tenants/bravo"});
        let _: v1::CreateApiKeyResponse =
            self.as_admin("TenantService/CreateApiKey", &create).await;
        let rule = json!({"access_rule": {
            "network": "198.51.100.0/24", "effect": 2, "api_key": format!("tenants/bravo/apiKeys/{key}")}});
        let _: v1::AccessRule = self.as_admin("TenantService/CreateAccessRule", &rule).await;
        self.log_in(login).await;
        let other = json!({"tenant_id": "bravo-too"});
        let _: v1::Tenant = self.as_admin("TenantService/CreateTenant", &other).await;
        let both = ["tenants/bravo", "tenants/bravo-too"];
        let both = both.map(|tenant| json!({"tenant": tenant, "role": 1}));
        let member = json!({"user": {"name": format!("users/{user}"), "memberships": both},
            "update_mask": {"paths": ["memberships"]}});
        let _: v1::User = self.as_admin("AccountService/UpdateUser", &member).await;
        let occurrences = json!({"parent": "tenants/bravo/syncs/every-second"});
        eventually(LONG, || async {
            let listed: v1::ListOccurrencesResponse = self
                .as_admin("SyncService/ListOccurrences", &occurrences)
                .await;
            let count = listed.occurrences.len();
            // The newest one may be yet to come by a clock that was compared since.
            (count > 2).then_some(()).ok_or(format!("{count} times"))
        })
        .await;
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
        last(&run.name)
    }
}

/// The id at the end of a name.
fn last(name: &str) -> String {
    name.rsplit('/').next().expect("it has parts").to_owned()
}

fn as_admin<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let shown = format!("Bearer {ADMIN}").parse().expect("it is ASCII");
    request.metadata_mut().insert("authorization", shown);
    request
}

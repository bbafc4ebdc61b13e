//! The server of the two tenants, in this process, and keys of theirs.

use super::scene::ADMIN;
use syncline::{
    app::App,
    base::{Clock, Role},
    config::Config,
    db::{Db, Options},
    serve::{self, Listeners, Start},
    simulator::{
        Simulator,
        world::{CLIENT_ID, CLIENT_SECRET},
    },
    startup,
    tenants::keys,
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

/// Its settings: it asks everybody who they are.
pub fn config(simulator: &Simulator, folder: &TempDir) -> Config {
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

/// Starts it, and gives what it is made of and a way to it.
pub async fn server(
    options: &Options,
    config: &Config,
    stop: &CancellationToken,
) -> (App, Channel) {
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
pub async fn key_for(app: &App, tenant: &str) -> (String, String) {
    let create = keys::Create {
        parent: format!("tenants/{tenant}"),
        display_name: format!("canary of {tenant}"),
        role: Some(Role::Admin),
        ..keys::Create::default()
    };
    let (key, secret) = keys::create(app, create).await.unwrap();
    (secret.expose().to_owned(), key.name.id.to_string())
}

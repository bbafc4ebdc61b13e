//! Starts the roles of a server and ends them in order: the faces first, so that it can be asked how it is, then what
//! works behind them once the database answers.

mod accept;
mod authenticator;
mod call;
mod certificate;
mod crew;
mod deadline;
mod face;
mod gate;
mod health;
mod in_process;
mod left_behind;
mod notices;
mod pages;
mod services;

pub use crew::Start;
pub use in_process::in_process;
pub use services::jobs;

use crate::{
    api::auth::Guard,
    app::{self, App},
    base::{Error, Result},
    config::{Config, Role},
    db::Engine,
    people::Cookies,
    telemetry::metrics,
    web::Site,
};
use crew::Crew;
use face::{Face, Manners};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// Where a server listens.
#[derive(Debug)]
pub struct Listeners {
    /// For gRPC; `None` without that role.
    pub grpc: Option<TcpListener>,
    /// For HTTP, in every role: health and metrics are asked for there.
    pub http: TcpListener,
}

impl Listeners {
    /// As the settings say. [`Error::Unavailable`] names an address that cannot be had, and the variable that changes it.
    pub async fn bind(config: &Config) -> Result<Self> {
        let grpc = match config.serve.roles.has(Role::Rpc) {
            true => Some(bind(config.grpc.addr, "SYNCLINE_GRPC_ADDR").await?),
            false => None,
        };
        let http = bind(config.http.addr, "SYNCLINE_HTTP_ADDR").await?;
        Ok(Self { grpc, http })
    }

    /// Where gRPC is answered.
    pub fn grpc_address(&self) -> Result<Option<SocketAddr>> {
        let address = self.grpc.as_ref().map(TcpListener::local_addr);
        address.transpose().map_err(Error::internal)
    }

    /// Where HTTP is answered.
    pub fn http_address(&self) -> Result<SocketAddr> {
        self.http.local_addr().map_err(Error::internal)
    }
}

async fn bind(address: SocketAddr, variable: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|cause| {
        Error::unavailable(
            "ADDRESS_UNAVAILABLE",
            format!("cannot listen on {address}: {cause}; choose another one with {variable}"),
        )
    })
}

/// Serves until `shutdown`, then ends in order: says that it is not ready, takes no more calls, lets runs finish for the
/// grace period and hands back the others, closes the database. While the database does not answer it serves, too:
/// alive, not ready, and calls are answered `UNAVAILABLE`.
///
/// # Errors
/// When the application cannot be opened and waiting would not help, or a listener breaks.
pub async fn run(start: Start, listeners: Listeners, shutdown: CancellationToken) -> Result<()> {
    metrics::install();
    let config = start.config();
    let (grpc_address, http_address) = (listeners.grpc_address()?, listeners.http_address()?);
    let (keeper, door) = app::door();
    let tls = certificate::open(config.tls.as_ref())?;
    let (board, health_service) = health::Board::new(tls.clone()).await;
    let guard = Guard::new(authenticator::Authenticator::new(
        &config.auth,
        door.clone(),
    ));
    let gate = gate::Gate::new(door.clone());
    let always = Routes::new(health_service);
    let always = services::with_reflection(always, config)?;
    let site = Site {
        door,
        health: board.read(),
        guard: guard.clone(),
        guarded: config.auth.is_required,
        login: config.auth.is_required && config.auth.basic.is_none(),
        cookies: Cookies::of(config),
        request_time: config.limits.request_time,
        roles: config.serve.roles.clone(),
        grpc: grpc_address,
    };
    let ended = CancellationToken::new();
    // However this function is left, nobody looks after it.
    let _ended = ended.clone().drop_guard();
    if let Some(tls) = tls.clone() {
        tokio::spawn(certificate::keep_fresh(tls, ended));
    }
    let manners = Manners {
        tls,
        limits: config.limits.clone(),
    };
    let mut faces = Faces {
        grpc: listeners
            .grpc
            .map(|listener| Face::grpc(listener, &manners, always, guard, gate.clone())),
        http: Face::http(listeners.http, &manners, site),
    };

    let told = |reason, what: &str| keeper.shut(reason, what);
    let crew = tokio::select! {
        crew = Crew::gather(&start, &board, told) => Some(crew?),
        () = shutdown.cancelled() => None,
        error = faces.broken() => return Err(error),
    };
    let Some(mut crew) = crew else {
        tracing::info!("stopped before the database answered");
        board.not_serving().await;
        keeper.close();
        faces.end().await;
        return Ok(());
    };
    gate.open(services::routes(&crew.app)?);
    keeper.open(crew.app.clone());
    announce(&crew.app, grpc_address, http_address);

    let broken = tokio::select! {
        () = shutdown.cancelled() => None,
        error = faces.broken() => Some(error),
    };
    tracing::info!("stopping: no more calls and no more runs are taken");
    board.not_serving().await;
    keeper.close();
    faces.close_grpc();
    crew.lay_down_work().await;
    // Until here HTTP told that this process ends, to who asked for its health.
    faces.end().await;
    board.stop().await;
    crew.go().await;
    tracing::info!("stopped");
    broken.map_or(Ok(()), Err)
}

struct Faces {
    grpc: Option<Face>,
    http: Face,
}

impl Faces {
    /// Returns when one of them ends by itself, with why.
    async fn broken(&mut self) -> Error {
        let Some(grpc) = &mut self.grpc else {
            return self.http.broken().await;
        };
        tokio::select! {
            error = grpc.broken() => error,
            error = self.http.broken() => error,
        }
    }

    fn close_grpc(&self) {
        if let Some(grpc) = &self.grpc {
            grpc.close();
        }
    }

    async fn end(self) {
        let grpc = async {
            if let Some(grpc) = self.grpc {
                grpc.end().await;
            }
        };
        tokio::join!(grpc, self.http.end());
    }
}

/// Says what somebody needs to know who looks at the first lines of the log.
fn announce(app: &App, grpc: Option<SocketAddr>, http: SocketAddr) {
    let engine = match app.db.engine() {
        Engine::Sqlite => "SQLite",
        Engine::Postgres => "PostgreSQL",
    };
    let whom = match app.config.auth.is_required {
        true => "for callers who show a key, a session, or name and password",
        false => {
            "for this machine only: there is no authentication (SYNCLINE_AUTH_REQUIRED, BASIC_AUTH_USERNAME, SYNCLINE_ADMIN_KEY)"
        }
    };
    let scheme = match app.config.tls {
        Some(_) => "https",
        None => "http",
    };
    tracing::info!(http.address = %http, "serving HTTP on {scheme}://{http}, {whom}");
    if let Some(warning) = app.config.in_clear() {
        tracing::warn!("{warning}");
    }
    let roles = &app.config.serve.roles;
    let key_id = app.keys.newest();
    match grpc {
        Some(address) => tracing::info!(
            grpc.address = %address,
            database.engine = engine,
            key.id = %key_id,
            roles = %roles,
            "serving gRPC on {address}, {whom}"
        ),
        None => tracing::info!(
            database.engine = engine,
            key.id = %key_id,
            roles = %roles,
            "serving as {roles}, without gRPC"
        ),
    }
}

//! Starts the roles of a server, the gRPC services and the worker, and ends them in order.

mod call;
mod health;
mod in_process;
mod services;

pub use in_process::in_process;
pub use services::jobs;

use crate::{
    app::App,
    base::{Error, Result},
    db::Engine,
    runs::{Worker, relay::Relay},
    tokens,
};
use std::{net::SocketAddr, time::Duration};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Server, server::TcpIncoming};

/// How often a silent connection is asked whether somebody is there, and how long it may take to say so.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));
/// How long calls may go on once the work is stored. Streams that follow a run would go on for ever.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Serves on `listener` until `shutdown`, then ends in order: says that it is not ready, takes no more calls, lets runs
/// finish for the grace period and hands back the others, closes the database.
///
/// # Errors
/// When a role cannot start, or the listener breaks.
pub async fn run(app: App, listener: TcpListener, shutdown: CancellationToken) -> Result<()> {
    let address = listener.local_addr().map_err(Error::internal)?;
    let relay = Relay::start(&app).await?;
    let worker = Worker::start(app.clone(), services::jobs(), None).await?;
    let (health, health_service) = health::Health::start(app.clone(), worker.pulse()).await;
    let routes = services::routes(&app)?;
    let routes = services::with_reflection(routes.add_service(health_service), &app)?;
    let end = CancellationToken::new();
    let books = tokio::spawn(tokens::keep_books(app.clone(), end.clone()));
    announce(&app, address);

    let closing = CancellationToken::new();
    let server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE.0))
        .http2_keepalive_timeout(Some(KEEPALIVE.1))
        .layer(call::Layer)
        .add_routes(routes)
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            closing.clone().cancelled_owned(),
        );
    let mut server = tokio::spawn(server);
    let broken = tokio::select! {
        () = shutdown.cancelled() => None,
        outcome = &mut server => Some(outcome),
    };

    tracing::info!("stopping: no more calls and no more runs are taken");
    health.not_serving().await;
    closing.cancel();
    worker.shut_down(app.config.runs.grace).await;
    if let Some(relay) = relay {
        relay.stop().await;
    }
    let outcome = match broken {
        Some(outcome) => ended(outcome).and(Err(Error::internal("the server ended by itself"))),
        None => drain(server).await,
    };
    health.stop().await;
    end.cancel();
    books.await.map_err(Error::internal)?;
    app.db.close().await;
    tracing::info!("stopped");
    outcome
}

/// Says what somebody needs to know who looks at the first lines of the log.
fn announce(app: &App, address: SocketAddr) {
    let engine = match app.db.engine() {
        Engine::Sqlite => "SQLite",
        Engine::Postgres => "PostgreSQL",
    };
    tracing::info!(
        grpc.address = %address,
        database.engine = engine,
        key.id = %app.keys.newest(),
        "serving gRPC on {address}, for this machine only: there is no authentication yet"
    );
}

type Serving = JoinHandle<std::result::Result<(), tonic::transport::Error>>;

async fn drain(mut server: Serving) -> Result<()> {
    match tokio::time::timeout(LAST_ANSWERS, &mut server).await {
        Ok(outcome) => ended(outcome),
        Err(_) => {
            server.abort();
            Ok(())
        }
    }
}

fn ended(
    outcome: std::result::Result<
        std::result::Result<(), tonic::transport::Error>,
        tokio::task::JoinError,
    >,
) -> Result<()> {
    outcome
        .map_err(Error::internal)?
        .map_err(|error| Error::internal(format!("the server failed: {error}")))
}

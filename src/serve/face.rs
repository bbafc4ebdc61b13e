//! The faces of a server: gRPC and HTTP, each a task that answers on its own listener until it is closed.

use crate::{
    api::auth::Guard,
    base::{Error, Result},
    serve::{call, gate::Gate},
    web::{self, Site},
};
use axum::serve::ListenerExt as _;
use std::{net::SocketAddr, time::Duration};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::{
    service::Routes,
    transport::{Server, server::TcpIncoming},
};

/// How often a silent connection is asked whether somebody is there, and how long it may take to say so.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));
/// How long calls may go on once the work is stored. Streams that follow a run would go on for ever.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// A server that answers.
pub(super) struct Face {
    task: JoinHandle<Result<()>>,
    closing: CancellationToken,
}

impl Face {
    /// Answers gRPC: `always` at once, the others when the gate opens.
    pub(super) fn grpc(listener: TcpListener, always: Routes, guard: Guard, gate: Gate) -> Self {
        let closing = CancellationToken::new();
        let server = Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE.0))
            .http2_keepalive_timeout(Some(KEEPALIVE.1))
            .layer(call::Layer)
            .layer(guard)
            .layer(gate)
            .add_routes(always)
            .serve_with_incoming_shutdown(
                TcpIncoming::from(listener).with_nodelay(Some(true)),
                closing.clone().cancelled_owned(),
            );
        let task = tokio::spawn(async {
            let failed = |error| Error::internal(format!("the gRPC server failed: {error}"));
            server.await.map_err(failed)
        });
        Self { task, closing }
    }

    /// Answers HTTP.
    pub(super) fn http(listener: TcpListener, site: Site) -> Self {
        let closing = CancellationToken::new();
        // Small answers would otherwise wait for the acknowledgement of the packet before.
        let listener = listener.tap_io(|connection| {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY cannot be set");
            }
        });
        let server = axum::serve(
            listener,
            web::router(site).into_make_service_with_connect_info::<SocketAddr>(),
        )
        .with_graceful_shutdown(closing.clone().cancelled_owned());
        let task = tokio::spawn(async {
            let failed = |error| Error::internal(format!("the HTTP server failed: {error}"));
            server.await.map_err(failed)
        });
        Self { task, closing }
    }

    /// Returns when it ends by itself, with why.
    pub(super) async fn broken(&mut self) -> Error {
        match (&mut self.task).await {
            Ok(Err(error)) => error,
            Ok(Ok(())) => Error::internal("a server ended by itself"),
            Err(panic) => Error::internal(panic),
        }
    }

    /// Takes no more connections and calls; what is under way goes on.
    pub(super) fn close(&self) {
        self.closing.cancel();
    }

    /// Closes it, and ends what takes longer than a moment.
    pub(super) async fn end(mut self) {
        self.close();
        // One that broke was told of already.
        if !self.task.is_finished()
            && tokio::time::timeout(LAST_ANSWERS, &mut self.task)
                .await
                .is_err()
        {
            self.task.abort();
        }
    }
}

//! The faces of a server: gRPC and HTTP, each a task that answers on its own listener until it is closed.

use crate::{
    api::{auth::Guard, forwarded::Proxies},
    base::{Error, Result},
    config::Limits,
    serve::{accept::Entrance, call, deadline::Longest, gate::Gate, pages, rpc},
    tls::{self, Protocol},
    web::{self, Site},
};
use std::time::Duration;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tower::{Layer as _, ServiceBuilder};

/// What every connection of HTTP/2 begins with: the preface, and the head of the settings.
const GREETING: usize = 24 + 9;
/// How long calls may go on once the work is stored. Streams that follow a run would go on for ever.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// A server that answers.
pub(super) struct Face {
    task: JoinHandle<Result<()>>,
    closing: CancellationToken,
}

/// What both faces go by.
#[derive(Clone)]
pub(super) struct Manners {
    pub(super) tls: Option<tls::Server>,
    pub(super) limits: Limits,
}

impl Manners {
    fn entrance(&self, face: &'static str, protocol: Protocol, greeting: usize) -> Entrance {
        Entrance {
            face,
            protocol,
            tls: self.tls.clone(),
            limits: self.limits.clone(),
            greeting,
        }
    }

    fn proxies(&self) -> Proxies {
        Proxies::new(&self.limits.trusted_proxies)
    }
}

impl Face {
    /// Answers gRPC: `always` at once, the others when the gate opens.
    pub(super) fn grpc(
        listener: TcpListener,
        manners: &Manners,
        always: Routes,
        guard: Guard,
        gate: Gate,
    ) -> Self {
        let closing = CancellationToken::new();
        let limits = &manners.limits;
        let entrance = manners.entrance("grpc", Protocol::Http2, GREETING);
        let calls = ServiceBuilder::new()
            .layer(call::Layer)
            .layer(Longest(limits.call_time))
            .layer(manners.proxies())
            .layer(guard)
            .layer(gate)
            .service(always.prepare());
        let task = tokio::spawn(rpc::answer(
            entrance.open(listener),
            calls,
            limits.clone(),
            closing.clone(),
        ));
        Self { task, closing }
    }

    /// Answers HTTP.
    pub(super) fn http(listener: TcpListener, manners: &Manners, site: Site) -> Self {
        let closing = CancellationToken::new();
        let connections = manners.entrance("http", Protocol::Http1, 0).open(listener);
        let pages = manners.proxies().layer(web::router(site));
        let task = tokio::spawn(pages::answer(
            connections,
            pages,
            manners.limits.clone(),
            closing.clone(),
        ));
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
